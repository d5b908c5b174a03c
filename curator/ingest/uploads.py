"""Uploads of the Ingest page, each a zip: they come piece by piece, and are kept until their ingest has succeeded.

An upload that breaks off goes on where it ended: its part is named by who sends which file, so the sender's browser needs to
know nothing but the file. What failed or was given up is cleared away by a later upload.
"""

import fcntl
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from curator.formats import archive
from db.errors import DiskFullError, WinnowError
from db.files import disk_full_errors, sync
from db.jobs import active_jobs
from db.session import reading
from db.settings import Limits
from db.tables import Job

UNDECIDED_AGE = timedelta(hours=1)  # how long an upload that was only previewed is kept, for somebody to ingest it
UNCLAIMED_AGE = timedelta(days=1)  # how long one is kept that broke off, or is whole and waits for its sender
PART, WHOLE = ".part", ".whole"  # what the file's name ends in until it is claimed
PREVIEWS = ".previews"  # what the file's name ends in that a preview leaves beside it
SPARE = 2**30  # bytes that uploads leave free, so that verdicts can still be saved; on a small disk a twentieth of it


@dataclass(frozen=True)
class SentFile:
    """A file as its sender's browser describes it. The name is data, not a path."""

    name: str
    size: int  # bytes
    modified: int  # milliseconds since 1970; no more is known of what tells two files of one name and size apart


@dataclass(frozen=True)
class Upload:
    """An uploaded zip: its file here, and the name that the sender gave it."""

    path: Path
    name: str


def begin(folder: Path, reviewer: str, file: SentFile, limit: int) -> int:
    """How many bytes of a reviewer's file are here: 0 for a new one, all for one that is whole.

    Raises WinnowError for an empty file and one of more than `limit` bytes, DiskFullError if the disk has no room for the rest.
    """
    if not file.size:
        raise WinnowError(f"{printable(file.name)} is an empty file.")
    if file.size > limit:
        raise WinnowError(
            f"{printable(file.name)} has {file.size / 2**20:,.0f} MiB; {limit / 2**20:,.0f} MiB are allowed. Send several "
            "zips, or use `python -m curator ingest`, which needs no upload."
        )
    if is_whole(folder, reviewer, file):
        return file.size
    folder.mkdir(parents=True, exist_ok=True)
    part = _part(folder, reviewer, file)
    here = part.stat().st_size if part.exists() else 0
    _check_room(folder, file.size - here)
    return here


def append(folder: Path, reviewer: str, file: SentFile, offset: int, data: bytes) -> int:
    """Add bytes to a file, if they begin where its part ends. Returns how many bytes are here then.

    A number other than `offset + len(data)` says that nothing was added: another page sends the same file, or somebody has
    cancelled it. Raises WinnowError for bytes that no zip begins with, and for more than the file's size; DiskFullError.
    """
    if offset + len(data) > file.size:
        raise WinnowError(f"{printable(file.name)} has changed while it was sent. Choose it again.")
    if offset == 0 and not data.startswith((archive.ZIP_SIGNATURE, archive.EMPTY_SIGNATURE)):
        raise WinnowError(f"{printable(file.name)} is not a zip. Zip a folder with images/ and masks/ in it.")
    _check_room(folder, len(data))
    try:
        with _locked(_part(folder, reviewer, file), create=offset == 0) as part, disk_full_errors(folder):
            here = os.fstat(part).st_size
            if here != offset:
                return here
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(part, rest) :]
    except FileNotFoundError:
        return file.size if is_whole(folder, reviewer, file) else 0
    except DiskFullError:
        raise _no_room() from None
    return offset + len(data)


def finish(folder: Path, reviewer: str, file: SentFile, limits: Limits) -> None:
    """Take a file whose bytes are all here for whole, if its table of contents is a zip's and within the limits.

    Raises WinnowError if it is not, and deletes it; also if bytes are missing. It survives a power cut when this returns. Does
    nothing for one that is whole already.
    """
    if is_whole(folder, reviewer, file):
        return
    path, name = _part(folder, reviewer, file), printable(file.name)
    missing = WinnowError(f"{name} is not here completely. Choose it again, and the rest is sent.")
    try:
        with _locked(path, create=False) as part:
            if os.fstat(part).st_size != file.size:
                raise missing
            try:
                archive.check(path, folder, limits, name)  # an ingest unpacks it on the same disk
            except DiskFullError:
                raise _no_room() from None
            except WinnowError:
                path.unlink(missing_ok=True)
                raise
            os.fsync(part)
            path.replace(path.with_suffix(WHOLE))
    except FileNotFoundError:
        raise missing from None
    sync(folder)


def cancel(folder: Path, reviewer: str, file: SentFile) -> None:
    """Delete what is here of a file that nobody has claimed."""
    part = _part(folder, reviewer, file)
    part.unlink(missing_ok=True)
    part.with_suffix(WHOLE).unlink(missing_ok=True)
    part.with_suffix(PREVIEWS).unlink(missing_ok=True)


def is_whole(folder: Path, reviewer: str, file: SentFile) -> bool:
    """Whether all of a file is here and nobody has claimed it."""
    return _part(folder, reviewer, file).with_suffix(WHOLE).exists()


def claim(folder: Path, reviewer: str, file: SentFile) -> Upload | None:
    """Take a whole file, to ingest it: it has a new name then. None if it is not there, or was claimed before."""
    path, waiting = folder / f"{uuid.uuid4().hex}.zip", _part(folder, reviewer, file).with_suffix(WHOLE)
    try:
        # It is decided on now, however long ago it came. First, or it would be swept under its new name.
        os.utime(waiting)
        waiting.rename(path)
    except FileNotFoundError:
        return None
    waiting.with_suffix(PREVIEWS).unlink(missing_ok=True)
    return Upload(path, printable(file.name))


def whole(folder: Path, reviewer: str, file: SentFile) -> Upload | None:
    """A whole file as it waits for its sender, to preview it: nobody claims it. None if it is not there."""
    path = _part(folder, reviewer, file).with_suffix(WHOLE)
    return Upload(path, printable(file.name)) if path.exists() else None


def give_back(folder: Path, reviewer: str, file: SentFile, upload: Upload) -> None:
    """Undo a claim: the file waits for its sender again."""
    upload.path.rename(_part(folder, reviewer, file).with_suffix(WHOLE))


def previews_beside(folder: Path, source: str, job: int) -> Path:
    """Beside which path a job's previews lie: the upload's own, or one in the folder of uploads for a source elsewhere."""
    return Path(source) if Path(source).parent == folder else folder / f"job-{job}"


def printable(name: str) -> str:
    """A sender's name in one line: at most 200 characters, with a question mark for each that can't be printed."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:200])


def discard(upload: Path) -> None:
    """Delete an uploaded zip that is in, with the previews beside it."""
    for file in (upload, upload.with_suffix(PREVIEWS)):
        file.unlink(missing_ok=True)


def unfinished(job: Job) -> bool:
    """Whether an ingest has left its upload behind, so that the job's arguments can be started again."""
    return "--discard" in job.arguments and Path(job.arguments[1]).exists()


def delete_leftovers(folder: Path, engine: Engine, now: datetime, older: timedelta | None = UNDECIDED_AGE) -> int | None:
    """Delete the zips that failed, stopped or killed ingests left, and the parts of uploads that were given up.

    Claimed zips at least as old as `older`, others that got nothing for a day; if `older` is None all of them, also those on
    their way. Returns how many; None if an ingest or a preview is queued or running, because nothing is deleted then.
    """
    with reading(engine) as session:
        if any(job.kind in ("ingest", "look") for job in active_jobs(session, now)):
            return None
    deleted, unclaimed = 0, None if older is None else UNCLAIMED_AGE
    for suffix, age in ((".zip", older), (PREVIEWS, older), (PART, unclaimed), (WHOLE, unclaimed)):
        for file in folder.glob(f"*{suffix}") if folder.exists() else []:
            with suppress(FileNotFoundError):  # claimed or cancelled meanwhile
                if age is None or now - datetime.fromtimestamp(file.stat().st_mtime, UTC) >= age:
                    file.unlink()
                    deleted += 1
    return deleted


def _part(folder: Path, reviewer: str, file: SentFile) -> Path:
    """Where a reviewer's file is while it comes in."""
    key = hashlib.sha256(json.dumps([reviewer, *astuple(file)]).encode())
    return folder / f"{key.hexdigest()[:32]}{PART}"


def _check_room(folder: Path, needed: int) -> None:
    disk = shutil.disk_usage(folder)
    if needed + min(SPARE, disk.total // 20) > disk.free:
        raise _no_room()


def _no_room() -> DiskFullError:
    error = DiskFullError("The disk has no room for an upload.")
    error.to_reviewers = "The disk has no room for this upload. Ask your lead to free some space; then it goes on by itself."
    return error


@contextmanager
def _locked(path: Path, *, create: bool) -> Iterator[int]:
    """A file opened for adding, and locked against other pages and processes. FileNotFoundError without `create`."""
    handle = os.open(path, os.O_RDWR | os.O_APPEND | (os.O_CREAT if create else 0), 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)
