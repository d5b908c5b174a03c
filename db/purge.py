"""What deleted rows leave on the disk, and how each database is made to forget it.

SQLite keeps old pages in its write-ahead log until that is emptied, which any open reader prevents. PostgreSQL keeps deleted
rows in their pages until these are written anew: after a plain VACUUM most of their bytes are still in the file.
"""

import sqlite3
import time
from collections.abc import Collection

from sqlalchemy import Engine, ScalarSelect, Table, Text, cast, column, func, or_, select, table, true
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.types import UserDefinedType

from db.errors import DatabaseBusyError
from db.session import errors_for_people

PATIENCE = 20.0  # seconds that others' transactions are waited for


def purge(engine: Engine, tables: Collection[Table], seconds: float = PATIENCE) -> None:
    """Remove the bytes of deleted and changed rows from the database's files. Call it in no transaction of one's own.

    On SQLite the whole file is written anew and its write-ahead log is emptied; on PostgreSQL these tables are written anew.
    Others' changes wait meanwhile, on PostgreSQL only those to these tables; it takes about as long as copying the data.
    Waits up to `seconds` for transactions of others that may still read what was deleted. Raises DatabaseBusyError if they
    don't end, DiskFullError if there is no room for the copy; the database is sound then, and one can try again.
    """
    with errors_for_people(engine):
        (_purge_sqlite if engine.dialect.name == "sqlite" else _purge_postgresql)(engine, tables, seconds)


def _purge_sqlite(engine: Engine, tables: Collection[Table], seconds: float) -> None:
    with engine.connect() as connection:
        cursor = connection.connection.cursor()  # the driver's own: SQLAlchemy would begin a transaction
        (patience,) = cursor.execute("PRAGMA busy_timeout").fetchone()
        cursor.execute(f"PRAGMA busy_timeout = {int(1000 * seconds)}")
        try:
            # Emptied first: with an open reader, the log would only grow by a copy of the whole database.
            for statement in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                answer = cursor.execute(statement).fetchone()
                if answer and answer[0]:
                    raise DatabaseBusyError(
                        "Another program keeps the database open, so its write-ahead log (winnow.db-wal) could not be emptied. "
                        "Close what uses it, such as a database browser or a hanging command."
                    )
        except sqlite3.OperationalError as error:  # as SQLAlchemy would raise it, for `errors_for_people`
            raise OperationalError(statement, None, error) from error
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {patience}")
            cursor.close()


class Transaction(UserDefinedType[str]):
    """PostgreSQL's number of a transaction, which can only be compared by its age."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "xid"


def _purge_postgresql(engine: Engine, tables: Collection[Table], seconds: float) -> None:
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection, Session(connection) as session:
        ours = session.scalar(select(cast(cast(func.pg_current_xact_id(), Transaction), Text)))
        give_up = time.monotonic() + seconds
        while session.scalar(select(func.coalesce(*_older(ours)))):
            if time.monotonic() > give_up:
                raise DatabaseBusyError(
                    "A transaction of another program has been open since before, so PostgreSQL keeps what was deleted. "
                    "End it (`pg_stat_activity` shows it, or `pg_prepared_xacts`)."
                )
            time.sleep(0.1)
        names = ", ".join(map(connection.dialect.identifier_preparer.format_table, tables))
        connection.exec_driver_sql(f"SET lock_timeout = {int(1000 * seconds)}")
        try:
            connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {names}")
        finally:
            connection.exec_driver_sql("RESET lock_timeout")


def _older(ours: str | None) -> tuple[ScalarSelect[bool], ...]:
    """Whether others' transactions are as old as ours, each true or NULL: then rows that they may still see are copied along.

    By the numbers of transactions, because PostgreSQL shows their times only to a role that may see other roles' work.
    """
    activity = table("pg_stat_activity", *map(column, ("datname", "pid", "backend_xmin", "backend_xid")))
    prepared = table("pg_prepared_xacts", *map(column, ("database", "transaction")))
    old = func.age(cast(ours, Transaction))
    reads_or_writes = select(true()).where(
        func.coalesce(activity.c.datname, func.current_database()) == func.current_database(),  # none: a replica's
        activity.c.pid != func.pg_backend_pid(),
        or_(func.age(activity.c.backend_xmin) >= old, func.age(activity.c.backend_xid) >= old),
    )
    waits = select(true()).where(prepared.c.database == func.current_database(), func.age(prepared.c.transaction) >= old)
    return tuple(each.limit(1).scalar_subquery() for each in (reads_or_writes, waits))
