"""Splits: by hash, and so that neither a picture nor a contributor is in two of them."""

from collections import Counter

import pytest

from curator.ingest.splits import TEST, VALIDATION, Claims, choose_split, split_for
from db.errors import WinnowError
from db.tables import Split

TRAIN, VALID, HELD_OUT = (frozenset({split}) for split in Split)


def test_the_same_contributor_is_always_in_the_same_split() -> None:
    assert split_for("ada") is split_for("ada")


def test_the_shares_are_kept() -> None:
    drawn = Counter(split_for(f"contributor {number}") for number in range(20_000))
    assert abs(drawn[Split.test] / 20_000 - TEST) < 0.01
    assert abs(drawn[Split.validation] / 20_000 - VALIDATION) < 0.01


@pytest.mark.parametrize(
    ("claims", "split", "remark"),
    [
        (Claims(said=Split.test), Split.test, None),
        (Claims(), split_for("key"), None),
        (Claims(contributor=HELD_OUT), Split.test, None),
        (Claims(picture=VALID), Split.validation, None),
        (Claims(said=Split.train, picture=TRAIN, contributor=TRAIN), Split.train, None),
        (Claims(said=Split.test, picture=TRAIN), Split.train, "says test, but the same picture is in train"),
        (Claims(said=Split.test, contributor=TRAIN), Split.train, "says test, but its contributor's others are in train"),
        (Claims(said=Split.test, official=True, contributor=TRAIN), Split.test, "contributor is in train as well"),
        (Claims(said=Split.test, official=True, picture=TRAIN), Split.train, "says test, but the same picture is in train"),
        (Claims(official=True, contributor=TRAIN), Split.train, None),  # a photo that the lists don't name
        (Claims(said=Split.test, contributor=TRAIN | HELD_OUT), Split.test, "contributor is in train as well"),
        (Claims(contributor=VALID | HELD_OUT), Split.validation, "contributor is in test as well"),
    ],
)
def test_a_newcomer_goes_where_its_picture_then_its_contributor_then_its_source_is(
    claims: Claims, split: Split, remark: str | None
) -> None:
    chosen = choose_split(claims, "key")
    assert chosen.split is split
    assert (chosen.remark is None) if remark is None else (remark in (chosen.remark or ""))


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        (Claims(picture=TRAIN, contributor=HELD_OUT), "in train already, and its contributor's others are in test"),
        (Claims(said=Split.train, picture=TRAIN, contributor=HELD_OUT), "in train already"),
        (Claims(picture=TRAIN | HELD_OUT), "in train and test already. Wherever"),
        (Claims(said=Split.test, official=True, picture=TRAIN | HELD_OUT), "in train and test already. Wherever"),
    ],
)
def test_what_would_test_what_training_has_seen_is_refused_in_words(claims: Claims, words: str) -> None:
    with pytest.raises(WinnowError, match=words):
        choose_split(claims, "key")
