"""The paper's five measures (section IV-A) of one matte against its mask, in NumPy alone: the app reads them too.

`truth` and `guess` are bool (H, W), True for hair; `alpha` is float32 (H, W), 0 to 1; `image` is uint8 (H, W, 3) RGB. Cut
all of them to the part of the crop that shows the photo first: filled pixels would flatter every measure. A measure that
an image has no value for gives None, and the average is over the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Alpha = NDArray[np.float32]
Values = Mapping[str, float | None]

THRESHOLD = 0.5  # of alpha, for the measures that need a yes or no
NO_EDGE = 1e-6  # as in trainer.losses: a gradient shorter than this has no direction


def f1(truth: Mask, guess: Mask) -> float | None:
    """2 TP / (2 TP + FP + FN), 0 to 1. None when neither has hair; 0.0 when only one has.

    >>> f1(np.array([[True, True, True, False]]), np.array([[True, True, False, True]]))
    0.6666666666666666
    """
    hit, false, missed = _counts(truth, guess)
    return _ratio(2 * hit, 2 * hit + false + missed)


def performance(truth: Mask, guess: Mask) -> float | None:
    """Guo and Aarabi's Performance, read as (TP - FP) / (TP + FN): at most 1, and below 0 when more is false than right.

    None for an image without any hair.
    """
    hit, false, missed = _counts(truth, guess)
    return _ratio(hit - false, hit + missed)


def iou(truth: Mask, guess: Mask) -> float | None:
    """TP / (TP + FP + FN), 0 to 1. None when neither has hair; 0.0 when only one has."""
    hit, false, missed = _counts(truth, guess)
    return _ratio(hit, hit + false + missed)


def accuracy(truth: Mask, guess: Mask) -> float | None:
    """The share of pixels that are right, 0 to 1; an image without any hair has one like any other. None without pixels."""
    return _ratio(int(np.count_nonzero(truth == guess)), truth.size)


def gradient_consistency(image: Image, alpha: Alpha) -> float | None:
    """Eq. 1 of the matte against the image, 0 (every edge of the matte lies along one of the image) to 1.

    None for a matte without an edge, such as an empty one. The same number as `trainer.losses.consistency_loss`.
    """
    if min(alpha.shape) < 3:
        return None
    image_x, image_y = _gradient(image.astype(np.float64) @ np.array([0.299, 0.587, 0.114]))
    mask_x, mask_y = _gradient(alpha.astype(np.float64))
    magnitude = np.hypot(mask_x, mask_y)
    magnitude[magnitude <= NO_EDGE] = 0.0
    lengths = np.hypot(image_x, image_y) * magnitude
    cosine = np.divide(image_x * mask_x + image_y * mask_y, lengths, out=np.zeros_like(lengths), where=lengths > NO_EDGE**2)
    whole = float(magnitude.sum())
    return float((magnitude * (1 - cosine**2)).sum()) / whole if whole > 0 else None


@dataclass(frozen=True)
class Measure:
    """A measure, and which way is better: best epochs, arrows and colours read that one word."""

    name: str
    title: str
    better: Literal["higher", "lower"]
    compute: Callable[[Image, Mask, Alpha], float | None]


def _thresholded(rule: Callable[[Mask, Mask], float | None]) -> Callable[[Image, Mask, Alpha], float | None]:
    return lambda _image, truth, alpha: rule(truth, alpha >= THRESHOLD)


def _consistency(image: Image, _truth: Mask, alpha: Alpha) -> float | None:
    return gradient_consistency(image, alpha)


MEASURES = (
    Measure("f1", "F1", "higher", _thresholded(f1)),
    Measure("performance", "Performance", "higher", _thresholded(performance)),
    Measure("iou", "IoU", "higher", _thresholded(iou)),
    Measure("accuracy", "Accuracy", "higher", _thresholded(accuracy)),
    Measure("gradient_consistency", "Gradient consistency", "lower", _consistency),
)


def measure(image: Image, truth: Mask, alpha: Alpha) -> dict[str, float | None]:
    """All five of one matte, by name."""
    return {each.name: each.compute(image, truth, alpha) for each in MEASURES}


def average(rows: Sequence[Values]) -> dict[str, float | None]:
    """The mean of each measure over the images that have a value for it; None where none has."""
    means: dict[str, float | None] = {}
    for each in MEASURES:
        values = [value for row in rows if (value := row[each.name]) is not None]
        means[each.name] = float(np.mean(values)) if values else None
    return means


def _counts(truth: Mask, guess: Mask) -> tuple[int, int, int]:
    """True positives, false positives, false negatives."""
    hit = int(np.count_nonzero(truth & guess))
    return hit, int(np.count_nonzero(guess)) - hit, int(np.count_nonzero(truth)) - hit


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _gradient(grey: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Sobel's gradient a pixel, (H, W) to two (H - 2, W - 2)."""
    wide = (grey[:, 2:] - grey[:, :-2]) / 2
    tall = (grey[2:] - grey[:-2]) / 2
    return (wide[:-2] + 2 * wide[1:-1] + wide[2:]) / 4, (tall[:, :-2] + 2 * tall[:, 1:-1] + tall[:, 2:]) / 4
