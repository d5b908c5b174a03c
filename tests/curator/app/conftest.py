"""What all tests of the app share."""

import sys

import pytest


@pytest.fixture(autouse=True)
def main_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit puts a page in the main module's place and leaves it there: a process that is spawned later would run it."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
