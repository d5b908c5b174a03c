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
