"""Splits by hash."""

from collections import Counter

from curator.splits import TEST, VALIDATION, split_for
from db.tables import Split


def test_the_same_contributor_is_always_in_the_same_split() -> None:
    assert split_for("ada") is split_for("ada")


def test_the_shares_are_kept() -> None:
    drawn = Counter(split_for(f"contributor {number}") for number in range(20_000))
    assert abs(drawn[Split.test] / 20_000 - TEST) < 0.01
    assert abs(drawn[Split.validation] / 20_000 - VALIDATION) < 0.01
