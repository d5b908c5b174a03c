"""What every format reads (a photo with its mask, or a refused file with the reason) and writes (a set's members)."""

import logging
import re
import traceback
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from upath import UPath

from curator.formats.locations import Location, read_upload, without_secrets
from curator.pictures.arrays import Box
from curator.pictures.codec import encode_mask
from curator.pictures.meaning import Meaning
from db.errors import NotNowError, WinnowError
from db.settings import Limits
from db.tables import MaskOrigin, Split

# Names of a split's folders and files in the various formats.
SPLITS = {
    "train": Split.train, "training": Split.train,
    "val": Split.validation, "valid": Split.validation, "validation": Split.validation, "dev": Split.validation,
    "test": Split.test, "testing": Split.test,
}  # fmt: skip
# Characters; the database columns have these lengths.
MAX_LENGTHS = {"name": 1000, "contributor": 1000, "licence": 200, "subject": 1000, "consent_basis": 200}
MAX_ROWS = 1_000_000  # photos in one list
HAIR = "hair"  # the label in our exports
# What else means hair, and nothing but hair, as `label_key` spells it: the major languages' words among them.
HAIR_WORDS = (
    "hair", "hairs", "human hair", "head hair", "cheveux", "chevelure", "haar", "haare", "kopfhaar", "pelo", "cabello",
    "capelli", "cabelo", "cabelos", "волосы", "волосся", "włosy", "saç", "tóc", "rambut", "头发", "頭髮", "頭髪", "髪",
    "髪の毛", "머리카락", "شعر", "बाल", "ผม",
)  # fmt: skip
SKIN = ("skin",)
UNKNOWN = ("unknown", "ignore")  # pixels of which nobody says what they are
NO_HAIR = "no hair"  # the tag of a photo without hair, as opposed to one that is not annotated yet

_log = logging.getLogger(__name__)


class EncodedMask(Protocol):
    """A mask in a source's own encoding (polygons, runs). It is small, because it is pickled and sent to a worker."""

    def pixels(self, limits: Limits) -> NDArray[np.uint8]:
        """The mask, uint8 (H, W), 0 to 255. Raises WinnowError if the encoding is damaged or beyond the limits."""


@dataclass(frozen=True)
class Embedded:
    """A picture's file that is stored inside a list, such as a column of Parquet."""

    data: bytes


@dataclass(frozen=True)
class RawPair:
    """A photo and its masks as they are in a source: locations and encodings, no pixels."""

    name: str  # the photo's name as received, relative to the source
    photo: Location | Embedded
    mask: Location | Embedded | EncodedMask
    contributor: str | None = None
    split: Split | None = None  # as stated by the source
    official: bool = False  # the splits are a published set's own (curator/ingest/splits.py)
    licence: str | None = None
    drawn: bool = False  # a portrait of the sample set, not a person
    subject: str | None = None  # the person shown
    consent_basis: str | None = None  # what the use rests on, such as a signed form
    consent_date: date | None = None  # when consent was given
    consent_expires: date | None = None  # the last day on which the photo may be used
    skin: Location | Embedded | EncodedMask | None = None  # where the source has one beside the hair's
    unknown: Location | Embedded | EncodedMask | None = None  # pixels of which the source says nothing
    annotation: Location | None = None  # the file that describes this photo alone, if there is one
    remarks: tuple[str, ...] = ()  # what was odd about how the source describes it


@dataclass(frozen=True)
class Refused:
    """A file of a source that is not ingested, and why."""

    file: str
    reason: str
    place: Location | None = None  # of the file, if it is there


@dataclass(frozen=True)
class NotRead:
    """A file of a source that belongs to none of its photos, and why; junk is what a file manager or camera left there."""

    file: str
    why: str
    junk: bool = False


@dataclass(frozen=True)
class ListRead:
    """A list of a source that was read, or another file that says what its pictures mean."""

    file: Location


@dataclass(frozen=True)
class Documented:
    """What a source itself says that the values of its masks mean."""

    meaning: Meaning


Item = RawPair | Refused | ListRead | Documented  # what an adapter reads


@dataclass(frozen=True)
class SetItem:
    """One member of a curated set as a format writes it; image, mask, skin and unknown are hashes in the store."""

    name: str  # its number in the set with leading zeros, used as file name
    example: int
    image: str
    mask: str
    skin: str | None
    split: Split
    licence: str | None
    drawn: bool
    inside: Box  # the part that shows the photo; the rest is filled
    unknown: str | None = None  # pixels of which the source says nothing
    contributor: str | None = None  # a pseudonym, never a name
    origin: MaskOrigin = MaskOrigin.contributor  # who made the mask
    consent_basis: str | None = None  # without the names of the person shown and of the contributor
    consent_date: date | None = None
    consent_expires: date | None = None

    @property
    def about(self) -> dict[str, str]:
        """What is known beside the masks and the split, as the columns of a list say it; empty where nothing is recorded."""
        given, expires = self.consent_date, self.consent_expires
        return {
            "contributor": self.contributor or "",
            "licence": self.licence or "",
            "drawn": "yes" if self.drawn else "no",
            "consent_basis": self.consent_basis or "",
            "consent_date": given.isoformat() if given else "",
            "consent_expires": expires.isoformat() if expires else "",
            "example": str(self.example),
            "mask_origin": self.origin.value,
        }


def storable(item: RawPair | Refused | NotRead) -> RawPair | Refused | NotRead:
    """The item with texts that the database can store: no URL's secrets, no NUL, no lone surrogates.

    Returns a refusal if a text is too long for its column.
    """
    if isinstance(item, NotRead):
        return NotRead(_storable_text(without_secrets(item.file)), item.why, item.junk)
    if isinstance(item, Refused):
        return Refused(_storable_text(without_secrets(item.file)), _storable_text(item.reason), item.place)
    item = replace(item, name=without_secrets(item.name))
    words: dict[str, Any] = {field: _storable_text(word) for field in MAX_LENGTHS if (word := getattr(item, field)) is not None}
    for field, word in words.items():
        if len(word) > MAX_LENGTHS[field]:
            return Refused(words["name"], f"its {field} has {len(word):,} characters; {MAX_LENGTHS[field]:,} are allowed.")
    return replace(item, **words)


def _storable_text(word: str) -> str:
    return word.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def unreadable(error: Exception) -> str:
    """A refusal's reason for an error that no code here foresees. Its kind and where it came from are logged, no names."""
    at = traceback.extract_tb(error.__traceback__)
    place = f"{Path(at[-1].filename).name}, line {at[-1].lineno}" if at else "an unknown place"
    _log.warning("A file is refused, because reading it raised %s in %s.", type(error).__name__, place)
    return f"it is damaged, or made in a way that Winnow can't read ({type(error).__name__})."


def pair_or_refusal(name: str, make: Callable[[], RawPair | Refused], place: Location | None = None) -> RawPair | Refused:
    """What `make` returns; whatever it raises is the refusal of the item called `name`, a file at `place`.

    Raises NotNowError.
    """
    try:
        return make()
    except NotNowError:
        raise
    except WinnowError as error:
        return Refused(name, str(error), place)
    except Exception as error:
        return Refused(name, unreadable(error), place)


def check_rows(file: str, count: int) -> None:
    """Raises WinnowError for a list of more than MAX_ROWS rows."""
    if count > MAX_ROWS:
        raise WinnowError(f"{file} has {count:,} rows; {MAX_ROWS:,} are allowed. Divide it into several lists.")


def photo_bytes(pair: RawPair, limits: Limits) -> bytes:
    """The photo's file exactly as received. Raises WinnowError if it can't be read or is too large."""
    return pair.photo.data if isinstance(pair.photo, Embedded) else read_upload(pair.photo, limits)


def skin_bytes(pair: RawPair, limits: Limits) -> bytes | None:
    """The file of the skin's mask, as `mask_bytes` gives the hair's; None if there is none. Raises like it."""
    return None if pair.skin is None else _mask_bytes(pair.skin, limits)


def unknown_bytes(pair: RawPair, limits: Limits) -> bytes | None:
    """The file of the unknown pixels, as `mask_bytes` gives the hair's; None if there is none. Raises like it."""
    return None if pair.unknown is None else _mask_bytes(pair.unknown, limits)


def mask_bytes(pair: RawPair, limits: Limits) -> bytes:
    """The mask's file exactly as received, or an 8-bit grey PNG of an encoded mask, soft values included.

    Raises WinnowError if the file can't be read, or the encoding is damaged or beyond the limits.
    """
    return _mask_bytes(pair.mask, limits)


def _mask_bytes(mask: Location | Embedded | EncodedMask, limits: Limits) -> bytes:
    if isinstance(mask, Embedded):
        return mask.data
    if isinstance(mask, Path | UPath):
        return read_upload(mask, limits)
    return encode_mask(mask.pixels(limits))


def parse_split(name: str) -> Split | None:
    """The split that a folder's or file's name stands for; None for any other name.

    >>> parse_split("Val")
    <Split.validation: 'validation'>
    """
    return SPLITS.get(name.strip().lower())


def readable_name(name: str) -> str:
    """A file's name as valid text: bytes that are not UTF-8 are escaped, because a database can't store them."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def label_key(label: str) -> str:
    """A label as it is compared: without case, numbers in front, separators, and words such as mask or class.

    >>> label_key("17_Hair"), label_key("hair-mask"), label_key("Human Hair")
    ('hair', 'hair', 'human hair')
    """
    words = re.sub(r"[\s_./:()\[\]-]+", " ", unicodedata.normalize("NFKC", label).casefold()).split()
    telling = [
        word for word in words if not word.isdecimal() and word not in ("mask", "masks", "class", "label", "segmentation")
    ]
    return " ".join(telling or words)


def hair_label(
    file: str, kind: str, labels: Sequence[str], wanted: str | None = None, used: Mapping[str, int] = MappingProxyType({})
) -> str:
    """The label that means hair: the one a person named, or the one called hair, or the only one called nearly so.

    A lone label with another name is not taken for hair: a project of faces has one label, too. `alike` gives the labels that
    are spelled almost as this one.

    Args:
        file: where the labels are listed, for errors.
        kind: the plural that the format calls labels.
        labels: all that the source's project has, also those that no photo uses.
        wanted: what a person named.
        used: how many shapes each label has, for errors; empty if that is not known.

    Raises:
        WinnowError: if no label is meant, or it is unclear which. It lists all labels and says what to do.

    >>> hair_label("coco.json", "categories", ["cat", "Hair"])
    'Hair'
    """
    if not labels:
        raise WinnowError(f'{file} lists no {kind}. It needs one called "hair".')
    told = list(dict.fromkeys(labels))
    listed = ", ".join(f"{label}: {used.get(label, 0):,}" if used else label for label in told[:20])
    listed = f"shapes of each: {listed}" if used else listed
    listed += f" and {len(told) - 20:,} more" if len(told) > 20 else ""
    if wanted is not None:
        for spelled in (str, str.strip, label_key):
            if named := [label for label in told if spelled(label) == spelled(wanted)]:
                return named[0]
        raise WinnowError(f"{file} has no {wanted} among its {kind}: {listed}.")
    for names in ((HAIR,), HAIR_WORDS):
        found = {label_key(label): label for label in reversed(told) if label_key(label) in names}
        if len(found) == 1:
            return next(iter(found.values()))
    why = "several of its {} may be hair" if found else "none of its {} is called hair"
    raise WinnowError(f"{file}: {why.format(kind)} ({listed}). Say which one is hair: --label NAME.")


def alike(labels: Iterable[str], label: str | None) -> frozenset[str]:
    """The labels that are spelled as one is, apart from what `label_key` leaves out; none for None."""
    return frozenset(each for each in labels if label is not None and label_key(each) == label_key(label))


def called(labels: Iterable[str], *names: str) -> frozenset[str]:
    """The labels whose key is one of some names, such as SKIN."""
    return frozenset(label for label in labels if label_key(label) in names)


def match_key(stem: str) -> str:
    """A name without its case and in one Unicode form (NFC), to compare names that a person or file system considers equal."""
    return unicodedata.normalize("NFC", stem).casefold()
