"""The geometry of a crop."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from curator.pictures.arrays import Box, Point
from curator.pictures.crop import (
    CROP_SCALE,
    FILL_GREY,
    Square,
    box_in_crop,
    cut_mask,
    cut_photo,
    paste_matte,
    square_around_face,
    square_around_photo,
    to_crop,
    to_photo,
)
from db.errors import WinnowError
from db.tables import CROP_SIDE

places = st.floats(-2000, 4000)
turns = st.floats(-180, 180)
squares = st.builds(Square, top=places, left=places, side=st.floats(20, 4000), rotation=turns)


def thousandths(low: int, high: int) -> st.SearchStrategy[float]:
    """Numbers that differ by more than rounding may cost."""
    return st.integers(low * 1000, high * 1000).map(lambda number: number / 1000)


# Of a photo of 300 x 400, most of them partly beyond it.
near = st.builds(
    Square,
    top=thousandths(-150, 150),
    left=thousandths(-150, 200),
    side=thousandths(60, 700),
    rotation=thousandths(-180, 180),
)
HEIGHT, WIDTH = 300, 400


def disc(at: Point, radius: float) -> NDArray[np.uint8]:
    """A white disc, smooth at its edge, on a black photo."""
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    away = np.hypot(rows + 0.5 - at[0], columns + 0.5 - at[1])
    return (255 * np.clip(radius + 0.5 - away, 0, 1)).round().astype(np.uint8)


def middle(weights: NDArray[np.generic]) -> Point:
    """The centre of what is bright, (row, column), counted from the first pixel's corner."""
    bright = weights.astype(float)
    rows, columns = (np.arange(size) + 0.5 for size in bright.shape)
    return float(rows @ bright.sum(axis=1) / bright.sum()), float(columns @ bright.sum(axis=0) / bright.sum())


@given(square=squares, row=places, column=places)
def test_a_place_goes_to_the_crop_and_back(square: Square, row: float, column: float) -> None:
    back = to_photo(square, to_crop(square, (row, column)))
    assert back == pytest.approx((row, column), abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(square=near, row=st.floats(0.15, 0.85), column=st.floats(0.15, 0.85))
def test_a_mark_lands_where_the_geometry_says_and_comes_back_to_half_a_pixel(square: Square, row: float, column: float) -> None:
    at = to_photo(square, (row * CROP_SIDE, column * CROP_SIDE))
    radius = max(3.0, 0.03 * square.side)
    assume(radius + 1 < at[0] < HEIGHT - radius - 1 and radius + 1 < at[1] < WIDTH - radius - 1)
    photo = disc(at, radius)
    cut = cut_photo(photo[:, :, None].repeat(3, axis=2), square)[:, :, 0]
    cut[cut == FILL_GREY] = 0
    step = max(1.0, CROP_SIDE / square.side)  # a pixel of the photo is as large as that in the crop
    assert middle(cut) == pytest.approx((row * CROP_SIDE, column * CROP_SIDE), abs=0.5 * step)
    back = paste_matte(cut_mask(photo, square).astype(np.float32) / 255, square, HEIGHT, WIDTH)
    assert middle(back) == pytest.approx(at, abs=0.5)


@settings(max_examples=60, deadline=None)
@given(square=near)
def test_a_soft_mask_is_cut_like_a_photo_and_a_hard_one_stays_hard(square: Square) -> None:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    soft = (127.5 + 127.5 * np.sin(rows / 40) * np.cos(columns / 50)).round().astype(np.uint8)
    cut, photo = cut_mask(soft, square), cut_photo(soft[:, :, None].repeat(3, axis=2), square)[:, :, 0]
    shown = cut_mask(np.full((HEIGHT, WIDTH), 255, np.uint8), square) > 0
    assert (cut == np.where(shown, photo, 0)).all()
    crisp = cut_mask(np.where(soft > 127, 255, 0).astype(np.uint8), square)
    assert set(np.unique(crisp)) <= {0, 255}


def test_a_photo_turned_clockwise_by_a_quarter_is_upright_in_a_crop_with_rotation_90() -> None:
    upright = np.random.default_rng(0).integers(0, 256, (CROP_SIDE, CROP_SIDE, 3), np.uint8)
    lying = np.rot90(upright, k=-1)
    assert np.abs(cut_photo(lying, Square(0, 0, CROP_SIDE, rotation=90)).astype(int) - upright).max() <= 1


@given(top=st.integers(-50, 900), left=st.integers(-50, 900), side=st.integers(20, 600), rotation=turns)
def test_the_crop_holds_the_face_whole_and_is_as_large_as_a_selfie(top: int, left: int, side: int, rotation: float) -> None:
    face = (top, left, top + side, left + side)
    square = square_around_face(face, rotation)
    assert square.side == pytest.approx(CROP_SCALE * side)
    # However the face is tilted, it lies in the crop as an upright one does in its own.
    upright = square_around_face(face)
    corners = [to_crop(upright, (top, left)), to_crop(upright, (top + side, left + side))]
    assert box_in_crop(square, face) == pytest.approx([*corners[0], *corners[1]], abs=0.51)
    assert all(0 < place < CROP_SIDE for corner in corners for place in corner)


def test_what_lies_outside_the_photo_is_grey_in_the_image_and_empty_in_the_mask() -> None:
    photo, mask = np.full((100, 100, 3), 200, np.uint8), np.full((100, 100), 255, np.uint8)
    square = Square(top=-100, left=-100, side=300)
    top, left, bottom, right = square.inside(100, 100)
    image, hair = cut_photo(photo, square), cut_mask(mask, square)
    assert (image[: top - 1] == FILL_GREY).all()
    assert (image[top:bottom, left:right] == 200).all()
    assert (hair[: top - 1] == 0).all()
    assert (hair[top:bottom, left:right] == 255).all()
    assert (top, left, bottom, right) == (171, 171, 341, 341)  # 100 * 512 / 300 = 170.7, rounded inwards on both sides


def largest_by_trying(square: Square) -> int:
    """The area of the largest box of whole pixels that show the photo, found in the picture of all such pixels."""
    rows, columns = np.mgrid[: CROP_SIDE + 1, : CROP_SIDE + 1]
    (start_y, start_x), (down_y, down_x), (right_y, right_x) = (to_photo(square, one) for one in ((0, 0), (1, 0), (0, 1)))
    y = start_y + rows * (down_y - start_y) + columns * (right_y - start_y)
    x = start_x + rows * (down_x - start_x) + columns * (right_x - start_x)
    corner = (y >= -1e-5) & (y <= HEIGHT + 1e-5) & (x >= -1e-5) & (x <= WIDTH + 1e-5)
    shown = corner[:-1, :-1] & corner[1:, :-1] & corner[:-1, 1:] & corner[1:, 1:]
    best, heights = 0, np.zeros(CROP_SIDE, int)
    for row in shown:  # the largest rectangle under a histogram, row by row
        heights = np.where(row, heights + 1, 0)
        stack: list[tuple[int, int]] = []  # start, height
        for at, height in enumerate([*heights.tolist(), 0]):
            start = at
            while stack and stack[-1][1] >= height:
                start, over = stack.pop()
                best = max(best, over * (at - start))
            stack.append((start, height))
    return best


@settings(max_examples=12, deadline=None)
@given(square=near)
def test_inside_is_the_largest_box_that_shows_nothing_but_photo(square: Square) -> None:
    largest = largest_by_trying(square)
    assume(largest > 0)
    top, left, bottom, right = square.inside(HEIGHT, WIDTH)
    assert (bottom - top) * (right - left) == largest
    image = cut_photo(np.full((HEIGHT, WIDTH, 3), 200, np.uint8), square)
    assert (image[top:bottom, left:right] == 200).all()


@pytest.mark.parametrize("edge", [-1e-9, -1e-250, 0.0, 1e-250])
@pytest.mark.parametrize("rotation", [0.0, 1e-9])
def test_rounding_costs_no_pixel_of_a_crop_that_ends_with_the_photo(edge: float, rotation: float) -> None:
    assert Square(top=edge, left=edge, side=300, rotation=rotation).inside(300, 300) == (0, 0, CROP_SIDE, CROP_SIDE)


@pytest.mark.parametrize(
    ("rotation", "box"),
    [
        (0, (0, 0, 256, 256)),  # the crop's lower and right half lie beyond the photo
        (90, (256, 0, 512, 256)),  # what was to the right of its middle is above it, what was below is to the right
        (-90, (0, 256, 256, 512)),
        (180, (256, 256, 512, 512)),
    ],
)
def test_inside_of_quarter_turns(rotation: float, box: Box) -> None:
    assert Square(top=0, left=0, side=200, rotation=rotation).inside(100, 100) == box


@pytest.mark.parametrize("rotation", [0, 30])
def test_a_square_outside_the_photo_is_refused(rotation: float) -> None:
    with pytest.raises(WinnowError, match=r"^The crop lies outside the photo\.$"):
        Square(top=500, left=0, side=100, rotation=rotation).inside(100, 100)


def test_a_shrunk_crop_does_not_alias() -> None:
    stripes = np.zeros((2048, 2048, 3), np.uint8)
    stripes[:, ::2] = 255
    cut = cut_photo(stripes, Square(0, 0, 2048))
    assert np.abs(cut.astype(int) - 127).max() <= 3  # a picture of one-pixel stripes is grey from far


@pytest.mark.parametrize(
    "square", [Square(10, 20, 200), Square(-30, 5, 130.5), Square(0, 30, 160, 40.0), square_around_photo(180, 240)]
)
def test_a_matte_comes_back_to_its_place_in_the_photo(square: Square) -> None:
    mask = np.zeros((180, 240), np.uint8)
    mask[60:120, 80:140] = 255
    back = paste_matte(cut_mask(mask, square).astype(np.float32) / 255, square, 180, 240)
    shown = paste_matte(np.ones((CROP_SIDE, CROP_SIDE), np.float32), square, 180, 240)
    assert back.shape == mask.shape
    wrong = np.abs(back - mask / 255.0) * (shown == 1)
    assert wrong.sum() < 0.06 * (mask > 0).sum()  # the outline alone, softened by two resamplings
    assert (back[shown == 0] == 0).all()
    assert (shown == 0).any() or square == square_around_photo(180, 240)
