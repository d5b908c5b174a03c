"""Every test in this folder that uses a database runs on SQLite and on PostgreSQL, unless it names its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db.session import connect
from db.settings import Settings


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    own = any(mark.args[0] == "engine" for mark in metafunc.definition.iter_markers("parametrize"))
    if "engine" in metafunc.fixturenames and not own:
        metafunc.parametrize("engine", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def impatient(settings: Settings, migrated: Path) -> Iterator[Engine]:
    """A SQLite database whose engine waits for a lock for a hundredth of a second."""
    settings.home.mkdir()
    shutil.copy(migrated, settings.home)
    found = connect(settings.database, busy_seconds=0.01)
    yield found
    found.dispose()
