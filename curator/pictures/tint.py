"""The colours of a mask over its photo, on every page that shows one."""

# Azure: no natural hair has it, and red-green blindness keeps it apart from brown, blond, red and grey.
FILL = (0, 132, 255)  # RGB, 0 to 255
FILL_ALPHA = 92  # of 255
EDGE = (120, 225, 255)  # RGB, opaque: a line along the inside of the mask's edge
