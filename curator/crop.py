"""From a face box to a square, selfie-scale crop, and back: pure geometry.

A pixel's place is its centre: pixel (0, 0) of a picture covers 0..1, its centre lies at 0.5. Boxes are
(top, left, bottom, right), ends exclusive; points are (row, column).
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from db.errors import WinnowError

Picture = npt.NDArray[np.uint8]
Matte = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]

SIDE = 512  # pixels of a crop
# How far a selfie reaches around the detector's box, in sides of that box: chosen so that the hair of most people lies
# inside whole; benchmarks/crop.py prints the shares behind the choice.
SCALE = 2.8
LIFT = 0.05  # the crop's centre lies this many box sides above the box's: long hair needs the room below as much
FILL = 128  # grey, which the network reads as 0; the filled part is left out of training and measures


@dataclass(frozen=True)
class Square:
    """A square of the upright photo, in its pixels; it may reach beyond the photo."""

    top: float
    left: float
    side: float

    def inside(self, height: int, width: int) -> Box:
        """The part of the 512 x 512 crop that shows the photo, in whole crop pixels.

        Raises WinnowError where the square lies wholly outside the photo.
        """
        step = SIDE / self.side
        top, left = max(0.0, -self.top) * step, max(0.0, -self.left) * step
        bottom = min(float(SIDE), (height - self.top) * step)
        right = min(float(SIDE), (width - self.left) * step)
        box = (int(np.ceil(top)), int(np.ceil(left)), int(np.floor(bottom)), int(np.floor(right)))
        if box[2] <= box[0] or box[3] <= box[1]:
            raise WinnowError("The crop lies outside the photo.")
        return box


def around(face: Box) -> Square:
    """The selfie-scale square around a face box."""
    top, left, bottom, right = face
    side = max(bottom - top, right - left)
    middle = ((top + bottom) / 2 - LIFT * side, (left + right) / 2)
    reach = SCALE * side
    return Square(top=middle[0] - reach / 2, left=middle[1] - reach / 2, side=reach)


def whole(height: int, width: int) -> Square:
    """The smallest square that shows a whole picture: for one without a face, or that is a selfie's cut already."""
    side = max(height, width)
    return Square(top=(height - side) / 2, left=(width - side) / 2, side=float(side))


def to_crop(square: Square, point: tuple[float, float]) -> tuple[float, float]:
    """A place in the photo as a place in the crop, both (row, column)."""
    step = SIDE / square.side
    return (point[0] - square.top) * step, (point[1] - square.left) * step


def to_photo(square: Square, point: tuple[float, float]) -> tuple[float, float]:
    """The inverse of `to_crop`."""
    step = square.side / SIDE
    return point[0] * step + square.top, point[1] * step + square.left


def cut_photo(photo: Picture, square: Square) -> Picture:
    """The crop of a photo: uint8 (H, W, 3) in, uint8 (512, 512, 3) out; grey where the photo does not reach."""
    return _cut(photo, square, (FILL, FILL, FILL))


def cut_mask(mask: Picture, square: Square) -> Picture:
    """The crop of a mask: uint8 (H, W) of 0 and 255 in, (512, 512) of 0 and 255 out; 0 where the photo does not reach."""
    soft = _cut(mask, square, (0, 0, 0))
    return np.where(soft > 127, np.uint8(255), np.uint8(0))


def paste_matte(matte: Matte, square: Square, height: int, width: int) -> Matte:
    """A crop's matte back in its photo: float32 (512, 512) 0..1 in, (height, width) out; 0 outside the crop."""
    step = SIDE / square.side
    back = np.array(
        [[1 / step, 0, square.left + 0.5 / step - 0.5], [0, 1 / step, square.top + 0.5 / step - 0.5]],
        dtype=np.float64,
    )
    pasted = cv2.warpAffine(matte, back, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.clip(pasted, 0.0, 1.0).astype(np.float32)


def _cut(picture: Picture, square: Square, fill: tuple[int, int, int]) -> Picture:
    height, width = picture.shape[:2]
    step = SIDE / square.side
    if step < 1:
        # Shrinking by warpAffine alone would alias (it looks at 4 neighbours however far apart they are), and what
        # aliases is the strands.
        shrunk_to = (max(1, round(width * step)), max(1, round(height * step)))
        small = cv2.resize(picture, shrunk_to, interpolation=cv2.INTER_AREA)
        row_step, column_step = small.shape[0] / height, small.shape[1] / width
    else:
        small, row_step, column_step = picture, 1.0, 1.0
    # OpenCV's affine maps pixel centres as whole numbers and (x, y); the halves shift between the two ways of counting.
    grow_x, grow_y = step / column_step, step / row_step
    forth = np.array(
        [
            [grow_x, 0, 0.5 * grow_x - square.left * step - 0.5],
            [0, grow_y, 0.5 * grow_y - square.top * step - 0.5],
        ],
        dtype=np.float64,
    )
    cut = cv2.warpAffine(
        small,
        forth,
        (SIDE, SIDE),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=fill,
    )
    return np.asarray(cut, dtype=np.uint8)
