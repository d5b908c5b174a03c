"""SAD, MSE, gradient and connectivity: against the published code written out in loops, and what must hold for any matte."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from trainer.alpha_errors import connectivity_error, gradient_error, mse, sad

ERRORS = (sad, mse, gradient_error, connectivity_error)

mattes = arrays.arrays(np.float32, (6, 7), elements=st.floats(0, 1, width=32))
same_size = st.tuples(mattes, mattes)


def blurred(seed: int) -> np.ndarray:
    """A random soft field of 24 x 20 that reaches 0 and 1."""
    field = cv2.GaussianBlur(np.random.default_rng(seed).random((24, 20)), (0, 0), 2)
    return (field - field.min()) / (field.max() - field.min())


def published_gradients(picture: np.ndarray) -> np.ndarray:
    """`gaussgradient.m` with sigma 1.4, in loops over pixels and kernel cells."""
    sigma = 1.4
    half = math.ceil(sigma * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * sigma * 1e-2)))

    def gauss(x: float) -> float:
        return math.exp(-(x**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))

    cells = [(i, j) for i in range(-half, half + 1) for j in range(-half, half + 1)]
    kernel = {(i, j): gauss(i) * -j * gauss(j) / sigma**2 for i, j in cells}
    length = math.sqrt(sum(value**2 for value in kernel.values()))
    height, width = picture.shape
    found = np.zeros(picture.shape)
    for row in range(height):
        for column in range(width):
            across = down = 0.0
            for i, j in cells:
                at = picture[min(max(row - i, 0), height - 1), min(max(column - j, 0), width - 1)]
                across += kernel[i, j] / length * at
                down += kernel[j, i] / length * at
            found[row, column] = math.hypot(across, down)
    return found


def largest_region(wanted: np.ndarray) -> set[tuple[int, int]]:
    """The largest part along rows and columns, by walking from pixel to pixel."""
    left = set(zip(*np.nonzero(wanted), strict=True))
    best: set[tuple[int, int]] = set()
    while left:
        border = [left.pop()]
        part = set(border)
        while border:
            row, column = border.pop()
            near = {(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)} & left
            left -= near
            part |= near
            border += near
        best = max(best, part, key=len)
    return best


def published_connectivity(target: np.ndarray, alpha: np.ndarray) -> float:
    """`compute_connectivity_error.m` with step 0.1, without a trimap."""
    level = np.full(target.shape, -1.0)
    for step in range(1, 11):
        omega = largest_region((alpha >= step / 10) & (target >= step / 10))
        for at in np.ndindex(target.shape):
            if level[at] == -1 and at not in omega:
                level[at] = (step - 1) / 10
    level[level == -1] = 1.0
    total = 0.0
    for at in np.ndindex(target.shape):
        one, other = target[at] - level[at], alpha[at] - level[at]
        total += abs((1 - (one if one >= 0.15 else 0)) - (1 - (other if other >= 0.15 else 0)))
    return total / 1000


@pytest.mark.parametrize("seed", range(4))
def test_gradient_and_connectivity_are_the_published_ones(seed):
    target = blurred(seed)
    alpha = 0.7 * target + 0.3 * blurred(seed + 100)
    expected = float(((published_gradients(target) - published_gradients(alpha)) ** 2).sum()) / 1000
    assert gradient_error(target, alpha) == pytest.approx(expected, rel=1e-9)
    assert connectivity_error(target, alpha) == pytest.approx(published_connectivity(target, alpha), rel=1e-9)


def test_golden_values():
    target, alpha = np.array([[0.0, 1.0, 1.0, 0.5]]), np.array([[0.5, 1.0, 0.0, 0.5]])
    assert sad(target, alpha) == pytest.approx(1.5 / 1000)  # .5 + 0 + 1 + 0
    assert mse(target, alpha) == pytest.approx(1.25 / 4)  # (.25 + 0 + 1 + 0) / 4


def test_a_loose_piece_costs_connectivity_and_one_that_hangs_on_does_not():
    target = np.zeros((10, 20))
    target[2:8, 2:12] = 1.0
    loose, joined = target.copy(), target.copy()
    loose[4, 15] = 1.0  # outside the region; its alpha is 1.0 beyond the threshold in one of the two
    assert connectivity_error(target, loose) == pytest.approx(1 / 1000)
    torn = target.copy()
    torn[2:8, 5] = 0.0  # the 18 pixels left of it leave the region; the 36 right of it remain
    # The 6 pixels of the tear and the 18 left of it are 1.0 beyond in the target; in the torn matte, the 18 are too.
    assert connectivity_error(target, torn) == pytest.approx(6 / 1000)
    joined[2:8, 12] = 0.14  # less than theta beyond
    assert connectivity_error(target, joined) == 0.0


def test_of_two_parts_as_large_as_each_other_neither_is_the_loose_one():
    target = np.array([[1.0, 1.0, 0.0, 1.0, 1.0]])
    lost = np.array([[1.0, 1.0, 0.0, 1.0, 0.0]])
    assert connectivity_error(target, target) == 0.0
    # The left pair is the largest region of both: the last pixel is 1.0 beyond in the target, the one before it in both.
    assert connectivity_error(target, lost) == pytest.approx(1 / 1000)
    assert connectivity_error(target[:, ::-1], lost[:, ::-1]) == pytest.approx(1 / 1000)


def test_even_surfaces_have_no_gradient_error_and_edges_at_other_places_do():
    assert gradient_error(np.full((9, 9), 0.2), np.full((9, 9), 0.7)) == pytest.approx(0.0, abs=1e-12)
    edge = np.repeat([[0.0, 1.0]], [6, 6], axis=1).repeat(12, axis=0)
    assert gradient_error(edge, np.roll(edge, 3, axis=1)) > 0


@given(mattes)
def test_a_matte_that_is_its_target_has_no_error(matte):
    assert [error(matte, matte) for error in ERRORS] == [0.0] * 4


@given(same_size)
def test_errors_are_never_negative_and_sums_and_squares_see_every_difference(pair):
    target, alpha = pair
    assert all(error(target, alpha) >= 0 for error in ERRORS)
    apart = np.abs(target.astype(np.float64) - alpha).max()
    assert (sad(target, alpha) > 0) == (apart > 0)
    assert mse(target, alpha) >= apart**2 / target.size * (1 - 1e-9)


@given(same_size)
def test_errors_of_mirror_images_are_the_same(pair):
    target, alpha = pair
    for error in ERRORS:
        assert error(target[:, ::-1], alpha[:, ::-1]) == pytest.approx(error(target, alpha), rel=1e-9, abs=1e-12)


def test_without_pixels_there_is_no_error():
    nothing = np.zeros((0, 5), np.float32)
    assert [error(nothing, nothing) for error in ERRORS] == [None] * 4
