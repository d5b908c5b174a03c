"""Means of measures over examples, and paired differences between two runs, both with 95 % intervals. Pure functions.

Values have the unit and range of their measure (`trainer.measures`). The intervals are percentile bootstrap intervals over
examples (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", doi:10.1201/9780429246593): `trainer.intervals`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from curator.runs.results import ReportRow
from trainer.intervals import Interval, bootstrap, difference
from trainer.measures import ALL, ALPHA_ERRORS, GRADIENT_CONSISTENCY, Measure

Outcome = Literal["better", "worse", "no clear difference"]


@dataclass(frozen=True)
class Estimate:
    """The mean of a measure and the 95 % interval of that mean."""

    measure: Measure
    mean: float | None  # None if no example has a value
    interval: Interval | None  # (low, high); None if fewer than two examples have a value, or all have the same
    images: int  # examples with a value


@dataclass(frozen=True)
class MeasureDifference:
    """The means of a measure in two runs, on the examples with a value in both, and their paired difference."""

    measure: Measure
    first: float | None  # this and the next two are None if no example has a value in both
    second: float | None
    difference: float | None  # second minus first
    interval: Interval | None  # of the difference, 95 %; None if fewer than two examples have one, or all the same
    images: int  # examples with a value in both

    @property
    def outcome(self) -> Outcome:
        """What the difference means for the second run; unclear if the interval contains 0, or if there is none."""
        if self.difference is None or self.interval is None or self.interval[0] <= 0 <= self.interval[1]:
            return "no clear difference"
        return "better" if (self.difference > 0) == (self.measure.better == "higher") else "worse"


@dataclass(frozen=True)
class RowPair:
    """The rows of one example in the reports of two runs."""

    first: ReportRow
    second: ReportRow


def estimates(found: Iterable[ReportRow], measures: Iterable[Measure]) -> list[Estimate]:
    """For each measure its mean over the examples that have a value for it, with its interval."""
    rows = list(found)
    return [_estimate(measure, [row.values[measure.name] for row in rows]) for measure in measures]


def _estimate(measure: Measure, values: Sequence[float | None]) -> Estimate:
    known = [value for value in values if value is not None]
    if not known:
        return Estimate(measure, None, None, 0)
    return Estimate(measure, sum(known) / len(known), bootstrap(known), len(known))


def pair_rows(first: Iterable[ReportRow], second: Iterable[ReportRow]) -> list[RowPair]:
    """The examples that both reports measured against the same mask, in the order of the first.

    Two curated sets may share examples, but if a mask was touched up in between, the two values can't be compared.
    """
    others = {one.example: one for one in second}
    both = [RowPair(one, others[one.example]) for one in first if one.example in others]
    return [pair for pair in both if pair.first.mask == pair.second.mask]


def measure_differences(both: Iterable[RowPair], measures: Iterable[Measure]) -> list[MeasureDifference]:
    """For each measure the difference between the two runs, paired by example, with its interval.

    Errors of alpha are sums over pixels: they are compared only where both were taken at the same size.
    """
    rows = list(both)
    return [_measure_difference(measure, rows) for measure in measures]


def _measure_difference(measure: Measure, both: Sequence[RowPair]) -> MeasureDifference:
    known = [
        (one, other)
        for pair in both
        if not (measure in ALPHA_ERRORS and _at_two_sizes(pair))
        if (one := pair.first.values[measure.name]) is not None and (other := pair.second.values[measure.name]) is not None
    ]
    if not known:
        return MeasureDifference(measure, None, None, None, None, 0)
    first, second = ([pair[side] for pair in known] for side in (0, 1))
    apart = difference(first, second)
    means = sum(first) / len(known), sum(second) / len(known)
    return MeasureDifference(measure, *means, means[1] - means[0], None if apart is None else apart.interval, len(known))


def comparable_measures(first: int, second: int) -> list[Measure]:
    """The measures that two runs can be compared by, whose inputs have these sides in pixels.

    Eq. 1 depends on the scale: on the same masks it is .125 at 128 pixels, .129 at 224 and .168 at 480 (benchmarks/sizes.py).
    The shares among the measures hardly do, and the errors of alpha are taken at one size.
    """
    return [each for each in ALL if each is not GRADIENT_CONSISTENCY or first == second]


def at_two_sizes(both: Iterable[RowPair]) -> bool:
    """Whether the errors of alpha of these pairs can't be compared, because one report took them at another size."""
    return any(_at_two_sizes(pair) for pair in both)


def _at_two_sizes(pair: RowPair) -> bool:
    return pair.first.alpha_side != pair.second.alpha_side


def most_different(both: Iterable[RowPair], measure: Measure) -> list[RowPair]:
    """The pairs sorted by the absolute difference in a measure, largest first; pairs without a value in both come last."""

    def apart(pair: RowPair) -> float:
        one, other = pair.first.values[measure.name], pair.second.values[measure.name]
        return -1.0 if one is None or other is None else abs(one - other)

    return sorted(both, key=apart, reverse=True)
