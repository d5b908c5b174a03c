"""Known answers: examples that a lead has settled for good, mixed into every deck to see how often each reviewer hits them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session

from curator.verdicts import Given, new_client_id, newest, record
from db.errors import NotThereError, WinnowError
from db.tables import Decision, Example, Gold, Reason, Reviewer, Standing, Verdict


@dataclass(frozen=True)
class Try:
    """One reviewer's verdict on a known answer that was mixed into their deck."""

    reviewer: str
    at: datetime
    hit: bool


def set_answer(
    session: Session, reviewer_id: int, example: int, answer: Decision | None, reason: Reason | None, now: datetime
) -> None:
    """Make an example's answer known (it is settled by that), or with None withdraw it.

    Raises NotThereError for an example that is not there, and WinnowError for an undo, or for withdrawing what isn't known.
    """
    if session.get(Example, example) is None:
        raise NotThereError(f"Example {example} is not there (any more): it may have been erased.")
    if answer is Decision.undo:
        raise WinnowError("A known answer is keep or reject.")
    if answer is None and session.scalar(_current().where(Gold.example_id == example)) is None:
        raise WinnowError(f"Example {example} has no known answer.")
    if answer is not None:
        record(session, reviewer_id, [Given(example, answer, reason, new_client_id(), settles=True)], now)
    session.add(Gold(example_id=example, reviewer_id=reviewer_id, answer=answer, at=now))


def _current() -> Select[Gold]:
    """The newest row of each example, where it has an answer."""
    latest = select(func.max(Gold.id)).group_by(Gold.example_id)
    return select(Gold).where(Gold.id.in_(latest), Gold.answer.is_not(None))


def unseen_gold(session: Session, reviewer_id: int, free: ColumnElement[bool]) -> Sequence[Standing]:
    """The places of the known answers that a reviewer has never judged and didn't give, where `free` holds."""
    known = _current().where(Gold.reviewer_id != reviewer_id).subquery()
    judged = exists().where(Verdict.example_id == Standing.example_id, Verdict.reviewer_id == reviewer_id)
    places = select(Standing).join(known, known.c.example_id == Standing.example_id)
    return session.scalars(places.where(free, ~judged).order_by(Standing.example_id)).all()


def tries(session: Session) -> list[Try]:
    """Every reviewer's standing verdict on each known answer that was given after it was known; the oldest first."""
    known, given = _current().subquery(), newest()
    rows = session.execute(
        select(Reviewer.name, given.c.at, given.c.decision == known.c.answer)
        .join(given, given.c.reviewer_id == Reviewer.id)
        .join(known, known.c.example_id == given.c.example_id)
        .where(given.c.at > known.c.at, given.c.reviewer_id != known.c.reviewer_id, given.c.decision != Decision.undo)
        .order_by(given.c.id)
    )
    return [Try(name, at, bool(hit)) for name, at, hit in rows]
