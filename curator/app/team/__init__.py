"""The parts of the page "Progress and team", a file each."""
