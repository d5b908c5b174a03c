"""Files that are written completely or not at all, on a local disk or behind any fsspec URL."""

import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from upath import UPath

from db.errors import DiskFullError
from db.workspaces import outside, workspace

PART = ".part-"  # begins the name of a file that is not complete yet
FULL = {errno.ENOSPC: "disk is full", errno.EDQUOT: "disk quota is used up"}


def root(url: str) -> UPath:
    """The folder that a path or an fsspec URL names. A `file://` URL becomes a local path, where `write` is atomic."""
    there = UPath(url)
    return UPath(there.path) if there.protocol in ("file", "local") else there


def write(file: Path | UPath, data: bytes, *, wait: bool = True) -> None:
    """Write bytes to a file atomically, and create its folders: a crash leaves either the old file or the complete new one.

    When this returns, a file on a local disk survives a power cut; without `wait`, once file and folders are given to `sync`.
    Its mode is what the umask says. Two processes may write the same file at once. Raises DiskFullError if the disk is full;
    the old file is then unchanged.
    """
    with disk_full_errors(file):
        if not isinstance(file, Path):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)  # behind a URL, a file appears only when its upload is complete
            return
        _make_folder(file.parent, wait=wait)
        part = file.with_name(f"{PART}{uuid.uuid4().hex}")
        try:
            with part.open("wb") as out:
                with suppress(OSError):  # a file system without locks
                    fcntl.flock(out, fcntl.LOCK_EX)  # for `abandoned`; released whatever becomes of this process
                out.write(data)
                if wait:
                    out.flush()
                    os.fsync(out.fileno())
                part.replace(file)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        if wait:
            sync(file.parent)


def delete_folder(folder: Path | UPath) -> None:
    """Delete a folder with all that is in it, if it is there."""
    if isinstance(folder, Path):
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
    elif folder.exists():
        folder.fs.rm(folder.path, recursive=True)


def abandoned(part: Path) -> bool:
    """Whether the process that wrote a half-written file is gone. False where its file system has no locks, or it is another's.

    Ask only about a file that is a second old: before, its process may not have locked it yet. Raises FileNotFoundError.
    """
    try:
        with part.open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    return True


def _make_folder(folder: Path, *, wait: bool) -> None:
    """Create a folder and those above it, as far as they are missing; with `wait`, they survive a power cut."""
    if not folder.is_dir():
        _make_folder(folder.parent, wait=wait)
        folder.mkdir(exist_ok=True)
        if wait:
            sync(folder.parent)


def sync(there: Path) -> None:
    """Wait until a local file's bytes, or the names in a local folder, are on the disk. Does nothing if it is missing."""
    try:
        handle = os.open(there, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # as a network share says that cannot do this
            raise
    finally:
        os.close(handle)


@contextmanager
def local(file: Path | UPath) -> Iterator[Path]:
    """A local path to the file, for libraries that need one: the file itself, or a temporary copy of a file behind a URL.

    Raises FileNotFoundError if there is no file at the URL.
    """
    if isinstance(file, Path):
        yield file
        return
    with workspace(outside()) as folder:
        copy = folder / file.name
        write(copy, file.read_bytes())
        yield copy


@contextmanager
def disk_full_errors(file: Path | UPath) -> Iterator[None]:
    """Turns the OSError of a full disk or quota into a DiskFullError that names the file. Other errors pass unchanged."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        free = f" ({_free(file) / 1e6:,.0f} MB free)" if isinstance(file, Path) else ""
        raise DiskFullError(
            f"The {FULL[error.errno]}: {file} could not be written{free}. Existing files are unchanged. "
            "Free some space, then try again."
        ) from error


def _free(file: Path) -> int:
    """Free bytes on the disk that the file would be on."""
    there = next(folder for folder in file.absolute().parents if folder.exists())
    return shutil.disk_usage(there).free
