"""A submission's files, read as the values of its source's masks mean it."""

from dataclasses import dataclass
from typing import Any

from curator.pictures.meaning import Meaning
from curator.pictures.pair import Pair, read_pair
from db.settings import Limits
from db.store import Store
from db.tables import Source, Submission

# What a submission consists of, and what its masks' values mean.
RECEIVED = (
    Submission.photo_sha256,
    Submission.mask_sha256,
    Submission.skin_sha256,
    Submission.unknown_sha256,
    Source.meaning,
)


@dataclass(frozen=True)
class Received:
    """The files of a submission by their sha256, and its source's meaning as a row has it: the values of RECEIVED."""

    photo: str
    mask: str
    skin: str | None
    unknown: str | None
    meaning: dict[str, Any] | None


def read_received(store: Store, files: Received, limits: Limits) -> Pair:
    """The photo and masks of a submission. Raises WinnowError if a file is missing, damaged or too large."""
    skin, unknown = (None if sha256 is None else store.get(sha256) for sha256 in (files.skin, files.unknown))
    photo, mask = store.get(files.photo), store.get(files.mask)
    return read_pair(photo, mask, limits, Meaning.from_row(files.meaning), skin=skin, unknown=unknown)
