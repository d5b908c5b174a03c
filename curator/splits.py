"""Which split an example belongs to: decided once, when it comes in, so that nobody's face is in two of them."""

import hashlib

from db.tables import Split

TEST, VALIDATION = 0.15, 0.15  # shares; the rest is for training


def split_for(key: str) -> Split:
    """The split of a contributor, or of a photo whose contributor is unknown; the same key always has the same.

    Splits are drawn by hash, so that ingesting in another order, or in parts, changes nothing.
    """
    drawn = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
    if drawn < TEST:
        return Split.test
    return Split.validation if drawn < TEST + VALIDATION else Split.train
