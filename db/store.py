"""The blob store: files named by the sha256 of their bytes, in a folder or behind any fsspec URL. Never overwritten."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from upath import UPath

from db.errors import WinnowError
from db.files import disk_full_errors, root


class Store:
    """Content-addressed storage. A picture is stored here before the row that names it is written."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.root = root(url)

    def path(self, sha256: str) -> UPath:
        """The path of a blob. Raises WinnowError unless `sha256` is 64 lower-case hexadecimal digits."""
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise WinnowError("A picture is named by 64 hexadecimal digits.")
        return self.root / sha256[:2] / sha256[2:]

    def put(self, data: bytes) -> str:
        """Store bytes and return their sha256. The same bytes are stored once. Raises DiskFullError if the disk is full."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path(sha256)
        if path.exists():
            if isinstance(path, Path):
                path.touch()  # see `stored_at`: erase must not take it for an old orphan
            return sha256
        with disk_full_errors(path):
            if isinstance(path, Path):
                # Renamed into place, so that a process killed in the middle never leaves half a picture under its final name.
                handle, part = _part(path.parent)
                try:
                    with os.fdopen(handle, "wb") as out:
                        out.write(data)
                    Path(part).replace(path)
                except BaseException:
                    Path(part).unlink(missing_ok=True)
                    raise
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        return sha256

    def get(self, sha256: str) -> bytes:
        """The bytes of a blob. Raises WinnowError if it is missing."""
        try:
            return self.path(sha256).read_bytes()
        except FileNotFoundError:
            raise WinnowError(
                f"The picture {sha256[:12]}… is missing from the store at {self.url}. "
                "Restore it from a backup; `python -m curator check` lists all missing pictures."
            ) from None

    def stored_at(self, sha256: str) -> datetime:
        """When a blob was stored, in UTC. In a folder: when it was last stored.

        Raises FileNotFoundError if it is missing, NotImplementedError if the kind of URL keeps no times.
        """
        path = self.path(sha256)
        if isinstance(path, Path):
            return datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return cast("datetime", path.fs.modified(path.path))

    def delete(self, sha256: str) -> None:
        """Delete a blob. Does nothing if it is missing."""
        self.path(sha256).unlink(missing_ok=True)

    def all(self) -> Iterator[str]:
        """The sha256 of every blob, by its file name; the bytes are not hashed."""
        if not self.root.exists():
            return
        for folder in self.root.iterdir():
            for file in folder.iterdir():
                if not file.name.startswith(".part-"):
                    yield folder.name + file.name


def _part(folder: Path) -> tuple[int, str]:
    """A new temporary file in a folder. The folder nearly always exists, so it is created only after a first attempt fails."""
    try:
        return tempfile.mkstemp(dir=folder, prefix=".part-")
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.mkstemp(dir=folder, prefix=".part-")
