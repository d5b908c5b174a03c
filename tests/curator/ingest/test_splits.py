"""Splits: by hash, and so that neither a picture nor a contributor is in two of them."""

from collections import Counter

import pytest

from curator.ingest.splits import TEST_SHARE, VALIDATION_SHARE, Claims, choose_split, split_for
from db.errors import WinnowError
from db.tables import Split

TRAIN, VALID, HELD_OUT = (frozenset({split}) for split in Split)


def test_the_same_contributor_is_always_in_the_same_split() -> None:
    assert split_for("ada") is split_for("ada")


def test_the_shares_are_kept() -> None:
    drawn = Counter(split_for(f"contributor {number}") for number in range(20_000))
    assert abs(drawn[Split.test] / 20_000 - TEST_SHARE) < 0.01
    assert abs(drawn[Split.validation] / 20_000 - VALIDATION_SHARE) < 0.01


@pytest.mark.parametrize(
    ("claims", "split", "remark"),
    [
        (Claims(stated=Split.test), Split.test, None),
        (Claims(), split_for("key"), None),
        (Claims(contributor=HELD_OUT), Split.test, None),
        (Claims(picture=VALID), Split.validation, None),
        (Claims(stated=Split.train, picture=TRAIN, contributor=TRAIN), Split.train, None),
        (
            Claims(stated=Split.test, picture=TRAIN),
            Split.train,
            "not in test as its source states: the same",
        ),
        (
            Claims(stated=Split.test, contributor=TRAIN),
            Split.train,
            "not in test as its source states: the contributor's",
        ),
        (Claims(stated=Split.test, official=True, contributor=TRAIN), Split.test, "contributor also has examples in train"),
        (
            Claims(stated=Split.test, official=True, picture=TRAIN),
            Split.train,
            "not in test as its source states: the same",
        ),
        (Claims(official=True, contributor=TRAIN), Split.train, None),  # a photo that the lists don't name
        (Claims(stated=Split.test, contributor=TRAIN | HELD_OUT), Split.test, "contributor also has examples in train"),
        (Claims(contributor=VALID | HELD_OUT), Split.validation, "contributor also has examples in test"),
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
        (Claims(picture=TRAIN, contributor=HELD_OUT), "already in train, but the contributor's other examples are in test"),
        (Claims(stated=Split.train, picture=TRAIN, contributor=HELD_OUT), "already in train"),
        (Claims(picture=TRAIN | HELD_OUT), "already in train and test. Either split"),
        (Claims(stated=Split.test, official=True, picture=TRAIN | HELD_OUT), "already in train and test. Either split"),
    ],
)
def test_what_would_test_what_training_has_seen_is_refused_in_words(claims: Claims, words: str) -> None:
    with pytest.raises(WinnowError, match=words):
        choose_split(claims, "key")
