"""The clock of touch-ups, which is the server's (two minutes in the paper, section IV), and in which splits it runs.

A touch-up is over when a save finishes it or its time is up, whichever comes first. Done can be taken back while time is left:
then a later save that does not finish it follows the one that did.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session, aliased, selectinload

from db.tables import Presence, Split, TouchUp, TouchUpClock, TouchUpPresence, TouchUpSave

LOADED = (selectinload(TouchUp.saves), selectinload(TouchUp.presences))  # what the clock of a touch-up reads
SET_BACK = timedelta(seconds=1)  # a machine's clock is slowed down, not set, by less than this

_LAST = aliased(TouchUpSave)


@dataclass(frozen=True)
class TimeUsed:
    """How long a touch-up took by the server's clock, in seconds, and for how many of those no page showed it."""

    used: float
    hidden: float


class SteadyClock:
    """The time of touch-ups in one process, in UTC. It goes on when somebody sets the machine's clock back.

    `wall` is the machine's clock, `monotonic` counts seconds and is never set.
    """

    def __init__(
        self, wall: Callable[[], datetime] = lambda: datetime.now(UTC), monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._last = (wall(), monotonic())
        self._one_at_a_time = threading.Lock()

    def __call__(self) -> datetime:
        """The current time. One that was set forward is followed: the machine may have slept."""
        with self._one_at_a_time:
            before, counted = self._last
            wall, count = self._wall(), self._monotonic()
            steady = before + timedelta(seconds=count - counted)
            now = max(wall, before) if wall > steady - SET_BACK else steady
            self._last = (now, count)
            return now


def is_over(touch_up: TouchUp, now: datetime) -> bool:
    """Whether its newest save has finished it, or its time is up."""
    left = seconds_left(touch_up, now)
    return is_finished(touch_up) or (left is not None and left <= 0)


def is_finished(touch_up: TouchUp) -> bool:
    """Whether its newest save has finished it: a later one takes Done back."""
    return bool(touch_up.saves) and touch_up.saves[-1].finished


def finishes() -> ColumnElement[bool]:
    """The SQL condition that a save finishes its touch-up: it says so, and no later one takes it back."""
    return TouchUpSave.finished & ~exists().where(_LAST.touch_up_id == TouchUpSave.touch_up_id, _LAST.id > TouchUpSave.id)


def seconds_left(touch_up: TouchUp, now: datetime) -> float | None:
    """Seconds left on the server's clock; 0.0 when the time is up; None without a clock."""
    if touch_up.seconds_shown is None:
        return None
    return max(0.0, touch_up.seconds_shown - seconds_since_start(touch_up, now))


def seconds_since_start(touch_up: TouchUp, now: datetime) -> float:
    """Seconds since it began. If the server's clock was set back meanwhile, as long as until what was recorded of it last."""
    recorded = [save.at for save in touch_up.saves[-1:]] + [presence.at for presence in touch_up.presences[-1:]]
    latest = max([now, touch_up.started_at, *recorded])
    return (latest - touch_up.started_at).total_seconds()


def time_used(touch_up: TouchUp, now: datetime) -> TimeUsed:
    """The time since it began, up to what the clock allows."""
    used = seconds_since_start(touch_up, now)
    if touch_up.seconds_shown is not None:
        used = min(used, float(touch_up.seconds_shown))
    return TimeUsed(used, min(used, seconds_hidden(touch_up.presences, now)))


def seconds_hidden(presences: Iterable[TouchUpPresence], now: datetime) -> float:
    """Seconds, up to `now`, in which no page showed the touch-up: from where one was hidden or left to where one was shown.

    The clock runs on meanwhile, since the two minutes are a person's. `presences` in their order, the oldest first.
    """
    hidden, since = 0.0, None
    for one in presences:
        away = one.presence in (Presence.hidden, Presence.left)
        if away and since is None:
            since = one.at
        elif not away and since is not None:
            hidden += max(0.0, (one.at - since).total_seconds())
            since = None
    return hidden if since is None else hidden + max(0.0, (now - since).total_seconds())


# --- the choice of a clock --------------------------------------------------------------------------------------------


def clocks(session: Session) -> dict[Split, bool]:
    """Whether touch-ups run against the clock, for each split: as a lead chose last, else in the test split alone."""
    newest = select(func.max(TouchUpClock.id)).group_by(TouchUpClock.split)
    chosen = select(TouchUpClock.split, TouchUpClock.runs).where(TouchUpClock.id.in_(newest))
    return {split: split is Split.test for split in Split} | dict(session.execute(chosen).all())


def set_clock(session: Session, reviewer_id: int, split: Split, runs: bool, now: datetime) -> None:
    """Choose whether touch-ups of a split that begin from now on run against the clock. The caller checks for a lead."""
    if clocks(session)[split] is not runs:
        session.add(TouchUpClock(split=split, runs=runs, reviewer_id=reviewer_id, at=now))
