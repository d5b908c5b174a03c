"""Which masks wait for a touch-up, and which touch-ups are over.

Three kinds of masks wait: of the test split every approved one, since everything is measured against them; of any split, those
that reviewers would have fixed; and kept ones that a lead wants touched up again. A lead chooses for each split whether the
clock runs; by default it does for test masks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, exists, extract, func, or_, select, union_all
from sqlalchemy.orm import Session, aliased, joinedload

from curator.review.current_mask import current_masks, not_discarded
from curator.review.standing import approved, approved_among
from curator.touchup.attempts import attempts
from curator.touchup.clock import LOADED, TimeUsed, clocks, finishes, is_over, seconds_left
from db.tables import (
    Example,
    Reviewer,
    Split,
    Standing,
    State,
    Submission,
    TouchUp,
    TouchUpDiscard,
    TouchUpRequest,
    TouchUpSave,
)

HOLD = timedelta(minutes=30)  # without a clock and a save, a touch-up keeps others from the mask for as long as this


@dataclass(frozen=True)
class PendingTouchUp:
    """A mask that waits for a touch-up."""

    example: int
    image: str  # sha256, as is mask
    mask: str  # the one that counts now
    unknown: str | None  # sha256 of the picture of the pixels of which its source says nothing
    photo: str  # its file name
    split: Split
    drawn: bool
    fix: bool  # a reviewer would have it fixed; else it is a kept one
    clock: bool  # whether the clock will run, or does
    running: bool  # the reviewer has started it and has time left
    held_by: str | None  # another reviewer who is working on it


@dataclass(frozen=True)
class FinishedTouchUp:
    """A touch-up that is over, with the mask before and after."""

    touch_up: int
    example: int
    image: str
    unknown: str | None
    before: str
    after: str
    photo: str
    split: Split
    drawn: bool
    reviewer: str
    state: State  # of the example now
    clock: bool  # whether the clock runs if it is started over
    seconds_used: float  # 0 to seconds_shown
    seconds_hidden: float  # of those, how many no page showed it
    seconds_shown: int | None  # the time that was allowed; None without a clock
    attempts: int  # how many touch-ups of the mask have saved something, up to this one
    seconds_in_all: float  # that they took together
    discarded_by: str | None
    started_at: datetime


def due() -> Select[Example]:
    """The query for the examples whose masks wait for a touch-up, the most doubtful first: those to be fixed, the approved
    ones of the test split that nobody has started, and the approved ones that a lead wants touched up again."""
    started = exists().where(TouchUp.example_id == Example.id, not_discarded())
    untouched = approved(Standing.split == Split.test).where(~started)
    asked = approved_among(select(TouchUpRequest.example_id).where(unanswered()))
    again = asked.where(or_(Example.split != Split.test, started))  # the others are among the untouched
    fix = select(Standing.example_id).where(Standing.state == State.fix)
    waiting = union_all(*(kept.with_only_columns(Example.id).order_by(None) for kept in (untouched, again)), fix).subquery()
    # The join asks an index for each of the few that wait; an IN would read every example.
    found = select(Example).join(waiting, waiting.c.id == Example.id).join(Standing, Standing.example_id == Example.id)
    return found.order_by(Standing.doubt.desc(), Example.id)


def unanswered() -> ColumnElement[bool]:
    """The SQL condition that no touch-up which counts has begun since a `TouchUpRequest`."""
    since = (TouchUp.example_id == TouchUpRequest.example_id, TouchUp.id > TouchUpRequest.after_touch_up)
    return ~exists().where(*since, not_discarded())


def count_due(session: Session) -> int:
    """How many masks wait for a touch-up, as `due` finds them."""
    return session.scalar(select(func.count()).select_from(due().order_by(None).subquery())) or 0


def pending(session: Session, reviewer_id: int, now: datetime, count: int) -> list[PendingTouchUp]:
    """The next `count` masks to touch up, the most doubtful first, after those that this reviewer has already started.

    Those that another reviewer is working on come last.
    """
    running = running_touch_ups(session, now)
    mine = {one.example_id: one for one in running if one.reviewer_id == reviewer_id}
    theirs = {one.example_id: one for one in running if one.reviewer_id != reviewer_id}
    held = {example: one.reviewer_id for example, one in theirs.items() if is_held(one, now)}
    shown = [joinedload(Example.submission), joinedload(Example.standing)]

    def can_go_on(of: list[int]) -> list[Example]:
        if not of:
            return []
        kept = approved_among(select(Example.id).where(Example.id.in_(of)))
        fixed = select(Example).join(Standing).where(Standing.state == State.fix, Example.id.in_(of)).order_by(Example.id)
        return [one for query in (kept, fixed) for one in session.scalars(query.options(*shown))]

    started = can_go_on(list(mine))
    more = due().where(Example.id.not_in([*mine, *theirs])).limit(max(0, count - len(started)))
    found = [*started, *session.scalars(more.options(*shown))]
    found += can_go_on([example for example in theirs if example not in held])
    found = [*found, *can_go_on(list(held))][:count]
    masks, chosen = current_masks(session, [example.id for example in found]), clocks(session)
    asked = select(Reviewer.id, Reviewer.name).where(Reviewer.id.in_(held.values()))
    names = dict(session.execute(asked).all()) if held else {}
    return [
        _pending(example, masks[example.id].sha256, chosen, mine.get(example.id), names.get(held.get(example.id, 0)))
        for example in found
    ]


def _pending(
    example: Example, mask: str, chosen: Mapping[Split, bool], begun: TouchUp | None, held_by: str | None
) -> PendingTouchUp:
    return PendingTouchUp(
        example=example.id,
        image=example.image_sha256,
        mask=mask,
        unknown=example.unknown_sha256,
        photo=example.submission.photo_name,
        split=example.split,
        drawn=example.submission.drawn,
        fix=example.standing.state is State.fix,
        clock=chosen[example.split] if begun is None else begun.seconds_shown is not None,
        running=begun is not None,
        held_by=held_by,
    )


def finished(session: Session, now: datetime, count: int) -> list[FinishedTouchUp]:
    """The newest finished touch-up of each example: the `count` that were started last, the latest first."""
    running = [touch_up.id for touch_up in running_touch_ups(session, now)]
    later, said = aliased(TouchUp), aliased(TouchUpSave)
    # Without a clock, one that nobody finished has no end: a later one took its place.
    ended = or_(later.seconds_shown.is_not(None), exists().where(said.touch_up_id == later.id, said.finished))
    beaten = exists().where(later.example_id == TouchUp.example_id, later.id > TouchUp.id, later.id.not_in(running), ended)
    newest_save = select(func.max(TouchUpSave.id)).where(TouchUpSave.touch_up_id == TouchUp.id).correlate(TouchUp)
    discarder = aliased(Reviewer)
    photo_and_names = (Submission.photo_name, Submission.drawn, Reviewer.name, discarder.name)
    rows = session.execute(
        select(TouchUp, TouchUpSave, Example, Standing.state, *photo_and_names)
        .join(Example, Example.id == TouchUp.example_id)
        .join(Standing, Standing.example_id == Example.id)
        .join(Submission, Submission.id == Example.submission_id)
        .join(Reviewer, Reviewer.id == TouchUp.reviewer_id)
        .outerjoin(TouchUpSave, TouchUpSave.id == newest_save.scalar_subquery())
        .outerjoin(TouchUpDiscard, TouchUpDiscard.touch_up_id == TouchUp.id)
        .outerjoin(discarder, discarder.id == TouchUpDiscard.reviewer_id)
        .where(TouchUp.id.not_in(running), ~beaten, or_(TouchUp.seconds_shown.is_not(None), TouchUpSave.finished))
        .order_by(TouchUp.id.desc())
        .limit(count)
    ).all()
    chosen = clocks(session)
    tries = attempts(session, {example.id: touch_up.id for touch_up, _, example, *_ in rows})
    return [
        FinishedTouchUp(
            touch_up=touch_up.id,
            example=touch_up.example_id,
            image=example.image_sha256,
            unknown=example.unknown_sha256,
            before=touch_up.mask_before_sha256,
            after=touch_up.mask_before_sha256 if last is None else last.mask_after_sha256,
            photo=photo,
            split=example.split,
            drawn=drawn,
            reviewer=reviewer,
            state=state,
            clock=chosen[example.split],
            seconds_used=last.seconds_used if last is not None and last.finished else float(touch_up.seconds_shown or 0),
            seconds_hidden=0.0 if last is None else last.seconds_hidden,
            seconds_shown=touch_up.seconds_shown,
            attempts=tries[example.id].number if example.id in tries else 0,
            seconds_in_all=tries[example.id].time.used if example.id in tries else 0.0,
            discarded_by=discarded_by,
            started_at=touch_up.started_at,
        )
        for touch_up, last, example, state, photo, drawn, reviewer, discarded_by in rows
    ]


def times_used(session: Session, count: int) -> list[TimeUsed]:
    """How long each of the masks took, all attempts together, whose touch-ups are the `count` newest that were finished."""
    ended = select(TouchUp.example_id, TouchUp.id).join(TouchUpSave, TouchUpSave.touch_up_id == TouchUp.id).where(finishes())
    newest = session.execute(ended.order_by(TouchUpSave.id.desc()).limit(count)).all()
    upto: dict[int, int] = {}
    for example, touch_up in newest:
        upto.setdefault(example, touch_up)
    tries = attempts(session, upto)
    return [tries[example].time for example in upto]


def own_seconds_left(session: Session, reviewer: str, now: datetime) -> float | None:
    """Seconds left on the clock of the touch-up that a reviewer, by name, began last; None if it has no clock or is over."""
    theirs = select(TouchUp).join(Reviewer, Reviewer.id == TouchUp.reviewer_id).where(Reviewer.name == reviewer)
    newest = session.scalars(theirs.order_by(TouchUp.id.desc()).limit(1)).one_or_none()
    if newest is None or is_over(newest, now):
        return None
    replaced = exists().where(TouchUp.example_id == newest.example_id, TouchUp.id > newest.id)
    return None if session.scalar(select(replaced)) else seconds_left(newest, now)


def running_touch_ups(session: Session, now: datetime) -> list[TouchUp]:
    """The touch-ups that are not over, oldest first."""
    # In whole seconds on SQLite, so the last of these may be over already.
    ends = extract("epoch", TouchUp.started_at) + TouchUp.seconds_shown + 1
    in_time = or_(TouchUp.seconds_shown.is_(None), ends > now.timestamp())
    is_finished = exists().where(TouchUpSave.touch_up_id == TouchUp.id, finishes())
    later = aliased(TouchUp)
    replaced = exists().where(later.example_id == TouchUp.example_id, later.id > TouchUp.id)
    wanted = select(TouchUp).where(in_time, ~is_finished, ~replaced).order_by(TouchUp.id).options(*LOADED)
    return [touch_up for touch_up in session.scalars(wanted) if not is_over(touch_up, now)]


def is_held(touch_up: TouchUp, now: datetime) -> bool:
    """Whether one that is not over keeps others from its mask: without a clock, only for a while after its last save."""
    active = touch_up.saves[-1].at if touch_up.saves else touch_up.started_at
    return touch_up.seconds_shown is not None or now - active < HOLD
