"""The Ingest page's field for what lies on the server: who may use it, and what is started. Nothing is ingested."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from streamlit.testing.v1 import AppTest

PAGE = Path(__file__).parents[3] / "curator/app/views/ingest.py"


@pytest.fixture
def started(home: Engine, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that the page starts as jobs, on a home of its own."""
    found: list[list[str]] = []
    monkeypatch.setattr("db.launch.start_job", lambda *given: found.append(given[4]))
    return found


def from_the_server(named: str = "") -> AppTest:
    """The page with "From the server" chosen, and this in its field."""
    page = AppTest.from_file(PAGE, default_timeout=60).run()
    page.get("button_group")[0].set_value("From the server").run()
    if named:
        page.text_input(key="ingest-place").set_value(named).run()
    assert not page.exception
    return page


def pressed(page: AppTest, label: str) -> Any:
    (button,) = [one for one in page.button if one.label == label]
    return button.click().run()


def test_without_a_setting_the_field_is_closed_and_the_page_names_it(started: list[list[str]]) -> None:
    page = from_the_server()
    assert page.text_input(key="ingest-place").disabled
    assert "WINNOW_INGEST_FOLDERS" in " ".join(one.value for one in page.caption)


def test_only_a_lead_names_what_the_server_reads(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WINNOW_INGEST_FOLDERS", str(tmp_path))
    monkeypatch.setenv("WINNOW_LEADS", "Lea")
    page = from_the_server()
    assert page.text_input(key="ingest-place").disabled
    assert "Only a lead may name what the server reads" in " ".join(one.value for one in page.caption)


def test_a_lead_starts_what_lies_below_the_setting_and_nothing_else(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "in" / "spring").mkdir(parents=True)
    monkeypatch.setenv("WINNOW_INGEST_FOLDERS", str(tmp_path / "in"))
    page = from_the_server(str(tmp_path / "in" / ".." / "secret"))
    assert [one.value for one in pressed(page, "Ingest now").error]
    assert started == []
    pressed(from_the_server(str(tmp_path / "in" / "spring")), "Ingest now")
    assert [words[:2] for words in started] == [["ingest", str(tmp_path / "in" / "spring")]]
