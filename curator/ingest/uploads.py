"""Zips uploaded on the Ingest page: kept until their ingest has succeeded; what failed is cleared away by a later upload."""

import shutil
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Engine

from db.jobs import active_jobs
from db.session import reading
from db.tables import Job

UNDECIDED_AGE = timedelta(hours=1)  # how long an upload that was only previewed is kept, for somebody to ingest it


@dataclass(frozen=True)
class Upload:
    """An uploaded zip: its file here, and the name that the sender gave it."""

    path: Path
    name: str


def store_upload(folder: Path, upload: BinaryIO, name: str) -> Upload:
    """Write an upload to a new file with a generated name. The sender's name is data, not a path, and cut to 200 characters."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4().hex}.zip"
    with path.open("wb") as out:
        shutil.copyfileobj(upload, out)
    return Upload(path, name[:200])


def unfinished(job: Job) -> bool:
    """Whether an ingest has left its upload behind, so that the job's arguments can be started again."""
    return "--discard" in job.arguments and Path(job.arguments[1]).exists()


def delete_leftovers(folder: Path, engine: Engine, now: datetime, older: timedelta | None = UNDECIDED_AGE) -> None:
    """Delete the zips that failed, stopped or killed ingests left: those at least as old as `older`, or all if None.

    While an ingest or a preview is running, nothing is deleted.
    """
    with reading(engine) as session:
        if any(job.kind in ("ingest", "look") for job in active_jobs(session, now)):
            return
    for file in folder.glob("*.zip") if folder.exists() else []:
        if older is None or now - datetime.fromtimestamp(file.stat().st_mtime, UTC) >= older:
            file.unlink(missing_ok=True)
