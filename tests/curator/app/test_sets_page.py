"""The page of curated sets says what an export keeps and loses before anybody exports."""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from streamlit.testing.v1 import AppTest

from curator.formats import WRITERS
from db.session import writing
from db.tables import CuratedSet
from tests.examples import LONG_AGO

PAGE = Path(__file__).parents[3] / "curator/app/views/sets.py"


def test_every_format_says_what_it_keeps_and_loses_before_an_export(home: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamlit.page_link", lambda *_, **__: None)  # the page is run without the navigation around it
    with writing(home) as session:
        session.add(CuratedSet(id=3, hash="5f" * 32, note="", frozen_at=LONG_AGO))
    page = AppTest.from_file(PAGE, default_timeout=60).run()
    assert not page.exception
    formats = page.selectbox[1]
    assert [option.partition(":")[0] for option in formats.options] == list(WRITERS)
    assert page.code[0].value == "winnow export 3 DIR --format folder"
    formats.set_value("coco").run()
    assert page.code[0].value == "winnow export 3 DIR --format coco"
    assert any(said.value.endswith("It loses soft edges.") for said in page.markdown)
