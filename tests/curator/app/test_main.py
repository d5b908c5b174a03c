"""The frame around every page."""

from datetime import timedelta
from pathlib import Path

import cv2
import pytest
from streamlit.testing.v1 import AppTest

from curator.app import (
    frame,  # noqa: F401 - imported before, so that no test's seconds go into it
    state,
)
from curator.consent import ended_in_words
from db.jobs import utc_now
from db.session import open_database, writing
from db.settings import read_settings
from db.store import Store
from db.tables import Example
from tests.examples import add_examples

ROOT = Path(__file__).parents[3]


def test_a_damaged_opencv_is_shown_with_its_repair_instead_of_any_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WINNOW_HOME", str(tmp_path / "home"))
    monkeypatch.delattr(cv2.img_hash, "pHash")
    page = AppTest.from_file(ROOT / "curator/app/main.py").run()
    assert [error.value.partition(":")[0] for error in page.error] == ["OpenCV lacks its contrib modules (img_hash)"]
    assert "opencv-contrib-python-headless" in page.error[0].value
    assert not page.exception
    assert not (tmp_path / "home").exists()  # no page was run: the database was not opened


def test_a_database_that_does_not_answer_is_one_sentence_on_the_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WINNOW_HOME", str(tmp_path))
    monkeypatch.setenv("WINNOW_DB_URL", "postgresql://ada:hush@127.0.0.1:1/winnow")
    state.settings.cache_clear()
    try:
        page = AppTest.from_file(ROOT / "curator/app/main.py").run()
    finally:
        state.settings.cache_clear()
    (error,) = page.error
    assert error.value.replace("\\", "") == "Winnow’s database does not answer right now. If it stays so, tell your lead."
    assert [caption.value for caption in page.caption] == ["The counts cannot be read now."]
    assert not page.exception


@pytest.mark.parametrize(("leads", "warned"), [("", True), ("somebody else", False)])
def test_home_warns_leads_when_consent_has_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, leads: str, warned: bool
) -> None:
    monkeypatch.setenv("WINNOW_HOME", str(tmp_path))
    monkeypatch.setenv("WINNOW_LEADS", leads)
    settings = read_settings()
    with writing(open_database(settings)) as session:
        for number in add_examples(session, Store(settings.store), 2):
            session.get_one(Example, number).submission.consent_expires = utc_now().date() - timedelta(days=1)
    for cached in (state.settings, state.engine, state.store):
        cached.cache_clear()
    try:
        page = AppTest.from_file(ROOT / "curator/app/main.py").run()
    finally:
        for cached in (state.settings, state.engine, state.store):
            cached.cache_clear()
    assert not page.exception
    assert [warning.value.replace("\\", "") for warning in page.warning] == ([ended_in_words(2)] if warned else [])
