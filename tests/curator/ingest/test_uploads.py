"""Zips on their way in."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from curator.ingest.uploads import UNDECIDED_AGE, delete_leftovers, store_upload, unfinished
from db.jobs import running_job, utc_now
from db.tables import Job


def test_an_upload_is_kept_under_a_name_of_ours(tmp_path: Path) -> None:
    upload = store_upload(tmp_path / "uploads", io.BytesIO(b"zip"), "../" + "x" * 300)
    assert upload.path.parent == tmp_path / "uploads"
    assert upload.path.read_bytes() == b"zip"
    assert upload.name == "../" + "x" * 197
    assert store_upload(tmp_path / "uploads", io.BytesIO(b"zip"), "a.zip").path != upload.path


@pytest.mark.parametrize("kind", ["ingest", "look"])
def test_what_a_killed_ingest_left_is_swept_but_not_while_one_is_on(tmp_path: Path, engine: Engine, kind: str) -> None:
    path = store_upload(tmp_path, io.BytesIO(b"zip"), "a.zip").path
    with running_job(engine, kind, [], None):
        delete_leftovers(tmp_path, engine, utc_now(), older=None)
        assert path.exists()
    delete_leftovers(tmp_path, engine, utc_now(), older=None)
    assert not path.exists()


def test_an_ingest_is_unfinished_while_its_upload_is_there(tmp_path: Path) -> None:
    path = store_upload(tmp_path, io.BytesIO(b"zip"), "a.zip").path
    ours = Job(arguments=["ingest", str(path), "--called=a.zip", "--discard"])
    by_hand = Job(arguments=["a.zip"])
    assert [unfinished(ours), unfinished(by_hand)] == [True, False]
    path.unlink()
    assert not unfinished(ours)


def test_a_zip_that_somebody_may_still_bring_in_stays_for_an_hour(tmp_path: Path, engine: Engine) -> None:
    path = store_upload(tmp_path, io.BytesIO(b"zip"), "a.zip").path
    delete_leftovers(tmp_path, engine, utc_now() + UNDECIDED_AGE - timedelta(minutes=1))
    assert path.exists()
    delete_leftovers(tmp_path, engine, utc_now() + UNDECIDED_AGE + timedelta(minutes=1))
    assert not path.exists()
