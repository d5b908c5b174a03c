"""What every format reads, a photo with its mask or a refused file with the reason, and what every format writes."""

import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from upath import UPath

from curator.formats.locations import Location, read_upload, without_secrets
from curator.pictures.codec import encode_mask
from db.settings import Limits
from db.tables import Split

# What folders and files of a split are called in one format or another.
SPLITS = {
    "train": Split.train, "training": Split.train,
    "val": Split.validation, "valid": Split.validation, "validation": Split.validation, "dev": Split.validation,
    "test": Split.test, "testing": Split.test,
}  # fmt: skip
MAX_LENGTHS = {"name": 1000, "contributor": 1000, "licence": 200}  # characters, as the tables have them
HAIR = "hair"  # the label that our exports write
NO_HAIR = "no hair"  # the tag that tells a photo without hair from one that nobody has labelled yet


class EncodedMask(Protocol):
    """A mask that a source describes in its own words (polygons, runs); small, so that it travels to a worker."""

    def pixels(self, limits: Limits) -> NDArray[np.uint8]:
        """The mask, uint8 (H, W), 0 to 255. Raises WinnowError where the description is wrong or beyond the limits."""


@dataclass(frozen=True)
class RawPair:
    """A photo and its mask as a source has them: paths and descriptions, no pixels."""

    name: str  # the photo's name as received, relative to the source
    photo: Location
    mask: Location | EncodedMask
    contributor: str | None = None
    split: Split | None = None  # where the source says one
    official: bool = False  # the splits are a published set's own (curator/ingest/splits.py)
    licence: str | None = None
    drawn: bool = False


@dataclass(frozen=True)
class Refused:
    """A file of a source that does not come in, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class SetItem:
    """One member of a curated set that is still here, as a format writes it; pictures by their hash in the store."""

    name: str  # its place in the set, as files are called
    example: int
    image: str
    mask: str
    skin: str | None
    split: Split
    licence: str | None
    drawn: bool


def storable(item: RawPair | Refused) -> RawPair | Refused:
    """The item with words that can be kept: no URL's secrets as a name, no NUL and no half of a character.

    A refusal where a word is too long for the tables.
    """
    if isinstance(item, Refused):
        return Refused(_storable_text(without_secrets(item.file)), _storable_text(item.reason))
    item = replace(item, name=without_secrets(item.name))
    words: dict[str, Any] = {field: _storable_text(word) for field in MAX_LENGTHS if (word := getattr(item, field)) is not None}
    for field, word in words.items():
        if len(word) > MAX_LENGTHS[field]:
            return Refused(words["name"], f"its {field} has {len(word):,} characters; {MAX_LENGTHS[field]:,} are allowed.")
    return replace(item, **words)


def _storable_text(word: str) -> str:
    return word.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def photo_bytes(pair: RawPair, limits: Limits) -> bytes:
    """The photo's file exactly as received. Raises WinnowError where it can't be read or is too large."""
    return read_upload(pair.photo, limits)


def mask_bytes(pair: RawPair, limits: Limits) -> bytes:
    """The mask's file exactly as received, or a PNG (8-bit grey, soft values kept) of what the source describes.

    Raises WinnowError where the file can't be read, or the description is wrong or beyond the limits.
    """
    if isinstance(pair.mask, Path | UPath):
        return read_upload(pair.mask, limits)
    return encode_mask(pair.mask.pixels(limits))


def parse_split(name: str) -> Split | None:
    """The split that a folder's or a file's name stands for; None for any other name."""
    return SPLITS.get(name.strip().lower())


def readable_name(name: str) -> str:
    """A file's name as text; bytes that are no UTF-8 are spelled out, since no database takes them."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def match_key(stem: str) -> str:
    """What two names share that a file system or a person may take for one another: case, and how accents are spelled."""
    return unicodedata.normalize("NFC", stem).casefold()
