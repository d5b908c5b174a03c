"""Geometry of crops: from a face box to a square, selfie-scale crop, and back. Pure functions.

Coordinates are continuous: pixel (0, 0) of a picture covers 0 to 1 in both directions, and its centre is at 0.5. Boxes are
(top, left, bottom, right), ends exclusive; points are (row, column). A rotation is the angle in degrees by which the photo has
to be turned counter-clockwise, as seen on the screen, for the face to be upright.
"""

from dataclasses import dataclass
from math import cos, radians, sin

import cv2
import numpy as np
import numpy.typing as npt

from curator.pictures.arrays import Alpha, Box, Mask, Photo, Pixels, Point
from curator.pictures.masks import like
from db.errors import WinnowError
from db.tables import CROP_SIDE

Affine = npt.NDArray[np.float64]  # (2, 3), applied to (x, y, 1): OpenCV's order, used only within this module

# The crop's side, in sides of the detector's box: chosen so that the whole hair of most people is inside.
# benchmarks/crop.py prints the shares behind the choice.
CROP_SCALE = 2.8
CROP_LIFT = 0.05  # box sides that the crop's centre lies above the box's; more would cut long hair off at the bottom
FILL_GREY = 128  # grey, 0 after the network's scaling to -1..1; the filled part is left out of training and measures
TOLERANCE = 1e-6  # pixels: room for rounding errors


@dataclass(frozen=True)
class Square:
    """A square on the upright photo, in the photo's pixels. It may reach beyond the photo.

    The crop shows the photo turned by `rotation` about the square's centre; on the photo, the square is turned the other way.
    `top` and `left` are the corner of the square before it is turned.
    """

    top: float  # pixels
    left: float  # pixels
    side: float  # pixels, more than 0
    rotation: float = 0.0  # degrees counter-clockwise

    def inside(self, height: int, width: int) -> Box:
        """The largest box of whole pixels of the 512 x 512 crop that contains no filled pixel, for a photo of this size.

        In a crop without rotation this is all of the photo that the crop shows. In a rotated crop that reaches beyond the
        photo, some of the photo lies outside the box: training and measures need a box, and nothing in it may be filled.
        Raises WinnowError if the crop shows no whole pixel of the photo.
        """
        if self.rotation % 360 == 0:
            step = CROP_SIDE / self.side
            box = (
                int(np.ceil(max(0.0, -self.top) * step - TOLERANCE)),
                int(np.ceil(max(0.0, -self.left) * step - TOLERANCE)),
                int(np.floor(min(float(CROP_SIDE), (height - self.top) * step + TOLERANCE))),
                int(np.floor(min(float(CROP_SIDE), (width - self.left) * step + TOLERANCE))),
            )
        else:
            box = _largest_box(*_photo_extent(self, height, width))
        if box[2] <= box[0] or box[3] <= box[1]:
            raise WinnowError("The crop lies outside the photo.")
        return box


def square_around_face(face: Box, rotation: float = 0.0) -> Square:
    """The selfie-scale square around a face box in the photo's pixels; `rotation` as in `Square`.

    >>> square_around_face((0, 0, 100, 100))
    Square(top=-95.0, left=-90.0, side=280.0, rotation=0.0)
    """
    top, left, bottom, right = face
    side = max(bottom - top, right - left)
    turn = radians(rotation)
    row, column = (top + bottom) / 2 - CROP_LIFT * side * cos(turn), (left + right) / 2 + CROP_LIFT * side * sin(turn)
    reach = CROP_SCALE * side
    return Square(top=row - reach / 2, left=column - reach / 2, side=reach, rotation=rotation)


def square_around_photo(height: int, width: int) -> Square:
    """The smallest square around a whole photo: for one without a face, or one that is cropped like a selfie already."""
    side = max(height, width)
    return Square(top=(height - side) / 2, left=(width - side) / 2, side=float(side))


def to_crop(square: Square, point: Point, pixels: int = CROP_SIDE) -> Point:
    """A point of the photo in a crop of `pixels` x `pixels`; both are (row, column) and may lie outside their picture."""
    return _apply(_photo_to_crop(square, pixels), point)


def to_photo(square: Square, point: Point, pixels: int = CROP_SIDE) -> Point:
    """The inverse of `to_crop`."""
    return _apply(_crop_to_photo(square, pixels), point)


def box_in_crop(square: Square, box: Box) -> Box:
    """A face's box in whole pixels of the 512 x 512 crop, where it is upright. In the photo, it is turned like the square."""
    top, left, bottom, right = box
    row, column = to_crop(square, ((top + bottom) / 2, (left + right) / 2))
    down, across = (bottom - top) / 2 * CROP_SIDE / square.side, (right - left) / 2 * CROP_SIDE / square.side
    return round(row - down), round(column - across), round(row + down), round(column + across)


def cut_photo(photo: Photo, square: Square, pixels: int = CROP_SIDE) -> Photo:
    """Crop a photo: uint8 (H, W, 3) to uint8 (pixels, pixels, 3), FILL_GREY where there is no photo."""
    return _cut(photo, square, pixels, FILL_GREY)


def cut_mask(mask: Mask, square: Square) -> Mask:
    """Crop a mask: uint8 (H, W) to uint8 (512, 512), both 0 to 255; 0 where there is no photo. A hard mask stays hard."""
    return like(mask, _cut(mask, square, CROP_SIDE, 0))


def paste_matte(matte: Alpha, square: Square, height: int, width: int) -> Alpha:
    """Put a crop's matte back into its photo: float32 (512, 512) to (height, width), both 0 to 1; 0 outside the crop."""
    back = _for_opencv(_crop_to_photo(square))
    pasted = cv2.warpAffine(matte, back, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.clip(pasted, 0.0, 1.0).astype(np.float32)


def _photo_to_crop(square: Square, pixels: int = CROP_SIDE) -> Affine:
    """The affine map from the photo to the crop; everything else is derived from it."""
    step, turn = pixels / square.side, radians(square.rotation)
    middle = square.left + square.side / 2, square.top + square.side / 2
    turned = step * np.array([[cos(turn), sin(turn)], [-sin(turn), cos(turn)]])
    return np.column_stack([turned, pixels / 2 - turned @ middle])


def _crop_to_photo(square: Square, pixels: int = CROP_SIDE) -> Affine:
    return np.asarray(cv2.invertAffineTransform(_photo_to_crop(square, pixels)), np.float64)


def _apply(affine: Affine, point: Point) -> Point:
    x, y = affine @ (point[1], point[0], 1.0)
    return float(y), float(x)


def _for_opencv(affine: Affine) -> Affine:
    """The same map in OpenCV's coordinates, whose origin is the first pixel's centre; ours is its corner."""
    moved = affine.copy()
    moved[:, 2] += affine[:, :2] @ (0.5, 0.5) - 0.5
    return moved


def _photo_extent(square: Square, height: int, width: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Rows at which the photo begins and ends along each of the 513 lines between the crop's columns, float64 (513,) each.

    A line that misses the photo has its end before its begin.
    """
    back = _crop_to_photo(square)
    lines = back[:, :1] * np.arange(CROP_SIDE + 1) + back[:, 2:]  # (2, 513): x and y in the photo at which each line starts
    begin, end = np.zeros(CROP_SIDE + 1), np.full(CROP_SIDE + 1, float(CROP_SIDE))
    for start, pace, limit in zip(lines, back[:, 1], (width, height), strict=True):
        # A line parallel to the photo's edge never meets it: all of the line is inside, or none.
        pace = pace if abs(pace) > 1e-12 else 1e-12
        meets = np.sort([(-TOLERANCE - start) / pace, (limit + TOLERANCE - start) / pace], axis=0)
        begin, end = np.maximum(begin, meets[0]), np.minimum(end, meets[1])
    return begin, end


def _largest_box(begin: npt.NDArray[np.float64], end: npt.NDArray[np.float64]) -> Box:
    """The largest box of whole pixels within a convex shape, given where the shape begins and ends on each column line."""
    # In a convex shape, a box is inside if its left and right side are.
    top = np.ceil(np.maximum.outer(begin, begin) - TOLERANCE)
    bottom = np.floor(np.minimum.outer(end, end) + TOLERANCE)
    lines = np.arange(len(begin))
    areas = np.maximum(bottom - top, 0) * np.maximum(lines - lines[:, None], 0)  # (left, right)
    left, right = np.unravel_index(int(areas.argmax()), areas.shape)
    return int(top[left, right]), int(left), int(bottom[left, right]), int(right)


def _cut(picture: Pixels, square: Square, pixels: int, fill: int) -> Pixels:
    height, width = picture.shape[:2]
    step = pixels / square.side
    small = picture
    if step < 1:
        # warpAffine always interpolates between 4 neighbours, however far apart they are; shrinking with it alone would
        # alias the strands.
        shrunk_to = (max(1, round(width * step)), max(1, round(height * step)))
        small = np.asarray(cv2.resize(picture, shrunk_to, interpolation=cv2.INTER_AREA), np.uint8)
    forth = _photo_to_crop(square, pixels)
    forth[:, :2] *= (width / small.shape[1], height / small.shape[0])
    forth, size = _for_opencv(forth), (pixels, pixels)
    cut = cv2.warpAffine(small, forth, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    # Fill afterwards, so that the photo's last pixels do not blend with the fill.
    shown = cv2.warpAffine(np.ones(small.shape[:2], np.uint8), forth, size, flags=cv2.INTER_NEAREST)
    cut[shown == 0] = fill
    return np.asarray(cut, dtype=np.uint8)
