"""Both losses, compared with golden values, plain NumPy and finite differences; and edge cases."""

import math

import cv2
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from trainer import measures
from trainer.losses import class_loss, consistency_loss, inside_weights, mask_loss, near_edge

SIDE = 224


def ripple(shift: float = 0.0, waves: float = 6.0) -> np.ndarray:
    """An antialiased blob with a rippled outline, float32 (224, 224), 0 to 1."""
    rows, columns = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    columns = columns - shift
    radius, angle = np.hypot(rows, columns), np.arctan2(rows, columns)
    return np.clip(60 + waves * np.sin(12 * angle) - radius + 0.5, 0, 1).astype(np.float32)


def pictured(low: float, high: float) -> np.ndarray:
    """The blob as a photo of that contrast, with noise .02: float32 (1, 224, 224, 3)."""
    noise = np.random.default_rng(0).normal(0, 0.02, (SIDE, SIDE))
    grey = low + (high - low) * ripple() + noise
    return np.repeat(grey[None, ..., None], 3, axis=-1).astype(np.float32)


def guesses() -> dict[str, np.ndarray]:
    return {
        "aligned": ripple(),
        "blurred": cv2.GaussianBlur(ripple(), (0, 0), 3),
        "shifted": ripple(shift=6),
        "coarse": ripple(waves=0),
    }


def whole(*shape: int) -> tf.Tensor:
    return tf.ones(shape)


def consistency(image: np.ndarray, hair: np.ndarray) -> float:
    return float(consistency_loss(image, hair[None], whole(1, *hair.shape))[0])


# Regression values; `filtered` computes the same independently. Between the mattes, the order and the distances matter.
GOLDEN = [
    (0.1, 0.9, {"aligned": 0.003, "blurred": 0.320, "shifted": 0.491, "coarse": 0.517}),
    (0.30, 0.45, {"aligned": 0.041, "blurred": 0.353, "shifted": 0.489, "coarse": 0.515}),
]


@pytest.mark.parametrize(("low", "high", "golden"), GOLDEN)
def test_the_better_a_matte_lies_on_the_edges_the_less_it_costs_at_either_contrast(low, high, golden):
    image = pictured(low, high)
    loss = {name: consistency(image, hair) for name, hair in guesses().items()}
    assert sorted(loss, key=lambda name: loss[name]) == ["aligned", "blurred", "shifted", "coarse"]
    assert loss == pytest.approx(golden, abs=0.002)
    for name, hair in guesses().items():
        assert loss[name] == pytest.approx(filtered(image[0, ..., 0], hair, normalised=True), abs=0.002)


def test_gradients_that_are_not_normalised_tell_no_matte_from_another_at_a_low_contrast():
    """Some re-implementations do not normalise: the best matte then costs nearly as much as the worst."""
    image = pictured(0.30, 0.45)[0, ..., 0]
    loss = {name: filtered(image, hair, normalised=False) for name, hair in guesses().items()}
    assert max(loss.values()) - min(loss.values()) < 0.02
    assert max(consistency(pictured(0.30, 0.45), hair) for hair in guesses().values()) > 0.5


def filtered(grey: np.ndarray, hair: np.ndarray, *, normalised: bool) -> float:
    """Eq. 1 by OpenCV's own Sobel filter, with both gradients normalised to unit length or not."""
    gradients = [
        cv2.Sobel(picture.astype(np.float64), cv2.CV_64F, *way) / 8 for picture in (grey, hair) for way in ((1, 0), (0, 1))
    ]
    image_x, image_y, mask_x, mask_y = (each[1:-1, 1:-1] for each in gradients)
    magnitude, length = np.hypot(mask_x, mask_y), np.hypot(image_x, image_y)
    product = image_x * mask_x + image_y * mask_y
    if normalised:
        product = np.divide(product, magnitude * length, out=np.zeros_like(product), where=magnitude * length > 1e-12)
    return float((magnitude * (1 - product**2)).sum() / magnitude.sum())


def test_consistency_agrees_with_the_measure_and_with_plain_loops():
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (1, 9, 7, 3)).astype(np.uint8)
    hair = rng.random((9, 7)).astype(np.float32)
    expected = looped(image[0].astype(float), hair.astype(float))
    assert consistency(image.astype(np.float32) / 127.5 - 1, hair) == pytest.approx(expected, rel=1e-4)
    assert measures.gradient_consistency(image[0], hair) == pytest.approx(expected, rel=1e-6)


def looped(image: np.ndarray, hair: np.ndarray) -> float:
    """Eq. 1, pixel by pixel."""
    across = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    grey = 0.299 * image[..., 0] + 0.587 * image[..., 1] + 0.114 * image[..., 2]
    above = below = 0.0
    for row in range(1, hair.shape[0] - 1):
        for column in range(1, hair.shape[1] - 1):
            near = np.s_[row - 1 : row + 2, column - 1 : column + 2]
            i = np.array([(grey[near] * across).sum(), (grey[near] * across.T).sum()])
            m = np.array([(hair[near] * across).sum(), (hair[near] * across.T).sum()])
            length = np.linalg.norm(m)
            above += length * (1 - (i / np.linalg.norm(i) @ (m / length)) ** 2)
            below += length
    return above / below


def test_a_mask_without_an_edge_costs_nothing_and_pulls_nowhere():
    hair = tf.fill((1, 16, 16), 0.3)
    image = tf.random.stateless_uniform((1, 16, 16, 3), (1, 2))
    with tf.GradientTape() as tape:
        tape.watch(hair)
        loss = consistency_loss(image, hair, whole(1, 16, 16))
    assert loss.numpy() == 0.0
    assert np.isfinite(tape.gradient(loss, hair).numpy()).all()


@pytest.mark.parametrize("high", [0.8, 0.201])
def test_an_edge_across_a_flat_image_costs_one_however_faint(high):
    hair = np.tile(np.repeat([0.2, high], 8), (16, 1)).astype(np.float32)
    assert consistency(np.full((1, 16, 16, 3), 0.5, np.float32), hair) == pytest.approx(1.0)


@pytest.mark.parametrize("which", ["consistency", "mask"])
def test_slopes_agree_with_finite_differences(which):
    rng = np.random.default_rng(2)
    image = tf.constant(rng.random((1, 8, 8, 3)), tf.float32)
    truth = tf.constant(rng.integers(0, 2, (1, 8, 8)), tf.float32)
    start = rng.uniform(0.2, 0.8, (1, 8, 8))
    weights = inside_weights(tf.constant([[0, 1, 8, 8]]), 8)

    def loss(hair):
        hair = tf.cast(hair, tf.float32)
        return consistency_loss(image, hair, weights)[0] if which == "consistency" else mask_loss(truth, hair, weights)[0]

    hair = tf.constant(start, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(hair)
        value = loss(hair)
    slopes = tape.gradient(value, hair).numpy()
    for row, column in [(0, 0), (2, 3), (4, 4), (7, 1), (5, 7)]:
        step = np.zeros_like(start)
        step[0, row, column] = 2e-3
        finite = float(loss(start + step) - loss(start - step)) / 4e-3
        assert slopes[0, row, column] == pytest.approx(finite, abs=2e-4, rel=0.03)
    assert np.abs(slopes).max() > 1e-3


def test_mask_loss_golden_value():
    truth, hair = tf.constant([[[1.0, 0.0]]]), tf.constant([[[0.8, 0.4]]])
    expected = -(np.log(0.8) + np.log(0.6)) / 2  # the first is hair, with probability .8; the second is not, with 1 - .4
    assert mask_loss(truth, hair, whole(1, 1, 2)).numpy() == pytest.approx([expected])


def test_mask_loss_knows_truth_from_guess():
    one, other = tf.constant([[[1.0, 1.0]]]), tf.constant([[[0.5, 0.9]]])
    assert float(mask_loss(one, other, whole(1, 1, 2))[0]) != pytest.approx(float(mask_loss(other, one, whole(1, 1, 2))[0]))


def test_mask_loss_of_a_sure_mistake_is_finite():
    assert np.isfinite(mask_loss(whole(1, 2, 2), tf.zeros((1, 2, 2)), whole(1, 2, 2)).numpy()).all()


def test_what_lies_beyond_the_photo_changes_neither_loss():
    rng = np.random.default_rng(4)
    image, hair, truth = rng.random((1, 12, 12, 3)), rng.random((1, 12, 12)), rng.integers(0, 2, (1, 12, 12))
    weights = inside_weights(tf.constant([[2, 0, 12, 9]]), 12)
    cut = np.s_[:, 2:12, 0:9]

    def both(image, hair, truth, weights):
        image, hair, truth = (tf.constant(each, tf.float32) for each in (image, hair, truth))
        return float(mask_loss(truth, hair, weights)[0]), float(consistency_loss(image, hair, weights)[0])

    before = both(image, hair, truth, weights)
    assert before == pytest.approx(both(image[cut], hair[cut], truth[cut], whole(1, 10, 9)), rel=1e-5)
    for each in (image, hair, truth):
        each[:, :2], each[:, :, 9:] = 1, 0
    assert before == pytest.approx(both(image, hair, truth, weights), rel=1e-5)


def test_an_image_without_pixels_that_count_costs_nothing_and_pulls_nowhere():
    rng = np.random.default_rng(6)
    image, hair = tf.constant(rng.random((1, 8, 8, 3)), tf.float32), tf.constant(rng.random((1, 8, 8)), tf.float32)
    nothing = tf.zeros((1, 8, 8))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(hair)
        both = tf.stack([1 - hair, hair], -1)
        losses = [mask_loss(hair, hair, nothing), class_loss(both, both, nothing), consistency_loss(image, hair, nothing)]
    for loss in losses:
        assert loss.numpy() == [0.0]
        assert (tape.gradient(loss, hair).numpy() == 0.0).all()


def test_inside_weights_of_each_image():
    weights = inside_weights(tf.constant([[0, 0, 2, 2], [1, 0, 2, 1], [0, 1, 1, 2]]), 2).numpy()
    assert weights.tolist() == [[[1, 1], [1, 1]], [[0, 0], [1, 0]], [[0, 1], [0, 0]]]


def test_a_loss_does_not_depend_on_how_a_subset_is_cut_into_batches():
    # Black, white and quarters: float32 holds them exactly, and no edge is so faint that rounding would change its direction.
    rng = np.random.default_rng(5)
    image = tf.constant(np.repeat(rng.integers(0, 2, (2, 8, 8, 1)), 3, axis=3), tf.float32)
    hair = tf.constant(rng.integers(0, 5, (2, 8, 8)) / 4, tf.float32)
    both = consistency_loss(image, hair, whole(2, 8, 8)).numpy()
    assert both[0] != pytest.approx(both[1], rel=0.01)
    assert both == pytest.approx(
        [consistency_loss(image[i : i + 1], hair[i : i + 1], whole(1, 8, 8)).numpy()[0] for i in (0, 1)]
    )


def test_two_classes_cost_what_hair_alone_costs():
    rng = np.random.default_rng(5)
    truth, hair = (rng.random((3, 8, 9)).astype(np.float32) for _ in range(2))
    weights = rng.integers(0, 2, (3, 8, 9)).astype(np.float32)
    both = class_loss(np.stack([1 - truth, truth], -1), np.stack([1 - hair, hair], -1), weights)
    np.testing.assert_allclose(both, mask_loss(truth, hair, weights), rtol=1e-5)


def test_class_loss_golden_value():
    truth = np.array([[[[0, 0, 1], [0, 1, 0]]]], np.float32)
    guess = np.array([[[[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]]]], np.float32)
    assert float(class_loss(truth, guess, whole(1, 1, 2))[0]) == pytest.approx((math.log(2) + math.log(1.25)) / 2)
    assert math.isfinite(float(class_loss(truth, 1 - truth, whole(1, 1, 2))[0]))  # certain, and wrong


def test_the_band_reaches_as_far_as_said_on_either_side_of_the_edge():
    truth = np.zeros((1, 1, 12), np.float32)
    truth[..., 6:] = 1
    assert near_edge(truth, 2)[0, 0].numpy().tolist() == [0] * 4 + [1] * 4 + [0] * 4
    assert not near_edge(np.ones((1, 5, 5), np.float32), 3).numpy().any()


def test_the_band_of_a_soft_mask_lies_along_one_half_however_slowly_it_rises():
    truth = np.linspace(0, 1, 40, dtype=np.float32)[None, None]
    crossing = int((truth[0, 0] < 0.5).sum())
    assert np.flatnonzero(near_edge(truth, 2)[0, 0]).tolist() == list(range(crossing - 2, crossing + 2))


def test_mask_loss_is_least_where_the_hair_is_as_soft_as_the_mask():
    truth = np.full((1, 4, 4), 0.3, np.float32)
    weights = np.ones((1, 4, 4), np.float32)
    losses = [float(mask_loss(truth, np.full((1, 4, 4), hair, np.float32), weights)[0]) for hair in (0.2, 0.3, 0.4)]
    assert losses[1] == min(losses)
    assert losses[1] == pytest.approx(-(0.3 * np.log(0.3) + 0.7 * np.log(0.7)))


def test_the_band_is_what_dilation_and_erosion_by_a_square_leave_between_them():
    mask = (ripple() >= 0.5).astype(np.uint8)
    square = np.ones((11, 11), np.uint8)
    between = cv2.dilate(mask, square) - cv2.erode(mask, square)
    np.testing.assert_array_equal(near_edge(mask[None].astype(np.float32), 5)[0], between)


def test_the_border_of_unknown_pixels_is_no_edge():
    truth, known = np.zeros((1, 1, 16), np.float32), np.ones((1, 1, 16), np.float32)
    truth[..., 4:8] = 1
    known[..., 8:14] = 0  # hair on its left, none on its right
    assert np.flatnonzero(near_edge(truth, 2)[0, 0]).tolist() == [2, 3, 4, 5, 6, 7, 8, 9]
    assert np.flatnonzero(near_edge(truth, 2, known)[0, 0]).tolist() == [2, 3, 4, 5]
    assert np.flatnonzero(near_edge(truth, 4, known)[0, 0]).tolist() == [
        0,
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        10,
        11,
    ]  # one lies between 7 and 14


@settings(max_examples=40)
@given(arrays.arrays(bool, (7, 6)), arrays.arrays(bool, (7, 6)), arrays.arrays(bool, (7, 6)), st.integers(1, 3))
def test_the_band_lies_where_known_hair_and_known_background_are_in_reach(hair, known, elsewhere, reach):
    def band(hair: np.ndarray, known: np.ndarray) -> np.ndarray:
        return near_edge(hair[None].astype(np.float32), reach, tf.constant(known[None], tf.float32))[0].numpy()

    found = band(hair, known)
    for row, column in np.ndindex(hair.shape):
        near = np.s_[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1]
        expected = (hair & known)[near].any() and (~hair & known)[near].any()
        assert found[row, column] == expected
    np.testing.assert_array_equal(band(np.where(known, hair, elsewhere), known), found)
    np.testing.assert_array_equal(band(hair[:, ::-1], known[:, ::-1]), found[:, ::-1])


def test_with_a_band_an_edge_far_from_the_masks_is_neither_wanted_nor_punished():
    image, truth = pictured(0.1, 0.9), ripple()
    ghost = truth.copy()
    ghost[5:15, 5:15] = 0.5  # a square on plain background
    weights = near_edge(truth[None], 8)
    assert consistency(image, ghost) > 1.3 * consistency(image, truth)
    kept = [float(consistency_loss(image, hair[None], weights)[0]) for hair in (truth, ghost)]
    assert kept[0] == kept[1]
