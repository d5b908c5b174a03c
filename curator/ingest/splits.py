"""Which split an example belongs to: decided once, when it comes in, so that nobody's face is in two of them."""

import hashlib
from dataclasses import dataclass

from db.errors import WinnowError
from db.tables import Split

TEST, VALIDATION = 0.15, 0.15  # shares; the rest is for training


@dataclass(frozen=True)
class Claims:
    """What speaks for a newcomer's split: the word of its source, and the splits of what it may not be parted from."""

    said: Split | None = None  # by the source, or by whoever brings it in
    official: bool = False  # the source is a published set whose splits everybody's figures are measured on
    picture: frozenset[Split] = frozenset()  # of the examples that show the same picture
    contributor: frozenset[Split] = frozenset()  # of its contributor's other examples


@dataclass(frozen=True)
class Chosen:
    """An example's split; and in words, where somebody may wonder at it, why."""

    split: Split
    remark: str | None = None


def choose_split(claims: Claims, key: str) -> Chosen:
    """The split of a newcomer: its picture's, else its contributor's, else what its source says, else drawn by `key`.

    So neither a picture nor a contributor is in two splits. Only a published set's own lists go before the contributor: LFW
    Parts has 175 people in two of them, and its figures are comparable only as it is. Raises WinnowError where picture and
    contributor are in different splits: wherever the newcomer went, it would test what training has seen.
    """
    said, picture, contributor = claims.said, claims.picture, claims.contributor
    if len(picture) > 1 or (picture and not claims.official and contributor - picture):
        theirs = f", and its contributor's others are in {_named(contributor)}" if contributor else ""
        raise WinnowError(
            f"the same picture is in {_named(picture)} already{theirs}. Wherever this one went, it would test what training "
            "has seen."
        )
    if picture:
        (split,) = picture
        where = "the same picture is"
    elif contributor and not (claims.official and said):
        split = said if said in contributor else next(each for each in Split if each in contributor)
        where = "its contributor's others are"
    else:
        split = said or split_for(key)
        where = ""
    if said not in (None, split):
        return Chosen(split, f"its source says {said}, but {where} in {split}: so this one is.")
    if contributor - {split}:
        others = _named(contributor - {split})
        return Chosen(split, f"its contributor is in {others} as well, by a published set's own lists.")
    return Chosen(split)


def _named(splits: frozenset[Split]) -> str:
    return " and ".join(split for split in Split if split in splits)


def split_for(key: str) -> Split:
    """The split of a contributor, or of a photo whose contributor is unknown; the same key always has the same.

    Splits are drawn by hash, so that ingesting in another order, or in parts, changes nothing.
    """
    drawn = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
    if drawn < TEST:
        return Split.test
    return Split.validation if drawn < TEST + VALIDATION else Split.train
