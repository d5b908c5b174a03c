"""How fast a long piece of work goes and how long it will still take, in words. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

RECENT = timedelta(seconds=60)  # the pace is measured over this long


@dataclass(frozen=True)
class ProgressPoint:
    """How many items were done at one moment."""

    at: datetime
    done: int


def recent_points(points: Sequence[ProgressPoint]) -> list[ProgressPoint]:
    """The points of the last minute and the one before them: those that the current pace is computed from.

    `points` are in order of time; the last minute ends at the newest point.
    """
    recent = [point for point in points if points[-1].at - point.at <= RECENT]
    before = len(points) - len(recent)
    return [*points[max(before - 1, 0) : before], *recent]


def per_second(points: Sequence[ProgressPoint]) -> float | None:
    """Items a second, 0.0 or more, from the first point to the last; None if no time has passed between them."""
    seconds = (points[-1].at - points[0].at).total_seconds() if points else 0.0
    return (points[-1].done - points[0].done) / seconds if seconds > 0 else None


def pace_in_words(points: Sequence[ProgressPoint], total: int) -> str:
    """The pace and the time left, like "23 a second, 12 min left"; empty while nothing is known about the pace."""
    pace = per_second(points)
    if not pace:
        return ""
    left = duration_in_words(timedelta(seconds=(total - points[-1].done) / pace))
    return f"{pace:,.0f} a second, {left} left" if pace >= 10 else f"{pace:.1f} a second, {left} left"


def duration_in_words(duration: timedelta) -> str:
    """A duration in words.

    >>> [duration_in_words(timedelta(seconds=seconds)) for seconds in (40, 720, 12_000, 432_000)]
    ['40 s', '12 min', '3 h 20 min', '120 h']
    """
    seconds = duration.total_seconds()
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes and hours < 100 else f"{hours:,} h"
