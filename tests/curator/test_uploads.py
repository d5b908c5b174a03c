"""Zips on their way in."""

import io
from pathlib import Path

from sqlalchemy import Engine

from curator.uploads import keep, sweep
from db.jobs import held


def test_an_upload_is_kept_under_a_name_of_ours(tmp_path: Path) -> None:
    path = keep(tmp_path / "uploads", io.BytesIO(b"zip"))
    assert path.parent == tmp_path / "uploads"
    assert path.read_bytes() == b"zip"
    assert keep(tmp_path / "uploads", io.BytesIO(b"zip")) != path


def test_what_a_killed_ingest_left_is_swept_but_not_while_one_is_on(tmp_path: Path, engine: Engine) -> None:
    path = keep(tmp_path, io.BytesIO(b"zip"))
    with held(engine, "ingest", [], None):
        sweep(tmp_path, engine)
        assert path.exists()
    sweep(tmp_path, engine)
    assert not path.exists()
