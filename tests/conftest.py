"""Shared fixtures: an empty home for each test, a migrated database, a store, and a clock that a test moves."""

import gc
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from curator.touchup.matting import Matting
from db.session import connect, migrate, open_database
from db.settings import Settings
from db.store import Store
from tests.postgres import INITDB, new_database, postgres_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Compiling pymatting takes ten seconds, and a test's home is empty: all tests, and the apps that they start, share one folder.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "numba"))

# How long an example takes depends on what else the machine does; pytest-timeout ends what hangs.
hypothesis.settings.register_profile("winnow", deadline=None)
hypothesis.settings.load_profile("winnow")

SERVERS = {"postgres", "s3_server", "cluster", "scheduler"}  # the fixtures that start one


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what drives a browser or starts a server, by its folder and its fixtures: `make test-fast` leaves it out.

    The slow ones come first, so that at the end no worker waits for the other's longest test.
    """
    for item in items:
        if Path(__file__).parent / "e2e" in item.path.parents:
            item.add_marker("browser")
        callspec = getattr(item, "callspec", None)
        on_postgres = callspec is not None and callspec.params.get("engine") == "postgresql"
        if on_postgres or SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker("server")
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Keep what the tests' modules brought, TensorFlow above all, from the garbage collector: it stays until the end.

    With it, each full collection takes a second, and each conversion to Core ML asks for several.
    """
    gc.collect()
    gc.freeze()


# The headless shell draws the same pages with two thirds of the whole browser's CPU time.
CHROMIUM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser"))), None)
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

on_both_servers = pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)


class FakeClock:
    """A clock for tests: call it for the time, and `pass_` to advance it by some seconds."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@contextmanager
def counted_instructions(session: Session) -> Iterator[list[int]]:
    """Yields a list that gets an element for every hundred instructions that SQLite itself runs for this session.

    What compares each row with each shows there at once, on a busy machine as on an idle one.
    """
    hundreds: list[int] = []
    connection: Any = session.connection().connection.driver_connection
    connection.set_progress_handler(lambda: hundreds.append(100), 100)
    yield hundreds
    connection.set_progress_handler(None, 0)


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
    """The file of a migrated, empty SQLite database, for copying: migrating a new one takes a second."""
    settings = Settings(home=tmp_path_factory.mktemp("migrated"))
    open_database(settings).dispose()
    return settings.home / "winnow.db"


@pytest.fixture(scope="session")
def migrated_on_postgres(postgres: str) -> str:
    """The name of a migrated, empty database on the PostgreSQL server, for copying."""
    engine = connect(new_database(postgres, "migrated"))
    migrate(engine)
    engine.dispose()
    return "migrated"


@pytest.fixture
def migrated_home(settings: Settings, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This test's home with an empty database; commands and pages of this process, and those that it starts, use it."""
    settings.home.mkdir()
    shutil.copy(migrated, settings.home)
    monkeypatch.setenv("WINNOW_HOME", str(settings.home))
    return settings.home


@pytest.fixture
def engine(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Engine]:
    """A migrated, empty database: SQLite in the home folder; a test with `on_both_servers` also runs on PostgreSQL."""
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
def matting() -> Iterator[Matting]:
    """A warm process that mattes, with as much time for a job as a busy machine needs."""
    found = Matting(Path(os.environ["NUMBA_CACHE_DIR"]), seconds=60.0)
    found.wait()
    yield found
    found.close()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 server on this machine."""
    from moto.server import ThreadedMotoServer  # importing it takes a second, and few tests need it

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The name of an empty bucket on the S3 server, which this test and the processes it starts use for `s3://` URLs."""
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
    """The folder of a disk of 2 MiB with 0.4 MB free; deleting the file `filler` frees the rest."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip("needs permission to mount a small disk")
    (folder / "filler").write_bytes(bytes(2 * 2**20 - 400_000))
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """One Chromium for all tests: a process can have one Playwright."""
    from playwright.sync_api import sync_playwright  # needed by few tests

    if CHROMIUM is None:
        pytest.skip("Chromium is not installed; apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()
