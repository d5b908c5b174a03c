"""Which way is up, for a picture by itself and for a mask on its photo."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.pictures.orientation import apply_orientation, aspect_difference, mask_orientation
from tests.curator.encoded import as_stored, noise

SIDEWAYS = (5, 6, 7, 8)
LEFT = "was left as it is"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("upright", [noise(16, 24), noise(16, 24)[:, :, 0]], ids=["photo", "mask"])
def test_stored_pixels_stand_upright_whatever_way_the_camera_was_held(upright: np.ndarray, orientation: int) -> None:
    assert (apply_orientation(as_stored(upright, orientation), orientation) == upright).all()


def test_sizes_are_unlike_by_how_much_wider_one_is() -> None:
    assert aspect_difference((30, 40), (60, 80)) == 0.0
    assert aspect_difference((30, 60), (30, 40)) == pytest.approx(0.5)  # 60 is 40 and half of it


def test_where_neither_says_anything_nothing_is_turned() -> None:
    assert mask_orientation((40, 30), 1, (40, 30), 1) == (1, None)
    assert mask_orientation((40, 30), 1, (30, 40), 1) == (1, None)  # of another shape: to be refused, not guessed


@given(st.integers(2, 8), st.integers(2, 8), st.booleans())
def test_where_both_say_something_each_is_turned_by_its_own(photo_says: int, mask_says: int, small: bool) -> None:
    upright = (40, 30)
    stored = (30, 40) if mask_says in SIDEWAYS else (40, 30)
    if small:
        stored = (stored[0] // 2, stored[1] // 2)
    assert mask_orientation(upright, photo_says, stored, mask_says) == (mask_says, None)


@pytest.mark.parametrize("says", SIDEWAYS)
@pytest.mark.parametrize("scale", [1, 2])
def test_where_only_the_photo_speaks_sizes_tell_how_the_mask_was_painted(says: int, scale: int) -> None:
    upright = (40 * scale, 30 * scale)
    said = "only the photo has an EXIF orientation. By their sizes, the mask "
    assert mask_orientation(upright, says, (40, 30), 1) == (1, f"{said}{LEFT}.")
    assert mask_orientation(upright, says, (30, 40), 1) == (says, f"{said}was turned like the photo.")


@pytest.mark.parametrize("says", SIDEWAYS)
def test_where_only_the_mask_speaks_sizes_tell_whether_to_believe_it(says: int) -> None:
    said = "only the mask has an EXIF orientation. By their sizes, the mask "
    assert mask_orientation((40, 30), 1, (30, 40), says) == (says, f"{said}was turned by its own orientation.")
    assert mask_orientation((40, 30), 1, (40, 30), says) == (1, f"{said}{LEFT}.")


@pytest.mark.parametrize(("upright", "says"), [((40, 30), 2), ((40, 30), 3), ((40, 30), 4), ((30, 30), 6)])
def test_where_sizes_can_not_tell_the_mask_lies_as_it_says_itself(upright: tuple[int, int], says: int) -> None:
    said = "has an EXIF orientation, and the sizes fit either way. The mask"
    assert mask_orientation(upright, says, upright, 1) == (1, f"only the photo {said} {LEFT}.")
    assert mask_orientation(upright, 1, upright, says) == (says, f"only the mask {said} was turned by its own orientation.")


def test_a_mask_painted_upright_that_kept_its_photos_word_is_left_as_it_is() -> None:
    said = "turned by its own EXIF orientation, the mask does not fit the photo. By their sizes, it was left as it is."
    assert mask_orientation((40, 30), 6, (40, 30), 6) == (1, said)


def test_a_photo_that_is_nearly_square_is_told_by_the_closer_fit() -> None:
    assert mask_orientation((1000, 996), 6, (996, 1000), 1)[0] == 6
    assert mask_orientation((1000, 996), 6, (1000, 996), 1)[0] == 1
