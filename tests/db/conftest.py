"""Every test in this folder that uses a database runs on SQLite and on PostgreSQL."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db.session import connect
from db.settings import Settings


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def impatient(settings: Settings, migrated: Path) -> Iterator[Engine]:
    """A SQLite database whose engine waits for a lock for a hundredth of a second."""
    settings.home.mkdir()
    shutil.copy(migrated, settings.home)
    found = connect(settings.database, busy_seconds=0.01)
    yield found
    found.dispose()
