"""The clock of a touch-up: a timed repair of a test mask (two minutes in the paper, section IV), timed by the server.

Every approved example of the test split is due for a touch-up. One begins with a row that holds the mask before and the time
it started; each save appends a row with the mask after. It is over when a save finishes it or when its time is up, whichever
comes first. Nothing is ever overwritten.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from curator.review.standing import approved
from db.errors import NotThereError, WinnowError
from db.tables import Example, Reviewer, Split, TouchUp


@dataclass(frozen=True)
class PendingTouchUp:
    """A test example whose mask nobody has touched up yet."""

    example: int
    image: str  # sha256, as is mask
    mask: str
    photo: str  # its file name
    drawn: bool
    running: bool  # the reviewer has started it and has time left


@dataclass(frozen=True)
class FinishedTouchUp:
    """A touch-up that is over, with the mask before and after."""

    touch_up: int
    example: int
    image: str
    before: str
    after: str
    photo: str
    drawn: bool
    reviewer: str
    seconds_used: float  # 0 to seconds_shown
    seconds_shown: int  # the time that was allowed
    started_at: datetime


@dataclass(frozen=True)
class StartedTouchUp:
    """What a page needs to continue a touch-up; `mask` is the newest one saved, or `before` if none has been saved."""

    touch_up: int
    example: int
    image: str
    mask: str
    before: str
    seconds_shown: int
    seconds_left: float


def is_over(touch_up: TouchUp, now: datetime) -> bool:
    """Whether a save has finished it or its time is up."""
    return any(save.finished for save in touch_up.saves) or seconds_left(touch_up, now) <= 0


def seconds_left(touch_up: TouchUp, now: datetime) -> float:
    """Seconds left on the server's clock; 0.0 when the time is up."""
    return max(0.0, touch_up.seconds_shown - (now - touch_up.started_at).total_seconds())


def pending(session: Session, reviewer_id: int, now: datetime) -> list[PendingTouchUp]:
    """The test examples to touch up, oldest first, after the one that this reviewer has already started.

    Leaves out those that another reviewer is working on.
    """
    touched = _touch_ups(session)
    found = []
    for example in session.scalars(approved().where(Example.split == Split.test).options(joinedload(Example.submission))):
        earlier = touched.get(example.id, [])
        running = next((touch_up for touch_up in earlier if not is_over(touch_up, now)), None)
        if any(is_over(touch_up, now) for touch_up in earlier) and (running is None or running.reviewer_id != reviewer_id):
            continue
        if running is not None and running.reviewer_id != reviewer_id:
            continue
        found.append(
            PendingTouchUp(
                example=example.id,
                image=example.image_sha256,
                mask=example.mask_sha256,
                photo=example.submission.photo_name,
                drawn=example.submission.drawn,
                running=running is not None,
            )
        )
    return sorted(found, key=lambda item: not item.running)


def finished(session: Session, now: datetime) -> list[FinishedTouchUp]:
    """The newest finished touch-up of each example, latest start first."""
    done = []
    for touch_ups in _touch_ups(session).values():
        over = [touch_up for touch_up in touch_ups if is_over(touch_up, now)]
        if not over:
            continue
        newest = over[-1]
        example = session.get_one(Example, newest.example_id, options=[joinedload(Example.submission)])
        last = newest.saves[-1] if newest.saves else None
        done.append(
            FinishedTouchUp(
                touch_up=newest.id,
                example=example.id,
                image=example.image_sha256,
                before=newest.mask_before_sha256,
                after=newest.mask_before_sha256 if last is None else last.mask_after_sha256,
                photo=example.submission.photo_name,
                drawn=example.submission.drawn,
                reviewer=session.get_one(Reviewer, newest.reviewer_id).name,
                seconds_used=last.seconds_used if last is not None and last.finished else float(newest.seconds_shown),
                seconds_shown=newest.seconds_shown,
                started_at=newest.started_at,
            )
        )
    return sorted(done, key=lambda item: item.started_at, reverse=True)


def begin(
    session: Session, reviewer_id: int, example_id: int, seconds: int, now: datetime, *, again: bool = False
) -> StartedTouchUp:
    """Start the clock on an example, or continue the reviewer's touch-up that is still running (a reload costs no time).

    `seconds` is the time allowed. `again` starts over from the contributor's mask on an example that was touched up before;
    the earlier touch-up stays. Raises NotThereError for an unknown example, and WinnowError for one that is not an approved
    test example, that another reviewer is working on, or that was touched up before if `again` is false.
    """
    example = session.get(Example, example_id)
    if example is None:
        raise NotThereError(f"Example {example_id} does not exist. It may have been erased.")
    if example.split is not Split.test:
        raise WinnowError(f"Example {example_id} is in the {example.split} split; only test masks are touched up.")
    if session.scalars(approved().where(Example.id == example_id)).one_or_none() is None:
        raise WinnowError(f"Example {example_id} is not approved. Keep it on the Review page first.")
    earlier = _touch_ups(session, [example_id]).get(example_id, [])
    running = next((touch_up for touch_up in earlier if not is_over(touch_up, now)), None)
    if running is not None and running.reviewer_id != reviewer_id:
        raise WinnowError("Another reviewer is working on this mask. Take the next one.")
    if running is None and earlier and not again:
        raise WinnowError(f"Example {example_id} has been touched up already. Start over to do it again.")
    if running is None:
        running = TouchUp(
            example_id=example_id,
            reviewer_id=reviewer_id,
            mask_before_sha256=example.mask_sha256,
            started_at=now,
            seconds_shown=seconds,
        )
        session.add(running)
        session.flush()
    return StartedTouchUp(
        touch_up=running.id,
        example=example_id,
        image=example.image_sha256,
        mask=running.saves[-1].mask_after_sha256 if running.saves else running.mask_before_sha256,
        before=running.mask_before_sha256,
        seconds_shown=running.seconds_shown,
        seconds_left=seconds_left(running, now),
    )


def _touch_ups(session: Session, example_ids: Collection[int] | None = None) -> dict[int, list[TouchUp]]:
    """Touch-ups by example, oldest first, with their saves; None means of all examples."""
    wanted = select(TouchUp).order_by(TouchUp.id).options(selectinload(TouchUp.saves))
    if example_ids is not None:
        wanted = wanted.where(TouchUp.example_id.in_(example_ids))
    found: dict[int, list[TouchUp]] = {}
    for touch_up in session.scalars(wanted):
        found.setdefault(touch_up.example_id, []).append(touch_up)
    return found
