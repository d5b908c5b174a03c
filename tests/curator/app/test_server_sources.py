"""Only a lead has the server's own folders ingested, and only those that a setting names."""

from pathlib import Path

import pytest

from curator.app import guard, server_sources
from curator.app.guard import RefusedError, owns_or_leads
from curator.app.server_sources import may_start_again, named_source
from db.errors import WinnowError
from db.settings import Settings
from db.tables import Job


@pytest.fixture
def street(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder that may be read; Ada is the only lead."""
    settings = Settings(home=tmp_path / "home", leads="Ada", ingest_folders=f"{tmp_path}/in, s3://bucket/photos")
    for module in (guard, server_sources):
        monkeypatch.setattr(module, "settings", lambda: settings)
    (tmp_path / "in/street").mkdir(parents=True)
    return tmp_path / "in/street"


def test_one_takes_back_ones_own_and_a_lead_everybodys(street: Path) -> None:
    assert owns_or_leads("Ada", "Bo")
    assert owns_or_leads("Bo", "Bo")
    assert not owns_or_leads("Bo", "Cleo")
    assert not owns_or_leads("Bo", None)  # nobody knows whose it is


def test_a_lead_names_a_folder_and_others_may_not(street: Path) -> None:
    assert named_source("Ada", f"{street}/") == str(street)
    assert named_source("Ada", "s3://bucket/photos/a") == "s3://bucket/photos/a"
    with pytest.raises(RefusedError, match="Only a lead"):
        named_source("Bo", str(street))
    with pytest.raises(WinnowError, match="That is not below"):
        named_source("Ada", str(street.parents[1] / "home"))


@pytest.mark.parametrize(
    ("reviewer", "arguments", "may"),
    [
        ("Ada", ["ingest", "{street}", "--crop=face"], True),
        ("Bo", ["ingest", "{street}", "--crop=face"], False),
        ("Ada", ["ingest", "/etc", "--crop=face"], False),
        ("Ada", ["ingest", "{street}/../../home"], False),
        ("Ada", ["{street}"], False),  # started in a terminal
        ("Ada", ["ingest"], False),
        ("Bo", ["ingest", "{zip}", "--called=a.zip", "--discard"], True),
        ("Bo", ["ingest", "{zip}.gone", "--called=a.zip", "--discard"], False),
    ],
)
def test_a_failed_ingest_is_started_again_by_whom_it_may_be_started(
    street: Path, tmp_path: Path, reviewer: str, arguments: list[str], may: bool
) -> None:
    (tmp_path / "a.zip").touch()
    job = Job(kind="ingest", arguments=[each.format(street=street, zip=tmp_path / "a.zip") for each in arguments])
    assert may_start_again(reviewer, job) is may
