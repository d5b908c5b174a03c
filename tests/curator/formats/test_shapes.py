"""Shapes: every one lands where it belongs, and what lies outside or is damaged does no harm."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.formats.shapes import Points, Polygon, Shapes, fill_polygon, parse_points, paste_max
from db.errors import WinnowError
from db.settings import Limits

LIMITS = Limits()


@pytest.mark.parametrize(
    ("height", "width", "said"),
    [(1_000_000, 2_000_000, "2,000,000 x 1,000,000: more than 80,000,000 pixels"), (-3, -3, "-3 x -3: it has no pixels")],
)
def test_a_size_beyond_the_limits_is_refused_before_a_pixel_is_made(height: int, width: int, said: str) -> None:
    with pytest.raises(WinnowError, match=rf"^its mask is {said}\.$"):
        Shapes(height, width).pixels(LIMITS)


def test_no_shape_is_no_hair() -> None:
    assert Shapes(2, 3).pixels(LIMITS).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_a_hole_in_a_polygon_is_no_hair() -> None:
    shape = Polygon((0, 0, 4, 0, 4, 4, 0, 4), holes=((1, 1, 3, 1, 3, 3, 1, 3),))
    assert Shapes(4, 4, (shape,)).pixels(LIMITS).tolist() == [
        [255, 255, 255, 255],
        [255, 0, 0, 255],
        [255, 0, 0, 255],
        [255, 255, 255, 255],
    ]


def test_shapes_that_lie_over_each_other_are_joined_by_the_larger_value() -> None:
    canvas = np.array([[10, 200]], np.uint8)
    paste_max(canvas, np.array([[100, 100]], np.uint8), 0, 0)
    assert canvas.tolist() == [[100, 200]]


@given(st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 6), st.integers(1, 6))
def test_a_part_lies_where_it_is_put_and_is_cut_off_at_the_edge(top: int, left: int, height: int, width: int) -> None:
    canvas = np.zeros((5, 7), np.uint8)
    part = np.arange(1, height * width + 1, dtype=np.uint8).reshape(height, width)
    paste_max(canvas, part, top, left)
    for row in range(5):
        for column in range(7):
            inside = 0 <= row - top < height and 0 <= column - left < width
            assert canvas[row, column] == (part[row - top, column - left] if inside else 0)


@pytest.mark.parametrize("numbers", [[], [1, 1, 2, 2], [1, 1, 2, 2, 3], [1, 1, 2, 2, 3, float("nan")], ["a"] * 6, 7])
def test_what_is_no_polygon_is_refused(numbers: list[float]) -> None:
    with pytest.raises(WinnowError, match=r"^one polygon has fewer than three points or an invalid coordinate\.$"):
        parse_points(numbers)


COORDINATES = st.floats(-5, 15, allow_nan=False).map(lambda number: round(number, 2))


@given(st.lists(st.tuples(COORDINATES, COORDINATES), min_size=3, max_size=8))
def test_a_polygon_fills_the_pixels_whose_centres_lie_inside(corners: list[tuple[float, float]]) -> None:
    mask = fill_polygon(tuple(number for corner in corners for number in corner), 8, 10)
    for row in range(8):
        for column in range(10):
            x, y, inside = column + 0.5, row + 0.5, False
            for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
                # The textbook's rule: how many edges does a ray to the left cross?
                if (y0 <= y) != (y1 <= y) and x0 + (y - y0) * (x1 - x0) / (y1 - y0) <= x:
                    inside = not inside
            assert (mask[row, column] == 255) == inside


CORNERS = st.lists(st.tuples(COORDINATES, COORDINATES), min_size=3, max_size=5).map(lambda corners: tuple(sum(corners, ())))


@given(CORNERS, st.lists(CORNERS, max_size=2))
def test_a_polygon_is_drawn_in_its_own_box_as_on_the_whole_canvas(outline: Points, holes: list[Points]) -> None:
    canvas = np.zeros((8, 10), np.uint8)
    Polygon(outline, tuple(holes)).onto(canvas, LIMITS)
    expected = fill_polygon(outline, 8, 10)
    for hole in holes:
        expected &= ~fill_polygon(hole, 8, 10)
    assert np.array_equal(canvas, expected)


def test_a_small_polygon_on_a_large_photo_costs_as_much_as_on_a_small_one() -> None:
    shape = Polygon((10, 10, 20, 10, 20, 20))
    assert shape.onto(np.zeros((4000, 4000), np.uint8), LIMITS) == shape.onto(np.zeros((30, 30), np.uint8), LIMITS) < 50_000


def test_a_polygon_far_outside_fills_nothing() -> None:
    assert not fill_polygon((1e6, 1e6, 2e6, 1e6, 2e6, 2e6), 4, 4).any()
    assert fill_polygon((-1e6, -1e6, 1e6, -1e6, 1e6, 1e6, -1e6, 1e6), 4, 4).all()
    assert np.array_equal(fill_polygon((0, 0, 4, 0, 4, 4, 0, 4), 4, 4), np.full((4, 4), 255))
