"""What a mask has cost in time: all attempts at it together, so that starting over costs nobody's honesty."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from curator.touchup.clock import TimeUsed
from db.session import in_batches
from db.tables import TouchUp, TouchUpSave


@dataclass(frozen=True)
class Attempts:
    """How many touch-ups of a mask have saved something, and the time that they took together, in seconds."""

    number: int
    time: TimeUsed


def attempts(session: Session, upto: Mapping[int, int]) -> dict[int, Attempts]:
    """The attempts at each mask, by example; `upto` has the number of the last touch-up of the example that is to count.

    One that goes on with another reviewer's clock is the same attempt. One that nobody finished took all of its time.
    """
    newest = select(func.max(TouchUpSave.id)).where(TouchUpSave.touch_up_id == TouchUp.id).correlate(TouchUp).scalar_subquery()
    saved = select(TouchUp, TouchUpSave).join(TouchUpSave, TouchUpSave.id == newest).order_by(TouchUp.id)
    times: dict[int, dict[datetime, TimeUsed]] = defaultdict(dict)
    for batch in in_batches(upto):
        for touch_up, last in session.execute(saved.where(TouchUp.example_id.in_(batch))):
            if touch_up.id <= upto[touch_up.example_id]:
                allowed = touch_up.seconds_shown
                used = last.seconds_used if last.finished or allowed is None else float(allowed)
                times[touch_up.example_id][touch_up.started_at] = TimeUsed(used, last.seconds_hidden)
    return {example: Attempts(len(found), _sum(list(found.values()))) for example, found in times.items()}


def _sum(times: Sequence[TimeUsed]) -> TimeUsed:
    return TimeUsed(sum(one.used for one in times), sum(one.hidden for one in times))
