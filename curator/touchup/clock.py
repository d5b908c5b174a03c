"""Touch-ups: which masks wait for one, and their clock, which is the server's (two minutes in the paper, section IV).

Two kinds of masks wait: of the test split every approved one, since everything is measured against them; of any split, those
that reviewers would have fixed. A lead chooses for each split whether the clock runs; by default it does for test masks.

A touch-up begins with a row that holds the mask before and the time it started; each save appends a row with the mask after.
It is over when a save finishes it, when its time is up, or when a later one of the same mask has begun, whichever comes first.
Nothing is ever overwritten.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, exists, extract, func, or_, select, union_all
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from curator.review.current_mask import current_masks
from curator.review.standing import approved
from db.errors import NotThereError, WinnowError
from db.tables import Example, Reviewer, Split, Standing, State, Submission, TouchUp, TouchUpClock, TouchUpSave

HOLD = timedelta(minutes=30)  # without a clock and a save, a touch-up keeps others from the mask for as long as this


@dataclass(frozen=True)
class PendingTouchUp:
    """A mask that waits for a touch-up."""

    example: int
    image: str  # sha256, as is mask
    mask: str  # the one that counts now
    photo: str  # its file name
    split: Split
    drawn: bool
    fix: bool  # a reviewer would have it fixed; else it is a kept test mask
    clock: bool  # whether the clock will run, or does
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
    split: Split
    drawn: bool
    reviewer: str
    state: State  # of the example now
    clock: bool  # whether the clock runs if it is started over
    seconds_used: float  # 0 to seconds_shown
    seconds_shown: int | None  # the time that was allowed; None without a clock
    started_at: datetime


@dataclass(frozen=True)
class StartedTouchUp:
    """What a page needs to continue a touch-up; `mask` is the newest one saved, or `before` if none has been saved.

    Without a clock there are no `seconds_shown` and no `seconds_left`.
    """

    touch_up: int
    example: int
    image: str
    mask: str
    before: str
    seconds_shown: int | None
    seconds_left: float | None


def is_over(touch_up: TouchUp, now: datetime) -> bool:
    """Whether a save has finished it or its time is up."""
    left = seconds_left(touch_up, now)
    return any(save.finished for save in touch_up.saves) or (left is not None and left <= 0)


def seconds_left(touch_up: TouchUp, now: datetime) -> float | None:
    """Seconds left on the server's clock; 0.0 when the time is up; None without a clock."""
    if touch_up.seconds_shown is None:
        return None
    return max(0.0, touch_up.seconds_shown - (now - touch_up.started_at).total_seconds())


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


# --- what waits -------------------------------------------------------------------------------------------------------


def due() -> Select[Example]:
    """The query for the examples whose masks wait for a touch-up, the most doubtful first: those to be fixed, and the approved
    ones of the test split that nobody has started."""
    started = exists().where(TouchUp.example_id == Example.id)
    untouched = approved(Standing.split == Split.test).where(~started).with_only_columns(Example.id).order_by(None)
    waiting = union_all(untouched, select(Standing.example_id).where(Standing.state == State.fix)).subquery()
    # The join asks an index for each of the few that wait; an IN would read every example.
    found = select(Example).join(waiting, waiting.c.id == Example.id).join(Standing, Standing.example_id == Example.id)
    return found.order_by(Standing.doubt.desc(), Example.id)


def count_due(session: Session) -> int:
    """How many masks wait for a touch-up: those to be fixed, and the kept test masks that nobody has started."""
    return session.scalar(select(func.count()).select_from(due().order_by(None).subquery())) or 0


def pending(session: Session, reviewer_id: int, now: datetime, count: int) -> list[PendingTouchUp]:
    """The next `count` masks to touch up, the most doubtful first, after those that this reviewer has already started.

    Leaves out those that another reviewer is working on.
    """
    running = _running(session, now)
    mine = {one.example_id: one for one in running if one.reviewer_id == reviewer_id}
    theirs = [one.example_id for one in running if one.reviewer_id != reviewer_id and _is_held(one, now)]
    shown = [joinedload(Example.submission), joinedload(Example.standing)]
    started: list[Example] = []
    if mine:
        kept = approved(Standing.split == Split.test).where(Example.id.in_(mine))
        fixed = select(Example).join(Standing).where(Standing.state == State.fix, Example.id.in_(mine)).order_by(Example.id)
        started = [*session.scalars(kept.options(*shown)), *session.scalars(fixed.options(*shown))]
    more = due().where(Example.id.not_in([*mine, *theirs])).limit(max(0, count - len(started)))
    found = [*started, *session.scalars(more.options(*shown))]
    masks, chosen = current_masks(session, [example.id for example in found]), clocks(session)
    return [_pending(example, masks[example.id].sha256, chosen, mine.get(example.id)) for example in found]


def _pending(example: Example, mask: str, chosen: Mapping[Split, bool], begun: TouchUp | None) -> PendingTouchUp:
    return PendingTouchUp(
        example=example.id,
        image=example.image_sha256,
        mask=mask,
        photo=example.submission.photo_name,
        split=example.split,
        drawn=example.submission.drawn,
        fix=example.standing.state is State.fix,
        clock=chosen[example.split] if begun is None else begun.seconds_shown is not None,
        running=begun is not None,
    )


def finished(session: Session, now: datetime, count: int) -> list[FinishedTouchUp]:
    """The newest finished touch-up of each example: the `count` that were started last, the latest first."""
    running = [touch_up.id for touch_up in _running(session, now)]
    later, said = aliased(TouchUp), aliased(TouchUpSave)
    # Without a clock, one that nobody finished has no end: a later one took its place.
    ended = or_(later.seconds_shown.is_not(None), exists().where(said.touch_up_id == later.id, said.finished))
    beaten = exists().where(later.example_id == TouchUp.example_id, later.id > TouchUp.id, later.id.not_in(running), ended)
    newest_save = select(func.max(TouchUpSave.id)).where(TouchUpSave.touch_up_id == TouchUp.id).correlate(TouchUp)
    rows = session.execute(
        select(TouchUp, TouchUpSave, Example, Standing.state, Submission.photo_name, Submission.drawn, Reviewer.name)
        .join(Example, Example.id == TouchUp.example_id)
        .join(Standing, Standing.example_id == Example.id)
        .join(Submission, Submission.id == Example.submission_id)
        .join(Reviewer, Reviewer.id == TouchUp.reviewer_id)
        .outerjoin(TouchUpSave, TouchUpSave.id == newest_save.scalar_subquery())
        .where(TouchUp.id.not_in(running), ~beaten, or_(TouchUp.seconds_shown.is_not(None), TouchUpSave.finished))
        .order_by(TouchUp.id.desc())
        .limit(count)
    ).all()
    chosen = clocks(session)
    return [
        FinishedTouchUp(
            touch_up=touch_up.id,
            example=touch_up.example_id,
            image=example.image_sha256,
            before=touch_up.mask_before_sha256,
            after=touch_up.mask_before_sha256 if last is None else last.mask_after_sha256,
            photo=photo,
            split=example.split,
            drawn=drawn,
            reviewer=reviewer,
            state=state,
            clock=chosen[example.split],
            seconds_used=last.seconds_used if last is not None and last.finished else float(touch_up.seconds_shown or 0),
            seconds_shown=touch_up.seconds_shown,
            started_at=touch_up.started_at,
        )
        for touch_up, last, example, state, photo, drawn, reviewer in rows
    ]


def seconds_used(session: Session, count: int) -> list[float]:
    """How long the `count` newest touch-ups took that were finished, in seconds by the server's clock, the latest first."""
    newest = select(TouchUpSave.seconds_used).where(TouchUpSave.finished).order_by(TouchUpSave.id.desc()).limit(count)
    return list(session.scalars(newest))


# --- beginning --------------------------------------------------------------------------------------------------------


def begin(
    session: Session, reviewer_id: int, example_id: int, seconds: int, now: datetime, *, again: bool = False
) -> StartedTouchUp:
    """Begin a touch-up of an example, or continue the reviewer's own that is not over (a reload costs no time).

    `seconds` is the time allowed, where the example's split has a clock. A mask that is to be fixed is repaired from the one
    that counts now. `again` starts over from the contributor's mask on an example that was touched up before; the earlier
    touch-up stays. Raises NotThereError for an unknown example, and WinnowError for one that waits for no touch-up, or that
    another reviewer is working on.
    """
    # Locked, so that two reviewers who start at the same moment come one after the other.
    state = session.scalar(select(Standing.state).where(Standing.example_id == example_id).with_for_update())
    example = session.get(Example, example_id)
    if example is None:
        raise NotThereError(f"Example {example_id} does not exist. It may have been erased.")
    of_it = select(TouchUp).where(TouchUp.example_id == example_id).order_by(TouchUp.id).options(selectinload(TouchUp.saves))
    earlier = session.scalars(of_it).all()
    running = earlier[-1] if earlier and not is_over(earlier[-1], now) else None
    if running is not None and running.reviewer_id != reviewer_id:
        if _is_held(running, now):
            raise WinnowError("Another reviewer is working on this mask. Take the next one.")
        running = None
    fixed = state is State.fix or (again and state is State.repaired and bool(earlier))
    if not fixed:
        _check_approved(session, example, touched=bool(earlier))
    if running is None and earlier and not again and not fixed:
        raise WinnowError(f"Example {example_id} has been touched up already. Start over to do it again.")
    if running is None:
        running = TouchUp(
            example_id=example_id,
            reviewer_id=reviewer_id,
            mask_before_sha256=example.mask_sha256 if again else current_masks(session, [example_id])[example_id].sha256,
            started_at=now,
            seconds_shown=seconds if clocks(session)[example.split] else None,
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


def _check_approved(session: Session, example: Example, *, touched: bool) -> None:
    """Raises WinnowError unless the example is approved, and of the test split or touched up before."""
    group = Example.id == example.id if example.group_id is None else Example.group_id == example.group_id
    if session.scalars(approved(group).where(Example.id == example.id)).one_or_none() is None:
        raise WinnowError(f"Example {example.id} is not approved. Keep it on the Review page first, or mark it Fix.")
    if example.split is not Split.test and not touched:
        raise WinnowError(f"Example {example.id} is kept as it is. Mark it Fix on the Review page to repair its mask.")


def _running(session: Session, now: datetime) -> list[TouchUp]:
    """The touch-ups that are not over, oldest first."""
    # In whole seconds on SQLite, so the last of these may be over already.
    ends = extract("epoch", TouchUp.started_at) + TouchUp.seconds_shown + 1
    in_time = or_(TouchUp.seconds_shown.is_(None), ends > now.timestamp())
    finished = exists().where(TouchUpSave.touch_up_id == TouchUp.id, TouchUpSave.finished)
    later = aliased(TouchUp)
    replaced = exists().where(later.example_id == TouchUp.example_id, later.id > TouchUp.id)
    wanted = select(TouchUp).where(in_time, ~finished, ~replaced).order_by(TouchUp.id).options(selectinload(TouchUp.saves))
    return [touch_up for touch_up in session.scalars(wanted) if not is_over(touch_up, now)]


def _is_held(touch_up: TouchUp, now: datetime) -> bool:
    """Whether one that is not over keeps others from its mask: without a clock, only for a while after its last save."""
    active = touch_up.saves[-1].at if touch_up.saves else touch_up.started_at
    return touch_up.seconds_shown is not None or now - active < HOLD
