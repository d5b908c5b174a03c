"""How sure a mean over images is: percentile bootstrap (Efron 1979), in NumPy alone. The same values give the same interval."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float]

AT_ONCE = 2**20  # values drawn at a time, whatever the number of images


@dataclass(frozen=True)
class Difference:
    """How a second run differs from a first on the images that have a value in both: the second's less the first's."""

    images: int
    mean: float
    interval: Interval | None


def bootstrap(values: Iterable[float | None], *, seed: int = 0, draws: int = 2000, level: float = 0.95) -> Interval | None:
    """The interval of the mean over images, (low, high): the middle `level` of the means of samples drawn with replacement.

    Images without a value (None) are left out. None where the values show no spread to estimate it from: fewer than two, or
    all the same. With few images it comes out too narrow, as any bootstrap does.
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
    """The mean of second less first over the same images, in the same order, and its interval as of `bootstrap`.

    Images are drawn in pairs, so that what makes one hard for both runs is not taken for a difference. None where no image has
    a value in both. Raises ValueError for sequences of different lengths.
    """
    apart = [after - before for before, after in zip(first, second, strict=True) if before is not None and after is not None]
    if not apart:
        return None
    return Difference(len(apart), float(np.mean(apart)), bootstrap(apart, seed=seed, draws=draws, level=level))


def _resampled(values: NDArray[np.float64], chance: np.random.Generator, draws: int) -> NDArray[np.float64]:
    """The means of `draws` samples as large as the values."""
    count = len(values)
    rows = max(1, AT_ONCE // count)
    parts = [min(rows, draws - start) for start in range(0, draws, rows)]
    return np.concatenate([values[chance.integers(count, size=(part, count))].mean(axis=1) for part in parts])
