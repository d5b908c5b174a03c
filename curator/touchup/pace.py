"""The pace of touch-ups: how many masks were touched up, how long each took, and how long the rest will take."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from statistics import fmean, median

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from curator.review.current_mask import not_discarded
from db.tables import Reviewer, TouchUp, TouchUpSave

WINDOW = timedelta(weeks=12)
# Touch-ups take alike: their durations scatter about half as much as they are long, so ten tell their mean to about a sixth.
ENOUGH = 10


@dataclass(frozen=True)
class TouchedUp:
    """A touch-up that is over and counts: whose, when it began, the mask's example, and the seconds that it took."""

    reviewer: str
    at: datetime
    example: int
    seconds: float


@dataclass(frozen=True)
class TouchUpPace:
    """How many masks a reviewer touched up (None: all reviewers together), and how long each touch-up took."""

    reviewer: str | None
    masks: int
    touch_ups: int
    median: float  # seconds


def touched_up(session: Session, now: datetime) -> list[TouchedUp]:
    """The touch-ups of the last 12 weeks that are over and were not discarded, oldest first.

    One that nobody finished took all of its time, as everywhere; one that goes on with another reviewer's clock is the same,
    and the last one's.
    """
    newest = select(func.max(TouchUpSave.id)).where(TouchUpSave.touch_up_id == TouchUp.id).correlate(TouchUp).scalar_subquery()
    rows = session.execute(
        select(TouchUp, TouchUpSave, Reviewer.name)
        .join(TouchUpSave, TouchUpSave.id == newest)
        .join(Reviewer, Reviewer.id == TouchUp.reviewer_id)
        .where(TouchUp.started_at >= now - WINDOW, not_discarded())
        .order_by(TouchUp.started_at, TouchUp.id)
    )
    found: dict[tuple[int, datetime], TouchedUp] = {}
    for touch_up, last, name in rows:
        allowed = touch_up.seconds_shown
        over = last.finished or (allowed is not None and touch_up.started_at + timedelta(seconds=allowed) <= now)
        if over:
            seconds = last.seconds_used if last.finished or allowed is None else float(allowed)
            found[touch_up.example_id, touch_up.started_at] = TouchedUp(name, touch_up.started_at, touch_up.example_id, seconds)
    return list(found.values())


def paces(done: Sequence[TouchedUp]) -> list[TouchUpPace]:
    """The pace of all reviewers together, then of each, the most masks first; empty without touch-ups."""
    by_name: dict[str, list[TouchedUp]] = defaultdict(list)
    for one in done:
        by_name[one.reviewer].append(one)
    each = sorted((_pace(name, theirs) for name, theirs in by_name.items()), key=lambda one: (-one.masks, str(one.reviewer)))
    return [_pace(None, done), *each] if done else []


def per_week(done: Sequence[TouchedUp], zone: tzinfo) -> Counter[tuple[str, datetime]]:
    """How many touch-ups of each reviewer began in each week; the key is (reviewer, Monday as a naive local time)."""
    found: Counter[tuple[str, datetime]] = Counter()
    for one in done:
        day = one.at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        found[one.reviewer, day - timedelta(days=day.weekday())] += 1
    return found


def work_left(waiting: int, done: Sequence[TouchedUp]) -> timedelta | None:
    """How long so many masks will take one person, at the mean of the touch-ups; None if those are fewer than ten."""
    return timedelta(seconds=waiting * fmean(one.seconds for one in done)) if len(done) >= ENOUGH else None


def _pace(name: str | None, done: Sequence[TouchedUp]) -> TouchUpPace:
    return TouchUpPace(name, len({one.example for one in done}), len(done), median(one.seconds for one in done))
