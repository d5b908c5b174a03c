"""What every page shares: errors and tables say nothing that a stranger made them say."""

import re
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import curator.app
from curator.app import frame
from db.errors import DiskFullError, WinnowError

PAGES = [path for path in Path(curator.app.__file__).parent.rglob("*.py") if path.name != "frame.py"]


def page_with_a_table() -> None:
    from datetime import UTC, datetime

    import pandas as pd

    from curator.app.frame import table

    at = pd.to_datetime([datetime(2026, 1, 2, tzinfo=UTC)] * 4)
    table(pd.DataFrame({"name": ["=1+1", "@SUM(A1)", "Ada", None], "count": [1, 2, 3, 4], "at": at}))


def test_a_table_holds_no_formulas_since_it_can_be_downloaded_and_all_else_is_as_it_was() -> None:
    (shown,) = AppTest.from_function(page_with_a_table).run().dataframe
    assert list(shown.value["name"])[:3] == ["'=1+1", "'@SUM(A1)", "Ada"]
    assert pd.isna(shown.value["name"].iloc[3])
    assert list(shown.value["count"]) == [1, 2, 3, 4]
    assert str(shown.value["at"].dtype).startswith("datetime64")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (WinnowError("![x](http://evil.example/x.png) is damaged."), r"\!\[x\]\(http"),
        (DiskFullError("The disk is full: /srv/winnow/secret"), "Ask your lead to free some space"),
    ],
)
def test_an_error_is_shown_as_it_is_without_the_servers_folders(
    monkeypatch: pytest.MonkeyPatch, error: WinnowError, said: str
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(frame.st, "error", shown.append)
    frame.show_error(error)
    assert said in shown[0]
    assert "/srv/winnow" not in shown[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_page_shows_errors_and_tables_by_these_functions(page: Path) -> None:
    assert not re.search(r"\.dataframe\(|\.error\(str\(|\.table\(", page.read_text())
