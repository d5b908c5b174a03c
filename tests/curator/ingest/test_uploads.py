"""Zips on their way in: piece by piece, on from where they broke off, and kept until they are ingested."""

import io
import os
import shutil
import zipfile
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine

from curator.ingest import uploads
from curator.ingest.uploads import (
    UNCLAIMED_AGE,
    UNDECIDED_AGE,
    SentFile,
    append,
    begin,
    claim,
    delete_leftovers,
    finish,
    is_whole,
    previews_beside,
)
from db.errors import DiskFullError, WinnowError
from db.jobs import running_job, utc_now
from db.settings import Limits
from db.tables import Job

GIB = 2**30
LIMITS = Limits()


def zipped(*names: str) -> bytes:
    """A zip of files with these names."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        for name in names:
            archive.writestr(name, name * 10)
    return into.getvalue()


ZIP = zipped("images/a.jpg", "masks/a.png")


def sent(data: bytes = ZIP, name: str = "crowd.zip", modified: int = 1) -> SentFile:
    return SentFile(name, len(data), modified)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "uploads"


def upload(folder: Path, reviewer: str = "Ada", data: bytes = ZIP) -> None:
    """All of a file, in pieces of 50 bytes from where it is."""
    for at in range(begin(folder, reviewer, sent(data), GIB), len(data), 50):
        assert append(folder, reviewer, sent(data), at, data[at : at + 50]) == min(len(data), at + 50)


def test_a_file_comes_in_pieces_and_goes_on_where_it_broke_off(folder: Path) -> None:
    assert begin(folder, "Ada", sent(), GIB) == 0
    assert append(folder, "Ada", sent(), 0, ZIP[:70]) == 70
    assert begin(folder, "Ada", sent(), GIB) == 70  # after a reload, a lost connection or a restart of the server
    upload(folder)
    assert claim(folder, "Ada", sent()) is None
    finish(folder, "Ada", sent(), LIMITS)
    finish(folder, "Ada", sent(), LIMITS)  # its answer was lost
    assert begin(folder, "Ada", sent(), GIB) == len(ZIP)
    whole = claim(folder, "Ada", sent())
    assert whole is not None
    assert (whole.name, whole.path.read_bytes()) == ("crowd.zip", ZIP)
    assert claim(folder, "Ada", sent()) is None
    assert begin(folder, "Ada", sent(), GIB) == 0


def test_two_tabs_that_send_the_same_file_send_it_once_together(folder: Path) -> None:
    begin(folder, "Ada", sent(), GIB)
    assert append(folder, "Ada", sent(), 0, ZIP[:100]) == 100
    assert append(folder, "Ada", sent(), 0, ZIP[:60]) == 100  # the other tab, which is behind, hears where to go on
    assert append(folder, "Ada", sent(), 150, ZIP[150:160]) == 100
    upload(folder)
    finish(folder, "Ada", sent(), LIMITS)
    assert append(folder, "Ada", sent(), 100, ZIP[100:150]) == len(ZIP)
    (whole,) = folder.iterdir()
    assert whole.read_bytes() == ZIP


def test_reviewers_and_other_versions_of_a_file_do_not_meet(folder: Path) -> None:
    begin(folder, "Ada", sent(), GIB)
    append(folder, "Ada", sent(), 0, ZIP[:70])
    assert begin(folder, "Grace", sent(), GIB) == 0
    assert begin(folder, "Ada", sent(modified=2), GIB) == 0
    upload(folder, "Grace")
    finish(folder, "Grace", sent(), LIMITS)
    assert claim(folder, "Ada", sent()) is None
    uploads.cancel(folder, "Ada", sent())
    assert begin(folder, "Ada", sent(), GIB) == 0
    assert begin(folder, "Grace", sent(), GIB) == len(ZIP)


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "/etc/passwd", "a\0b\n.zip", "--discard", "\ud800.zip", "x" * 1000, ""]
)
def test_a_hostile_name_is_data_only(folder: Path, name: str) -> None:
    file = sent(name=name)
    begin(folder, "Ada", file, GIB)
    append(folder, "Ada", file, 0, ZIP)
    finish(folder, "Ada", file, LIMITS)
    (kept,) = folder.iterdir()
    assert kept.stem.isalnum()
    whole = claim(folder, "Ada", file)
    assert whole is not None
    assert whole.path.parent == folder
    assert len(whole.name) <= 200
    assert whole.name.isprintable()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"PK\3\4" + b"cut off" * 30, "crowd.zip can't be read as a zip (it may be cut off)."),
        (ZIP.replace(b"PK\1\2", b"PK\1\0", 1), "crowd.zip can't be read as a zip (it may be cut off)."),
        (zipped(), "crowd.zip is empty. Zip a folder with images/ and masks/ in it."),
        (zipped("a", "b", "c"), "crowd.zip holds more than 2 files, the limit. Send several zips."),
    ],
)
def test_a_file_that_is_no_good_is_refused_when_it_is_whole_and_deleted(folder: Path, data: bytes, why: str) -> None:
    upload(folder, data=data)
    with pytest.raises(WinnowError) as error:
        finish(folder, "Ada", sent(data), Limits(zip_members=2))
    assert str(error.value) == why
    assert list(folder.iterdir()) == []


def test_what_can_be_said_at_once_is_said_before_much_is_sent(folder: Path) -> None:
    with pytest.raises(WinnowError, match=r"^crowd\.zip has 2 MiB; 1 MiB are allowed\. Send several zips"):
        begin(folder, "Ada", SentFile("crowd.zip", 2 * 2**20, 1), 2**20)
    with pytest.raises(WinnowError, match=r"^crowd\.zip is an empty file\.$"):
        begin(folder, "Ada", SentFile("crowd.zip", 0, 1), GIB)
    begin(folder, "Ada", sent(), GIB)
    with pytest.raises(WinnowError, match=r"^crowd\.zip is not a zip\. Zip a folder"):
        append(folder, "Ada", sent(), 0, b"Dear Ada")
    append(folder, "Ada", sent(), 0, ZIP)
    with pytest.raises(WinnowError, match=r"^crowd\.zip has changed while it was sent\."):
        append(folder, "Ada", sent(), len(ZIP), b"more")
    assert list(folder.glob("*.whole")) == []


def test_a_part_cannot_be_taken_for_the_whole(folder: Path) -> None:
    begin(folder, "Ada", sent(), GIB)
    for _ in range(2):
        with pytest.raises(WinnowError, match=r"^crowd\.zip is not here completely\."):
            finish(folder, "Ada", sent(), LIMITS)
        append(folder, "Ada", sent(), 0, ZIP[:-1])


def test_an_upload_leaves_room_for_verdicts_and_goes_on_when_there_is_some(full_disk: Path) -> None:
    free = shutil.disk_usage(full_disk).free
    large = SentFile("crowd.zip", free - 50_000, 1)  # a twentieth of the disk, 100,000 bytes, is to stay free
    with pytest.raises(DiskFullError) as error:
        begin(full_disk, "Ada", large, GIB)
    assert (
        error.value.shown
        == "The disk has no room for this upload. Ask your lead to free some space; then it goes on by itself."
    )
    with pytest.raises(DiskFullError):
        append(full_disk, "Ada", large, 0, ZIP[:4] + os.urandom(free - 60_000))
    (full_disk / "filler").unlink()
    assert begin(full_disk, "Ada", large, GIB) == 0
    assert append(full_disk, "Ada", large, 0, ZIP) == len(ZIP)


@pytest.mark.parametrize("kind", ["ingest", "look"])
def test_what_was_left_is_swept_but_not_while_an_ingest_is_on(folder: Path, engine: Engine, kind: str) -> None:
    leave_all_kinds(folder)
    with running_job(engine, kind, [], None):
        assert delete_leftovers(folder, engine, utc_now(), older=None) is None
        assert len(list(folder.iterdir())) == 3
    assert delete_leftovers(folder, engine, utc_now(), older=None) == 3
    assert list(folder.iterdir()) == []


def test_a_claimed_zip_stays_for_an_hour_and_one_that_its_sender_may_go_on_with_for_a_day(folder: Path, engine: Engine) -> None:
    leave_all_kinds(folder)
    minute = timedelta(minutes=1)
    for age, left in (
        (UNDECIDED_AGE - minute, {".zip", ".whole", ".part"}),
        (UNDECIDED_AGE + minute, {".whole", ".part"}),
        (UNCLAIMED_AGE - minute, {".whole", ".part"}),
        (UNCLAIMED_AGE + minute, set()),
    ):
        delete_leftovers(folder, engine, utc_now() + age)
        assert {file.suffix for file in folder.iterdir()} == left


def test_an_old_file_is_not_swept_while_it_is_claimed(folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(folder)
    finish(folder, "Ada", sent(), LIMITS)
    (whole,) = folder.iterdir()
    rename = Path.rename

    def then_another_sweeps(path: Path, to: Path) -> Path:
        renamed = rename(path, to)
        delete_leftovers(folder, engine, utc_now())
        return renamed

    os.utime(whole, (0, 0))
    monkeypatch.setattr(Path, "rename", then_another_sweeps)
    claimed = claim(folder, "Ada", sent())
    assert claimed is not None
    assert claimed.path.read_bytes() == ZIP


def leave_all_kinds(folder: Path) -> None:
    """A claimed zip, a whole one and a part."""
    for reviewer in ("Ada", "Grace"):
        upload(folder, reviewer)
        finish(folder, reviewer, sent(), LIMITS)
    claim(folder, "Grace", sent())
    begin(folder, "Joan", sent(), GIB)
    append(folder, "Joan", sent(), 0, ZIP[:9])


def test_an_ingest_is_unfinished_while_its_upload_is_there(folder: Path) -> None:
    upload(folder)
    finish(folder, "Ada", sent(), LIMITS)
    whole = claim(folder, "Ada", sent())
    assert whole is not None
    ours = Job(arguments=["ingest", str(whole.path), "--called=a.zip", "--discard"])
    by_hand = Job(arguments=["a.zip"])
    assert [uploads.unfinished(ours), uploads.unfinished(by_hand)] == [True, False]
    uploads.give_back(folder, "Ada", sent(), whole)  # the job could not be started
    assert not uploads.unfinished(ours)
    assert claim(folder, "Ada", sent()) is not None


def test_a_whole_zip_that_has_no_room_to_be_unpacked_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(folder)
    with monkeypatch.context() as full:
        full.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10))
        with pytest.raises(DiskFullError):
            finish(folder, "Ada", sent(), LIMITS)
    assert begin(folder, "Ada", sent(), GIB) == len(ZIP)
    finish(folder, "Ada", sent(), LIMITS)
    assert is_whole(folder, "Ada", sent())


def test_a_whole_zip_can_be_looked_at_and_waits_on(folder: Path) -> None:
    assert uploads.whole(folder, "Ada", sent()) is None
    upload(folder)
    finish(folder, "Ada", sent(), LIMITS)
    found = uploads.whole(folder, "Ada", sent())
    assert found is not None
    assert (found.path.read_bytes(), found.name) == (ZIP, "crowd.zip")
    assert is_whole(folder, "Ada", sent())


def test_previews_lie_beside_an_upload_and_of_other_sources_among_the_uploads(folder: Path) -> None:
    assert previews_beside(folder, str(folder / "3f2a.zip"), 7) == folder / "3f2a.zip"
    for source in ("/data/incoming/street", str(folder.parent), "s3://bucket/photos"):
        assert previews_beside(folder, source, 7) == folder / "job-7"
