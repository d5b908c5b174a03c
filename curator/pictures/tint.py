"""The colours of a mask over its photo, on every page that shows one."""

import cv2
import numpy as np

from curator.pictures.arrays import Mask, Photo

# Azure: no natural hair has it, and red-green blindness keeps it apart from brown, blond, red and grey.
FILL = (0, 132, 255)  # RGB, 0 to 255
FILL_ALPHA = 92  # of 255
EDGE = (120, 225, 255)  # RGB, opaque: a line along the inside of the mask's edge
# What a reviewer may choose instead: azure fades on blue-dyed hair, and without blue cones it looks green.
OTHER_TINTS = {
    "yellow": ((255, 208, 0), (255, 246, 150)),  # on dark hair
    "magenta": ((255, 0, 160), (255, 176, 228)),  # on blond and grey hair
    "green": ((0, 214, 96), (176, 255, 196)),
}
GREY = 128  # of 255, over pixels of which a source says nothing; the photo shows through by a quarter


def tinted(photo: Photo, mask: Mask) -> Photo:
    """A photo, uint8 (H, W, 3) RGB, tinted as far as its mask, uint8 (H, W), 0 to 255, is hair, with a line inside its edge."""
    inside = mask > 127
    edge = inside & (cv2.erode(mask, np.ones((3, 3), np.uint8), borderValue=255) <= 127)
    shown = photo.astype(np.float32)
    shown += (np.array(FILL) - shown) * (mask[..., None] / 255 * (FILL_ALPHA / 255))
    shown[edge] = EDGE
    return np.asarray(np.rint(shown), np.uint8)


def greyed(photo: Photo, unknown: Mask) -> Photo:
    """A photo, uint8 (H, W, 3), with grey over the pixels of which its source says nothing: `unknown` is above 0 there."""
    return np.where(unknown[..., None] > 0, photo // 4 + np.uint8(GREY * 3 // 4), photo)
