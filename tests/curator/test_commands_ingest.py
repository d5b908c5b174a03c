"""`ingest` by its words: a dry run writes nothing, what was recognised is said, URLs are sources and keep their secrets."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result
from upath import UPath

from curator.__main__ import app
from curator.sample import write_sample
from curator.writers import WRITERS
from db.session import open_database, reading
from db.settings import Settings
from db.tables import Job, Source
from tests.curator.served import over_http


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WINNOW_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of eight drawn pairs, `images/` and `masks/`, and a photo without a mask."""
    folder = tmp_path_factory.mktemp("crowd")
    write_sample(folder, 8, seed=1)
    (folder / "manifest.csv").unlink()
    shutil.rmtree(folder / "alphas")
    shutil.copy(next((folder / "images").iterdir()), folder / "images/lone.jpg")
    return folder


def run(*arguments: str) -> Result:
    done = CliRunner().invoke(app, ["ingest", *arguments])
    assert done.exit_code == 0, done.output
    return done


def answer(*arguments: str) -> dict[str, Any]:
    found = json.loads(run(*arguments, "--json").stdout)
    assert isinstance(found, dict)
    return found


def zipped(folder: Path, file: Path) -> Path:
    with zipfile.ZipFile(file, "w") as out:
        for each in sorted(folder.rglob("*.*")):
            out.write(each, each.relative_to(folder))
    return file


LONE = {"file": "images/lone.jpg", "reason": "no mask of that name in masks/."}


def test_a_dry_run_counts_and_writes_nothing(home: Path, crowd: Path) -> None:
    assert answer(str(crowd), "--dry-run") == {
        "format": "folder",
        "because": "it has a folder images/",
        "pairs": 8,
        "refused": [LONE],
    }
    assert run(str(crowd), "--dry-run").stdout == (
        "folder: it has a folder images/.\n8 pairs, 1 refused. Nothing was written.\n"
        "  images/lone.jpg: no mask of that name in masks/.\n"
    )
    assert not home.exists()


def test_what_was_recognised_is_said_beside_the_answer(home: Path, crowd: Path, tmp_path: Path) -> None:
    done = run(str(zipped(crowd, tmp_path / "crowd.zip")), "--json")
    assert json.loads(done.stdout)["added"] == 8
    assert done.stderr == ("This was read as zip: its name ends in .zip; what is in it is folder: it has a folder images/.\n")


@pytest.mark.parametrize("format", WRITERS)
def test_every_format_can_be_asked_for(home: Path, tmp_path: Path, format: str) -> None:
    done = CliRunner().invoke(app, ["export", "1", str(tmp_path / "out"), "--format", format])
    assert (done.exit_code, done.stderr) == (1, "There is no curated set 1. There are: none yet.\n")


def test_pairs_in_s3_come_in(home: Path, crowd: Path, s3_bucket: str) -> None:
    for file in crowd.rglob("*.*"):
        UPath(f"s3://{s3_bucket}/crowd/{file.relative_to(crowd).as_posix()}").write_bytes(file.read_bytes())
    came = answer(f"s3://{s3_bucket}/crowd")
    assert (came["seen"], came["added"], came["refused"]) == (9, 8, [LONE])
    assert answer(str(crowd))["already"] == 8


def test_a_zip_behind_a_signed_link_comes_in_and_its_signature_is_kept_nowhere(home: Path, crowd: Path, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    zipped(crowd, tmp_path / "served/crowd.zip")
    with over_http(tmp_path / "served") as (address, _):
        link = f"{address.replace('http://', 'http://ann:hush@')}crowd.zip?signature=hush"
        done = run(link, "--json")
    assert json.loads(done.stdout)["added"] == 8
    with reading(open_database(Settings())) as session:
        assert session.scalars(select(Source.location)).all() == [f"{address}crowd.zip"]
        assert session.scalars(select(Job.arguments)).all() == [[f"{address}crowd.zip"]]
    assert "hush" not in done.output
    for file in home.rglob("*"):
        assert file.is_dir() or b"hush" not in file.read_bytes()
