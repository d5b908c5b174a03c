"""Shared parts: a fresh home for each test, a migrated database, a store, and a clock that only moves when told."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url

from db.session import connect, migrate, open_database
from db.settings import Settings
from db.store import Store

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "")]
on_both_servers = pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)


class FakeClock:
    """A clock for tests: call it for the time, `pass_` to let time pass."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of an empty server's maintenance database."""
    initdb = BINARIES[-1]
    if not initdb.is_file():
        pytest.skip("PostgreSQL is not installed; apt-get install postgresql")
    pg_ctl = initdb.with_name("pg_ctl")
    folder = Path(tempfile.mkdtemp(prefix="winnow-pg-"))
    as_postgres: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres")
        as_postgres = ["runuser", "-u", "postgres", "--"]
    data = folder / "data"
    subprocess.run([*as_postgres, initdb, "-D", data, "-A", "trust", "-U", "postgres"], check=True, capture_output=True)
    # A socket in the folder, no port: nothing else on the machine can be in its way.
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    start = [*as_postgres, pg_ctl, "-D", data, "-o", options, "-l", folder / "log", "-w", "start"]
    subprocess.run(start, check=True, stdout=subprocess.DEVNULL)
    yield f"postgresql://postgres@/postgres?host={folder}"
    subprocess.run([*as_postgres, pg_ctl, "-D", data, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def engine(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Engine]:
    """A migrated, empty database: the home's own SQLite, or with `on_both_servers` one on PostgreSQL too."""
    if getattr(request, "param", "sqlite") == "sqlite":
        engine = open_database(settings)
    else:
        server = request.getfixturevalue("postgres")
        name = f"winnow_{abs(hash(str(settings.home))):x}"
        with create_engine(server, isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine = connect(make_url(server).set(database=name).render_as_string(hide_password=False))
        migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def store(settings: Settings) -> Store:
    return Store(settings.store)
