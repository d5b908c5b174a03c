"""Which columns and rows of the database name a stored picture, and deleting the pictures that none of them names.

The columns are read from the schema (every column whose name ends in `sha256`), so that no check and no erasure can forget
a new table.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import Column, Engine, Select, select, union_all
from sqlalchemy.orm import Session

from db.jobs import active_jobs
from db.session import in_batches, reading
from db.store import Store
from db.tables import Base

ENDING = "sha256"
GRACE = timedelta(hours=1)  # whatever is not a job names a picture within this time after storing it, by far
CHUNK = 500  # pictures that are looked up at a time; SQLite and PostgreSQL take thousands of values in a statement


def blob_columns() -> list[Column[str]]:
    """Every column of the schema that names a picture."""
    return [column for table in Base.metadata.sorted_tables for column in table.columns if column.name.endswith(ENDING)]


def named_blobs(session: Session) -> Iterator[tuple[str, str]]:
    """Each picture that a row names, as (sha256, table.column); once for every column that names it.

    A row whose example was erased keeps its hashes as a record, but no longer names a picture.
    """
    for column in blob_columns():
        where = f"{column.table.name}.{column.name}"
        yield from ((sha256, where) for sha256 in session.scalars(_named_in(column).distinct()))


def still_named(session: Session, pictures: Collection[str]) -> set[str]:
    """The pictures among these (sha256) that some row names."""
    named = union_all(*(_named_in(column) for column in blob_columns())).subquery().c[0]
    wanted = select(named).distinct()
    return {sha256 for batch in in_batches(pictures) for sha256 in session.scalars(wanted.where(named.in_(batch)))}


def due(session: Session, now: datetime, grace: timedelta = GRACE) -> datetime:
    """A picture last stored before this time, which no row names, will not be named any more.

    A picture is stored before the row that names it is committed: by a job at some time while it runs, by all else at once.
    """
    return min([now - grace, *(job.created_at for job in active_jobs(session, now))])


def delete_unnamed(engine: Engine, store: Store, pictures: Iterable[str], before: datetime | None) -> set[str]:
    """Delete those of the pictures (sha256) that no row names, and return them. Call it in no transaction.

    With a time in `before` (see `due`), only what was last stored before it; None deletes at once, for pictures whose rows
    the caller has just deleted. Whether a row names a picture is asked right before it is deleted, so a row that was
    committed meanwhile keeps its picture; and a picture that is stored again after the question stays.

    What is left for None: another process stored the same bytes before the question and commits its row after it. An ingest
    looks after its commit whether all its pictures are there, and stores a missing one again (in a folder; behind a URL it
    does not look). For whatever else stores a picture, this takes the milliseconds between its storing and its commit;
    `check` then lists the picture as missing.
    """
    deleted, rest = set(), iter(pictures)
    while chunk := list(islice(rest, CHUNK)):
        times = {sha256: at for sha256 in chunk for at in _times(store, sha256) if before is None or (at and at < before)}
        with reading(engine) as session:
            unnamed = times.keys() - still_named(session, times)
        deleted |= {sha256 for sha256 in sorted(unnamed) if store.delete(sha256, times[sha256])}
    return deleted


def delete_orphans(engine: Engine, store: Store, now: datetime, grace: timedelta = GRACE) -> set[str]:
    """Delete what processes left in the store when they were killed: pictures that no row names, and half-written files.

    Only what was stored longer ago than `grace` and before any running job began. Returns the pictures (sha256).
    """
    with reading(engine) as session:
        before = due(session, now, grace)
    store.delete_parts(before)
    return delete_unnamed(engine, store, _unnamed(engine, store), before)


def _times(store: Store, sha256: str) -> list[datetime | None]:
    """When a picture was last stored: [] if it is missing, [None] if the store keeps no times."""
    try:
        return [store.stored_at(sha256)]
    except FileNotFoundError:
        return []
    except NotImplementedError:
        return [None]


def _unnamed(engine: Engine, store: Store) -> Iterator[str]:
    """The pictures in the store that no row names now; many are looked up at a time, because most are named."""
    rest = store.all()
    while chunk := set(islice(rest, CHUNK)):
        with reading(engine) as session:
            chunk -= still_named(session, chunk)
        yield from chunk


def _named_in(column: Column[str]) -> Select[str]:
    wanted = select(column).where(column.is_not(None))
    example = column.table.columns.get("example_id")
    if example is not None and example.nullable:
        wanted = wanted.where(example.is_not(None))
    return wanted
