"""How words and numbers are written on the pages."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.app.wording import WORD_JOINER, acting_on, literal

PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


@given(st.text(alphabet=PUNCTUATION + "aw \n", max_size=40))
def test_outside_of_code_all_that_markdown_knows_is_escaped_and_nothing_else_changes(text: str) -> None:
    written = literal(text)
    code = r"`[^`]+`"
    assert written.startswith(("\\", "`", "a", "w")) or not text.strip()
    outside = re.sub(r"(?<!\\)" + code, "", written)
    bare = re.sub(rf"\\[{re.escape(PUNCTUATION)}]", "", outside)
    assert not set(bare) & set(PUNCTUATION)
    shown = re.sub(rf"\\([{re.escape(PUNCTUATION)}])", r"\1", written).replace(WORD_JOINER, "")
    if "`" not in text and "\\" not in text:
        assert shown == " ".join(text.split())


@pytest.mark.parametrize("address", ["http://evil.example", "HTTPS://evil.example", "www.evil.example", "a@evil.example"])
def test_an_address_is_broken_so_that_nothing_links_it(address: str) -> None:
    assert WORD_JOINER in literal(address)


def test_a_command_in_a_sentence_can_be_copied() -> None:
    assert literal("Try `winnow ingest --crop whole`.") == "Try `winnow ingest --crop whole`\\."


def test_a_button_in_a_list_names_what_it_acts_on_and_nothing_in_the_name_is_markdown() -> None:
    assert acting_on("Discard", "0158.jpg") == r"Discard :gray[0158\.jpg]"
    assert acting_on("Discard", "a]b").endswith(r":gray[a\]b]")
