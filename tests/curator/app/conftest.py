"""What all tests of the app share."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from curator.app import state
from db.session import open_database
from db.settings import read_settings


@pytest.fixture(autouse=True)
def main_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit puts a page in the main module's place and leaves it there: a process that is spawned later would run it."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def home(migrated_home: Path) -> Iterator[Engine]:
    """The empty database of a home of its own, for pages that are run in this process and read the settings anew."""
    cached: tuple[Callable[[], object], ...] = (state.settings, state.engine, state.store)
    for each in cached:
        each.cache_clear()  # type: ignore[attr-defined]
    yield open_database(read_settings())
    for each in cached:
        each.cache_clear()  # type: ignore[attr-defined]
