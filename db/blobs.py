"""Which columns and rows of the database name a stored picture.

The columns are read from the schema (every column whose name ends in `sha256`), so that no check and no erasure can forget
a new table.
"""

from collections.abc import Collection, Iterator

from sqlalchemy import Column, Select, select
from sqlalchemy.orm import Session

from db.session import in_batches
from db.tables import Base

ENDING = "sha256"


def blob_columns() -> list[Column[str]]:
    """Every column of the schema that names a picture."""
    return [column for table in Base.metadata.sorted_tables for column in table.columns if column.name.endswith(ENDING)]


def named_blobs(session: Session) -> Iterator[tuple[str, str]]:
    """Each picture that a row names, as (sha256, table.column); once for every column that names it.

    A row whose example was erased keeps its hashes as a record, but no longer names a picture.
    """
    for column in blob_columns():
        yield from ((sha256, f"{column.table.name}.{column.name}") for sha256 in session.scalars(_named_in(column)))


def still_named(session: Session, pictures: Collection[str]) -> set[str]:
    """The pictures among these (sha256) that some row names."""
    return {
        sha256
        for column in blob_columns()
        for batch in in_batches(pictures)
        for sha256 in session.scalars(_named_in(column).where(column.in_(batch)))
    }


def _named_in(column: Column[str]) -> Select[str]:
    wanted = select(column).distinct().where(column.is_not(None))
    example = column.table.columns.get("example_id")
    if example is not None and example.nullable:
        wanted = wanted.where(example.is_not(None))
    return wanted
