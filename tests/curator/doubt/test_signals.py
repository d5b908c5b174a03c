"""Signals and the doubt that they add up to, on masks whose fault is known."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from curator.doubt.signals import inner_face, signals
from curator.doubt.suspicion import RULES, suspicion
from trainer.measures import gradient_consistency

FACE = (190, 170, 350, 340)


def head() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """A face under a cap of hair, and a mask of that hair."""
    photo = np.full((512, 512, 3), (150, 180, 200), np.uint8)
    hair = np.zeros((512, 512), np.uint8)
    cv2.ellipse(hair, (255, 250), (120, 150), 0, 0, 360, 255, -1)
    cv2.ellipse(hair, (255, 290), (85, 115), 0, 0, 360, 0, -1)
    hair[330:] = 0
    photo[hair > 0] = (60, 40, 30)
    cv2.ellipse(photo, (255, 290), (85, 115), 0, 0, 360, (220, 180, 160), -1)
    return photo, hair


def shifted(mask: npt.NDArray[np.uint8], down: int) -> npt.NDArray[np.uint8]:
    return np.roll(mask, down, axis=0)


def boxed(mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    rows, columns = np.nonzero(mask)
    box = np.zeros_like(mask)
    box[rows.min() : rows.max(), columns.min() : columns.max()] = 255
    return box


def test_a_soft_mask_has_the_signals_of_its_half_but_for_its_own_gradients() -> None:
    photo, hair = head()
    soft = np.asarray(cv2.GaussianBlur(hair, (0, 0), 4), np.uint8)
    cut = signals(photo, np.where(soft > 127, 255, 0).astype(np.uint8), FACE)
    of_soft = signals(photo, soft, FACE)
    assert {name for name in cut if of_soft[name] != cut[name]} == {"edge_disagreement"}
    assert of_soft["edge_disagreement"] == pytest.approx(gradient_consistency(photo, soft / np.float32(255)))


def test_a_good_mask_raises_no_doubt() -> None:
    photo, hair = head()
    value, reasons = suspicion(signals(photo, hair, FACE))
    assert value < 0.2
    assert reasons == []


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda hair: np.zeros_like(hair), "almost nothing is marked"),
        (lambda hair: np.full_like(hair, 255), "too much is marked"),
        (lambda hair: shifted(hair, 120), "the face is marked"),
        (boxed, "straight cuts and corners"),
        (lambda hair: hair & (np.arange(512) % 40 < 6).astype(np.uint8)[:, None] * 255, "only thin strokes"),
        (lambda hair: np.roll(hair, (0, 240), (0, 1)), "marks lie far from the head"),
    ],
    ids=["empty", "full", "on the face", "box", "sparse", "elsewhere"],
)
def test_a_spoiled_mask_raises_doubt_and_says_why(spoil: object, reason: str) -> None:
    photo, hair = head()
    value, reasons = suspicion(signals(photo, spoil(hair), FACE))  # type: ignore[operator]
    assert value > 0.5
    assert reason in reasons


def test_every_signal_that_a_rule_reads_is_there_and_each_doubt_is_a_share() -> None:
    photo, hair = head()
    numbers = signals(photo, hair, FACE)
    for rule in RULES:
        assert 0 <= rule.doubt(numbers[rule.signal]) <= rule.weight <= 1
        assert rule.doubt(rule.harmless) == 0
        assert rule.doubt(rule.certain) == rule.weight


def test_the_inner_face_lies_in_the_face() -> None:
    top, left, bottom, right = inner_face(FACE)
    assert FACE[0] < top < bottom < FACE[2]
    assert FACE[1] < left < right < FACE[3]


def test_a_face_that_reaches_beyond_the_crop_still_has_numbers() -> None:
    photo, hair = head()
    assert all(np.isfinite(list(signals(photo, hair, (-200, -200, 30, 30)).values())))


# --- unknown pixels -----------------------------------------------------------------------------------------------------

Picture = npt.NDArray[np.uint8]
FLAT = np.full((512, 512, 3), 90, np.uint8)


def block(top: int, left: int, bottom: int, right: int) -> Picture:
    picture = np.zeros((512, 512), np.uint8)
    picture[top:bottom, left:right] = 255
    return picture


def with_and_without(name: str, hair: Picture, unknown: Picture, photo: Picture = FLAT) -> tuple[float, float]:
    """A signal with these pixels unknown, and without."""
    return signals(photo, hair, FACE, unknown)[name], signals(photo, hair, FACE)[name]


def test_where_nothing_is_unknown_every_signal_is_the_same() -> None:
    photo, hair = head()
    assert signals(photo, hair, FACE, np.zeros_like(hair)) == pytest.approx(signals(photo, hair, FACE), abs=1e-6)


def test_shares_are_of_the_known_pixels() -> None:
    below = block(256, 0, 512, 512)
    assert with_and_without("hair_share", block(0, 0, 128, 512), below) == (1 / 2, 1 / 4)  # 128 rows of 256; of 512
    top, left, bottom, right = inner_face(FACE)
    middle = (top + bottom) // 2
    on_face = with_and_without("on_face", block(top, left, middle, right), block(middle, 0, 512, 512))
    assert on_face == (1.0, (middle - top) / (bottom - top))
    assert with_and_without("crown", block(0, 0, 256, 256), block(0, 256, 512, 512)) == (1.0, pytest.approx(0.5, abs=0.01))


def test_parts_of_which_nothing_is_known_raise_no_doubt() -> None:
    numbers = signals(FLAT, block(400, 0, 512, 512), FACE, block(0, 0, 400, 512))
    assert numbers["on_face"] == 0
    assert "crown" not in numbers
    assert signals(FLAT, np.zeros((512, 512), np.uint8), FACE, block(0, 0, 512, 512))["hair_share"] == 0


def test_a_lock_between_unknown_pixels_is_not_thin() -> None:
    lock, around = block(100, 200, 400, 206), block(100, 190, 400, 216)
    assert with_and_without("thin", lock, around - lock) == (0.0, 1.0)


def test_unknown_pixels_join_the_parts_that_they_touch_and_are_none_themselves() -> None:
    left, right = block(200, 0, 300, 100), block(200, 400, 300, 500)
    around_the_top = block(50, 90, 210, 410) - block(80, 100, 210, 400) - block(200, 90, 210, 100) - block(200, 400, 210, 410)
    assert with_and_without("pieces", left | right, around_the_top) == (1, 2)
    assert with_and_without("pieces", left, block(400, 0, 512, 512)) == (1, 1)


def test_the_outline_at_unknown_pixels_is_no_cut() -> None:
    # The cut is 200 long, and each of the other sides 100 steps along a diagonal.
    sides = 2 * 100 * np.sqrt(2)
    triangle = np.asarray(cv2.fillConvexPoly(block(0, 0, 0, 0), np.array([(100, 100), (300, 100), (200, 200)]), 255), np.uint8)
    assert with_and_without("straight", triangle, block(0, 0, 100, 512)) == (0.0, pytest.approx(200 / (200 + sides)))
    # Pixel 199 of the cut touches the unknown, so 98 steps are left of it from pixel 100 on; and one less of the right side.
    half = with_and_without("straight", triangle, block(0, 200, 100, 512))[0]
    assert half == pytest.approx(98 / (98 + sides - np.sqrt(2)))


def test_an_edge_at_unknown_pixels_need_not_follow_the_photo() -> None:
    photo = FLAT.copy()
    photo[:, 100:] = 200
    both = with_and_without("edge_disagreement", block(0, 100, 512, 300), block(0, 300, 512, 512), photo)
    assert both == (pytest.approx(0.0, abs=1e-6), pytest.approx(0.5, abs=1e-3))  # one of two edges follows the photo's


def test_a_good_mask_within_an_unknown_rim_raises_no_doubt() -> None:
    photo, hair = head()
    rim = np.asarray(cv2.dilate(hair, np.ones((9, 9), np.uint8)), np.uint8) - hair
    value, reasons = suspicion(signals(photo, hair, FACE, rim))
    assert value < 0.2
    assert reasons == []
