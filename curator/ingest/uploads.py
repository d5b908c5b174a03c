"""Zips on their way in from the page: kept until their ingest is over, and never longer."""

import shutil
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Engine, select

from db.jobs import ACTIVE, job_state
from db.session import reading
from db.tables import Job

UNDECIDED = timedelta(hours=1)  # that a zip somebody has looked at waits for their word


@dataclass(frozen=True)
class Upload:
    """A zip that is here, and what its sender calls it."""

    path: Path
    name: str


def keep(folder: Path, upload: BinaryIO, name: str) -> Upload:
    """Write an upload to a new file under a name of ours (the sender's name is data, not a path)."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4().hex}.zip"
    with path.open("wb") as out:
        shutil.copyfileobj(upload, out)
    return Upload(path, name[:200])


def sweep(folder: Path, engine: Engine, now: datetime, older: timedelta | None = UNDECIDED) -> None:
    """Delete what ingests that were killed have left behind, `older` than that or all; nothing while an ingest is on."""
    with reading(engine) as session:
        jobs = session.scalars(select(Job).where(Job.kind.in_(["ingest", "look"])))
        if any(job_state(job, now) in ACTIVE for job in jobs):
            return
    for file in folder.glob("*.zip") if folder.exists() else []:
        if older is None or now - datetime.fromtimestamp(file.stat().st_mtime, UTC) >= older:
            file.unlink(missing_ok=True)
