"""The measures: golden values with their arithmetic, edge cases, and properties of any pair of masks."""

import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from db.tables import Measure as Row
from trainer.alpha_errors import gradient_error
from trainer.arrays import BACKGROUND, HAIR, SKIN
from trainer.measures import (
    ALL,
    ALPHA_ERRORS,
    EXAMPLE_PROPERTIES,
    MEASURES,
    MISSED_ERRORS,
    NAMES,
    Case,
    accuracy,
    average,
    class_accuracy,
    f1,
    gradient_consistency,
    hair_brightness,
    hair_share,
    hollow,
    iou,
    leak,
    measure,
    performance,
)

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
    assert f1(NO_HAIR, NO_HAIR) == 1.0 == iou(NO_HAIR, NO_HAIR)
    assert performance(NO_HAIR, SOME_HAIR) is None
    assert performance(NO_HAIR, NO_HAIR) is None
    assert performance(SOME_HAIR, NO_HAIR) == 0.0
    assert accuracy(NO_HAIR, NO_HAIR) == 1.0


@given(pairs)
def test_measures_stay_in_their_ranges(pair):
    truth, guess = pair
    for rule in (f1, iou, accuracy):
        value = rule(truth, guess)
        assert value is not None
        assert 0 <= value <= 1
    value = performance(truth, guess)
    assert value is None or value <= 1


@given(pairs)
def test_iou_follows_from_f1(pair):
    one, other = f1(*pair), iou(*pair)
    assert other == pytest.approx(one / (2 - one))


@given(masks)
def test_a_perfect_guess_is_perfect(mask):
    for rule in (f1, iou, accuracy):
        assert rule(mask, mask) == 1.0
    assert performance(mask, mask) == (1.0 if mask.any() else None)


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
    # Where the mask has an edge (middle rows), the image's gradient is perpendicular or, outside the middle columns, zero.
    assert gradient_consistency(image(across), along) == pytest.approx(1.0)


def test_gradient_consistency_does_not_ask_how_strong_the_edge_is():
    ramp = np.clip(np.add.outer(np.arange(16), np.arange(16)) / 30, 0, 1)
    faint, strong = image(0.4 + 0.1 * ramp), image(ramp)
    alpha = stairs(True).repeat(2, 0).repeat(2, 1)
    # The diagonal ramp meets the mask's edge at 45 degrees: 1 - cos(45)^2 = 1/2, at either contrast (rounding to bytes aside).
    assert gradient_consistency(strong, alpha) == pytest.approx(0.5, abs=0.02)
    assert gradient_consistency(faint, alpha) == pytest.approx(0.5, abs=0.06)


def test_gradient_consistency_sees_the_faintest_edge_of_matte_and_image():
    along = stairs(True)
    assert gradient_consistency(image(along / 255), 3e-6 * along) == pytest.approx(0.0)


def test_gradient_consistency_without_an_edge_has_no_value():
    assert gradient_consistency(image(stairs(True)), np.full((8, 8), 0.7)) is None
    assert gradient_consistency(image(stairs(True))[:2, 3:6], stairs(True)[:2, 3:6]) is None
    assert gradient_consistency(image(stairs(True))[:3, 3:6], stairs(True)[:3, 3:6]) == pytest.approx(0.0)


def test_gradient_consistency_across_a_flat_image_is_one():
    assert gradient_consistency(np.full((8, 8, 3), 90, np.uint8), stairs(True)) == 1.0


def test_averages_are_over_the_images_that_have_a_value():
    rows = [
        {"f1": 1.0, "performance": None, "iou": None, "accuracy": 1.0, "gradient_consistency": 0.2},
        {"f1": 0.5, "performance": None, "iou": 0.25, "accuracy": 0.5, "gradient_consistency": None},
    ]
    assert average(rows) == {"f1": 0.75, "performance": None, "iou": 0.25, "accuracy": 0.75, "gradient_consistency": 0.2}


def test_other_averages_are_taken_by_name():
    assert average([{"leak": 0.5}, {"leak": None}, {"leak": 0.1}], ["leak"]) == {"leak": pytest.approx(0.3)}


def test_every_measure_says_which_way_is_better():
    higher = {"f1", "performance", "iou", "accuracy", "class_accuracy"}
    assert {each.name for each in ALL if each.better == "higher"} == higher
    assert all(each.better == "lower" for each in (*MISSED_ERRORS, *ALPHA_ERRORS))


def test_the_papers_measures_come_first_and_each_has_a_column():
    assert [each.name for each in MEASURES] == ["f1", "performance", "iou", "accuracy", "gradient_consistency"]
    assert NAMES[:5] == tuple(each.name for each in MEASURES)
    assert {*NAMES, *EXAMPLE_PROPERTIES} < {column.name for column in Row.__table__.columns}


# --- leak and hollow -------------------------------------------------------------------------------------------------


def strip(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


def test_leak_is_the_mean_on_skin_that_lies_farther_than_its_reach():
    truth = strip(1, 0, 0, 0, 0) > 0
    skin = strip(1, 1, 1, 1, 0) > 0
    alpha = strip(1, 1, 0.8, 0.2, 1)
    assert leak(truth, alpha, skin, 1.0) == pytest.approx(0.5)  # the pixels 2 and 3 away: (.8 + .2) / 2
    assert leak(truth, alpha, skin, 2.0) == pytest.approx(0.2)  # the one 3 away
    assert leak(truth, alpha, skin, 3.0) is None


def test_distances_are_euclidean_and_not_along_rows_and_columns():
    truth, skin = np.zeros((6, 6), bool), np.zeros((6, 6), bool)
    truth[0, 0] = skin[4, 3] = True  # 5 apart: 3, 4, 5
    assert leak(truth, np.ones((6, 6), np.float32), skin, 4.99) == 1.0
    assert leak(truth, np.ones((6, 6), np.float32), skin, 5.0) is None
    assert hollow(~skin, np.zeros((6, 6), np.float32), 4.99) == 1.0  # the corner, 5 from the one pixel without hair
    assert hollow(~skin, np.zeros((6, 6), np.float32), 5.0) is None


def test_without_hair_all_skin_can_leak_and_nothing_is_hollow():
    skin = strip(1, 1, 0, 0) > 0
    assert leak(NO_HAIR, strip(1, 0.5, 1, 1), skin, 100.0) == pytest.approx(0.75)
    assert hollow(NO_HAIR, strip(0, 0, 0, 0), 0.0) is None


def test_hair_that_fills_the_picture_ends_nowhere():
    everywhere = np.ones((3, 3), bool)
    assert hollow(everywhere, np.full((3, 3), 0.75, np.float32), 100.0) == pytest.approx(0.25)
    assert leak(everywhere, np.ones((3, 3), np.float32), everywhere, 0.0) is None


@given(masks, masks, st.floats(0, 4))
def test_the_truth_itself_neither_leaks_nor_is_hollow(truth, skin, reach):
    alpha = truth.astype(np.float32)
    assert leak(truth, alpha, skin, reach) in (0.0, None)
    assert hollow(truth, alpha, reach) in (0.0, None)


@given(masks, masks, arrays.arrays(np.float32, (6, 5), elements=st.floats(0, 1, width=32)), st.integers(0, 2**32 - 1))
def test_a_mirror_image_measures_the_same(mask, skin, alpha, seed):
    chance = np.random.default_rng(seed)
    image, classes = chance.integers(0, 256, (6, 5, 3), np.uint8), chance.integers(0, 3, (6, 5))
    plain = measure(case(mask, alpha, image, skin=skin, classes=classes))
    mirrored = measure(case(mask[:, ::-1], alpha[:, ::-1], image[:, ::-1], skin=skin[:, ::-1], classes=classes[:, ::-1]))
    for name, value in plain.items():
        assert mirrored[name] == (None if value is None else pytest.approx(value, rel=1e-6, abs=1e-9)), name


# --- a case ----------------------------------------------------------------------------------------------------------


def case(mask: np.ndarray, alpha: np.ndarray, image: np.ndarray | None = None, reach: float = 1.0, **more: object) -> Case:
    image = np.zeros((*mask.shape, 3), np.uint8) if image is None else image
    return Case(image, mask * np.uint8(255), alpha, reach, **more)


def test_measure_thresholds_alpha_at_a_half():
    values = measure(case(TRUTH, strip(0.5, 0.9, 0.49, 0.6)))  # hair, hair, not, hair: GUESS
    assert values["f1"] == f1(TRUTH, GUESS)
    assert values["accuracy"] == accuracy(TRUTH, GUESS)


def test_a_mask_is_hair_from_a_half_on_and_a_matte_in_all_its_shades():
    shades = np.array([[0, 127, 128, 255]], np.uint8)
    values = measure(Case(np.zeros((1, 4, 3), np.uint8), shades, (shades / 255).astype(np.float32), 1.0))
    assert values["hair_share"] == 0.5  # 128 and 255
    assert values["f1"] == 1.0
    assert [values[name] for name in ("sad", "mse", "gradient_error", "connectivity_error")] == [0.0] * 4


def test_leak_is_looked_for_on_labelled_skin_and_else_in_the_face():
    truth, alpha = strip(1, 0, 0, 0, 0) > 0, strip(1, 0, 0, 0.5, 1)
    label, face = strip(0, 0, 0, 1, 0) > 0, strip(0, 0, 0, 0, 1) > 0
    assert measure(case(truth, alpha, skin=label, face=face))["leak"] == 0.5
    assert measure(case(truth, alpha, face=face))["leak"] == 1.0
    assert measure(case(truth, alpha))["leak"] is None


def test_classes_are_right_where_hair_goes_before_skin():
    truth, skin = strip(1, 1, 0, 0) > 0, strip(0, 1, 1, 0) > 0  # hair, hair over skin, skin, background
    said = np.array([[HAIR, SKIN, SKIN, BACKGROUND]])
    assert measure(case(truth, strip(1, 0, 0, 0), skin=skin, classes=said))["class_accuracy"] == 0.75
    assert class_accuracy(np.array([[HAIR, HAIR, SKIN, BACKGROUND]]), said) == 0.75


def test_class_accuracy_needs_a_skin_label_and_a_network_of_three_classes():
    some, said = strip(1, 0, 0, 0), np.zeros((1, 4), int)
    assert measure(case(some > 0, some, face=some > 0, classes=said))["class_accuracy"] is None
    assert measure(case(some > 0, some, skin=some > 0))["class_accuracy"] is None


def test_traits_of_hair():
    image = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    assert hair_share(TRUTH) == 0.75
    assert hair_brightness(image, TRUTH) == pytest.approx(
        (0.299 + 0.587 + 0.114) / 3
    )  # red, green and blue; the white pixel is no hair
    assert hair_share(NO_HAIR) == 0.0
    assert hair_brightness(image, NO_HAIR) is None


# --- unknown pixels --------------------------------------------------------------------------------------------------

SHAPE = (14, 13)  # large enough for the 9 x 9 neighbourhoods of the gradient error


@st.composite
def cases(draw: st.DrawFn, shape: tuple[int, int] = SHAPE) -> Case:
    """A case of everything, with few shades, so that regions are connected and edges are flat."""
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shades = np.array([0, 0, 0, 60, 200, 255, 255, 255], np.uint8)
    soft = [cv2.blur(chance.choice(shades, shape), (3, 3)) for _ in range(2)]
    return Case(
        image=chance.integers(0, 256, (*shape, 3), np.uint8),
        mask=soft[0],
        alpha=(soft[1] / 255).astype(np.float32),
        reach=draw(st.sampled_from([0.5, 1.0, 2.0])),
        skin=chance.random(shape) < 0.5,
        classes=chance.integers(0, 3, shape),
    )


def same(one: Mapping[str, float | None], other: Mapping[str, float | None], names: Iterable[str]) -> None:
    for name in names:
        assert one[name] == (None if other[name] is None else pytest.approx(other[name], rel=1e-5, abs=1e-9)), name


@given(cases(), cases(), arrays.arrays(bool, SHAPE))
def test_a_guess_that_differs_only_in_unknown_pixels_measures_the_same(one, other, known):
    mixed = {name: np.where(known, getattr(one, name), getattr(other, name)) for name in ("mask", "alpha", "skin", "classes")}
    values = measure(replace(one, **mixed, known=known))
    same(values, measure(replace(one, known=known)), values)


@given(cases(), st.integers(1, 6), st.integers(0, 3))
def test_an_unknown_stripe_measures_what_cutting_it_off_does(case, width, turns):
    def turned(values: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.rot90(values, turns))

    whole = {name: turned(getattr(case, name)) for name in ("image", "mask", "alpha", "skin", "classes")}
    known = np.ones(whole["mask"].shape, bool)
    known[:, :width] = False
    cut = {name: np.ascontiguousarray(values[:, width:]) for name, values in whole.items()}
    values = measure(replace(case, **whole, known=known))
    same(values, measure(replace(case, **cut)), set(values) - {"gradient_error"})


@given(cases())
def test_where_everything_is_known_it_makes_no_difference(case):
    values = measure(case)
    same(measure(replace(case, known=np.ones(SHAPE, bool))), values, values)


@given(cases())
def test_where_nothing_is_known_nothing_is_measured(case):
    assert set(measure(replace(case, known=np.zeros(SHAPE, bool))).values()) == {None}


def test_only_known_pixels_count():
    known = strip(1, 1, 1, 1, 0, 0) > 0
    values = measure(case(strip(1, 1, 1, 0, 1, 0) > 0, strip(1, 1, 0, 1, 0, 1), known=known))
    assert values["f1"] == pytest.approx(2 / 3)  # as of TRUTH and GUESS: the two unknown ones are both wrong
    assert (values["accuracy"], values["performance"], values["hair_share"]) == (0.5, pytest.approx(1 / 3), 0.75)
    assert (values["sad"], values["mse"]) == (2 / 1000, 0.5)


def test_the_gradient_error_is_that_of_pixels_far_enough_from_the_unknown():
    """A dot is seen up to 4 pixels away, and so is what nobody knows."""
    target, alpha, known = np.zeros((9, 30), np.float32), np.zeros((9, 30), np.float32), np.ones((9, 30), bool)
    alpha[4, 10] = 1.0
    whole = gradient_error(target, alpha)
    known[4, 19] = False
    assert gradient_error(target, alpha, known) == pytest.approx(whole)
    known[4, 18] = False
    assert 0 < gradient_error(target, alpha, known) < whole
    known[4, 5::5] = False
    assert gradient_error(target, alpha, known) < 0.1 * whole
    known[4, ::4] = False
    assert gradient_error(target, alpha, known) is None


def test_leak_and_hollow_look_for_neither_hair_nor_its_end_among_the_unknown():
    known = strip(1, 0, 1, 1, 1) > 0
    hair = strip(0, 1, 0, 0, 0) > 0
    values = measure(case(hair, strip(0, 1, 0.6, 0.2, 0.1), skin=strip(0, 1, 1, 1, 1) > 0, known=known))
    assert values["leak"] == pytest.approx((0.6 + 0.2 + 0.1) / 3)  # none of it is near known hair
    assert measure(case(~hair, strip(1, 0, 0.4, 1, 1), known=known))["hollow"] == pytest.approx(0.6 / 4)


def test_a_photo_that_shows_no_pixel_has_no_values():
    nothing = np.zeros((0, 5), np.float32)
    values = measure(case(nothing > 0, nothing, skin=nothing > 0, face=nothing > 0, classes=np.zeros((0, 5), int)))
    assert set(values.values()) == {None}


def test_measures_refine_recolor_and_the_litert_runtime_load_no_tensorflow():
    modules = (
        "trainer.measures, trainer.slices, trainer.refine, trainer.recolor, trainer.pictures, "
        "trainer.device.litert_runtime, trainer.__main__"
    )
    code = f"import sys, {modules}; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
