"""Numbers about a mask, and how suspect they make it."""
