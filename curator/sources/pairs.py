"""What every adapter yields: a photo with its mask, or a file that does not come in and why."""

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from curator.pictures import Limits, encode_mask, read_bytes
from db.tables import Split

JUNK = frozenset({".ds_store", "thumbs.db", "desktop.ini", "__macosx"})  # what file managers leave behind


class EncodedMask(Protocol):
    """A mask that a source describes in its own words (polygons, runs); small, so that it travels to a worker."""

    def pixels(self, limits: Limits) -> NDArray[np.uint8]:
        """The mask, uint8 (H, W), 0 to 255. Raises WinnowError where the description is wrong or beyond the limits."""


@dataclass(frozen=True)
class RawPair:
    """A photo and its mask as a source has them: paths and descriptions, no pixels."""

    name: str  # the photo's name as received, relative to the source
    photo: Path
    mask: Path | EncodedMask
    contributor: str | None = None
    split: Split | None = None  # where the source says one
    licence: str | None = None
    drawn: bool = False


@dataclass(frozen=True)
class Refused:
    """A file of a source that does not come in, and why."""

    file: str
    reason: str


def photo_bytes(pair: RawPair, limits: Limits) -> bytes:
    """The photo's file exactly as received. Raises WinnowError where it can't be read or is too large."""
    return read_bytes(pair.photo, limits)


def mask_bytes(pair: RawPair, limits: Limits) -> bytes:
    """The mask's file exactly as received, or a PNG (8-bit grey, soft values kept) of what the source describes.

    Raises WinnowError where the file can't be read, or the description is wrong or beyond the limits.
    """
    if isinstance(pair.mask, Path):
        return read_bytes(pair.mask, limits)
    return encode_mask(pair.mask.pixels(limits))


def shown(path: Path) -> str:
    """A relative path as text with slashes; bytes that are no UTF-8 are spelled out, since no database takes them."""
    return path.as_posix().encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def is_junk(path: Path) -> bool:
    """Whether a relative path is something that a file manager left behind: nobody meant to send it."""
    return any(part.lower() in JUNK or part.startswith("._") for part in path.parts)


def key(stem: str) -> str:
    """What two names share that a file system or a person may take for one another: case, and how accents are spelled."""
    return unicodedata.normalize("NFC", stem).casefold()


def within(base: Path, named: str) -> Path | None:
    """The file that a source names, relative to its own folder; None for one that lies outside, or no name of a file."""
    if not named or "\0" in named:
        return None
    path = (base / named.replace("\\", "/")).resolve()
    return path if path.is_relative_to(base.resolve()) else None


def files_below(folder: Path) -> list[Path]:
    """Every file below a folder, junk left out, in the order of names."""
    found = [path for path in folder.rglob("*") if path.is_file() and not is_junk(path.relative_to(folder))]
    return sorted(found)
