"""An exported set as one zip to download: made by a job for who asked, deleted after an hour, or when anybody is erased.

After an hour nobody can download it any more; it is deleted when the next page is opened.
"""

import shutil
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from curator.sets.export import export_set
from db.files import disk_full_errors
from db.jobs import job_state
from db.session import reading
from db.settings import Settings
from db.store import Store
from db.tables import Job, JobState
from db.workspaces import workspace

KIND = "pack"  # of the job
KEPT = timedelta(hours=1)
TEXTS = frozenset((".csv", ".json", ".jsonl", ".md", ".txt", ".xml", ".yaml", ".yml"))  # pictures are compressed already


@dataclass(frozen=True)
class Packed:
    """A zip that is there to be downloaded, the name that it gets, and its size in bytes."""

    file: Path
    name: str
    bytes: int


def arguments(number: int, format: str, reviewer: str) -> list[str]:
    """The command that packs a set for a reviewer; `packed` reads from it whose the zip is."""
    return [KIND, str(number), f"--format={format}", f"--by={reviewer}"]


def pack(
    engine: Engine,
    store: Store,
    settings: Settings,
    number: int,
    format: str,
    job: int,
    today: date,
    say: Callable[[float, str], None],
) -> dict[str, Any]:
    """Write a set in a format, and pack it as the zip of this job. Returns what was written, as `export --json` prints it.

    `say` is told the share done, 0 to 1, and a line for people. Raises WinnowError as `export_set` does, and DiskFullError.
    """
    settings.downloads.mkdir(mode=0o700, parents=True, exist_ok=True)
    with workspace(settings.temporary) as place, disk_full_errors(place):
        say(0.0, f"Writing set {number} as {format}")
        folder, packed = place / f"winnow-set-{number}-{format}", place / "packed.zip"
        with reading(engine) as session:
            written = export_set(session, store, number, folder, format, today)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        with zipfile.ZipFile(packed, "w") as out:
            for done, path in enumerate(files):
                say(0.5 + 0.5 * done / len(files), f"Packing {done:,} of {len(files):,} files")
                how = zipfile.ZIP_DEFLATED if path.suffix in TEXTS else zipfile.ZIP_STORED
                out.write(path, path.relative_to(place), how)
        packed.chmod(0o600)
        shutil.move(packed, _file(settings.downloads, job))
    first = written.consent_ends_first
    return asdict(written) | {"folder": "", "consent_ends_first": first and first.isoformat()}


def newest(session: Session, reviewer: str) -> Job | None:
    """The job that packed a set for this reviewer last."""
    theirs = select(Job).where(Job.kind == KIND, Job.started_by == reviewer)
    return session.scalars(theirs.order_by(Job.id.desc()).limit(1)).first()


def packed(session: Session, settings: Settings, number: int, reviewer: str, now: datetime) -> Packed | None:
    """The zip of a job, if this reviewer asked for it and it is still there."""
    job = session.get(Job, number)
    if job is None or job.kind != KIND or job_state(job, now) is not JobState.done:
        return None
    _, of_set, of_format, by = job.arguments
    file = _file(settings.downloads, number)
    if by != f"--by={reviewer}" or _age(file, now) >= KEPT:
        return None
    try:
        size = file.stat().st_size
    except FileNotFoundError:  # deleted this very moment
        return None
    return Packed(file, f"winnow-set-{of_set}-{of_format.partition('=')[2]}.zip", size)


def delete_downloads(folder: Path, now: datetime, older: timedelta | None = KEPT) -> int:
    """Delete the zips that were made at least so long ago, all of them if `older` is None; returns how many."""
    deleted = 0
    for file in folder.glob("*.zip"):
        if older is None or _age(file, now) >= older:
            with suppress(FileNotFoundError):
                file.unlink()
                deleted += 1
    return deleted


def _file(folder: Path, job: int) -> Path:
    return folder / f"{job}.zip"


def _age(file: Path, now: datetime) -> timedelta:
    """How long ago it was made; without end for one that is not there."""
    try:
        return now - datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except FileNotFoundError:
        return timedelta.max
