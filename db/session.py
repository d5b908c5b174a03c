"""Engine, transactions and migrations. A transaction is one `with` at the edge."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from enum import IntEnum
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from db.errors import DiskFullError, WinnowError
from db.settings import Settings
from db.tables import Base, CropChoice, CuratedSet, Gold, GuideExample, Reopening, SetMember, TouchUp, TouchUpSave, Verdict

APPEND_ONLY = (CropChoice, Verdict, Reopening, TouchUp, TouchUpSave, CuratedSet, SetMember, Gold, GuideExample)

_ONE_WRITER = threading.RLock()


def open_database(settings: Settings) -> Engine:
    """An engine on the settings' database, made and migrated where need be.

    Raises WinnowError where the database cannot be reached or was made by a newer Winnow.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    engine = connect(settings.database)
    migrate(engine)
    return engine


def connect(url: str) -> Engine:
    """An engine on a database as it is; SQLite with WAL, foreign keys and transactions that begin when we say so."""
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late, and never before DDL
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 20000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # an acknowledged verdict survives a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA cache_size = -{64 * 1024}")  # KiB; the default of 2 MiB holds no index of a million rows
    cursor.execute(f"PRAGMA mmap_size = {2**30}")
    cursor.execute("PRAGMA secure_delete = ON")  # an erased person is not to be read off the disk
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    # A reader that turns into a writer fails at once when another wrote in between; so writers say it first and wait.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session that only asks."""
    with Session(engine, expire_on_commit=False) as session:
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """A session that is committed at the end of the `with`, or rolled back whole when it raises.

    Raises DiskFullError where the database finds no room.
    """
    # SQLite lets one write at a time, and who has to wait asks again after a nap that grows: our own threads queue instead.
    turn = _ONE_WRITER if engine.dialect.name == "sqlite" else nullcontext()
    try:
        with turn, Session(engine.execution_options(writes=True), expire_on_commit=False) as session, session.begin():
            yield session
    except OperationalError as error:
        full = getattr(error.orig, "sqlite_errorname", "") == "SQLITE_FULL" or getattr(error.orig, "sqlstate", "") == "53100"
        if not full:
            raise
        raise DiskFullError(f"The disk of the database {_shown(engine)} is full. Make room, then try again.") from error


def insert_or(session: Session, table: type[Base]) -> postgresql.Insert:
    """An insert that can say what to do on a conflict; SQLite's and PostgreSQL's take the same words."""
    if session.get_bind().dialect.name == "sqlite":
        return cast("postgresql.Insert", sqlite.insert(table))
    return postgresql.insert(table)


class Lock(IntEnum):
    """What one transaction at a time may do. The numbers are PostgreSQL's lock keys: "WIN" and a letter, so that no other
    program uses them."""

    adding = 0x57494E49  # examples: two at once would both find a picture, or a contributor, missing
    dealing = 0x57494E4E  # cards: two reviewers at once would get the same ones


def wait_for(session: Session, lock: Lock) -> None:
    """Wait until no other transaction holds this lock, and hold it until ours ends. SQLite lets one write at a time anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(lock.value)))


@event.listens_for(Session, "before_flush")
def _refuse_to_change_what_was_decided(session: Session, *_: object) -> None:
    for row in session.dirty:
        if isinstance(row, APPEND_ONLY) and session.is_modified(row, include_collections=False):
            if isinstance(row, SetMember) and row.example_id is None:
                continue  # erased: the place stays, the example goes
            raise WinnowError(f"A {type(row).__tablename__} is only ever added, never changed.")


def migrate(engine: Engine) -> None:
    """Bring the schema up to this version's. Raises WinnowError for a database from a newer Winnow."""
    # Imported here: an ingest's worker processes import this module but never migrate, and would start a quarter slower.
    import alembic.command
    import alembic.config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = alembic.config.Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == head:
        return
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise WinnowError(
            f"The database {_shown(engine)} was made by a newer Winnow (schema {current}). Update Winnow, then start again."
        )
    with _keys_asleep(engine), engine.execution_options(writes=True).begin() as connection:
        if MigrationContext.configure(connection).get_current_revision() == head:
            return  # another process was first while we waited
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "head")
        if engine.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
            raise WinnowError(f"The database {_shown(engine)} names rows that are not there, so it was left as it was.")


@contextmanager
def _keys_asleep(engine: Engine) -> Iterator[None]:
    """No foreign keys on new connections to SQLite: changing a column there drops its table, and all that hangs on it."""
    if engine.dialect.name != "sqlite":
        yield
        return
    engine.dispose()
    event.listen(engine, "connect", _sqlite_without_keys)
    try:
        yield
    finally:
        event.remove(engine, "connect", _sqlite_without_keys)
        engine.dispose()


def _sqlite_without_keys(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys = OFF")


def _shown(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)
