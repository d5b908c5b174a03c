"""One reviewer's short claim on an example: taken by the deck, renewed while the page is open, ended by a verdict."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, delete, exists, literal, or_, select
from sqlalchemy.orm import Session

from db.session import in_batches, insert_or
from db.tables import Lease, Standing

LEASE = timedelta(minutes=10)


def claim(session: Session, reviewer_id: int, examples: Collection[int], now: datetime) -> set[int]:
    """Lease these examples to a reviewer; returns those that the reviewer holds now.

    An example that somebody else holds stays with them, even when both ask at the same moment.
    """
    held: set[int] = set()
    # Always lock in the same order: two reviewers who ask for the same examples would deadlock otherwise.
    for batch in in_batches(sorted(examples)):
        rows = select(Standing.example_id, literal(reviewer_id), literal(now + LEASE, Lease.until.type))
        theirs = rows.where(Standing.example_id.in_(batch)).order_by(Standing.example_id)
        statement = insert_or(session, Lease).from_select([Lease.example_id, Lease.reviewer_id, Lease.until], theirs)
        taken = statement.on_conflict_do_update(
            index_elements=[Lease.example_id],
            set_={"reviewer_id": statement.excluded.reviewer_id, "until": statement.excluded.until},
            where=or_(Lease.until <= now, Lease.reviewer_id == reviewer_id),
        )
        held |= set(session.scalars(taken.returning(Lease.example_id)))
    return held


def release(session: Session, reviewer_id: int, examples: Collection[int]) -> None:
    """End a reviewer's leases on these examples."""
    # Locked in the same order as in `claim`, against deadlocks.
    for batch in in_batches(sorted(examples)):
        theirs = select(Lease.example_id).where(Lease.example_id.in_(batch), Lease.reviewer_id == reviewer_id)
        locked = theirs.order_by(Lease.example_id).with_for_update()
        session.execute(delete(Lease).where(Lease.example_id.in_(locked)), execution_options={"synchronize_session": False})


def leased_by(session: Session, reviewer_id: int) -> dict[int, datetime]:
    """The examples whose lease is a reviewer's, also one that has run out and that nobody took since; and until when."""
    return dict(session.execute(select(Lease.example_id, Lease.until).where(Lease.reviewer_id == reviewer_id)).all())


class QueuePosition(NamedTuple):
    """An example with the columns that the deck sorts it by; `doubt` is its suspicion, 0 to 1."""

    example_id: int
    source_id: int
    doubt: float


QUEUE_COLUMNS = (Standing.example_id, Standing.source_id, Standing.doubt)


def leased_to_another(reviewer_id: int, now: datetime) -> ColumnElement[bool]:
    """The SQL condition that somebody else holds a running lease on the example of a `Standing`."""
    return exists().where(Lease.example_id == Standing.example_id, Lease.until > now, Lease.reviewer_id != reviewer_id)
