"""Record verdicts: each is appended, and the standing of its example is updated in the same transaction."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from curator.review.current_mask import current_masks
from curator.review.leases import claim, release
from curator.review.opinions import not_undone
from curator.review.standing import LockedStanding, first_reviewer, lock_standings, update_standings
from db.errors import NotThereError, WinnowError
from db.session import in_batches
from db.tables import Decision, Reason, State, Verdict


@dataclass(frozen=True)
class NewVerdict:
    """A verdict as a reviewer sends it. The same `client_id` sent twice by one reviewer is one verdict.

    `mask` is the hash of the mask that the reviewer saw, None if unknown.
    """

    example: int
    decision: Decision
    reason: Reason | None
    client_id: str
    settles: bool = False
    mask: str | None = None


@dataclass(frozen=True)
class Recorded:
    """How many verdicts were new, and the number of each by its client id. A repeated verdict keeps its first number.

    `outdated` are the client ids of those that were not recorded, because the mask was repaired after the reviewer saw it.
    """

    taken: int
    numbers: dict[str, int]
    outdated: list[str]


def record(
    session: Session, reviewer_id: int, given: Sequence[NewVerdict], now: datetime, second_share: float = 0.0
) -> Recorded:
    """Append verdicts. A verdict that was recorded before (same client id) is skipped.

    A reject without a reason is recorded as `unsaid`. A verdict ends the reviewer's lease on the example; an undo
    leases it again. `second_share`, 0 to 1, is the share of examples that get a blind second opinion after the first verdict.
    A verdict on a mask that has been repaired since is left out: it would approve, or send back, what its reviewer never saw.
    Raises NotThereError naming the first example that does not exist, and WinnowError for a client id that is empty or longer
    than 64 characters; then none of the batch is recorded.
    """
    locked = lock_standings(session, {item.example for item in given})
    if lost := missing_example([item.example for item in given], {row.example for row in locked}):
        raise NotThereError(lost)
    for item in given:
        if not 1 <= len(item.client_id) <= 64:
            raise WinnowError("The client id of a verdict must have 1 to 64 characters.")
    numbers = _numbers(session, reviewer_id, {item.client_id for item in given})
    new = {item.client_id: item for item in given if item.client_id not in numbers}
    outdated = _outdated(session, locked, new.values())
    for client_id in outdated:
        del new[client_id]
    if not new:
        return Recorded(0, numbers, outdated)
    numbers |= dict(zip(new, _append(session, reviewer_id, list(new.values()), now), strict=True))
    last = {item.example: item.decision for item in new.values()}
    judged = update_standings(session, locked)
    for row in locked:
        if row.example in last:
            opinions, repairer = judged.opinions.get(row.example, []), judged.repairers.get(row.example)
            row.standing.first_reviewer_id = first_reviewer(opinions, row.image, second_share, repairer)
    undone = {example for example, decision in last.items() if decision is Decision.undo}
    release(session, reviewer_id, last.keys() - undone)
    claim(session, reviewer_id, undone, now)
    return Recorded(len(new), numbers, outdated)


def missing_example(examples: Iterable[int], known: Container[int]) -> str | None:
    """The error message for the first of the examples that is not in `known`; None if all are."""
    lost = next((example for example in examples if example not in known), None)
    return None if lost is None else f"Example {lost} does not exist. It may have been erased."


def _outdated(session: Session, locked: Sequence[LockedStanding], given: Iterable[NewVerdict]) -> list[str]:
    """The client ids of the verdicts on repaired examples whose reviewer saw another mask than the repaired one."""
    repaired = {row.example for row in locked if row.standing.state is State.repaired}
    asked = [item for item in given if item.example in repaired and item.mask and item.decision is not Decision.undo]
    masks = current_masks(session, {item.example for item in asked})
    return [item.client_id for item in asked if masks[item.example].sha256 != item.mask]


def new_client_id() -> str:
    """A new, unique client id."""
    return uuid.uuid4().hex


def _numbers(session: Session, reviewer_id: int, client_ids: Collection[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    theirs = select(Verdict.client_id, Verdict.id).where(Verdict.reviewer_id == reviewer_id)
    for batch in in_batches(client_ids):
        found |= dict(session.execute(theirs.where(Verdict.client_id.in_(batch))).all())
    return found


def _append(session: Session, reviewer_id: int, given: Sequence[NewVerdict], now: datetime) -> list[int]:
    """Add the verdicts in order and return their numbers. An undo refers to the verdict that it takes back."""
    numbers: list[int] = []
    for undoing, run in groupby(given, key=lambda item: item.decision is Decision.undo):
        items = list(run)
        undone = _last_of(session, reviewer_id, [item.example for item in items]) if undoing else [None] * len(items)
        rows = [_row(item, reviewer_id, now, undoes) for item, undoes in zip(items, undone, strict=True)]
        numbers += session.scalars(insert(Verdict).returning(Verdict.id, sort_by_parameter_order=True), rows)
    return numbers


def _last_of(session: Session, reviewer_id: int, examples: Sequence[int]) -> list[int | None]:
    """For each example the reviewer's newest verdict that is not undone, or None; if it is given again, the one before."""
    theirs = select(Verdict.example_id, Verdict.id).where(Verdict.reviewer_id == reviewer_id, not_undone())
    standing: dict[int, list[int]] = defaultdict(list)
    for batch in in_batches(set(examples)):
        for example, number in session.execute(theirs.where(Verdict.example_id.in_(batch)).order_by(Verdict.id)):
            standing[example].append(number)
    return [standing[example].pop() if standing[example] else None for example in examples]


def _row(item: NewVerdict, reviewer_id: int, now: datetime, undoes: int | None) -> dict[str, Any]:
    rejects = item.decision is Decision.reject
    return {
        "example_id": item.example,
        "reviewer_id": reviewer_id,
        "decision": item.decision,
        "reason": (item.reason or Reason.unsaid) if rejects else None,
        "settles": item.settles and item.decision is not Decision.undo,
        "undoes": undoes,
        "at": now,
        "client_id": item.client_id,
    }
