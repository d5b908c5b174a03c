"""`ingest` by its words: a dry run writes nothing, what was recognised is said, URLs are sources and keep their secrets."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine, func, select, update
from typer.testing import CliRunner, Result
from upath import UPath

from curator import __main__ as main
from curator.__main__ import app
from curator.formats import WRITERS, OpenedSource, Refused
from curator.formats.accounting import Counted
from curator.ingest.pace import LISTED
from curator.ingest.pipeline import IngestSummary
from curator.sample import write_sample
from curator.upkeep.check import check
from db.commands import STOPPED
from db.jobs import Cancelled, Progress
from db.session import open_database, reading, writing
from db.settings import Settings
from db.store import Store
from db.tables import Job, JobState, Source, Submission
from tests.curator.served import over_http
from tests.examples import TOMORROW

pytestmark = pytest.mark.slow


@pytest.fixture
def home(migrated_home: Path) -> Path:
    return migrated_home


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


def test_a_dry_run_counts_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crowd: Path) -> None:
    monkeypatch.setenv("WINNOW_HOME", str(tmp_path / "home"))
    assert answer(str(crowd), "--dry-run") == {
        "format": "folder",
        "because": "it has a folder images/",
        "inside": None,
        "photos": 8,
        "files": 17,
        "refused": [LONE],
        "not_read": [],
        "junk": 0,
    }
    assert run(str(crowd), "--dry-run").stdout == (
        "folder: it has a folder images/.\n8 photos with their masks in 17 files, 1 refused, 0 not read, 0 of file managers. "
        "Nothing was written.\n"
        "  images/lone.jpg: no mask of that name in masks/.\n"
    )
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("until", ["Unpacking: 3 files", "Reading the list of files: 2"])
def test_unpacking_and_listing_are_told_by_a_share_that_never_falls_and_can_be_stopped(
    home: Path, crowd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: str
) -> None:
    told: list[tuple[float, str]] = []

    def report(job: Progress, share: float, message: str, left: object = None) -> None:
        told.append((share, message))
        if message == until:
            raise Cancelled

    monkeypatch.setattr(Progress, "report", report)
    done = CliRunner().invoke(app, ["ingest", str(zipped(crowd, tmp_path / "crowd.zip"))])
    assert (done.exit_code, done.stderr.strip()) == (1, STOPPED)
    words = [message for _, message in told]
    assert words[1:4] == ["Unpacking: 1 file", "Unpacking: 2 files", "Unpacking: 3 files"]
    assert words[-1] == until
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert 0 < shares[-1] < LISTED
    with reading(open_database(Settings())) as session:
        assert session.scalars(select(Job.state)).all() == [JobState.cancelled]
        assert session.scalars(select(Submission)).all() == []
    assert list(Settings().temporary.glob("*")) == []  # what was unpacked is gone


def test_what_was_recognised_is_said_beside_the_answer(home: Path, crowd: Path, tmp_path: Path) -> None:
    done = run(str(zipped(crowd, tmp_path / "crowd.zip")), "--json")
    assert json.loads(done.stdout)["added"] == 8
    assert done.stderr == ("Read as zip: its name ends in .zip; its content is folder: it has a folder images/.\n")


def test_an_ingest_says_what_was_here_and_is_taken_back_by_its_number(home: Path, crowd: Path, tmp_path: Path) -> None:
    first = answer(str(crowd))
    assert (first["added"], first["already"], first["before"]) == (8, 0, [])
    again = answer(str(zipped(crowd, tmp_path / "again.zip")))
    assert (again["added"], again["already"]) == (0, 8)
    ((source, photos),) = [(one["source"], one["photos"]) for one in again["before"]]
    assert (source, photos) == (str(crowd), 8)
    undone = CliRunner().invoke(app, ["undo-ingest", str(first["job"]), "--by=Ada"])
    assert undone.stdout.startswith(f"Ingest {first['job']} is taken back: 8 photos, ")
    settings = Settings(home=home)
    with reading(open_database(settings)) as session:
        assert session.scalar(select(func.count()).select_from(Submission)) == 0
        assert {one.location for one in session.scalars(select(Source))} == {str(tmp_path / "again.zip")}  # of its refusal
        assert check(session, Store(settings.store), TOMORROW).sound
    refused = CliRunner().invoke(app, ["undo-ingest", str(first["job"])])
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"Ingest {first['job']} stays. No photo here is known to be from it: it was taken back ")


@pytest.mark.parametrize("format", WRITERS)
def test_every_format_can_be_asked_for(home: Path, tmp_path: Path, format: str) -> None:
    done = CliRunner().invoke(app, ["export", "1", str(tmp_path / "out"), "--format", format])
    assert (done.exit_code, done.stderr) == (1, "There is no curated set 1. Existing sets: none yet.\n")


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


def started(home: Path, crowd: Path) -> "subprocess.Popen[str]":
    """An ingest of many pairs as a process of its own, with rows of it committed already."""
    command = [sys.executable, "-m", "curator", "ingest", str(crowd), "--crop", "whole", "--json"]
    # Where these tests run in the background of a shell, they ignore Ctrl-C, and so would whatever they start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            command,
            env=os.environ | {"WINNOW_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    engine = open_database(Settings())
    deadline = time.monotonic() + 60
    while not submissions(engine):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "nothing came in"
        time.sleep(0.02)
    engine.dispose()
    return process


def submissions(engine: Engine) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.count()).select_from(Submission)) or 0


MANY = 256


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small pairs that show nobody and no two of which are alike: the first batch is committed long before the last."""
    folder = tmp_path_factory.mktemp("many")
    for part in ("images", "masks"):
        (folder / part).mkdir()
    rng, hair = np.random.default_rng(1), np.zeros((96, 96), np.uint8)
    hair[:30] = 255
    for number in range(MANY):
        photo = cv2.resize(rng.integers(0, 256, (8, 8, 3), np.uint8), (96, 96), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"images/{number:03}.png"), photo)
        cv2.imwrite(str(folder / f"masks/{number:03}.png"), hair)
    return folder


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_an_ingest_that_is_killed_or_stopped_loses_nothing_and_goes_on_when_started_again(
    home: Path, many: Path, how: signal.Signals
) -> None:
    process = started(home, many)
    # Ctrl-C reaches all processes of a terminal, `kill -9` one; the others hold the pipes open until they have ended too.
    (os.killpg if how is signal.SIGINT else os.kill)(process.pid, how)
    _, errors = process.communicate(timeout=60)
    if how is signal.SIGINT:
        assert (process.returncode, errors.splitlines()[-1]) == (1, STOPPED)
        assert "Traceback" not in errors
    engine = open_database(Settings())
    before = submissions(engine)
    assert 0 < before < MANY
    rest = answer(str(many), "--crop", "whole")
    assert (rest["added"], rest["already"], rest["refused"]) == (MANY - before, before, [])
    with reading(engine) as session:
        assert check(session, Store(Settings().store), TOMORROW).sound
        states = list(session.scalars(select(Job.state).order_by(Job.id)))
    assert states == [JobState.cancelled if how is signal.SIGINT else JobState.running, JobState.done]
    engine.dispose()


def stop_all(engine: Engine) -> None:
    with writing(engine) as session:
        session.execute(update(Job).values(cancel_requested=True))


def test_a_wish_to_stop_is_heard_while_a_list_is_read_that_never_ends(
    home: Path, crowd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(*given: Any) -> OpenedSource:
        stop_all(open_database(Settings()))
        return OpenedSource("folder", "a test says so", repeat(Refused("a.jpg", "no mask")), Counted())

    monkeypatch.setattr(main, "open_source", endless)
    done = CliRunner().invoke(app, ["ingest", str(crowd)])
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (1, STOPPED)


def test_a_wish_to_stop_is_heard_while_one_picture_takes_for_ever(
    home: Path, crowd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never_done(*given: Any, engine: Engine, while_waiting: Callable[[IngestSummary], None], **named: Any) -> None:
        stop_all(engine)
        while True:
            while_waiting(IngestSummary())

    monkeypatch.setattr(main, "ingest_pairs", never_done)
    done = CliRunner().invoke(app, ["ingest", str(crowd)])
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (1, STOPPED)
