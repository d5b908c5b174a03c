"""Shared parts: a fresh home for each test, a migrated database, a store, and a clock that only moves when told."""

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db.session import connect, migrate, open_database
from db.settings import Settings
from db.store import Store
from tests.postgres import INITDB, new_database, postgres_server

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
    if not INITDB.is_file():
        pytest.skip("PostgreSQL is not installed; apt-get install postgresql")
    with postgres_server(durable=False) as url:
        yield url


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a migrated, empty SQLite database, to be copied: migrating one takes a third of a second."""
    settings = Settings(home=tmp_path_factory.mktemp("migrated"))
    open_database(settings).dispose()
    return settings.home / "winnow.db"


@pytest.fixture(scope="session")
def migrated_on_postgres(postgres: str) -> str:
    """The name of a migrated, empty database on the PostgreSQL server, to be copied."""
    engine = connect(new_database(postgres, "migrated"))
    migrate(engine)
    engine.dispose()
    return "migrated"


@pytest.fixture
def engine(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Engine]:
    """A migrated, empty database: the home's own SQLite, or with `on_both_servers` one on PostgreSQL too."""
    if getattr(request, "param", "sqlite") == "sqlite":
        settings.home.mkdir(parents=True, exist_ok=True)
        shutil.copy(request.getfixturevalue("migrated"), settings.home)
        url = settings.database
    else:
        template = request.getfixturevalue("migrated_on_postgres")
        name = f"winnow_{abs(hash(str(settings.home))):x}"
        url = new_database(request.getfixturevalue("postgres"), name, template)
    engine = connect(url)
    yield engine
    engine.dispose()


@pytest.fixture
def store(settings: Settings) -> Store:
    return Store(settings.store)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 on this machine."""
    from moto.server import ThreadedMotoServer  # a second of imports that few tests need

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The name of an empty bucket there, which `s3://` URLs of this test and of the processes that it starts lead to."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"bucket-{abs(hash(str(tmp_path))):x}"
    from s3fs import S3FileSystem

    S3FileSystem(skip_instance_cache=True).mkdir(name)
    return name


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """The folder of a disk of 2 MiB, with room for 0.4 MB until the file `filler` is deleted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip("needs the right to mount a small disk")
    (folder / "filler").write_bytes(bytes(2 * 2**20 - 400_000))
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)
