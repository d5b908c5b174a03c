"""Zips on their way in from the page: kept until their ingest is over, and never longer."""

import shutil
import uuid
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Engine, select

from db.jobs import ALIVE, state_of, utc_now
from db.session import reading
from db.tables import Job


def keep(folder: Path, upload: BinaryIO) -> Path:
    """Write an upload to a new file under a name of ours (the sender's name is data, not a path)."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4().hex}.zip"
    with path.open("wb") as out:
        shutil.copyfileobj(upload, out)
    return path


def sweep(folder: Path, engine: Engine) -> None:
    """Delete what ingests that were killed have left behind; does nothing while an ingest is on."""
    with reading(engine) as session:
        now = utc_now()
        if any(state_of(job, now) in ALIVE for job in session.scalars(select(Job).where(Job.kind == "ingest"))):
            return
    if folder.exists():
        for file in folder.glob("*.zip"):
            file.unlink(missing_ok=True)
