"""Temporary folders for what is unpacked: in the home, held while their process lives, and swept when it is gone.

A process that is killed cannot delete its folder. The system's temporary folder keeps such folders for weeks, among those of
other programs, and they may hold photos of somebody who is erased meanwhile.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

PREFIX = "winnow-"
LOCK = "held"  # the file whose lock says that the folder's process lives; the system releases it whatever happens


def outside() -> Path:
    """The folder for this user's workspaces where no home may be written to, as in a dry run by hand."""
    return Path(tempfile.gettempdir()) / f"{PREFIX}{os.getuid()}"


@contextmanager
def workspace(folder: Path) -> Iterator[Path]:
    """A new, empty folder somewhere below `folder`, which is created; deleted with all that is in it when the block ends."""
    folder.mkdir(0o700, parents=True, exist_ok=True)
    with _gate(folder):
        own = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))  # only its owner can read it
        held = (own / LOCK).open("w")
        with suppress(OSError):  # a file system without locks: then `sweep` cannot lock it either, and leaves it
            fcntl.flock(held, fcntl.LOCK_EX)
    try:
        content = own / "content"
        content.mkdir()
        yield content
    finally:
        shutil.rmtree(own, ignore_errors=True)
        held.close()


def sweep(folder: Path) -> int:
    """Delete the workspaces in this folder whose process is gone; returns how many. Those in use stay."""
    swept = 0
    if folder.is_dir():
        with _gate(folder):
            for own in folder.glob(f"{PREFIX}*"):
                if not _held(own):
                    shutil.rmtree(own, ignore_errors=True)
                    swept += not own.exists()
    return swept


def _held(own: Path) -> bool:
    try:
        with (own / LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:  # killed before it was made, or while the folder was being deleted
        return False
    except OSError:
        return True
    return False


@contextmanager
def _gate(folder: Path) -> Iterator[IO[str]]:
    """One process at a time makes or sweeps: a folder that is not locked yet must not be taken for a dead one's."""
    with (folder / ".gate").open("w") as gate:
        with suppress(OSError):
            fcntl.flock(gate, fcntl.LOCK_EX)
        yield gate
