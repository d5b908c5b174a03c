"""One reviewer's short claim on an example: taken when it is dealt, renewed while the page is open, ended by a verdict."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from db.session import insert_or
from db.tables import Lease, Standing

LEASE = timedelta(minutes=10)


def claim(session: Session, reviewer_id: int, examples: Collection[int], now: datetime) -> set[int]:
    """Lease these examples to a reviewer; those they have now. What another holds stays theirs, also when both ask at once."""
    if not examples:
        return set()
    # In one order for everybody, so that two who ask for the same examples wait for each other, not on each other.
    rows = [{"example_id": number, "reviewer_id": reviewer_id, "until": now + LEASE} for number in sorted(examples)]
    statement = insert_or(session, Lease).values(rows)
    taken = statement.on_conflict_do_update(
        index_elements=[Lease.example_id],
        set_={"reviewer_id": statement.excluded.reviewer_id, "until": statement.excluded.until},
        where=or_(Lease.until <= now, Lease.reviewer_id == reviewer_id),
    )
    return set(session.scalars(taken.returning(Lease.example_id)))


def release(session: Session, reviewer_id: int, examples: Collection[int]) -> None:
    """End a reviewer's leases on these examples."""
    theirs = select(Lease).where(Lease.example_id.in_(examples), Lease.reviewer_id == reviewer_id).order_by(Lease.example_id)
    for lease in session.scalars(theirs.with_for_update()):
        session.delete(lease)
    session.flush()


def held_by_another(reviewer_id: int, now: datetime) -> ColumnElement[bool]:
    """That somebody else holds the example of a `Standing`."""
    return exists().where(Lease.example_id == Standing.example_id, Lease.until > now, Lease.reviewer_id != reviewer_id)
