"""Which split an example belongs to: decided once, at ingest, so that nobody's face is in two splits."""

import hashlib
from dataclasses import dataclass

from db.errors import WinnowError
from db.tables import Split

TEST_SHARE, VALIDATION_SHARE = 0.15, 0.15  # of all contributors; the rest is for training


@dataclass(frozen=True)
class Claims:
    """What decides the split of a new example: what was stated, and the splits of the examples it belongs with."""

    stated: Split | None = None  # by the source, or by --split
    official: bool = False  # the source is a published set; results on it are comparable only with its own splits
    picture: frozenset[Split] = frozenset()  # the splits of the examples that show the same picture
    contributor: frozenset[Split] = frozenset()  # the splits of the contributor's other examples


@dataclass(frozen=True)
class SplitChoice:
    """An example's split, and a remark for people where the reason is not obvious."""

    split: Split
    remark: str | None = None


def choose_split(claims: Claims, key: str) -> SplitChoice:
    """The split of a new example: its picture's, else its contributor's, else the stated one, else one drawn from `key`.

    So neither a picture nor a contributor is in two splits. The one exception: a published set's own lists win over the
    contributor, because LFW Parts has 175 people in two splits and its results are comparable only with its own lists.
    Raises WinnowError if the picture and the contributor are in different splits: either one would put training data into
    the test set.
    """
    stated, picture, contributor = claims.stated, claims.picture, claims.contributor
    if len(picture) > 1 or (picture and not claims.official and contributor - picture):
        others = f", but the contributor's other examples are in {_in_words(contributor)}" if contributor else ""
        raise WinnowError(
            f"the same picture is already in {_in_words(picture)}{others}. Either split would leak training data into the "
            "test set."
        )
    if picture:
        (split,) = picture
        reason = "the same picture is already here"
    elif contributor and not (claims.official and stated):
        split = stated if stated in contributor else next(each for each in Split if each in contributor)
        reason = "the contributor's other examples are there"
    else:
        split = stated or split_for(key)
        reason = ""
    if stated not in (None, split):
        return SplitChoice(split, f"put in {split}, not in {stated} as its source states: {reason}.")
    if contributor - {split}:
        others = _in_words(contributor - {split})
        return SplitChoice(split, f"the contributor also has examples in {others}, because a published set's own lists say so.")
    return SplitChoice(split)


def _in_words(splits: frozenset[Split]) -> str:
    return " and ".join(split for split in Split if split in splits)


def split_for(key: str) -> Split:
    """The split of a contributor's folded name, or of the sha256 of a photo whose contributor is unknown.

    The split is drawn from a hash of the key, so the order of an ingest changes nothing, nor does ingesting in parts.

    >>> split_for("ada") is split_for("ada")
    True
    """
    drawn = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
    if drawn < TEST_SHARE:
        return Split.test
    return Split.validation if drawn < TEST_SHARE + VALIDATION_SHARE else Split.train
