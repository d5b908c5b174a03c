"""Every spelling of a name is one person; other names are other people."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.people import folded, person_key

NAMES = st.text(st.characters(categories=["L", "M", "N", "P", "Zs", "Cf"]), max_size=12)
# Capitals tell no "ı" from "i", and move a Greek iota below a letter behind its other accents: that is another text.
LETTERS = st.text(
    st.characters(categories=["L", "N", "Zs"], exclude_characters="ı").filter(
        lambda letter: "\u0345" not in unicodedata.normalize("NFD", letter)
    ),
    max_size=12,
)


@given(NAMES)
def test_a_folded_name_stays_as_it_is_and_every_unicode_form_gives_the_same(name: str) -> None:
    assert folded(folded(name)) == folded(name)
    assert {folded(unicodedata.normalize(form, name)) for form in ("NFC", "NFD", "NFKC", "NFKD")} == {folded(name)}


@given(LETTERS)
def test_case_and_blanks_make_no_other_person(name: str) -> None:
    name = unicodedata.normalize("NFC", name)
    spellings = [name.upper(), name.lower(), name.title(), name.casefold(), f"\u3000{name}\t", name.replace(" ", "  ")]
    assert {person_key(one) for one in spellings} == {person_key(name)}


@pytest.mark.parametrize(
    "spelling",
    [
        "Zoe\u0308 Weiß", "ZOË WEISS", " zoë\u00a0 weiß\n", "\ufeffZoë Weiß", "Zo\u00adë\u200b Weiß", "Ｚｏë\u3000Ｗeiß",
    ],
)  # fmt: skip
def test_one_person_has_one_key(spelling: str) -> None:
    assert person_key(spelling) == person_key("Zoë Weiß")


@pytest.mark.parametrize("other", ["Zoe Weiß", "Zoë-Weiß", "ZoëWeiß", "Weiß Zoë", "Zoë Weiß 2", ""])
def test_another_name_is_another_person(other: str) -> None:
    assert person_key(other) != person_key("Zoë Weiß")


def test_a_key_is_short_however_long_its_name_becomes_when_it_is_folded() -> None:
    assert len(folded("\ufdfa" * 1000)) > 17_000
    assert len(person_key("\ufdfa" * 1000)) == 64
