"""The blob store: files named by the sha256 of their bytes, in a folder or behind any fsspec URL. A blob never changes."""

import hashlib
import os
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from upath import UPath

from db.errors import DamagedError, NotThereError, StoreUnavailableError, WinnowError
from db.files import PART, abandoned, disk_full_errors, root, sync, write

SYNCS = 8  # at the same time
HEAL = "`python -m curator check --repair` makes it again or says which source to ingest again."


class Store:
    """Content-addressed storage. A picture is stored here before the row that names it is written.

    A store that is not `patient` doesn't wait for the disk at every picture: many are given to `sync` together, before their
    rows are committed.
    """

    def __init__(self, url: str, *, patient: bool = True) -> None:
        self.url = url
        self.root = root(url)
        self.patient = patient

    def path(self, sha256: str) -> UPath:
        """The path of a blob. Raises WinnowError unless `sha256` is 64 lower-case hexadecimal digits."""
        if not _hexadecimal(sha256, 64):
            raise WinnowError("A picture is named by 64 hexadecimal digits.")
        return self.root / sha256[:2] / sha256[2:]

    def put(self, data: bytes) -> str:
        """Store bytes and return their sha256. In a patient store they survive a power cut from then on.

        Behind a URL, its server decides that. The same bytes are stored once. Storing them again restarts their age, and
        repairs a damaged file. Raises DiskFullError if the disk is full.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path(sha256)
        if isinstance(path, Path) and self.renew(sha256) and self.holds(sha256, data):
            if self.patient:
                sync(path)  # another process may have stored it a moment ago
                sync(path.parent)
        else:
            with self._server_errors():
                write(path, data, wait=self.patient)  # behind a URL always: only this restarts the age there
        return sha256

    def sync(self, pictures: Collection[str]) -> None:
        """Wait until the pictures survive a power cut. Passes by those that are missing; does nothing behind a URL.

        Raises DiskFullError if the disk is full, which some network shares say only now.
        """
        if not isinstance(self.root, Path) or not pictures:
            return
        paths = [Path(self.path(sha256)) for sha256 in pictures]
        # A disk waits once for many at a time.
        with disk_full_errors(self.root), ThreadPoolExecutor(SYNCS) as threads:
            list(threads.map(sync, [*paths, *{path.parent for path in paths}, self.root, self.root.parent]))

    def renew(self, sha256: str) -> bool:
        """Restart a blob's age, as storing it again would. False if it is missing.

        Behind a URL this does nothing and returns True; a file of another user keeps its age.
        """
        path = self.path(sha256)
        if not isinstance(path, Path):
            return True
        with suppress(FileNotFoundError, PermissionError):
            os.utime(path)
        return path.exists()  # asked last: it may have been deleted a moment before its age was restarted

    def get(self, sha256: str) -> bytes:
        """The bytes of a blob, which have this sha256. Raises NotThereError if it is missing, DamagedError if it is damaged."""
        try:
            with self._server_errors():
                data = self.path(sha256).read_bytes()
        except FileNotFoundError:
            raise NotThereError(f"The picture {sha256[:12]}… is missing from the store. {HEAL}") from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise DamagedError(f"The picture {sha256[:12]}… is damaged: its bytes are not those that were stored. {HEAL}")
        return data

    def intact(self, sha256: str) -> bool:
        """Whether a blob is there and its bytes have this sha256; they are read."""
        try:
            self.get(sha256)
        except (NotThereError, DamagedError):
            return False
        return True

    def holds(self, sha256: str, data: bytes) -> bool:
        """Whether a blob is there with these bytes; behind a URL, whose server guards them itself, with so many bytes."""
        path = self.path(sha256)
        try:
            # A file of another length need not be read.
            with self._server_errors():
                return path.stat().st_size == len(data) and (not isinstance(path, Path) or path.read_bytes() == data)
        except FileNotFoundError:
            return False

    @contextmanager
    def _server_errors(self) -> Iterator[None]:
        """Turns what goes wrong behind a URL into a StoreUnavailableError: each server's library raises errors of its own."""
        try:
            yield
        except (FileNotFoundError, WinnowError):
            raise
        except Exception as error:
            if isinstance(self.root, Path):
                raise
            why = str(error).partition("\n")[0][:200] or type(error).__name__
            raise StoreUnavailableError(f"The store in WINNOW_STORE_URL can't be read or written now ({why}).") from error

    def stored_at(self, sha256: str) -> datetime:
        """When a blob was last stored, in UTC.

        Raises FileNotFoundError if it is missing, NotImplementedError if the kind of URL keeps no times.
        """
        return _modified_at(self.path(sha256))

    def delete(self, sha256: str, stored_at: datetime | None = None) -> bool:
        """Delete a blob; with `stored_at`, only if it was last stored at that very time. False if it is missing or stays."""
        path = self.path(sha256)
        try:
            # A blob that is stored again between these two lines is lost. `put` and `renew` restart its age first and look
            # for it afterwards, so this takes two processes within the same microseconds.
            if stored_at is None or _modified_at(path) == stored_at:
                path.unlink()
                return True
        except FileNotFoundError:
            pass
        return False

    def all(self) -> Iterator[str]:
        """The sha256 of every blob, by its file name; the bytes are not hashed. Other files are passed by."""
        return (sha256 for sha256, _ in self._walk() if sha256 is not None)

    def strangers(self) -> list[str]:
        """What lies in the store and is not ours, such as a file manager's `.DS_Store`: paths in the store, sorted."""
        found = (path for sha256, path in self._walk() if sha256 is None and not path.name.startswith(PART))
        return sorted(str(path.relative_to(self.root)) for path in found)

    def delete_parts(self, before: datetime) -> int:
        """Delete the half-written files that processes left when they were killed before this time; returns how many."""
        return self._delete_parts(lambda path: _modified_at(path) < before)

    def delete_abandoned_parts(self, now: datetime) -> int:
        """Delete the half-written files whose process is gone, however new they are; returns how many.

        Behind a URL there are none: a file appears there only when it is complete.
        """
        old = now - timedelta(seconds=1)
        return self._delete_parts(lambda path: isinstance(path, Path) and _modified_at(path) < old and abandoned(path))

    def _delete_parts(self, which: Callable[[UPath], bool]) -> int:
        deleted = 0
        for _, path in self._walk():
            with suppress(FileNotFoundError, NotImplementedError):
                if path.name.startswith(PART) and which(path):
                    path.unlink()
                    deleted += 1
        return deleted

    def _walk(self) -> Iterator[tuple[str | None, UPath]]:
        """Every file, with its sha256 if it is a blob; a folder that is not ours counts as one file."""
        for folder in self.root.iterdir() if self.root.exists() else ():
            try:
                ours = list(folder.iterdir()) if _hexadecimal(folder.name, 2) else None
            except (FileNotFoundError, NotADirectoryError):
                ours = None
            if ours is None:
                yield None, folder
            else:
                yield from ((folder.name + one.name if _hexadecimal(one.name, 62) else None, one) for one in ours)


def _hexadecimal(name: str, digits: int) -> bool:
    return len(name) == digits and set(name) <= set("0123456789abcdef")


def _modified_at(path: UPath) -> datetime:
    if isinstance(path, Path):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return cast("datetime", path.fs.modified(path.path))
