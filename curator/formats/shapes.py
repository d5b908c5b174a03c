"""Masks that a source describes as shapes (polygons, runs, bitmaps, brush strokes), drawn when they are needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from db.errors import WinnowError
from db.settings import Limits

Canvas = NDArray[np.uint8]  # (H, W), 0 to 255
Points = tuple[float, ...]  # x, y, x, y, ...

MAX_COORDINATE = 1e9  # pixels; what lies farther is no place on any photo, and too large to reckon with


class Shape(Protocol):
    """A part of a mask, small enough to travel to a worker."""

    def onto(self, canvas: Canvas, limits: Limits) -> None:
        """Join the shape to a canvas, by the larger value. Raises WinnowError where it is damaged or beyond the limits."""


@dataclass(frozen=True)
class Shapes:
    """The mask of one photo: all its shapes of hair together; none at all is a mask without hair."""

    height: int
    width: int
    shapes: tuple[Shape, ...] = ()

    def pixels(self, limits: Limits) -> NDArray[np.uint8]:
        """The mask, uint8 (H, W), 0 to 255. Raises WinnowError for a damaged shape and a size beyond the limits."""
        check_size(self.height, self.width, limits)
        canvas = np.zeros((self.height, self.width), np.uint8)
        for shape in self.shapes:
            shape.onto(canvas, limits)
        return canvas


@dataclass(frozen=True)
class Polygon:
    """The inside of an outline, less its holes."""

    outline: Points
    holes: tuple[Points, ...] = ()

    def onto(self, canvas: Canvas, limits: Limits) -> None:
        """Join the filled polygon, 255 inside, to a canvas."""
        inside = fill_polygon(self.outline, *canvas.shape)
        for hole in self.holes:
            inside &= ~fill_polygon(hole, *canvas.shape)
        paste_max(canvas, inside, 0, 0)


def check_size(height: int, width: int, limits: Limits) -> None:
    """Raises WinnowError for a mask without pixels, or with more than the limits allow."""
    if min(height, width) <= 0:
        raise WinnowError(f"its mask is {width:,} x {height:,}: it has no pixels.")
    if height * width > limits.pixels:
        raise WinnowError(f"its mask is {width:,} x {height:,}: more than {limits.pixels:,} pixels.")


def parse_points(numbers: Sequence[Any]) -> Points:
    """A polygon's corners. Raises WinnowError for fewer than three, half of one, and what is no number."""
    try:
        found = tuple(float(number) for number in numbers)
    except (TypeError, ValueError, OverflowError):
        found = ()
    if len(found) < 6 or len(found) % 2 or not (np.abs(found) < MAX_COORDINATE).all():
        raise WinnowError("a polygon of its has fewer than three corners, or a coordinate too many or too odd.")
    return found


def paste_max(canvas: Canvas, part: Canvas, top: int, left: int) -> None:
    """Join a part whose corner lies at (top, left) to a canvas, by the larger value; what lies outside is cut off."""
    above, before = max(-top, 0), max(-left, 0)
    there = canvas[max(top, 0) : max(top + part.shape[0], 0), max(left, 0) : max(left + part.shape[1], 0)]
    np.maximum(there, part[above : above + there.shape[0], before : before + there.shape[1]], out=there)


def bounding_box(mask: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """The box (top, left, bottom, right) around a mask uint8 (H, W), ends exclusive; all 0 for one without hair."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1) if rows.size else (0, 0, 0, 0)


def fill_polygon(polygon: Points, height: int, width: int) -> Canvas:
    """The pixels whose centres lie inside a polygon of (x, y) corners, uint8 (H, W), 0 or 255.

    >>> filled((1, 0, 3, 0, 3, 2, 1, 2), 3, 4).tolist()
    [[0, 255, 255, 0], [0, 255, 255, 0], [0, 0, 0, 0]]
    """
    corners = list(zip(polygon[::2], polygon[1::2], strict=True))
    crossings = np.zeros((height, width + 1), np.uint8)
    for (x0, y0), (x1, y1) in pairwise([*corners, corners[0]]):
        if y0 == y1:
            continue
        # Rows whose centre line the edge crosses, and where; everything right of an odd number of crossings is inside.
        top, bottom = np.clip(np.ceil(np.sort([y0, y1]) - 0.5), 0, height).astype(int)
        rows = np.arange(top, bottom)
        x = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
        crossings[rows, np.clip(np.ceil(x - 0.5), 0, width).astype(int)] ^= 255
    return np.bitwise_xor.accumulate(crossings, axis=1)[:, :width]
