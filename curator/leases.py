"""One reviewer's short claim on an example: taken when it is dealt, renewed while the page is open, ended by a verdict."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, delete, exists, or_, select
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
    if not examples:
        return
    # Locked in one order as well: see `claim`.
    theirs = select(Lease.example_id).where(Lease.example_id.in_(examples), Lease.reviewer_id == reviewer_id)
    locked = theirs.order_by(Lease.example_id).with_for_update()
    session.execute(delete(Lease).where(Lease.example_id.in_(locked)), execution_options={"synchronize_session": False})


def locked(places: Select[Standing]) -> Select[Standing]:
    """Those of the places that nobody else is dealing at this very moment, and nobody else will until we are done.

    Two who are dealt to at once then never wait for each other, and mostly don't even meet. SQLite, where one writes at a
    time, needs no such thing and leaves it out.
    """
    return places.with_for_update(of=Standing, skip_locked=True)


def held_by_another(reviewer_id: int, now: datetime) -> ColumnElement[bool]:
    """That somebody else holds the example of a `Standing`."""
    return exists().where(Lease.example_id == Standing.example_id, Lease.until > now, Lease.reviewer_id != reviewer_id)
