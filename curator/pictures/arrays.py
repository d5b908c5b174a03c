"""The curator's array and coordinate types, defined once for all of its modules.

photo uint8 (H, W, 3) RGB | mask uint8 (H, W), 0 to 255 | alpha float32 (H, W), 0 to 1
point (row, column) | box (top, left, bottom, right), ends exclusive

A mask is hair's alpha in 8 bits. A hard mask has only 0 and 255, a soft one values between; where a yes or no is needed, half
and more (128 to 255) is hair.
"""

import numpy as np
from numpy.typing import NDArray

Photo = NDArray[np.uint8]  # (H, W, 3) RGB, sRGB
Mask = NDArray[np.uint8]  # (H, W), 0 to 255; 128 and more is hair
Pixels = NDArray[np.uint8]  # (H, W) or (H, W, 3): a photo or a mask, where the difference does not matter
Alpha = NDArray[np.float32]  # (H, W), 0 to 1
Point = tuple[float, float]  # (row, column), pixels
Box = tuple[int, int, int, int]  # (top, left, bottom, right), pixels, ends exclusive
