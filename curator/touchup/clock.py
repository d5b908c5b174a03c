"""The clock of a touch-up: a timed repair of a test mask (two minutes in the paper, section IV), timed by the server.

Every approved example of the test split is due for a touch-up. One begins with a row that holds the mask before and the time
it started; each save appends a row with the mask after. It is over when a save finishes it or when its time is up, whichever
comes first. Nothing is ever overwritten.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, exists, extract, func, select
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from curator.review.standing import approved
from db.errors import NotThereError, WinnowError
from db.tables import Example, Reviewer, Split, Standing, Submission, TouchUp, TouchUpSave


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


def untouched() -> Select[Example]:
    """The query for the examples whose masks wait for a touch-up, ordered by number: approved, of the test split, and nobody
    has started one."""
    return approved(Standing.split == Split.test).where(~exists().where(TouchUp.example_id == Example.id))


def count_untouched(session: Session) -> int:
    """How many masks wait for a touch-up that nobody has started."""
    return session.scalar(select(func.count()).select_from(untouched().subquery())) or 0


def pending(session: Session, reviewer_id: int, now: datetime, count: int) -> list[PendingTouchUp]:
    """The next `count` test examples to touch up, oldest first, after the one that this reviewer has already started.

    Leaves out those that another reviewer is working on.
    """
    mine = [touch_up.example_id for touch_up in _running(session, now) if touch_up.reviewer_id == reviewer_id]
    started = approved(Standing.split == Split.test).where(Example.id.in_(mine))
    with_submission = joinedload(Example.submission)
    found = session.scalars(started.options(with_submission)).all() if mine else []
    more = session.scalars(untouched().limit(max(0, count - len(found))).options(with_submission))
    return [
        PendingTouchUp(
            example=example.id,
            image=example.image_sha256,
            mask=example.mask_sha256,
            photo=example.submission.photo_name,
            drawn=example.submission.drawn,
            running=example.id in mine,
        )
        for example in (*found, *more)
    ]


def finished(session: Session, now: datetime, count: int) -> list[FinishedTouchUp]:
    """The newest finished touch-up of each example: the `count` that were started last, the latest first."""
    running = [touch_up.id for touch_up in _running(session, now)]
    later = aliased(TouchUp)
    beaten = exists().where(later.example_id == TouchUp.example_id, later.id > TouchUp.id, later.id.not_in(running))
    newest_save = select(func.max(TouchUpSave.id)).where(TouchUpSave.touch_up_id == TouchUp.id).correlate(TouchUp)
    rows = session.execute(
        select(TouchUp, TouchUpSave, Example.image_sha256, Submission.photo_name, Submission.drawn, Reviewer.name)
        .join(Example, Example.id == TouchUp.example_id)
        .join(Submission, Submission.id == Example.submission_id)
        .join(Reviewer, Reviewer.id == TouchUp.reviewer_id)
        .outerjoin(TouchUpSave, TouchUpSave.id == newest_save.scalar_subquery())
        .where(TouchUp.id.not_in(running), ~beaten)
        .order_by(TouchUp.id.desc())
        .limit(count)
    )
    return [
        FinishedTouchUp(
            touch_up=touch_up.id,
            example=touch_up.example_id,
            image=image,
            before=touch_up.mask_before_sha256,
            after=touch_up.mask_before_sha256 if last is None else last.mask_after_sha256,
            photo=photo,
            drawn=drawn,
            reviewer=reviewer,
            seconds_used=last.seconds_used if last is not None and last.finished else float(touch_up.seconds_shown),
            seconds_shown=touch_up.seconds_shown,
            started_at=touch_up.started_at,
        )
        for touch_up, last, image, photo, drawn, reviewer in rows
    ]


def begin(
    session: Session, reviewer_id: int, example_id: int, seconds: int, now: datetime, *, again: bool = False
) -> StartedTouchUp:
    """Start the clock on an example, or continue the reviewer's touch-up that is still running (a reload costs no time).

    `seconds` is the time allowed. `again` starts over from the contributor's mask on an example that was touched up before;
    the earlier touch-up stays. Raises NotThereError for an unknown example, and WinnowError for one that is not an approved
    test example, that another reviewer is working on, or that was touched up before if `again` is false.
    """
    # Locked, so that two reviewers who start at the same moment come one after the other.
    session.execute(select(Standing.example_id).where(Standing.example_id == example_id).with_for_update())
    example = session.get(Example, example_id)
    if example is None:
        raise NotThereError(f"Example {example_id} does not exist. It may have been erased.")
    if example.split is not Split.test:
        raise WinnowError(f"Example {example_id} is in the {example.split} split; only test masks are touched up.")
    group = Example.id == example_id if example.group_id is None else Example.group_id == example.group_id
    if session.scalars(approved(group).where(Example.id == example_id)).one_or_none() is None:
        raise WinnowError(f"Example {example_id} is not approved. Keep it on the Review page first.")
    theirs = select(TouchUp).where(TouchUp.example_id == example_id).order_by(TouchUp.id).options(selectinload(TouchUp.saves))
    earlier = session.scalars(theirs).all()
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


def _running(session: Session, now: datetime) -> list[TouchUp]:
    """The touch-ups that are not over, oldest first."""
    # In whole seconds on SQLite, so the last of these may be over already.
    ends = extract("epoch", TouchUp.started_at) + TouchUp.seconds_shown + 1
    finished = exists().where(TouchUpSave.touch_up_id == TouchUp.id, TouchUpSave.finished)
    found = session.scalars(select(TouchUp).where(ends > now.timestamp(), ~finished).order_by(TouchUp.id))
    return [touch_up for touch_up in found if seconds_left(touch_up, now) > 0]
