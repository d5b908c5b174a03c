"""Fixtures: the real app with its own home folder, and a real browser."""

import base64
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, Request, expect
from playwright.sync_api import Error as PlaywrightError
from sqlalchemy import Engine

from db.session import open_database
from db.settings import Settings
from db.store import Store
from db.tables import Base

ROOT = Path(__file__).parents[2]
PATIENCE = 30  # seconds: how long a page may take on a machine that trains a network at the same time
expect.set_options(timeout=1000 * PATIENCE)
SENT = "() => !Object.keys(localStorage).some(key => key.startsWith('winnow.verdict.'))"


@dataclass(frozen=True)
class Server:
    """A running app: its address, and its home's settings, database and store for a test to look into."""

    url: str
    settings: Settings
    engine: Engine
    store: Store
    process: "subprocess.Popen[bytes]"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Starter:
    """Starts apps, and stops those that it started."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, settings: Settings, engine: Engine, store: Store, environment: dict[str, str]) -> Server:
        """Start an app on a home folder and wait until it answers; `environment` is added to this process's own."""
        port = free_port()
        log = settings.home / f"server-{port}.log"
        command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.port", str(port)]
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*command, "--server.headless", "true"],
                cwd=ROOT,
                env={**os.environ, "WINNOW_HOME": str(settings.home), **environment},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        url = f"http://localhost:{port}"
        deadline = time.monotonic() + 60
        while not _healthy(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server did not start:\n{log.read_text()}")
            time.sleep(0.1)
        return Server(url, settings, engine, store, process)

    def stop(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def server(settings: Settings, engine: Engine, store: Store) -> Iterator[Callable[..., Server]]:
    """Starts the app on this test's own home: `server()`, or `server(WINNOW_TOUCHUP_SECONDS="3")`."""
    starter = Starter()
    yield lambda **environment: starter.start(settings, engine, store, environment)
    starter.stop()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One app for all tests that need no special settings; use `app`, which empties its database first."""
    settings = Settings(home=tmp_path_factory.mktemp("shared") / "home")
    engine = open_database(settings)
    starter = Starter()
    yield starter.start(settings, engine, Store(settings.store), {})
    starter.stop()
    engine.dispose()


@pytest.fixture
def app(shared_server: Server) -> Server:
    """A running app with an empty database."""
    empty(shared_server)
    return shared_server


def empty(server: Server) -> None:
    """Delete all rows of an app's database."""
    with server.engine.execution_options(writes=True).begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
            return answer.status == 200 and "json" in answer.headers["content-type"]
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new page for each test, 1440 x 900."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    in_flight: set[Request] = set()
    context.on("request", lambda request: in_flight.add(request) if request.method == "POST" else None)
    context.on("requestfinished", lambda request: in_flight.discard(request))
    context.on("requestfailed", lambda request: in_flight.discard(request))
    yield page
    # What is still on its way to the server would be written to the next test's database.
    for each in context.pages:
        each.wait_for_function(SENT)
    deadline = time.monotonic() + PATIENCE
    with suppress(PlaywrightError):
        while in_flight and time.monotonic() < deadline:
            context.wait_for_event("requestfinished", timeout=1000 * PATIENCE)
    context.close()


# The photo with its mask's layer over it, as the page shows them.
LAYERS = """
photo => {
    const flat = Object.assign(document.createElement('canvas'), { width: photo.width, height: photo.height });
    const context = flat.getContext('2d');
    context.drawImage(photo, 0, 0);
    const mask = photo.parentElement.querySelector('[data-part=mask]');
    if (getComputedStyle(mask).visibility === 'visible') context.drawImage(mask, 0, 0);
    return flat.toDataURL('image/png');
}
"""


def canvas_pixels(page: Page) -> NDArray[np.float64]:
    """The deck's photo with its mask over it, float64 RGB 0..255 (512, 512, 3); fails if any pixel is transparent."""
    url = page.locator("canvas[data-example]").evaluate(LAYERS)
    data = np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.shape[2] == 3 or (picture[..., 3] == 255).all()
    return picture[..., 2::-1].astype(np.float64)


def pick(page: Page, label: str, option: str) -> None:
    """Choose an option of a Streamlit select box. Retries, since a click while the page is still rendering opens nothing."""
    box = page.get_by_role("combobox", name=re.compile(label))
    wanted = page.get_by_role("option", name=option, exact=True)
    for _ in range(10):
        box.click()
        with suppress(PlaywrightError):
            return wanted.click(timeout=1500)
    raise AssertionError(f"{label} never offered {option!r}")
