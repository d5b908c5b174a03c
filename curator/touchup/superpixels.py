"""Superpixels of a crop, for the brush that fills them one by one."""

import numpy as np

from curator.pictures.arrays import Photo
from curator.pictures.codec import encode_colours
from trainer.refine import superpixel_labels


def superpixels(photo: Photo) -> bytes:
    """The superpixels of a photo, uint8 (H, W, 3) RGB, as PNG of its size: a pixel's number is red + 256 green; blue is 0."""
    labels = superpixel_labels(photo)
    return encode_colours(np.dstack([labels % 256, labels // 256, np.zeros_like(labels)]).astype(np.uint8))
