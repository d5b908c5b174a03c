"""Photos, masks and mattes as arrays and bytes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.errors import WinnowError
from trainer import pictures


def test_colours_survive_the_way_out_and_back():
    image = np.zeros((4, 6, 3), np.uint8)
    image[..., 0], image[0, 0] = 200, (1, 2, 3)
    np.testing.assert_array_equal(pictures.image_from(pictures.png(image), "it"), image)


def test_a_matte_is_kept_to_the_nearest_of_256_greys():
    alpha = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    back = pictures.mask_from(pictures.png(pictures.grey(alpha)), "it") / 255
    np.testing.assert_allclose(back, alpha, atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize("data", [b"", b"not a picture"])
def test_what_is_no_picture_is_reported_by_name(data):
    with pytest.raises(WinnowError) as error:
        pictures.image_from(data, "note.txt")
    assert str(error.value) == "note.txt cannot be read as a picture. Use a JPEG or PNG file."


def test_a_photo_that_is_not_there_is_reported(tmp_path):
    with pytest.raises(WinnowError) as error:
        pictures.read(tmp_path / "me.jpg")
    assert str(error.value) == f"{tmp_path / 'me.jpg'} does not exist. Name a photo, such as portrait.jpg."


@pytest.mark.parametrize("shape", [(40, 100), (100, 40), (64, 64), (1, 9)])
def test_a_matte_of_any_shape_lies_where_the_photo_does(shape):
    """A model that returns the red channel as hair must give it back neither squashed nor shifted."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    image = np.zeros((*shape, 3), np.uint8)
    image[..., 0] = np.rint(127 + 60 * np.sin(rows / 15) + 60 * np.cos(columns / 15))
    alpha = pictures.matte_of_photo(image, 64, lambda square: square[..., 0].astype(np.float32) / 255)
    assert alpha.shape == shape
    assert alpha.dtype == np.float32
    np.testing.assert_allclose(alpha, image[..., 0] / 255, atol=0.03)


corners = st.integers(0, 511)
boxes = st.tuples(corners, corners, st.integers(1, 90), st.integers(1, 90))
sizes = st.integers(16, 640)


def marked_box(box):
    top, left, height, width = box
    marked = np.zeros((512, 512), np.uint8)
    marked[top : top + height, left : left + width] = 255
    return marked


@settings(max_examples=50)
@given(boxes, sizes)
def test_a_pixel_of_another_size_is_marked_if_it_overlaps_a_marked_one_at_all(box, size):
    marked = marked_box(box)
    edges = np.arange(size) * 512, (np.arange(size) + 1) * 512  # of the new pixels, in units of 1 / size pixel
    rows, columns = ((edges[0] < size * lines[-1]) & (edges[1] > size * lines[0]) for lines in ends(marked))
    found = pictures.overlaps(marked, size)
    assert (found[np.outer(rows, columns)] == 255).all()
    if size <= 512:  # a larger picture is interpolated, which reaches a little farther
        assert not found[~np.outer(rows, columns)].any()
    np.testing.assert_array_equal(pictures.overlaps(marked[:, ::-1], size), found[:, ::-1])


def ends(marked):
    """The first row and the one after the last with a marked pixel, and the same of columns."""
    for axis in (1, 0):
        lines = np.flatnonzero(marked.any(axis))
        yield lines[0], lines[-1] + 1


@settings(max_examples=50)
@given(boxes, sizes, st.integers(0, 2**32 - 1))
def test_what_is_not_marked_rests_on_nothing_that_was(box, size, seed):
    marked = marked_box(box)
    chance = np.random.default_rng(seed)
    one = chance.integers(0, 256, (512, 512), np.uint8)
    other = np.where(marked > 0, chance.integers(0, 256, (512, 512), np.uint8), one)
    left = pictures.overlaps(marked, size) == 0
    np.testing.assert_array_equal(pictures.resized(one, size)[left], pictures.resized(other, size)[left])
