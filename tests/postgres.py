"""A real PostgreSQL server (Debian's package), started for the tests and deleted afterwards."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, column, create_engine, func, make_url, select, table
from sqlalchemy.pool import NullPool

from db.session import reading

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "initdb")]
INITDB = BINARIES[-1]


@contextmanager
def postgres_server(*, durable: bool) -> Iterator[str]:
    """The URL of an empty server's maintenance database. Unless it is `durable`, commits don't wait for the disk."""
    pg_ctl = INITDB.with_name("pg_ctl")
    folder = Path(tempfile.mkdtemp(prefix="winnow-pg-"))
    as_postgres: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres")
        as_postgres = ["runuser", "-u", "postgres", "--"]
    data = folder / "data"
    subprocess.run([*as_postgres, INITDB, "-D", data, "-A", "trust", "-U", "postgres"], check=True, capture_output=True)
    # A socket in the folder and no port, so that nothing else on the machine can conflict with it.
    options = f"-k {folder} -c listen_addresses='' -c fsync={'on' if durable else 'off'} -c max_prepared_transactions=2"
    start = [*as_postgres, pg_ctl, "-D", data, "-o", options, "-l", folder / "log", "-w", "start"]
    subprocess.run(start, check=True, stdout=subprocess.DEVNULL)
    try:
        yield f"postgresql://postgres@/postgres?host={folder}"
    finally:
        stop = [*as_postgres, pg_ctl, "-D", data, "-m", "immediate", "stop"]
        subprocess.run(stop, check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)


def new_database(server: str, name: str, template: str = "template1") -> str:
    """The URL of a new database of that name on the server, a copy of the template. Nobody may be connected to the template."""
    # Without a pool, the connection is closed at the end of the `with`.
    with create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def blocked(engine: Engine) -> int:
    """How many of the server's connections wait for another's lock."""
    activity = table("pg_stat_activity", column("wait_event_type"))
    with reading(engine) as session:
        wanted = select(func.count()).select_from(activity).where(activity.c.wait_event_type == "Lock")
        return session.scalar(wanted) or 0
