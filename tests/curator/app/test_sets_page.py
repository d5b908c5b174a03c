"""The page of curated sets says what an export keeps and loses before anybody exports."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from curator.app import state
from curator.formats import WRITERS
from db.session import open_database, writing
from db.settings import read_settings
from db.tables import CuratedSet
from tests.examples import LONG_AGO

PAGE = Path(__file__).parents[3] / "curator/app/views/sets.py"


def test_every_format_says_what_it_keeps_and_loses_before_an_export(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WINNOW_HOME", str(tmp_path))
    monkeypatch.setattr("streamlit.page_link", lambda *_, **__: None)  # the page is run without the navigation around it
    with writing(open_database(read_settings())) as session:
        session.add(CuratedSet(id=3, hash="5f" * 32, note="", frozen_at=LONG_AGO))
    cached = (state.settings, state.engine, state.store)
    for each in cached:
        each.cache_clear()
    try:
        page = AppTest.from_file(PAGE, default_timeout=60).run()
        assert not page.exception
        formats = page.selectbox[1]
        assert [option.partition(":")[0] for option in formats.options] == list(WRITERS)
        assert page.code[0].value == "winnow export 3 DIR --format folder"
        formats.set_value("coco").run()
        assert page.code[0].value == "winnow export 3 DIR --format coco"
        assert any(said.value.endswith("It loses soft edges.") for said in page.markdown)
    finally:
        for each in cached:
            each.cache_clear()
