"""Apply EXIF orientations to pixels, and decide which one a mask needs to fit its photo. Pure functions.

An orientation is the value of EXIF's tag 0x0112 (CIPA DC-008): 1 is upright, 2 to 4 are mirrored or upside down, 5 to 8 lie on
their side. Sizes are (H, W) in pixels.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]


def apply_orientation(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Stored pixels, uint8 (H, W) or (H, W, 3), turned upright: (W, H) or (W, H, 3) for the orientations 5 to 8.

    Any other value than 2 to 8 leaves them as they are.

    >>> apply_orientation(np.array([[1, 2]], np.uint8), 6).tolist()  # a quarter turn clockwise
    [[1], [2]]
    """
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
    """How much the aspect ratios of two sizes differ, relative to the second: 0.0 if they are the same.

    >>> aspect_difference((100, 150), (100, 100))
    0.5
    """
    return abs(one[1] * other[0] - one[0] * other[1]) / (one[0] * other[1])


def mask_orientation(photo_size: Size, photo_tag: int, mask_size: Size, mask_tag: int) -> tuple[int, str | None]:
    """The orientation, 1 to 8, to apply to a mask so that it fits its photo; and a remark if it had to be guessed.

    If both files have an orientation, the mask's own is used unless another one fits better. If only one has, the mask may
    have been painted on the upright photo or on the stored one, so the sizes decide. If they fit equally well either way, as
    for a square or an upside-down photo, the mask's own tag is used.

    Args:
        photo_size: of the photo, upright.
        photo_tag: the orientation in the photo's file, 1 to 8; 1 if there is none.
        mask_size: of the mask, as stored.
        mask_tag: the orientation in the mask's file, 1 to 8; 1 if there is none.
    """
    candidates = dict.fromkeys((mask_tag, 1, photo_tag))
    misfits = {each: aspect_difference(_upright_size(mask_size, each), photo_size) for each in candidates}
    best = min(candidates, key=lambda each: misfits[each])
    both_tagged = photo_tag != 1 and mask_tag != 1
    if len(candidates) == 1 or (both_tagged and best == mask_tag):
        return best, None
    done = "left as it is" if best == 1 else "turned by its own orientation" if best == mask_tag else "turned like the photo"
    if both_tagged:
        return best, f"turned by its own EXIF orientation, the mask does not fit the photo. By their sizes, it was {done}."
    tagged = "mask" if photo_tag == 1 else "photo"
    if sum(misfit == misfits[best] for misfit in misfits.values()) > 1:
        return best, f"only the {tagged} has an EXIF orientation, and the sizes fit either way. The mask was {done}."
    return best, f"only the {tagged} has an EXIF orientation. By their sizes, the mask was {done}."


def _upright_size(stored: Size, orientation: int) -> Size:
    return (stored[1], stored[0]) if orientation >= 5 else stored
