"""Masks that a source stores as shapes (polygons, ellipses, runs, bitmaps, strokes), drawn only when they are needed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from db.errors import WinnowError
from db.settings import Limits

Canvas = NDArray[np.uint8]  # (H, W), 0 to 255
Points = tuple[float, ...]  # x, y, x, y, ... in pixels; (0, 0) is the corner of the first pixel
Box = tuple[float, float, float, float]  # top, left, bottom, right in pixels

NO_AREA = "an outline without an area"  # in words
MAX_COORDINATE = 1e9  # pixels; far beyond any photo, and small enough to compute with

# What a photo's shapes may cost together, in pixels of area: about two seconds. The other costs are what takes as long.
MAX_WORK = 1_000_000_000
WORK_OF_A_SHAPE = 50_000
WORK_OF_AN_EDGE = 10_000
WORK_OF_A_RUN = 300


class Shape(Protocol):
    """A part of a mask, small enough to be pickled and sent to a worker."""

    def box(self) -> Box | None:
        """Where the shape says that it lies; None if that is known only when it is drawn."""

    def onto(self, canvas: Canvas, limits: Limits) -> int:
        """Draw the shape onto a canvas, keeping the larger value; returns its work.

        Raises WinnowError if it is damaged or beyond the limits.
        """


@dataclass(frozen=True)
class Shapes:
    """The mask of one photo: its hair shapes, drawn one after the other. Without shapes, the mask has no hair."""

    height: int  # pixels
    width: int  # pixels
    shapes: tuple[Shape, ...] = ()

    def pixels(self, limits: Limits) -> NDArray[np.uint8]:
        """The mask, uint8 (H, W), 0 to 255. Raises WinnowError for a damaged shape, a size or work beyond the limits."""
        check_size(self.height, self.width, limits)
        work = WORK_OF_A_SHAPE * len(self.shapes)
        check_work(work)
        canvas = np.zeros((self.height, self.width), np.uint8)
        for shape in self.shapes:
            work += shape.onto(canvas, limits)
            check_work(work)
        return canvas


@dataclass(frozen=True)
class Polygon:
    """The inside of an outline, without its holes."""

    outline: Points
    holes: tuple[Points, ...] = ()

    def box(self) -> Box:
        """The box around the outline."""
        x, y = self.outline[::2], self.outline[1::2]
        return min(y), min(x), max(y), max(x)

    def thickness(self) -> float:
        """How far the corners lie from a straight line between two of them, in pixels: 0.0 for a point or a line."""
        corners = np.reshape(self.outline, (-1, 2))
        away = corners - corners[0]
        length = np.hypot(*away.T)
        end = away[int(length.argmax())]
        if not length.any():
            return 0.0
        aside = (away[:, 0] * end[1] - away[:, 1] * end[0]) / length.max()
        return float(aside.max() - aside.min())

    def onto(self, canvas: Canvas, limits: Limits) -> int:
        """Draw the filled polygon, 255 inside, onto a canvas; returns its work. Raises WinnowError if that is too much."""
        top, left, bottom, right = box = _polygon_box(self.outline, (0, 0, *canvas.shape))
        boxes = [box, *(_polygon_box(hole, box) for hole in self.holes)]
        work = sum(_polygon_work(*each) for each in zip((self.outline, *self.holes), boxes, strict=True))
        check_work(work)
        inside = fill_polygon(self.outline, bottom - top, right - left, top, left)
        for hole, (first, before, last, after) in zip(self.holes, boxes[1:], strict=True):
            there = inside[first - top : last - top, before - left : after - left]
            there &= ~fill_polygon(hole, last - first, after - before, first, before)
        paste_max(canvas, inside, top, left)
        return work


@dataclass(frozen=True)
class Ellipse:
    """An ellipse, turned around its centre."""

    x: float  # of its centre, in pixels
    y: float
    across: float  # its radius along x before it is turned, in pixels
    down: float
    turned: float = 0.0  # degrees, clockwise as one sees it

    def box(self) -> Box:
        """The box around the ellipse."""
        cosine, sine = math.cos(math.radians(self.turned)), math.sin(math.radians(self.turned))
        wide = math.hypot(self.across * cosine, self.down * sine)
        high = math.hypot(self.across * sine, self.down * cosine)
        return self.y - high, self.x - wide, self.y + high, self.x + wide

    def onto(self, canvas: Canvas, limits: Limits) -> int:
        """Draw the pixels whose centres lie inside, 255; returns its work."""
        box = self.box()
        top, left = np.clip(np.floor(box[:2]), 0, canvas.shape).astype(int).tolist()
        bottom, right = np.clip(np.ceil(box[2:]), 0, canvas.shape).astype(int).tolist()
        y, x = np.ogrid[top + 0.5 - self.y : bottom - self.y, left + 0.5 - self.x : right - self.x]
        cosine, sine = math.cos(math.radians(self.turned)), math.sin(math.radians(self.turned))
        along, aside = (x * cosine + y * sine) / self.across, (y * cosine - x * sine) / self.down
        paste_max(canvas, (along**2 + aside**2 <= 1).astype(np.uint8) * np.uint8(255), top, left)
        return 3 * int(bottom - top) * int(right - left)


@dataclass(frozen=True)
class Cut:
    """A shape that takes away what was drawn before it, as a hole or as something that lies on top."""

    shape: Shape

    def box(self) -> None:
        """None: it may lie anywhere."""

    def onto(self, canvas: Canvas, limits: Limits) -> int:
        """Take the shape away from a canvas; returns its work. Raises WinnowError like the shape."""
        taken = np.zeros_like(canvas)
        work = self.shape.onto(taken, limits)
        np.minimum(canvas, 255 - taken, out=canvas)
        return work + 2 * canvas.size


@dataclass(frozen=True)
class NotAnArea:
    """What a source draws where an area is needed, such as a box; in words."""

    kind: str


def parse_outline(numbers: Sequence[Any]) -> Polygon | NotAnArea:
    """The polygon of an outline's numbers x, y, x, y, ...; no area if there are fewer than three points.

    Raises WinnowError like `parse_points` for everything else.
    """
    if len(numbers) in (0, 2, 4):
        return NotAnArea(NO_AREA)
    return Polygon(parse_points(numbers))


def parse_ellipse(x: Any, y: Any, across: Any, down: Any, turned: Any = 0) -> Ellipse:
    """An ellipse from numbers or their text. Raises WinnowError for what is no number, too large, or a radius of 0 or less."""
    try:
        found = tuple(float(number) for number in (x, y, across, down, turned))
    except (TypeError, ValueError, OverflowError):
        found = ()
    if not found or not (np.abs(found) < MAX_COORDINATE).all() or min(found[2:4]) <= 0:
        raise WinnowError("one ellipse has an invalid number.")
    return Ellipse(*found)


def check_size(height: int, width: int, limits: Limits) -> None:
    """Raises WinnowError for a mask without pixels, or with more than `limits.pixels`."""
    if min(height, width) <= 0:
        raise WinnowError(f"its mask is {width:,} x {height:,}: it has no pixels.")
    if height * width > limits.pixels:
        raise WinnowError(f"its mask is {width:,} x {height:,}: more than {limits.pixels:,} pixels.")


def check_work(work: int) -> None:
    """Raises WinnowError for more than MAX_WORK."""
    if work > MAX_WORK:
        raise WinnowError("its shapes are too many, too large or too detailed together. Draw fewer or simpler ones.")


def parse_points(numbers: Sequence[Any]) -> Points:
    """A polygon's points from x, y, x, y, ...

    Raises WinnowError for fewer than three points, an odd count of numbers, and a coordinate that is no number or not below
    MAX_COORDINATE in size.
    """
    try:
        found = tuple(float(number) for number in numbers)
    except (TypeError, ValueError, OverflowError):
        found = ()
    if len(found) < 6 or len(found) % 2 or not (np.abs(found) < MAX_COORDINATE).all():
        raise WinnowError("one polygon has fewer than three points or an invalid coordinate.")
    return found


def paste_max(canvas: Canvas, part: Canvas, top: int, left: int) -> None:
    """Paste a part with its corner at (top, left) onto a canvas, keeping each pixel's larger value; clipped at the edges."""
    above, before = max(-top, 0), max(-left, 0)
    there = canvas[max(top, 0) : max(top + part.shape[0], 0), max(left, 0) : max(left + part.shape[1], 0)]
    np.maximum(there, part[above : above + there.shape[0], before : before + there.shape[1]], out=there)


def bounding_box(mask: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """The box (top, left, bottom, right) around the non-zero pixels of a mask, uint8 (H, W), ends exclusive; all 0 if none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1) if rows.size else (0, 0, 0, 0)


def _polygon_box(polygon: Points, within: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The box (top, left, bottom, right) around a polygon, ends exclusive, as far as it lies within another."""
    corners = np.reshape(polygon, (-1, 2))[:, ::-1]
    first = np.clip(np.floor(corners.min(axis=0)), within[:2], within[2:]).astype(int)
    last = np.clip(np.ceil(corners.max(axis=0)), first, within[2:]).astype(int)
    return int(first[0]), int(first[1]), int(last[0]), int(last[1])


def _polygon_work(polygon: Points, box: tuple[int, int, int, int]) -> int:
    """The work of filling a polygon in a box: its area, its edges, and the rows that each edge crosses."""
    top, left, bottom, right = box
    y = np.clip(polygon[1::2], top, bottom)
    return (bottom - top) * (right - left) + WORK_OF_AN_EDGE * y.size + int(np.abs(y - np.roll(y, 1)).sum())


def fill_polygon(polygon: Points, height: int, width: int, top: int = 0, left: int = 0) -> Canvas:
    """The pixels whose centres lie inside a polygon by the even-odd rule, uint8 (H, W), 0 or 255, in a box at (top, left).

    >>> fill_polygon((1, 0, 3, 0, 3, 2, 1, 2), 3, 4).tolist()
    [[0, 255, 255, 0], [0, 255, 255, 0], [0, 0, 0, 0]]
    """
    corners = list(zip(polygon[::2], polygon[1::2], strict=True))
    crossings = np.zeros((height, width + 1), np.uint8)
    for (x0, y0), (x1, y1) in pairwise([*corners, corners[0]]):
        if y0 == y1:
            continue
        # The rows whose centre line this edge crosses, and where. Pixels right of an odd number of crossings are inside.
        first, last = np.clip(np.ceil(np.sort([y0, y1]) - 0.5), top, top + height).astype(int)
        rows = np.arange(first, last)
        x = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
        crossings[rows - top, np.clip(np.ceil(x - 0.5) - left, 0, width).astype(int)] ^= 255
    return np.bitwise_xor.accumulate(crossings, axis=1)[:, :width]
