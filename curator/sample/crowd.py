"""Masks as a crowd paints them with a finger: most coarse but acceptable, some useless (Levinshtein et al. 2018, fig. 3)."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from curator.pictures.arrays import Alpha, Box, Mask
from curator.sample.canvas import blurred

BAD_KINDS = ("sparse", "shifted", "coarse", "empty", "on_the_face", "spills_over")


def crowd_mask(kind: str, alpha: Alpha, face: Box, rng: np.random.Generator) -> Mask:
    """A mask, uint8 (H, W), 0 or 255, of the kind `good` or one of BAD_KINDS.

    If there is no hair, `good` and the bad kinds that start from the hair are empty masks. Raises ValueError for an unknown
    kind.

    Args:
        kind: good, or one of BAD_KINDS.
        alpha: float32 (H, W), 0 to 1, of the picture.
        face: the face's box in pixels.
        rng: where the random numbers come from.
    """
    if kind not in _PAINT:
        raise ValueError(f"There is no kind of mask {kind!r}. Choose one of {', '.join(_PAINT)}.")
    return _PAINT[kind](alpha, face, rng)


def scribble(size: tuple[int, int], rng: np.random.Generator) -> Mask:
    """What somebody paints on a picture of `size` (H, W) without a person: a blob near the middle. uint8 (H, W), 0 or 255."""
    height, width = size
    mask = np.zeros(size, np.uint8)
    middle = np.array((height * rng.uniform(0.35, 0.65), width * rng.uniform(0.35, 0.65)))
    _brush(mask, middle + np.cumsum(rng.normal(0, 0.06 * width, (9, 2)), 0), _finger(width) * 2)
    return mask


def _good(alpha: Alpha, face: Box, rng: np.random.Generator) -> Mask:
    """The hair's outline, rounded by a fingertip and off by a few pixels."""
    hair = ((alpha > 0.5) * 255).astype(np.uint8)
    finger = max(3, _finger(alpha.shape[1]) // 2)
    round_brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (finger, finger))
    hair = np.asarray(cv2.morphologyEx(hair, cv2.MORPH_CLOSE, round_brush), np.uint8)
    hair = np.asarray(cv2.morphologyEx(hair, cv2.MORPH_OPEN, round_brush), np.uint8)
    return _above(_wobbled(hair, rng, finger * 0.28), finger * 0.35, 0.5 + rng.uniform(-0.14, 0.1))


def _sparse(alpha: Alpha, face: Box, rng: np.random.Generator) -> Mask:
    """A few strokes somewhere in the hair: the contributor expected the rest to follow."""
    mask = np.zeros(alpha.shape, np.uint8)
    rows, columns = np.nonzero(alpha > 0.5)
    if len(rows) == 0:
        return mask
    width = max(3, int(_finger(alpha.shape[1]) * 0.55))
    for _ in range(int(rng.integers(2, 5))):
        at = int(rng.integers(len(rows)))
        steps = rng.normal(0, width * 0.9, (4, 2)) + rng.normal(0, width * 0.6, (1, 2))
        _brush(mask, np.array((rows[at], columns[at])) + np.cumsum(steps, 0), width)
    return mask


def _shifted(alpha: Alpha, face: Box, rng: np.random.Generator) -> Mask:
    """A good mask that is shifted off the hair, as if the photo had been cropped after painting."""
    reach = (face[2] - face[0]) * rng.uniform(0.35, 0.6)
    turn = rng.uniform(0, 2 * np.pi)
    move = np.array([(1, 0, reach * np.cos(turn)), (0, 1, reach * np.sin(turn))], np.float32)
    moved = cv2.warpAffine(_good(alpha, face, rng), move, alpha.shape[::-1], flags=cv2.INTER_NEAREST)
    return np.asarray(moved, np.uint8)


def _coarse(alpha: Alpha, face: Box, rng: np.random.Generator) -> Mask:
    """A box or a blob around the hair that includes the face."""
    mask = np.zeros(alpha.shape, np.uint8)
    rows, columns = np.nonzero(alpha > 0.5)
    if len(rows) == 0:
        return mask
    top, left = min(int(rows.min()), face[0]), min(int(columns.min()), face[1])
    bottom, right = max(int(rows.max()), face[2]), max(int(columns.max()), face[3])
    if rng.random() < 0.4:
        cv2.rectangle(mask, (left, top), (right, bottom), 255, cv2.FILLED)
        return mask
    centre, axes = ((left + right) // 2, (top + bottom) // 2), (int((right - left) * 0.62), int((bottom - top) * 0.6))
    cv2.ellipse(mask, centre, axes, float(rng.uniform(-8, 8)), 0, 360, 255, cv2.FILLED)
    return _above(_wobbled(mask, rng, axes[0] * 0.08), 3, 0.5)


def _empty(alpha: Alpha, face: Box, rng: np.random.Generator) -> Mask:
    return np.zeros(alpha.shape, np.uint8)


def _on_the_face(alpha: Alpha, face: Box, rng: np.random.Generator) -> Mask:
    """A scribble over the face instead of the hair."""
    mask = np.zeros(alpha.shape, np.uint8)
    top, left, bottom, right = face
    rows = np.linspace(top + 0.15 * (bottom - top), bottom - 0.1 * (bottom - top), 9) + rng.normal(0, 6, 9)
    columns = np.where(np.arange(9) % 2, left + 0.15 * (right - left), right - 0.15 * (right - left)) + rng.normal(0, 9, 9)
    _brush(mask, np.stack([rows, columns], 1), _finger(alpha.shape[1]))
    return mask


def _spills_over(alpha: Alpha, face: Box, rng: np.random.Generator) -> Mask:
    """The hair and much of its surroundings."""
    wide = _finger(alpha.shape[1]) * 1.6
    hair = ((alpha > 0.5) * 255).astype(np.uint8)
    mask = _above(hair, wide, 0.12)
    top, left, bottom, right = face
    for _ in range(3):
        start = np.array((rng.uniform(top - 80, bottom), rng.choice([left - 20, right + 20])))
        _brush(mask, start + np.cumsum(rng.normal(0, wide, (5, 2)), 0), int(wide * 1.5))
    return _above(_wobbled(mask, rng, wide * 0.4), 4, 0.5)


def _finger(width: int) -> int:
    """The width in pixels of a fingertip on a phone that shows a picture `width` pixels wide."""
    return max(5, width // 14)


def _brush(mask: Mask, points: NDArray[np.floating], width: int) -> None:
    """Paint a stroke, `width` pixels wide, through points (N, 2) as (row, column), in place."""
    path = np.rint(points[:, ::-1]).astype(np.int32)
    cv2.polylines(mask, [path], False, 255, width)
    for x, y in path:
        cv2.circle(mask, (int(x), int(y)), width // 2, 255, cv2.FILLED)


def _wobbled(mask: Mask, rng: np.random.Generator, pixels: float) -> Mask:
    """The mask with its outline displaced by a smooth noise with a standard deviation of `pixels`."""
    height, width = mask.shape
    push = [
        np.asarray(cv2.resize(rng.normal(0, pixels, (9, 9)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC))
        for _ in range(2)
    ]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.asarray(cv2.remap(mask, columns + push[0], rows + push[1], cv2.INTER_NEAREST), np.uint8)


def _above(mask: Mask, sigma: float, threshold: float) -> Mask:
    """The mask rounded by a blur of `sigma` pixels and a threshold, 0 to 1; below a half, the mask grows."""
    return ((blurred(mask.astype(np.float32) / np.float32(255), sigma) > threshold) * 255).astype(np.uint8)


_PAINT: dict[str, Callable[[Alpha, Box, np.random.Generator], Mask]] = {
    "good": _good, "sparse": _sparse, "shifted": _shifted, "coarse": _coarse, "empty": _empty, "on_the_face": _on_the_face,
    "spills_over": _spills_over,
}  # fmt: skip
