"""Temporary folders for what is unpacked or copied: held while their process lives, and swept when it is gone.

A process that is killed cannot delete its folder. The system's temporary folder keeps such folders for weeks, among those of
other programs, and they may hold photos of somebody who is erased meanwhile.
"""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from db.errors import WinnowError

PREFIX = "winnow-"
LOCK = "held"  # the file whose lock says that the folder's process lives; the system releases it whatever happens


def outside() -> Path | None:
    """The folder for this user's workspaces outside of a home, which is created. None if anybody else could reach into it.

    Everybody can guess its name and make it first, with whatever in it.
    """
    folder = Path(tempfile.gettempdir()) / f"{PREFIX}{os.getuid()}"
    with suppress(OSError):
        folder.mkdir(0o700)
    try:
        made = folder.lstat()
    except OSError:
        return None
    ours = stat.S_ISDIR(made.st_mode) and made.st_uid == os.getuid() and not made.st_mode & 0o077
    return folder if ours else None


@contextmanager
def workspace(folder: Path | None) -> Iterator[Path]:
    """A new, empty folder somewhere below `folder`; deleted with all that is in it when the block ends.

    `folder` is created, for the group that its own folder is for. Without one, the new folder is the system's to clear away
    if this process is killed. Raises WinnowError if nothing can be made in `folder`.
    """
    if folder is not None:
        _make(folder)
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise WinnowError(f"Nothing can be unpacked in {folder}: it is another user's. Ask them to open or delete it.")
    with nullcontext() if folder is None else _gate(folder):
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


def sweep(folder: Path | None) -> int:
    """Delete the workspaces in this folder whose process is gone; returns how many. Those in use, and other users', stay."""
    swept = 0
    if folder is not None and os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        with _gate(folder):
            for own in folder.glob(f"{PREFIX}*"):
                if not _held(own):
                    shutil.rmtree(own, ignore_errors=True)
                    swept += not own.exists()
    return swept


def _make(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(0o700)
    except FileExistsError:
        return
    around = folder.parent.stat()
    with suppress(PermissionError):  # ours is another group: then only we can open it
        os.chown(folder, -1, around.st_gid)
        folder.chmod(0o700 | around.st_mode & (stat.S_ISGID | stat.S_IRWXG))


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
def _gate(folder: Path) -> Iterator[None]:
    """One process at a time makes or sweeps: a folder that is not locked yet must not be taken for a dead one's.

    The folder itself is locked: a file in it would have to be everybody's to open, and might be a link to something else.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
