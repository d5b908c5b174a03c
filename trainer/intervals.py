"""Confidence intervals of means over images, by the percentile bootstrap.

Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 13, DOI 10.1201/9780429246593. With the same seed, the
same values give the same interval.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float]  # (low, high), in the unit of the values

VALUES_AT_ONCE = 2**20  # values drawn at a time, which bounds the memory whatever the number of images


@dataclass(frozen=True)
class Difference:
    """How a second run differs from a first, second minus first, on the images that have a value in both."""

    images: int
    mean: float
    interval: Interval | None  # of the mean; None as in `bootstrap`


def bootstrap(values: Iterable[float | None], *, seed: int = 0, draws: int = 2000, level: float = 0.95) -> Interval | None:
    """The interval of the mean, (low, high): the middle `level` (0 to 1) of the means of `draws` samples with replacement.

    Images without a value (None) are left out. None when the values have no spread to estimate from: fewer than two, or all
    equal. With few images the interval is too narrow, as with any bootstrap.

    >>> bootstrap([0.0, 1.0])  # the mean of two draws is 0, 1/2 or 1
    (0.0, 1.0)
    """
    known = np.array([value for value in values if value is not None], np.float64)
    if not known.size or known.min() == known.max():
        return None
    means = _resampled(known, np.random.default_rng(seed), draws)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def difference(
    first: Sequence[float | None], second: Sequence[float | None], *, seed: int = 0, draws: int = 2000, level: float = 0.95
) -> Difference | None:
    """The mean of second minus first over the same images in the same order, and its interval as in `bootstrap`.

    Images are resampled in pairs, so that an image that is hard for both runs does not count as a difference. None when no
    image has a value in both. Raises ValueError for sequences of different lengths.

    >>> difference([0.5, None], [0.75, 1.0])
    Difference(images=1, mean=0.25, interval=None)
    """
    apart = [after - before for before, after in zip(first, second, strict=True) if before is not None and after is not None]
    if not apart:
        return None
    return Difference(len(apart), float(np.mean(apart)), bootstrap(apart, seed=seed, draws=draws, level=level))


def _resampled(values: NDArray[np.float64], rng: np.random.Generator, draws: int) -> NDArray[np.float64]:
    """The means of `draws` samples as large as the values (N,): float64 (draws,)."""
    count = len(values)
    rows = max(1, VALUES_AT_ONCE // count)
    parts = [min(rows, draws - start) for start in range(0, draws, rows)]
    return np.concatenate([values[rng.integers(count, size=(part, count))].mean(axis=1) for part in parts])
