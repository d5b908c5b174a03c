"""The blob store: files named by the sha256 of their bytes, in a folder or behind any fsspec URL. Written once."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from upath import UPath

from db.errors import WinnowError
from db.files import root, told_when_full


class Store:
    """Content-addressed bytes. A picture is put here before the row that names it is written."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.root = root(url)

    def path(self, sha256: str) -> UPath:
        """Where a blob lies. Raises WinnowError for anything but 64 lower-case hexadecimal digits."""
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise WinnowError("A picture is named by 64 hexadecimal digits.")
        return self.root / sha256[:2] / sha256[2:]

    def put(self, data: bytes) -> str:
        """Keep the bytes, and say their sha256. The same bytes twice are kept once. Raises DiskFullError."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path(sha256)
        if path.exists():
            if isinstance(path, Path):
                path.touch()  # as good as new: see `stored_at`
            return sha256
        with told_when_full(path):
            if isinstance(path, Path):
                # Renamed into place, so that a kill in the middle never leaves half a picture under a whole one's name.
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
        """The bytes of a blob. Raises WinnowError where it is missing."""
        try:
            return self.path(sha256).read_bytes()
        except FileNotFoundError:
            raise WinnowError(
                f"The picture {sha256[:12]}… is missing from the store at {self.url}. "
                "Run `python -m curator check` to see what else is."
            ) from None

    def stored_at(self, sha256: str) -> datetime:
        """When a blob was put here, UTC, for the last time where the store is a folder.

        Raises FileNotFoundError where it is missing, NotImplementedError behind a URL of a kind that knows no times.
        """
        path = self.path(sha256)
        if isinstance(path, Path):
            return datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return cast("datetime", path.fs.modified(path.path))

    def delete(self, sha256: str) -> None:
        """Remove a blob for good; nothing happens where there is none."""
        self.path(sha256).unlink(missing_ok=True)

    def all(self) -> Iterator[str]:
        """The sha256 of every blob, as their names claim."""
        if not self.root.exists():
            return
        for folder in self.root.iterdir():
            for file in folder.iterdir():
                if not file.name.startswith(".part-"):
                    yield folder.name + file.name


def _part(folder: Path) -> tuple[int, str]:
    """A new file in a folder, which nearly always is there: it is made when it turns out not to be."""
    try:
        return tempfile.mkstemp(dir=folder, prefix=".part-")
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.mkstemp(dir=folder, prefix=".part-")
