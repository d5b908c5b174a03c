"""The versions of an example's mask, to start a touch-up from; and discarded touch-ups, whose masks no longer count."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, joinedload

from curator.review.reopening import send_back, take_back_repaired
from curator.touchup.clock import is_over
from db.errors import NotThereError, WinnowError
from db.session import in_batches
from db.tables import (
    Example,
    MaskOrigin,
    Refinement,
    RefinementDecision,
    Reviewer,
    TouchUp,
    TouchUpDiscard,
    TouchUpSave,
)


@dataclass(frozen=True)
class MaskVersion:
    """One of the masks that an example has had."""

    mask: str  # sha256
    origin: MaskOrigin
    by: str | None  # who touched it up, or accepted it from Refine; None: the contributor
    at: datetime | None  # of its last stroke, or when it was accepted
    touch_up: int | None
    discarded: bool


def versions(session: Session, examples: Collection[int]) -> dict[int, list[MaskVersion]]:
    """For each of the examples that exist: the contributor's mask, then what touch-ups saved last and what was accepted from
    Refine, the oldest first. Of the same mask twice, only the first is listed."""
    found: dict[int, list[MaskVersion]] = {}
    for batch in in_batches(sorted(set(examples))):
        for example, mask in session.execute(select(Example.id, Example.mask_sha256).where(Example.id.in_(batch))):
            found[example] = [MaskVersion(mask, MaskOrigin.contributor, None, None, None, discarded=False)]
        later = [*_touched_up(session, batch), *_refined(session, batch)]
        for example, version in sorted(later, key=lambda one: (one[0], one[1].at)):
            if all(one.mask != version.mask for one in found[example]):
                found[example].append(version)
    return found


def _touched_up(session: Session, examples: Collection[int]) -> list[tuple[int, MaskVersion]]:
    theirs = select(func.max(TouchUpSave.id)).join(TouchUp, TouchUp.id == TouchUpSave.touch_up_id)
    last = theirs.where(TouchUp.example_id.in_(examples)).group_by(TouchUp.id)
    discarded = exists().where(TouchUpDiscard.touch_up_id == TouchUp.id)
    rows = session.execute(
        select(TouchUp.example_id, TouchUp.id, TouchUpSave.mask_after_sha256, TouchUpSave.at, Reviewer.name, discarded)
        .join(TouchUp, TouchUp.id == TouchUpSave.touch_up_id)
        .join(Reviewer, Reviewer.id == TouchUp.reviewer_id)
        .where(TouchUpSave.id.in_(last))
    )
    return [
        (example, MaskVersion(mask, MaskOrigin.touch_up, by, at, touch_up, discarded=gone))
        for example, touch_up, mask, at, by, gone in rows
    ]


def _refined(session: Session, examples: Collection[int]) -> list[tuple[int, MaskVersion]]:
    rows = session.execute(
        select(Refinement.example_id, Refinement.alpha_sha256, RefinementDecision.at, Reviewer.name)
        .join(RefinementDecision, RefinementDecision.refinement_id == Refinement.id)
        .join(Reviewer, Reviewer.id == RefinementDecision.reviewer_id)
        .where(Refinement.example_id.in_(examples), RefinementDecision.accepted.is_(True))
    )
    return [
        (example, MaskVersion(mask, MaskOrigin.refinement, by, at, None, discarded=False)) for example, mask, at, by in rows
    ]


def discard(session: Session, reviewer: Reviewer, touch_up_id: int, now: datetime, *, lead: bool) -> int:
    """Discard a touch-up that is over; returns the number of its example. Discarding it twice counts once.

    Its masks stay on record, but the mask before counts again. An example that was sent to review with its mask waits for a
    repair again, as before; if somebody has judged that mask since, the example is open for review. Only its own reviewer and
    leads (`lead`) may discard it. Raises NotThereError for an unknown touch-up, and WinnowError for somebody else's or one that
    is not over.
    """
    touch_up = session.get(
        TouchUp, touch_up_id, options=[joinedload(TouchUp.saves)], with_for_update={"of": TouchUp}, populate_existing=True
    )
    if touch_up is None:
        raise NotThereError(f"Touch-up {touch_up_id} does not exist. It may have been erased.")
    if touch_up.reviewer_id != reviewer.id and not lead:
        raise WinnowError("This touch-up belongs to another reviewer. Only they and leads may discard it.")
    if not is_over(touch_up, now):
        raise WinnowError("This touch-up is not over. Finish it first.")
    if session.scalar(select(exists().where(TouchUpDiscard.touch_up_id == touch_up_id))):
        return touch_up.example_id
    session.add(TouchUpDiscard(touch_up_id=touch_up_id, reviewer_id=reviewer.id, at=now))
    session.flush()
    if not take_back_repaired(session, touch_up, reviewer.id, now):
        send_back(session, [touch_up.example_id], reviewer.name, None, now)
    return touch_up.example_id
