"""The five measures: golden values with their arithmetic, odd cases, and what must hold for any pair of masks."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from trainer.measures import MEASURES, accuracy, average, f1, gradient_consistency, iou, measure, performance

TRUTH = np.array([[True, True, True, False]])
GUESS = np.array([[True, True, False, True]])  # TP 2, FP 1, FN 1, TN 0
NO_HAIR, SOME_HAIR = np.zeros((1, 4), bool), TRUTH

masks = arrays.arrays(bool, (6, 5))
pairs = st.tuples(masks, masks)


def test_fixtures_are_what_they_claim():
    assert SOME_HAIR.any()
    assert not NO_HAIR.any()


def test_golden_values():
    assert f1(TRUTH, GUESS) == pytest.approx(2 / 3)  # 2*2 / (2*2 + 1 + 1)
    assert performance(TRUTH, GUESS) == pytest.approx(1 / 3)  # (2 - 1) / (2 + 1)
    assert iou(TRUTH, GUESS) == pytest.approx(1 / 2)  # 2 / (2 + 1 + 1)
    assert accuracy(TRUTH, GUESS) == pytest.approx(1 / 2)  # (2 + 0) / 4


def test_performance_knows_truth_from_guess():
    truth, guess = np.array([[True, True, False, False]]), np.array([[True, False, False, False]])
    assert performance(truth, guess) == pytest.approx(1 / 2)  # TP 1, FP 0, FN 1: (1 - 0) / (1 + 1)
    assert performance(guess, truth) == pytest.approx(0.0)  # TP 1, FP 1, FN 0: (1 - 1) / (1 + 0)


def test_performance_goes_below_zero_when_more_is_false_than_right():
    truth, guess = np.array([[True, False, False, False]]), np.array([[True, True, True, True]])
    assert performance(truth, guess) == pytest.approx(-2.0)  # (1 - 3) / (1 + 0)


def test_images_without_hair():
    assert f1(NO_HAIR, SOME_HAIR) == 0.0 == f1(SOME_HAIR, NO_HAIR)
    assert iou(NO_HAIR, SOME_HAIR) == 0.0 == iou(SOME_HAIR, NO_HAIR)
    assert f1(NO_HAIR, NO_HAIR) is None
    assert iou(NO_HAIR, NO_HAIR) is None
    assert performance(NO_HAIR, SOME_HAIR) is None
    assert performance(NO_HAIR, NO_HAIR) is None
    assert performance(SOME_HAIR, NO_HAIR) == 0.0
    assert accuracy(NO_HAIR, NO_HAIR) == 1.0


@given(pairs)
def test_measures_stay_in_their_ranges(pair):
    truth, guess = pair
    for rule in (f1, iou, accuracy):
        value = rule(truth, guess)
        assert value is None or 0 <= value <= 1
    value = performance(truth, guess)
    assert value is None or value <= 1


@given(pairs)
def test_iou_follows_from_f1(pair):
    one, other = f1(*pair), iou(*pair)
    if one is not None and other is not None:
        assert other == pytest.approx(one / (2 - one))


@given(masks)
def test_a_perfect_guess_is_perfect(mask):
    assert accuracy(mask, mask) == 1.0
    for rule in (f1, iou, performance):
        assert rule(mask, mask) == (1.0 if mask.any() else None)


@given(pairs)
def test_what_has_no_side_is_symmetric(pair):
    truth, guess = pair
    for rule in (f1, iou, accuracy):
        assert rule(truth, guess) == rule(guess, truth)


def stairs(wide: bool) -> np.ndarray:
    """An edge in the middle of 8 x 8, 0 to 1: across, or down."""
    steps = np.repeat([0.0, 1.0], 4)
    return np.tile(steps, (8, 1)) if wide else np.tile(steps[:, None], (1, 8))


def image(grey: np.ndarray) -> np.ndarray:
    return np.repeat((grey * 255)[..., None], 3, axis=-1).astype(np.uint8)


def test_gradient_consistency_of_edges_along_and_across():
    along, across = stairs(True), stairs(False)
    assert gradient_consistency(image(along), along) == pytest.approx(0.0)  # cosine 1 everywhere: 1 - 1
    assert gradient_consistency(image(1 - along), along) == pytest.approx(0.0)  # cosine -1, squared
    # Where the mask has an edge (middle rows), the image's gradient is at a right angle or, off the middle columns, none.
    assert gradient_consistency(image(across), along) == pytest.approx(1.0)


def test_gradient_consistency_does_not_ask_how_strong_the_edge_is():
    ramp = np.clip(np.add.outer(np.arange(16), np.arange(16)) / 30, 0, 1)
    faint, strong = image(0.4 + 0.1 * ramp), image(ramp)
    alpha = stairs(True).repeat(2, 0).repeat(2, 1)
    # The diagonal ramp meets the mask's edge at 45 degrees: 1 - cos(45)^2 = 1/2, at either contrast (rounding to bytes aside).
    assert gradient_consistency(strong, alpha) == pytest.approx(0.5, abs=0.02)
    assert gradient_consistency(faint, alpha) == pytest.approx(0.5, abs=0.06)


def test_gradient_consistency_without_an_edge_has_no_value():
    assert gradient_consistency(image(stairs(True)), np.full((8, 8), 0.7)) is None
    assert gradient_consistency(image(stairs(True))[:2, :2], np.zeros((2, 2))) is None


def test_gradient_consistency_across_a_flat_image_is_one():
    assert gradient_consistency(np.full((8, 8, 3), 90, np.uint8), stairs(True)) == 1.0


def test_averages_are_over_the_images_that_have_a_value():
    rows = [
        {"f1": 1.0, "performance": None, "iou": None, "accuracy": 1.0, "gradient_consistency": 0.2},
        {"f1": 0.5, "performance": None, "iou": 0.25, "accuracy": 0.5, "gradient_consistency": None},
    ]
    assert average(rows) == {"f1": 0.75, "performance": None, "iou": 0.25, "accuracy": 0.75, "gradient_consistency": 0.2}


def test_every_measure_says_which_way_is_better():
    assert {each.name: each.better for each in MEASURES} == {
        "f1": "higher",
        "performance": "higher",
        "iou": "higher",
        "accuracy": "higher",
        "gradient_consistency": "lower",
    }


def test_measure_thresholds_alpha_at_a_half():
    alpha = np.array([[0.5, 0.9, 0.49, 0.6]], np.float32)  # hair, hair, not, hair: GUESS
    values = measure(np.zeros((1, 4, 3), np.uint8), TRUTH, alpha)
    assert values["f1"] == f1(TRUTH, GUESS)
    assert values["accuracy"] == accuracy(TRUTH, GUESS)


def test_measures_refine_recolor_and_the_litert_runtime_load_no_tensorflow():
    modules = (
        "trainer.measures, trainer.refine, trainer.recolor, trainer.pictures, trainer.device.litert_runtime, trainer.__main__"
    )
    code = f"import sys, {modules}; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
