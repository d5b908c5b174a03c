"""Which of a project's labels means hair: never guessed from a lone label, and found by its synonyms."""

import pytest

from curator.formats.pairs import HAIR_WORDS, alike, called, hair_label, label_key
from db.errors import WinnowError


@pytest.mark.parametrize(
    ("labels", "wanted", "chosen"),
    [
        (["face", "hair"], None, "hair"),
        (["face", "HAIR "], None, "HAIR "),
        (["face", "17_hair"], None, "17_hair"),
        (["hair_mask"], None, "hair_mask"),
        (["Human hair", "face"], None, "Human hair"),
        (["haircut", "髪", "face"], None, "髪"),
        (["hair", "head hair"], None, "hair"),
        (["face", "hair"], "face", "face"),
        (["Face", "hair"], "face", "Face"),
        (["3_face", "hair"], "Face", "3_face"),
    ],
)
def test_the_label_that_means_hair_is_found(labels: list[str], wanted: str | None, chosen: str) -> None:
    assert hair_label("a", "labels", labels, wanted) == chosen


@pytest.mark.parametrize(
    ("labels", "wanted", "reason"),
    [
        ([], None, 'a lists no labels. It needs one called "hair".'),
        (["face"], None, "a: none of its labels is called hair (face). Say which one is hair: --label NAME."),
        (
            ["haircut", "hairband"],
            None,
            "a: none of its labels is called hair (haircut, hairband). Say which one is hair: --label NAME.",
        ),
        (
            ["hairs", "cheveux"],
            None,
            "a: several of its labels may be hair (hairs, cheveux). Say which one is hair: --label NAME.",
        ),
        (["hair"], "wig", "a has no wig among its labels: hair."),
    ],
)
def test_what_is_unclear_is_asked_with_all_labels(labels: list[str], wanted: str | None, reason: str) -> None:
    with pytest.raises(WinnowError) as said:
        hair_label("a", "labels", labels, wanted)
    assert str(said.value) == reason


def test_labels_that_are_spelled_almost_the_same_are_one() -> None:
    assert alike(["hair", "Hair", "1_hair", "human hair"], "hair") == {"hair", "Hair", "1_hair"}
    assert called(["Skin", "skin tone", "face"], "skin") == {"Skin"}


def test_the_words_for_hair_are_written_as_labels_are_compared() -> None:
    assert [word for word in HAIR_WORDS if label_key(word) != word] == []
