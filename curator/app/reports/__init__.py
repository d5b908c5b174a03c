"""The parts of the Report page; modules, so that what they count is kept from one rerun of the page to the next."""
