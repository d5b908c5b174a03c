"""How fast long work goes, and how long it still takes, in words. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

LATELY = timedelta(seconds=60)


@dataclass(frozen=True)
class Mark:
    """How much was done at a time."""

    at: datetime
    done: int


def lately(marks: Sequence[Mark]) -> list[Mark]:
    """The marks of the last minute, with the one before them: what the pace of now is taken from."""
    recent = [mark for mark in marks if marks[-1].at - mark.at <= LATELY]
    before = len(marks) - len(recent)
    return [*marks[max(before - 1, 0) : before], *recent]


def per_second(marks: Sequence[Mark]) -> float | None:
    """How much is done in a second, from the first mark to the last; None where no time has passed between them."""
    seconds = (marks[-1].at - marks[0].at).total_seconds() if marks else 0.0
    return (marks[-1].done - marks[0].done) / seconds if seconds > 0 else None


def pace_in_words(marks: Sequence[Mark], total: int) -> str:
    """ "23 a second, 12 min left"; nothing before there is a pace."""
    pace = per_second(marks)
    if not pace:
        return ""
    left = timedelta(seconds=(total - marks[-1].done) / pace)
    return f"{pace:,.0f} a second, {lasting(left)} left" if pace >= 10 else f"{pace:.1f} a second, {lasting(left)} left"


def lasting(span: timedelta) -> str:
    """A span in words: "40 s", "12 min", "3 h 20 min", "120 h"."""
    seconds = span.total_seconds()
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes and hours < 100 else f"{hours:,} h"
