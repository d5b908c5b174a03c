"""What deleted rows leave on the disk is gone after a purge; what others still read is waited for, and said."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, insert, make_url, select

from db.errors import DatabaseBusyError, DiskFullError
from db.purge import purge
from db.session import connect, open_database, reading, writing
from db.settings import Settings
from db.tables import Contributor

NAME = b"Nora_Quist"


def files_of(engine: Engine) -> Iterator[Path]:
    """The files of the database: of a server, only those of tables and indexes."""
    if engine.dialect.name == "sqlite":
        assert engine.url.database is not None
        yield from Path(engine.url.database).parent.glob("winnow.db*")
        return
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("CHECKPOINT")  # writes its memory into the files
        own = connection.exec_driver_sql("SELECT oid FROM pg_database WHERE datname = current_database()").scalar_one()
    folder = make_url(str(engine.url)).query["host"]
    assert isinstance(folder, str)
    yield from (path for path in (Path(folder) / "data" / "base" / str(own)).rglob("*") if path.is_file())


def left(engine: Engine) -> int:
    return sum(path.read_bytes().count(NAME) for path in files_of(engine))


@pytest.fixture
def crossed_out(engine: Engine) -> Engine:
    """A database from which many rows were deleted, amid others that stay."""
    names = [f"{who}_{number}" for number in range(200) for who in ("Bo_Berg", "Nora_Quist", "Cy_Lund")]
    with writing(engine) as session:
        session.execute(insert(Contributor), [{"name": name} for name in names])
    assert left(engine) >= 200
    with writing(engine) as session:
        session.execute(delete(Contributor).where(Contributor.name.like("Nora%")))
    return engine


TABLES = [Contributor.__table__]


def test_no_byte_of_a_deleted_row_is_left(crossed_out: Engine) -> None:
    assert left(crossed_out)
    purge(crossed_out, TABLES)  # type: ignore[arg-type]
    assert left(crossed_out) == 0
    with writing(crossed_out) as session:
        assert len(session.scalars(select(Contributor.id)).all()) == 400


def test_a_transaction_of_another_that_still_reads_is_said_and_one_can_try_again(crossed_out: Engine) -> None:
    with crossed_out.execution_options(isolation_level="SERIALIZABLE").connect() as reader:
        reader.execute(select(Contributor.id)).all()
        with pytest.raises(DatabaseBusyError, match=r"keeps|been open"):
            purge(crossed_out, TABLES, seconds=0.05)  # type: ignore[arg-type]
        assert left(crossed_out)
    purge(crossed_out, TABLES)  # type: ignore[arg-type]
    assert left(crossed_out) == 0


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
@pytest.mark.parametrize("other", ["another role's snapshot", "a change that waits for its commit", "a prepared transaction"])
def test_whatever_keeps_deleted_rows_on_postgresql_is_said(crossed_out: Engine, other: str) -> None:
    with crossed_out.connect() as reader:
        if other == "another role's snapshot":
            app = connect(as_an_app_of_few_rights(crossed_out))
            reader.execution_options(isolation_level="REPEATABLE READ")
            reader.execute(select(Contributor.id)).all()
        else:
            app = crossed_out
            reader.exec_driver_sql("INSERT INTO reviewer (name) VALUES ('Dee Day')")  # as `psql`: its snapshot ends with it
            if other == "a prepared transaction":
                reader.exec_driver_sql("PREPARE TRANSACTION 'dee'")
        with writing(app) as session:
            session.execute(delete(Contributor).where(Contributor.name.like("Bo%")))
        with pytest.raises(DatabaseBusyError, match="been open since before"):
            purge(app, TABLES, seconds=0.05)  # type: ignore[arg-type]
    if other == "a prepared transaction":
        with crossed_out.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("ROLLBACK PREPARED 'dee'")
    purge(app, TABLES)  # type: ignore[arg-type]
    assert sum(path.read_bytes().count(b"Bo_Berg") for path in files_of(crossed_out)) == 0
    app.dispose()


def as_an_app_of_few_rights(engine: Engine) -> str:
    """The URL for a role that owns the tables to be purged, and may see no other role's work."""
    role = f"app_{engine.url.database}"
    with engine.begin() as connection:
        for statement in (
            f"CREATE ROLE {role} LOGIN",
            f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}",
            f"ALTER TABLE contributor OWNER TO {role}",
        ):
            connection.exec_driver_sql(statement)
    return engine.url.set(username=role).render_as_string(hide_password=False)


def test_afterwards_others_are_waited_for_as_long_as_before(engine: Engine) -> None:
    def patience() -> str:
        ask = "PRAGMA busy_timeout" if engine.dialect.name == "sqlite" else "SHOW lock_timeout"
        with engine.connect() as connection:
            return str(connection.exec_driver_sql(ask).scalar())

    before = patience()
    purge(engine, TABLES, seconds=0.05)  # type: ignore[arg-type]
    assert patience() == before


def test_a_disk_without_room_for_the_copy_is_said_and_nothing_is_lost(full_disk: Path) -> None:
    (full_disk / "filler").unlink()
    engine = open_database(Settings(home=full_disk))
    with writing(engine) as session:
        session.execute(insert(Contributor), [{"name": f"{number:0999}"} for number in range(50)])
    purge(engine, TABLES)  # type: ignore[arg-type]
    (full_disk / "filler").write_bytes(bytes(shutil.disk_usage(full_disk).free - 50_000))
    with pytest.raises(DiskFullError, match="Free some space"):
        purge(engine, TABLES)  # type: ignore[arg-type]
    with reading(engine) as session:
        assert len(session.scalars(select(Contributor.id)).all()) == 50
    engine.dispose()
