"""Which way is up: pixels turned by an EXIF orientation, and the way a mask lies on its photo. Pure.

An orientation is EXIF's: 1 is upright, 2 to 4 are mirrored or upside down, 5 to 8 lie on their side. Sizes are (H, W).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]


def apply_orientation(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Stored pixels, uint8 (H, W) or (H, W, 3), as they look upright; (W, H) where they lay on their side."""
    match orientation:
        case 2:
            upright = cv2.flip(pixels, 1)
        case 3:
            upright = cv2.rotate(pixels, cv2.ROTATE_180)
        case 4:
            upright = cv2.flip(pixels, 0)
        case 5:
            upright = cv2.transpose(pixels)
        case 6:
            upright = cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE)
        case 7:
            upright = cv2.rotate(cv2.transpose(pixels), cv2.ROTATE_180)
        case 8:
            upright = cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE)
        case _:
            return pixels
    return np.asarray(upright, np.uint8)


def aspect_difference(one: Size, other: Size) -> float:
    """How far two sizes are from being the same shape: 0.0 where they are, 0.5 where one is half as wide again."""
    return abs(one[1] * other[0] - one[0] * other[1]) / (one[0] * other[1])


def mask_orientation(upright: Size, photo_says: int, mask: Size, mask_says: int) -> tuple[int, str | None]:
    """The orientation to turn a mask by, and what was odd about that, in words.

    `upright` is the photo's size when turned as its file says, `mask` the mask's size as stored; what they say is 1 where
    they say nothing. Where both say something the mask is turned as it says, unless another way fits better. Where one of
    them is silent, the mask may have been painted on the upright photo or on the stored one, so their sizes decide: the
    way that fits best, and what the mask says where all fit equally well, as they do when a photo is square or upside down.
    """
    ways = dict.fromkeys((mask_says, 1, photo_says))
    misfits = {way: aspect_difference(_upright_size(mask, way), upright) for way in ways}
    best = min(ways, key=lambda way: misfits[way])
    both_speak = photo_says != 1 and mask_says != 1
    if len(ways) == 1 or (both_speak and best == mask_says):
        return best, None
    done = "was left as it is" if best == 1 else "was turned as it says" if best == mask_says else "was turned like the photo"
    if both_speak:
        return best, f"the mask does not fit the photo when turned as it says; by their sizes, it {done}."
    speaker = "mask" if photo_says == 1 else "photo"
    if sum(misfit == misfits[best] for misfit in misfits.values()) > 1:
        return best, f"only the {speaker} says which way is up, and their sizes can't tell how the mask lies; it {done}."
    return best, f"only the {speaker} says which way is up; by their sizes, the mask {done}."


def _upright_size(stored: Size, orientation: int) -> Size:
    return (stored[1], stored[0]) if orientation >= 5 else stored
