"""Means over examples with their 95 % intervals, and how far two runs differ on the same examples. Pure functions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from curator.runs.results import ReportRow
from trainer.intervals import Interval, bootstrap, difference
from trainer.measures import Measure

Word = Literal["better", "worse", "no clear difference"]


@dataclass(frozen=True)
class Estimate:
    """The mean of a measure, with the 95 % interval of that mean; None where no example has a value, or all the same."""

    measure: Measure
    mean: float | None
    interval: Interval | None
    images: int  # that have a value


@dataclass(frozen=True)
class Change:
    """What a measure came to in two runs, on the examples that have a value in both, and the paired difference between them."""

    measure: Measure
    first: float | None
    second: float | None
    difference: float | None  # second less first
    interval: Interval | None  # of the difference
    images: int

    @property
    def word(self) -> Word:
        """What it means for the second run: where the interval holds 0, nothing."""
        if self.difference is None or self.interval is None or self.interval[0] <= 0 <= self.interval[1]:
            return "no clear difference"
        return "better" if (self.difference > 0) == (self.measure.better == "higher") else "worse"


@dataclass(frozen=True)
class RowPair:
    """One example as two runs see it."""

    first: ReportRow
    second: ReportRow


def estimates(found: Iterable[ReportRow], measures: Iterable[Measure]) -> list[Estimate]:
    """The mean of each measure over the examples that have a value for it, with its interval."""
    rows = list(found)
    return [_estimate(measure, [row.values[measure.name] for row in rows]) for measure in measures]


def _estimate(measure: Measure, values: Sequence[float | None]) -> Estimate:
    known = [value for value in values if value is not None]
    if not known:
        return Estimate(measure, None, None, 0)
    return Estimate(measure, sum(known) / len(known), bootstrap(known), len(known))


def pairs(first: Iterable[ReportRow], second: Iterable[ReportRow]) -> list[RowPair]:
    """The examples that both reports measured against the same mask, in the first's order.

    Two curated sets may share examples, and a mask may have been touched up in between: such a pair can't be compared.
    """
    others = {one.example: one for one in second}
    both = [RowPair(one, others[one.example]) for one in first if one.example in others]
    return [pair for pair in both if pair.first.mask == pair.second.mask]


def changes(both: Iterable[RowPair], measures: Iterable[Measure]) -> list[Change]:
    """How each measure differs between the runs, paired by example, with the interval of the mean difference."""
    rows = list(both)
    return [_change(measure, rows) for measure in measures]


def _change(measure: Measure, both: Sequence[RowPair]) -> Change:
    known = [
        (one, other)
        for pair in both
        if (one := pair.first.values[measure.name]) is not None and (other := pair.second.values[measure.name]) is not None
    ]
    if not known:
        return Change(measure, None, None, None, None, 0)
    first, second = ([pair[side] for pair in known] for side in (0, 1))
    apart = difference(first, second)
    means = sum(first) / len(known), sum(second) / len(known)
    return Change(measure, *means, means[1] - means[0], None if apart is None else apart.interval, len(known))


def most_different(both: Iterable[RowPair], measure: Measure) -> list[RowPair]:
    """The pairs by how far apart the two runs are in a measure, the farthest first; those without a value in both last."""

    def apart(pair: RowPair) -> float:
        one, other = pair.first.values[measure.name], pair.second.values[measure.name]
        return -1.0 if one is None or other is None else abs(one - other)

    return sorted(both, key=apart, reverse=True)
