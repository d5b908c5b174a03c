"""A run's files: each is there whole or not at all, on a disk of this machine or behind any fsspec URL."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from upath import UPath

from db.errors import DiskFullError

FULL = {errno.ENOSPC: "disk is full", errno.EDQUOT: "disk quota is used up"}


def root(url: str) -> UPath:
    """The folder that a path or an fsspec URL names; a `file://` URL is a path, so that files move into place in it."""
    there = UPath(url)
    return UPath(there.path) if there.protocol in ("file", "local") else there


def write(file: Path | UPath, data: bytes) -> None:
    """Put bytes into a file in one move, on the disk before the name is; its folders are made.

    Raises DiskFullError where there is no room: then the file is as it was before.
    """
    with told_when_full(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(file, Path):
            file.write_bytes(data)  # what is behind a URL appears when it has arrived whole
            return
        part = file.with_name(f".part-{file.name}")
        try:
            with part.open("wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            part.replace(file)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


@contextmanager
def local(file: Path | UPath) -> Iterator[Path]:
    """The file as one that libraries can open by its path: itself, or of one behind a URL a copy that is gone afterwards.

    Raises FileNotFoundError where there is none behind the URL.
    """
    if isinstance(file, Path):
        yield file
        return
    with tempfile.TemporaryDirectory(prefix="winnow-") as folder:
        copy = Path(folder) / file.name
        write(copy, file.read_bytes())
        yield copy


@contextmanager
def told_when_full(file: Path | UPath) -> Iterator[None]:
    """Raises DiskFullError, in words for people, when what is written to the file finds no room on its disk."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        free = f", {_free(file) / 1e6:,.0f} MB are free" if isinstance(file, Path) else ""
        raise DiskFullError(
            f"The {FULL[error.errno]}: {file} could not be written{free}. What was there before is kept. "
            "Make room, then try again."
        ) from error


def _free(file: Path) -> int:
    """Bytes that are free where the file would lie."""
    there = next(folder for folder in file.absolute().parents if folder.exists())
    return shutil.disk_usage(there).free
