"""The parts of the Report page. They are modules, so that cached results survive a rerun of the page."""
