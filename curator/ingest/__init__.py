"""From a source to examples: every picture takes this one path."""
