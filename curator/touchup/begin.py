"""A touch-up begins: who may, from which mask, and on which page it goes on; and what can be had again.

A touch-up is a row that holds the mask before and the time it started; each save appends a row with the mask after. Nothing is
ever overwritten. One page at a time paints: the one that opened the touch-up last. A second one is told, and may take over.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from curator.review.current_mask import current_masks, not_discarded
from curator.review.standing import approved_among
from curator.touchup.clock import LOADED, clocks, is_over, seconds_left, time_used
from curator.touchup.versions import versions
from curator.touchup.waiting import is_held, unanswered
from db.errors import NotThereError, WinnowError
from db.tables import (
    Example,
    Presence,
    Reviewer,
    Split,
    Standing,
    State,
    TouchUp,
    TouchUpPresence,
    TouchUpRequest,
    TouchUpSave,
)


@dataclass(frozen=True)
class StartedTouchUp:
    """What a page needs to continue a touch-up; `mask` is the newest one saved, or `before` if none has been saved.

    Without a clock there are no `seconds_shown` and no `seconds_left`. `painted_on` is the page that painted until now, None if
    there was none: strokes that a browser kept of any other page are older than `mask`.
    """

    touch_up: int
    example: int
    image: str
    mask: str
    before: str
    seconds_shown: int | None
    seconds_left: float | None
    painted_on: str | None


@dataclass(frozen=True)
class HeldTouchUp:
    """Why a touch-up does not begin on this page unless it takes over: another page, or another reviewer, is painting."""

    reviewer: str
    own: bool  # it is the reviewer's own, on another page
    seconds_left: float | None


def begin(
    session: Session,
    reviewer_id: int,
    page: str,
    example_id: int,
    seconds: int,
    now: datetime,
    *,
    start_from: str | None = None,
    take_over: bool = False,
) -> StartedTouchUp | HeldTouchUp:
    """Begin a touch-up of an example, or continue the reviewer's own that is not over (a reload costs no time).

    `page` is the name of the page that will paint, of 1 to 36 characters. `seconds` is the time allowed, where the example's
    split has a clock. It starts from the mask that counts now, or from `start_from`: the hash of an earlier version
    (curator/touchup/versions.py), which also starts over on an example that was touched up before; the earlier touch-up stays.
    `take_over` goes on with what another page, or another reviewer, is painting: with the clock, in the time that is left.
    Raises NotThereError for an unknown example, and WinnowError for one that waits for no touch-up or has no such version.
    """
    # Locked in this order, as when one ends: a save that is under way comes before, and of two who start at once, one is first.
    session.execute(select(TouchUp.id).where(TouchUp.example_id == example_id).with_for_update()).all()
    state = session.scalar(select(Standing.state).where(Standing.example_id == example_id).with_for_update())
    example = session.get(Example, example_id)
    if example is None:
        raise NotThereError(f"Example {example_id} does not exist. It may have been erased.")
    of_it = select(TouchUp).where(TouchUp.example_id == example_id).order_by(TouchUp.id)
    earlier = session.scalars(of_it.options(*LOADED).execution_options(populate_existing=True)).all()
    running = earlier[-1] if earlier and not is_over(earlier[-1], now) else None
    own = running is not None and running.reviewer_id == reviewer_id
    if running is not None and not take_over and (_open_elsewhere(running, page) if own else is_held(running, now)):
        return HeldTouchUp(session.get_one(Reviewer, running.reviewer_id).name, own, seconds_left(running, now))
    goes_on = running is not None or (start_from is not None and bool(earlier))
    _check_state(session, example, state, touched=bool(earlier), goes_on=goes_on)
    if running is None or not own:
        beginning = TouchUp(
            example_id=example_id,
            reviewer_id=reviewer_id,
            mask_before_sha256=_start(session, example_id, start_from),
            started_at=now,
            seconds_shown=seconds if clocks(session)[example.split] else None,
        )
        session.add(beginning)
        if running is not None and take_over:
            _go_on_with(running, beginning, now)
        running = beginning
    painted_on = painting_page(running)
    running.presences.append(TouchUpPresence(page=page, presence=Presence.opened, at=now))
    session.flush()
    return StartedTouchUp(
        touch_up=running.id,
        example=example_id,
        image=example.image_sha256,
        mask=running.saves[-1].mask_after_sha256 if running.saves else running.mask_before_sha256,
        before=running.mask_before_sha256,
        seconds_shown=running.seconds_shown,
        seconds_left=seconds_left(running, now),
        painted_on=painted_on,
    )


def painting_page(touch_up: TouchUp) -> str | None:
    """The page that may paint: the one that opened the touch-up last. None if it began when pages had no names."""
    opened = [one.page for one in touch_up.presences if one.presence is Presence.opened]
    return opened[-1] if opened else None


def request(session: Session, reviewer_id: int, example_ids: list[int], run: int | None, now: datetime) -> list[int]:
    """Ask for kept masks to be touched up again; returns those of the examples that wait for it from now on, in order.

    `run` is the run whose report showed them. Asking again before it was done changes nothing. The caller checks for a lead.
    """
    kept = session.scalars(approved_among(select(Example.id).where(Example.id.in_(example_ids)))).all()
    waiting = requested(session, example_ids)
    newest = select(TouchUp.example_id, func.max(TouchUp.id)).where(TouchUp.example_id.in_(example_ids))
    after = dict(session.execute(newest.group_by(TouchUp.example_id)).all())
    for example in kept:
        if example.id not in waiting:
            touch_up = after.get(example.id, 0)
            session.add(
                TouchUpRequest(example_id=example.id, reviewer_id=reviewer_id, run_id=run, after_touch_up=touch_up, at=now)
            )
    session.flush()
    return [example.id for example in kept]


def requested(session: Session, example_ids: list[int]) -> set[int]:
    """Those of the examples that a lead wants touched up again, as long as nobody has begun."""
    asked = select(TouchUpRequest.example_id).where(TouchUpRequest.example_id.in_(example_ids), unanswered())
    return set(session.scalars(asked))


def _open_elsewhere(touch_up: TouchUp, page: str) -> bool:
    """Whether another page has it open. One that has left it has not."""
    last = touch_up.presences[-1] if touch_up.presences else None
    return last is not None and last.page != page and last.presence is not Presence.left


def _go_on_with(theirs: TouchUp, mine: TouchUp, now: datetime) -> None:
    """Let a touch-up continue another one: from what it saved last, and with its clock, if it has one."""
    mine.mask_before_sha256 = theirs.mask_before_sha256
    mine.seconds_shown = theirs.seconds_shown
    if theirs.seconds_shown is not None:
        mine.started_at = theirs.started_at
        mine.presences += [TouchUpPresence(page=one.page, presence=one.presence, at=one.at) for one in theirs.presences]
    if theirs.saves:
        mask, time = theirs.saves[-1].mask_after_sha256, time_used(mine, now)
        mine.saves.append(
            TouchUpSave(mask_after_sha256=mask, seconds_used=time.used, seconds_hidden=time.hidden, finished=False, at=now)
        )


def _start(session: Session, example_id: int, start_from: str | None) -> str:
    """The hash of the mask to start from. Raises WinnowError if it is no version of the example's mask."""
    if start_from is None:
        return current_masks(session, [example_id])[example_id].sha256
    if all(one.mask != start_from for one in versions(session, [example_id])[example_id]):
        raise WinnowError(f"Example {example_id} has no such version of its mask. Reload the page, and choose another one.")
    return start_from


def _check_state(session: Session, example: Example, state: State | None, *, touched: bool, goes_on: bool) -> None:
    """Raises WinnowError unless the example's mask waits for a touch-up, or one goes on or is started over (`goes_on`).

    `touched` says whether a touch-up of it has ever begun.
    """
    if state is State.fix or (goes_on and state is State.repaired):
        return
    if session.scalars(approved_among(select(Example.id).where(Example.id == example.id))).one_or_none() is None:
        raise WinnowError(f"Example {example.id} is not approved. Keep it on the Review page first, or mark it Fix.")
    if goes_on or _waits(session, example):
        return
    if touched:
        raise WinnowError(f"Example {example.id} has been touched up already. Start over to do it again.")
    raise WinnowError(f"Example {example.id} is kept as it is. Mark it Fix on the Review page to repair its mask.")


def _waits(session: Session, example: Example) -> bool:
    """Whether an approved example waits for a touch-up, as in `curator.touchup.waiting.due`."""
    started = exists().where(TouchUp.example_id == example.id, not_discarded())
    untouched = example.split is Split.test and not session.scalar(select(started))
    return untouched or bool(requested(session, [example.id]))
