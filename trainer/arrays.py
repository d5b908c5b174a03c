"""The array types of the trainer: one definition for all of its modules.

image uint8 (H, W, 3) RGB | mask uint8 (H, W), 0 to 255 | alpha float32 (H, W), 0 to 1 | bool mask (H, W), True for hair
box (top, left, bottom, right) in pixels, ends exclusive

A batch has one more axis in front: images uint8 (B, H, W, 3), and so on.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (H, W, 3) RGB, sRGB
Mask = NDArray[np.uint8]  # (H, W), 0 to 255; 128 and more is hair
Picture = NDArray[np.uint8]  # (H, W) or (H, W, 3): a mask or an image, where it makes no difference
BoolMask = NDArray[np.bool_]  # (H, W), True for hair, skin or whatever the name says
Alpha = NDArray[np.float32]  # (H, W), 0 to 1
AnyAlpha = NDArray[np.floating[Any]]  # the same in any float type
Probabilities = NDArray[np.float32]  # (H, W, C), 0 to 1, summing to 1 over C: background, hair and, where C is 3, skin
Classes = NDArray[np.integer[Any]]  # (H, W), each BACKGROUND, HAIR or SKIN

Box = tuple[int, int, int, int]  # (top, left, bottom, right), pixels, ends exclusive
FloatBox = tuple[float, float, float, float]  # the same between pixels; may reach beyond the picture

BACKGROUND, HAIR, SKIN = 0, 1, 2  # classes, and the channels of a network's softmax
