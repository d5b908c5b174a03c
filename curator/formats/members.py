"""A set's members on their way out: which facts a format may keep, a member's masks and class map, and its facts read back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.formats.locations import write_file
from curator.formats.pairs import HAIR, SetItem
from curator.pictures.arrays import Box, Mask
from curator.pictures.codec import decode_mask, encode_mask
from curator.pictures.masks import hard, is_soft
from db.errors import WinnowError
from db.store import Store

Write = Callable[[Path, list[SetItem], Store], int]
SKIN_LABEL, UNKNOWN_LABEL = "skin", "unknown"  # beside HAIR, the labels in our exports
DRAWN = {"": False, "no": False, "yes": True}  # whether the photo is a portrait of the sample set


class Fact(StrEnum):
    """What a set knows of its members beside photo and hard hair mask, in words. A format keeps it or loses it."""

    soft = "soft edges"
    bald = "photos without hair"
    skin = "skin"
    unknown = "unknown pixels"
    splits = "split"
    contributor = "contributor"
    licence = "licence"
    drawn = "drawn portraits"
    consent = "consent"


@dataclass(frozen=True)
class Writer:
    """A format that a set can be exported to, and what it keeps of a set: what an ingest of the export finds again.

    `write` writes the members into an empty folder, its lists last, so that a folder without them is an unfinished export. It
    returns how many soft masks it cut at half.
    """

    description: str
    write: Write
    keeps: frozenset[Fact]
    read_as: str = ""  # the format whose adapter reads it; empty: its own

    @property
    def loses(self) -> list[Fact]:
        """The facts that it has no place for."""
        return [fact for fact in Fact if fact not in self.keeps]

    @property
    def in_words(self) -> str:
        """What it keeps and loses, as sentences."""
        kept = f"It keeps {', '.join(fact for fact in Fact if fact in self.keeps)}."
        return f"{kept} It loses {', '.join(self.loses)}." if self.loses else f"{kept} It loses nothing."


class Class(IntEnum):
    """The numbers in the class maps that we write; `unknown` is what VOC, Cityscapes and MMSegmentation leave out."""

    background = 0
    hair = 1
    skin = 2
    unknown = 255


CLASS_COLOURS = {
    Class.background: (0, 0, 0),
    Class.hair: (128, 0, 0),
    Class.skin: (0, 128, 0),
    Class.unknown: (224, 224, 192),
}  # PASCAL VOC's palette


@dataclass(frozen=True)
class Masks:
    """A member's masks, each uint8 (H, W): hair and skin 0 to 255, unknown 0 or 255; None where nothing is labelled so."""

    hair: Mask
    skin: Mask | None
    unknown: Mask | None

    @property
    def soft(self) -> bool:
        """Whether the hair has values between 0 and 255."""
        return is_soft(self.hair)

    @property
    def labelled(self) -> list[tuple[str, Mask]]:
        """Each mask with its label, the lowest first: where they overlap, hair lies on skin, and skin on the unknown."""
        layers = ((UNKNOWN_LABEL, self.unknown), (SKIN_LABEL, self.skin), (HAIR, self.hair))
        return [(label, mask) for label, mask in layers if mask is not None]

    def cut(self) -> "Masks":
        """The same cut at half, 0 or 255."""
        return Masks(hard(self.hair), None if self.skin is None else hard(self.skin), self.unknown)

    def class_map(self) -> NDArray[np.uint8]:
        """The number of each pixel's `Class`, uint8 (H, W). What is unknown is neither hair nor skin."""
        cut = self.cut()
        classes = np.zeros(self.hair.shape, np.uint8)
        for number, mask in ((Class.skin, cut.skin), (Class.hair, cut.hair), (Class.unknown, cut.unknown)):
            if mask is not None:
                classes[mask > 0] = number
        return classes


def masks_of(item: SetItem, store: Store) -> Masks:
    """A member's masks. Raises WinnowError if one is missing from the store or damaged."""
    hair = decode_mask(store.get(item.mask))
    skin, stored = (None if sha256 is None else decode_mask(store.get(sha256)) for sha256 in (item.skin, item.unknown))
    return Masks(hair, skin, unknown_pixels(stored, item.inside, hair.shape))


def unknown_pixels(stored: Mask | None, inside: Box, shape: tuple[int, ...]) -> Mask | None:
    """Where nothing is known, uint8 (H, W), 255, else 0: what the source leaves out and all outside the photo; None if nowhere.

    >>> unknown_pixels(None, (0, 0, 2, 1), (2, 2)).tolist()
    [[0, 255], [0, 255]]
    >>> unknown_pixels(None, (0, 0, 2, 2), (2, 2)) is None
    True
    """
    top, left, bottom, right = inside
    unknown = np.full(shape, 255, np.uint8)
    unknown[top:bottom, left:right] = 0 if stored is None else hard(stored)[top:bottom, left:right]
    return unknown if unknown.any() else None


def write_pictures(folder: Path, item: SetItem, store: Store) -> dict[str, str]:
    """Write a member's pictures, as they are stored, into `images/`, `masks/`, `skin/` and `unknown/` of a folder.

    Returns their paths in the folder as columns image, mask, skin and unknown, "" where there is none. Raises WinnowError if
    one is missing from the store or damaged.
    """
    unknown = masks_of(item, store).unknown
    files = {
        "image": (f"images/{item.name}.jpg", store.get(item.image)),
        "mask": (f"masks/{item.name}.png", store.get(item.mask)),
        "skin": (f"skin/{item.name}.png", None if item.skin is None else store.get(item.skin)),
        "unknown": (f"unknown/{item.name}.png", None if unknown is None else encode_mask(unknown)),
    }
    for path, data in files.values():
        if data is not None:
            write_file(folder / path, data)
    return {column: "" if data is None else path for column, (path, data) in files.items()}


def about_from(said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a `RawPair` that an export's `SetItem.about` says; without those that are not there.

    Raises WinnowError for a date that is none, and a drawn that is neither yes nor no.
    """
    words = {name: str(said.get(name) or "").strip() for name in ("contributor", "licence", "consent_basis")}
    found: dict[str, Any] = {name: word for name, word in words.items() if word}
    drawn = said.get("drawn")
    word = drawn if isinstance(drawn, bool) else DRAWN.get(str(drawn or "").strip().lower())
    if word is None:
        raise WinnowError(f"it has {drawn!r} as drawn. Use yes or no, or leave it empty.")
    for name in ("consent_date", "consent_expires"):
        if day := str(said.get(name) or "").strip():
            try:
                found[name] = date.fromisoformat(day)
            except ValueError:
                raise WinnowError(f"it has the {name} {day!r}. Use a date such as 2026-05-31, or leave it empty.") from None
    return found | {"drawn": word}
