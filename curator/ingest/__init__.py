"""From a source to examples: the one path in."""
