"""Engine, transactions and migrations. A transaction is one `with` block at the edge."""

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from enum import IntEnum
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, OperationalError
from sqlalchemy.orm import Session

from db.errors import DatabaseBusyError, DatabaseUnavailableError, DiskFullError, UnstorableError, WinnowError
from db.settings import Settings
from db.tables import (
    Base,
    CropChoice,
    CuratedSet,
    Gold,
    GuideExample,
    RefinementDecision,
    Reopening,
    SetMember,
    TouchUp,
    TouchUpClock,
    TouchUpDiscard,
    TouchUpPresence,
    TouchUpRequest,
    TouchUpSave,
    Verdict,
)

APPEND_ONLY = (
    CropChoice,
    Verdict,
    Reopening,
    TouchUp,
    TouchUpSave,
    TouchUpPresence,
    TouchUpDiscard,
    TouchUpRequest,
    TouchUpClock,
    CuratedSet,
    SetMember,
    Gold,
    GuideExample,
    RefinementDecision,
)

MAX_PARAMETERS = 5000  # in one list; a statement of PostgreSQL takes 65,535 of them, one of SQLite 32,766
BUSY_SECONDS = 20.0  # how long SQLite waits for another process's lock
CONNECT_SECONDS = 10  # how long a server may take to accept a connection
ATTEMPTS = 15  # of `transact`: five minutes of another process's lock

T = TypeVar("T")

_ONE_WRITER = threading.RLock()
_log = logging.getLogger(__name__)


def open_database(settings: Settings) -> Engine:
    """An engine on the settings' database. The home folder and the tables are created, and old tables migrated, if necessary.

    Raises WinnowError if the home folder cannot be written to, the database cannot be opened, its driver is not installed, or
    a newer Winnow created it.
    """
    _make_home(settings.home)
    try:
        engine = connect(settings.database)
        if engine.dialect.name == "sqlite" and engine.url.database:
            _make_private(Path(engine.url.database))
    except ImportError as error:
        raise WinnowError(
            f"WINNOW_DB_URL needs the Python package {error.name}. For PostgreSQL, install `winnow[postgres]`."
        ) from error
    try:
        with errors_for_people(engine):
            migrate(engine)
    except Exception:
        engine.dispose()
        raise
    return engine


def _make_home(home: Path) -> None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        why = "" if os.access(home, os.W_OK | os.X_OK) else "it cannot be written to"
    except OSError as error:
        why = str(error.strerror)
    if why:
        raise WinnowError(f"The home folder {home} cannot be used: {why}. Set WINNOW_HOME to a folder that you can write to.")


def warn_of_open_home(home: Path) -> None:
    """Log a warning if everybody on this machine can open the home folder. It is not changed: it may be anybody's folder."""
    if home.stat().st_mode & 0o007:
        _log.warning("Everybody on this machine can open the home folder %s. `chmod 700` closes it.", home)


def _make_private(file: Path) -> None:
    """Create SQLite's file, if it is not there, for its owner alone; its logs get the same mode."""
    with suppress(OSError):  # opening it says why
        os.close(os.open(file, os.O_CREAT | os.O_EXCL, 0o600))


def connect(url: str, busy_seconds: float = BUSY_SECONDS, connect_seconds: int = CONNECT_SECONDS) -> Engine:
    """An engine on a database, without migrating it. SQLite gets WAL, foreign keys and explicit transactions.

    `busy_seconds` is how long SQLite waits for another process's lock before it raises DatabaseBusyError, `connect_seconds`
    how long a server may take to accept a connection before DatabaseUnavailableError is raised.
    """
    local = url.startswith("sqlite")
    waits = {"timeout": busy_seconds} if local else {"connect_timeout": connect_seconds}
    engine = create_engine(url, pool_pre_ping=not local, connect_args=waits)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
    event.listen(engine, "handle_error", _refuse_what_cannot_be_stored)
    return engine


def _refuse_what_cannot_be_stored(context: ExceptionContext) -> None:
    # SQLite's driver raises Python's own errors for a number beyond 64 bits and for half a surrogate pair; PostgreSQL a
    # DataError, also for NUL.
    if isinstance(context.sqlalchemy_exception, DataError) or isinstance(
        context.original_exception, OverflowError | UnicodeEncodeError
    ):
        raise UnstorableError("A value holds a number or a character that the database cannot store.") from None


def _sqlite_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver itself would begin transactions too late, and never before DDL
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # an acknowledged verdict survives a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA cache_size = -{64 * 1024}")  # in KiB; the default of 2 MiB cannot hold the index of a million rows
    cursor.execute(f"PRAGMA mmap_size = {2**30}")
    cursor.execute("PRAGMA secure_delete = ON")  # erased data must not be readable from the disk
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    # A reading transaction that starts to write fails at once if another process wrote meanwhile; so writers begin as writers.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session for reading. Raises DatabaseUnavailableError if the database does not answer."""
    with errors_for_people(engine), Session(engine, expire_on_commit=False) as session:
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """A session that is committed at the end of the `with` block, or rolled back if the block raises.

    Raises DiskFullError if the database's disk is full, DatabaseBusyError if another process keeps the database locked, and
    DatabaseUnavailableError if the database does not answer.
    """
    # SQLite allows one writer at a time, and a waiting one polls at growing intervals. Threads of this process queue instead.
    turn = _ONE_WRITER if engine.dialect.name == "sqlite" else nullcontext()
    with (
        errors_for_people(engine),
        turn,
        Session(engine.execution_options(writes=True), expire_on_commit=False) as session,
        session.begin(),
    ):
        yield session


def transact(engine: Engine, transaction: Callable[[Session], T], attempts: int = ATTEMPTS) -> T:
    """Run a whole transaction in a `writing` session and return its result, for work that must outlast another's lock.

    While another process keeps the database locked, the transaction is rolled back and run again, up to `attempts` times in
    all; each time the log says so. Then DatabaseBusyError is raised. `transaction` must not keep anything of an earlier run.
    """
    for attempt in range(1, attempts):
        try:
            with writing(engine) as session:
                return transaction(session)
        except DatabaseBusyError as error:
            _log.warning("%s Trying again (attempt %d of %d).", error, attempt + 1, attempts)
    with writing(engine) as session:
        return transaction(session)


FULL = ("SQLITE_FULL", "53100")
BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED", "40001", "40P01", "55P03")  # and PostgreSQL's serialization failure, deadlock, no lock
DAMAGED = ("SQLITE_NOTADB", "SQLITE_CORRUPT")


@contextmanager
def errors_for_people(engine: Engine) -> Iterator[None]:
    """Turn what a disk, a server or another process causes into WinnowErrors. Errors of our own pass unchanged."""
    try:
        yield
    except DBAPIError as error:
        code = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None) or ""
        address, reason = _address(engine), str(error.orig).partition("\n")[0]
        if code in FULL:
            raise DiskFullError(f"The disk of the database {address} is full. Free some space, then try again.") from error
        if code.startswith(BUSY):
            raise DatabaseBusyError(
                f"Another process keeps the database {address} locked ({reason}). Try again when it has finished."
            ) from error
        if code in DAMAGED:
            advice = "Check that this is Winnow's file, or restore a backup"
        elif error.connection_invalidated or (isinstance(error, OperationalError) and code != "SQLITE_ERROR"):
            local = engine.dialect.name == "sqlite"
            what = "that its file and folder can be written to" if local else "WINNOW_DB_URL, and that the server is running"
            advice = f"Check {what}"
        else:
            raise
        raise DatabaseUnavailableError(f"The database {address} cannot be opened: {reason}. {advice}.") from error


def insert_or(session: Session, table: type[Base]) -> postgresql.Insert:
    """An INSERT that supports ON CONFLICT, which SQLite and PostgreSQL spell alike."""
    if session.get_bind().dialect.name == "sqlite":
        return cast("postgresql.Insert", sqlite.insert(table))
    return postgresql.insert(table)


def in_batches(values: Iterable[T], size: int = MAX_PARAMETERS) -> Iterator[list[T]]:
    """The values in their order, in lists that fit into the parameters of one SQL statement.

    >>> list(in_batches("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    rest = iter(values)
    while batch := list(islice(rest, size)):
        yield batch


class Lock(IntEnum):
    """What one transaction at a time may do. The numbers are PostgreSQL's lock keys: "WIN" and a letter, so that no other
    program uses them."""

    adding = 0x57494E49  # examples: two at once would both find a picture, or a contributor, missing
    dealing = 0x57494E4E  # cards: two reviewers at once would get the same ones
    freezing = 0x57494E46  # a set: two at once would take the same number, or freeze the same content twice


def wait_for(session: Session, lock: Lock) -> None:
    """Wait until no other transaction holds this lock, and hold it until ours ends. SQLite lets one write at a time anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(lock.value)))


@event.listens_for(Session, "before_flush")
def _refuse_to_change_append_only_rows(session: Session, *_: object) -> None:
    for row in session.dirty:
        if isinstance(row, APPEND_ONLY) and session.is_modified(row, include_collections=False):
            if isinstance(row, SetMember) and row.example_id is None:
                continue  # erasing an example: its row in the set stays
            raise WinnowError(f"Rows of the table {type(row).__tablename__} are never changed. Add a new row instead.")


def migrate(engine: Engine) -> None:
    """Update the database's tables to this version of Winnow.

    Raises WinnowError if a newer Winnow created the database, or if it has references to missing rows (SQLite).
    """
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
            f"The database {_address(engine)} was created by a newer Winnow (schema {current}). "
            "Update Winnow, then start again."
        )
    with _foreign_keys_off(engine), engine.execution_options(writes=True).begin() as connection:
        if MigrationContext.configure(connection).get_current_revision() == head:
            return  # another process has migrated it while we waited
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "head")
        if engine.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
            raise WinnowError(
                f"The database {_address(engine)} refers to rows that do not exist, so it was not updated. Restore a backup, "
                "or find the rows with SQLite's `PRAGMA foreign_key_check`."
            )


@contextmanager
def _foreign_keys_off(engine: Engine) -> Iterator[None]:
    """Foreign keys off on SQLite: to change a column it drops the table, which would delete all rows that refer to it."""
    if engine.dialect.name != "sqlite":
        yield
        return
    engine.dispose()
    event.listen(engine, "connect", _sqlite_foreign_keys_off)
    try:
        yield
    finally:
        event.remove(engine, "connect", _sqlite_foreign_keys_off)
        engine.dispose()


def _sqlite_foreign_keys_off(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys = OFF")


def _address(engine: Engine) -> str:
    """The database's URL with its password hidden."""
    return engine.url.render_as_string(hide_password=True)
