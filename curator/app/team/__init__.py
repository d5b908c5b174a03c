"""The parts of the page "Progress and team", one file each."""
