"""The geometry of a crop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.crop import FILL, SCALE, SIDE, Square, around, cut_mask, cut_photo, paste_matte, to_crop, to_photo, whole
from db.errors import WinnowError

places = st.floats(-2000, 4000)
squares = st.builds(Square, top=places, left=places, side=st.floats(20, 4000))


@given(square=squares, row=places, column=places)
def test_a_place_goes_to_the_crop_and_back(square: Square, row: float, column: float) -> None:
    back = to_photo(square, to_crop(square, (row, column)))
    assert back == pytest.approx((row, column), abs=1e-6)


@given(top=st.integers(-50, 900), left=st.integers(-50, 900), side=st.integers(20, 600))
def test_the_crop_holds_the_face_whole_and_is_as_large_as_a_selfie(top: int, left: int, side: int) -> None:
    square = around((top, left, top + side, left + side))
    corners = [to_crop(square, (top, left)), to_crop(square, (top + side, left + side))]
    assert all(0 < place < SIDE for corner in corners for place in corner)
    assert square.side == pytest.approx(SCALE * side)


@pytest.mark.parametrize("side", [128.0, 512.0, 700.0, 1536.0])
def test_a_mark_in_the_photo_lands_where_the_geometry_says(side: float) -> None:
    photo = np.zeros((1600, 1600, 3), np.uint8)
    square = Square(top=33.5, left=-20.25, side=side)
    at = to_photo(square, (300.0, 200.0))
    radius = max(2, round(4 * side / SIDE))
    rows, columns = np.ogrid[:1600, :1600]
    photo[(rows + 0.5 - at[0]) ** 2 + (columns + 0.5 - at[1]) ** 2 <= radius**2] = 255
    cut = cut_photo(photo, square)[:, :, 0].astype(float)
    cut[:, : int(to_crop(square, (0, 0))[1]) + 2] = 0  # the filled part
    weight = cut.sum()
    found = ((np.arange(SIDE) + 0.5) @ cut.sum(axis=1) / weight, (np.arange(SIDE) + 0.5) @ cut.sum(axis=0) / weight)
    assert found == pytest.approx((300.0, 200.0), abs=0.5)


def test_what_lies_outside_the_photo_is_grey_in_the_image_and_empty_in_the_mask() -> None:
    photo, mask = np.full((100, 100, 3), 200, np.uint8), np.full((100, 100), 255, np.uint8)
    square = Square(top=-100, left=-100, side=300)
    top, left, bottom, right = square.inside(100, 100)
    image, hair = cut_photo(photo, square), cut_mask(mask, square)
    assert (image[: top - 2] == FILL).all()
    assert (image[top + 2 : bottom - 2, left + 2 : right - 2] == 200).all()
    assert (hair[: top - 2] == 0).all()
    assert (hair[top + 2 : bottom - 2, left + 2 : right - 2] == 255).all()
    assert (top, left, bottom, right) == (171, 171, 341, 341)  # 100 * 512 / 300 = 170.7, rounded inwards on both sides


def test_a_square_outside_the_photo_is_refused() -> None:
    with pytest.raises(WinnowError, match="The crop lies outside the photo"):
        Square(top=500, left=0, side=100).inside(100, 100)


def test_a_shrunk_crop_does_not_alias() -> None:
    stripes = np.zeros((2048, 2048, 3), np.uint8)
    stripes[:, ::2] = 255
    cut = cut_photo(stripes, Square(0, 0, 2048))
    assert np.abs(cut.astype(int) - 127).max() <= 3  # a picture of one-pixel stripes is grey from far


@pytest.mark.parametrize("square", [Square(10, 20, 200), Square(-30, 5, 130.5), whole(180, 240)])
def test_a_matte_comes_back_to_its_place_in_the_photo(square: Square) -> None:
    mask = np.zeros((180, 240), np.uint8)
    mask[60:120, 80:140] = 255
    matte = cut_mask(mask, square).astype(np.float32) / 255
    back = paste_matte(matte, square, 180, 240)
    inside = mask[2:-2, 2:-2] > 0
    assert back.shape == mask.shape
    within = np.zeros_like(mask, bool)
    top, left = max(0, int(square.top) + 1), max(0, int(square.left) + 1)
    within[top : int(square.top + square.side) - 1, left : int(square.left + square.side) - 1] = True
    wrong = np.abs(back - mask / 255.0) * within
    assert inside.any()
    assert wrong.sum() < 0.06 * (mask > 0).sum()  # the outline alone, softened by two resamplings
    rows, columns = np.ogrid[:180, :240]
    beyond = (rows < square.top - 2) | (rows > square.top + square.side + 2)
    beyond = beyond | (columns < square.left - 2) | (columns > square.left + square.side + 2)
    assert (back[beyond] == 0).all()
