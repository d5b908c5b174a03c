"""Transactions, the append-only guard and migrations."""

import logging
import socket
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Engine, event, func, select, text
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from db.errors import DatabaseBusyError, DatabaseUnavailableError, WinnowError
from db.session import connect, migrate, open_database, reading, transact, writing
from db.settings import Settings
from db.tables import CuratedSet, Lease, Reviewer, SetMember, Split
from tests.db.test_tables import example
from tests.locking import locked_by_another

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SHA = "0" * 64


def reviewers(engine: Engine) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.count()).select_from(Reviewer)) or 0


def test_an_error_in_the_middle_rolls_everything_back(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), writing(engine) as session:  # noqa: PT012 - the with block is the test
        session.add(Reviewer(name="ada"))
        session.flush()
        assert reviewers(engine) == 0  # a second connection sees nothing of it yet
        _ = 1 / 0
    assert reviewers(engine) == 0


def test_what_was_written_can_be_read_after_the_commit(engine: Engine) -> None:
    with writing(engine) as session:
        ada = Reviewer(name="ada")
        session.add(ada)
    assert (ada.id, ada.name) == (1, "ada")


def test_a_row_that_refers_to_a_missing_one_is_refused(engine: Engine) -> None:
    with pytest.raises(IntegrityError), writing(engine) as session:
        session.add(Lease(example_id=99, reviewer_id=99, until=NOW))


def test_the_threads_of_a_process_queue_for_sqlites_one_writer(settings: Settings) -> None:
    """They don't poll for it: here SQLite refuses at once whoever comes while another writes."""
    engine = open_database(settings)

    def impatient(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA busy_timeout = 0")

    event.listen(engine, "connect", impatient)
    engine.dispose()  # of the connections that are patient
    together = Barrier(8)

    def add(number: int) -> None:
        together.wait()
        for at in range(10):
            with writing(engine) as session:
                session.add(Reviewer(name=f"{number} {at}"))

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(add, range(8)))
    assert reviewers(engine) == 80
    engine.dispose()


def test_a_frozen_set_cannot_be_changed(engine: Engine) -> None:
    with writing(engine) as session:
        member = SetMember(position=0, image_sha256=SHA, mask_sha256=SHA, split=Split.train)
        session.add(CuratedSet(id=1, hash=SHA, frozen_at=NOW, members=[member]))
    with pytest.raises(WinnowError, match="Rows of the table curated_set are never changed"), writing(engine) as session:
        session.get_one(CuratedSet, 1).note = "other"


def test_an_erased_example_leaves_its_places_in_sets_and_nothing_else_is_changed_along_with_it(engine: Engine) -> None:
    with writing(engine) as session:
        session.add(example())
        session.flush()
        places = [SetMember(position=at, example_id=1, image_sha256=SHA, mask_sha256=SHA, split=Split.train) for at in range(9)]
        session.add(CuratedSet(id=1, hash=SHA, frozen_at=NOW, members=places))

    def erase(session: Session) -> CuratedSet:
        curated = session.get_one(CuratedSet, 1)
        for place in curated.members:
            place.example_id = None
        return curated

    with pytest.raises(WinnowError, match="Rows of the table curated_set are never changed"), writing(engine) as session:
        erase(session).note = "other"
    with writing(engine) as session:
        erase(session)


def test_migrating_twice_changes_nothing(engine: Engine) -> None:
    migrate(engine)
    assert reviewers(engine) == 0


def test_a_database_of_a_newer_winnow_is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'later'")
    with pytest.raises(WinnowError, match=r"created by a newer Winnow \(schema later\). Update Winnow, then start again."):
        migrate(engine)


def test_a_database_that_cannot_be_opened_is_one_sentence_without_its_password(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(WinnowError) as error:
        open_database(Settings(home=tmp_path, db_url="postgresql://ada:secret@127.0.0.1:1/winnow"))
    assert str(error.value).startswith("The database postgresql://ada:***@127.0.0.1:1/winnow cannot be opened: ")
    assert str(error.value).endswith(". Check WINNOW_DB_URL, and that the server is running.")
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)


def test_a_database_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "winnow.db").mkdir()
    with pytest.raises(WinnowError) as error:
        open_database(Settings(home=tmp_path))
    assert str(error.value) == (
        f"The database sqlite:///{tmp_path / 'winnow.db'} cannot be opened: unable to open database file. "
        "Check that its file and folder can be written to."
    )


def test_a_missing_driver_is_named_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(WinnowError, match=r"^WINNOW_DB_URL needs the Python package psycopg\. For PostgreSQL, install `winnow"):
        open_database(Settings(home=tmp_path, db_url="postgresql://ada@127.0.0.1:1/winnow"))


def test_a_home_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for home, why in [(tmp_path / "file", "File exists"), (tmp_path / "file" / "home", "Not a directory")]:
        with pytest.raises(WinnowError) as error:
            open_database(Settings(home=home))
        assert str(error.value) == (
            f"The home folder {home} cannot be used: {why}. Set WINNOW_HOME to a folder that you can write to."
        )


def test_a_home_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    home = tmp_path / "some" / "home"
    open_database(Settings(home=home)).dispose()
    assert (home / "winnow.db").is_file()


def test_a_home_folder_on_a_read_only_disk_is_one_sentence(full_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", full_disk], check=True)
    with pytest.raises(WinnowError, match=r" cannot be used: it cannot be written to\. Set WINNOW_HOME to a folder"):
        open_database(Settings(home=full_disk))


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder that nobody can write to, root included")
def test_a_home_folder_that_cannot_be_written_to_is_one_sentence() -> None:
    with pytest.raises(
        WinnowError, match=r"^The home folder /sys/kernel/winnow cannot be used: .+\. Set WINNOW_HOME to a folder"
    ):
        open_database(Settings(home=Path("/sys/kernel/winnow")))


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "winnow.db").write_bytes(b"a letter to grandmother" * 99)
    with pytest.raises(DatabaseUnavailableError) as error:
        open_database(Settings(home=tmp_path))
    assert str(error.value) == (
        f"The database sqlite:///{tmp_path / 'winnow.db'} cannot be opened: file is not a database. "
        "Check that this is Winnow's file, or restore a backup."
    )


def test_a_server_that_does_not_answer_is_not_waited_for_without_end() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as silent:
        gone = connect(f"postgresql://ada:secret@127.0.0.1:{silent.getsockname()[1]}/winnow", connect_seconds=2)
        with pytest.raises(DatabaseUnavailableError, match="timeout expired"), reading(gone) as session:
            session.execute(text("SELECT 1"))


def test_a_server_that_goes_away_is_one_sentence_and_a_fault_of_ours_is_not_hidden(engine: Engine) -> None:
    gone = connect("postgresql://ada:secret@127.0.0.1:1/winnow")
    for session_of in (reading, writing):
        with pytest.raises(DatabaseUnavailableError, match=r"^The database postgresql://ada:") as error, session_of(gone) as it:
            it.execute(text("SELECT 1"))
        assert "secret" not in str(error.value)
        with pytest.raises((OperationalError, ProgrammingError)), session_of(engine) as it:
            it.execute(text("SELECT nonsense"))


# --- another process's lock ------------------------------------------------------------------------------------------


def add_ada(session: Session) -> None:
    session.add(Reviewer(name="ada"))


def test_a_lock_of_another_process_is_one_sentence(impatient: Engine) -> None:
    with locked_by_another(impatient), pytest.raises(DatabaseBusyError) as error, writing(impatient) as session:
        add_ada(session)
    assert str(error.value) == (
        f"Another process keeps the database {impatient.url} locked (database is locked). Try again when it has finished."
    )


def test_a_transaction_is_tried_again_until_the_lock_is_gone_and_the_log_says_so(impatient: Engine) -> None:
    said: list[str] = []

    class Log(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())
            if len(said) == 2:
                release()

    log, handler = logging.getLogger("db.session"), Log()
    log.addHandler(handler)
    with locked_by_another(impatient) as release:
        transact(impatient, add_ada)
    log.removeHandler(handler)
    assert reviewers(impatient) == 1
    assert [line.partition(" has finished. ")[2] for line in said] == [
        "Trying again (attempt 2 of 15).",
        "Trying again (attempt 3 of 15).",
    ]


def test_what_a_failed_attempt_wrote_is_rolled_back_before_the_next(engine: Engine) -> None:
    seen: list[int] = []

    def add(session: Session) -> None:
        seen.append(session.scalar(select(func.count()).select_from(Reviewer)) or 0)
        session.add(Reviewer(name="ada"))
        session.flush()
        if len(seen) < 3:
            raise DatabaseBusyError("locked.")

    transact(engine, add)
    assert (seen, reviewers(engine)) == ([0, 0, 0], 1)


def test_attempts_have_a_limit(impatient: Engine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with locked_by_another(impatient), pytest.raises(DatabaseBusyError):
        transact(impatient, add_ada, attempts=3)
    assert len(caplog.records) == 2
    assert reviewers(impatient) == 0
