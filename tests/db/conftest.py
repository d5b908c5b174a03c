"""A real PostgreSQL server beside SQLite, started for the tests and thrown away."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url

from db.session import connect, migrate

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "")]


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


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A migrated, empty database on each of the two servers."""
    if request.param == "sqlite":
        engine = connect(f"sqlite:///{tmp_path / 'winnow.db'}")
    else:
        server = request.getfixturevalue("postgres")
        name = f"winnow_{abs(hash(str(tmp_path))):x}"
        with create_engine(server, isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine = connect(make_url(server).set(database=name).render_as_string(hide_password=False))
    migrate(engine)
    yield engine
    engine.dispose()
