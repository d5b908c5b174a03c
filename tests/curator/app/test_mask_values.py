"""The question what a zip's mask values mean: what is shown, what can be chosen, and what the command is told."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from curator.app.mask_values import answered, is_answered, options, why_not_ingest
from curator.ingest.previews import Preview, save
from curator.pictures.meaning import NOTHING_ASKED, Asked, Meaning

UNCLEAR = {
    "values": [[0, 3, 0.9], [1, 3, 0.06], [2, 2, 0.05]],
    "meaning": None,
    "understood": None,
    "unclear": "It is unclear what its masks' values mean: it has several values.",
}
CLEAR = {
    "values": [[0, 3, 0.9], [1, 3, 0.08], [255, 3, 0.02]],
    "meaning": "hair is 1 of 0, 1, 255; 255 is left out",
    "understood": Meaning((0, 1, 255), (1,), (), (255,)).as_row(),
    "unclear": None,
}


def ask(upload: str, told: dict[str, object]) -> None:
    from pathlib import Path

    import streamlit as st

    from curator.app.mask_values import ask_for_meaning, is_answered, options

    asked = ask_for_meaning(Path(upload), told, "test")
    st.text(f"{options(asked)} {is_answered(told, asked)}")


def page(tmp_path: Path, told: dict[str, object]) -> AppTest:
    values = np.repeat(np.arange(3, dtype=np.uint8), 20)[:, None].repeat(40, axis=1)
    photo = np.full((60, 40, 3), 200, np.uint8)
    save([Preview(photo, values, np.zeros((60, 40), np.uint8))] * 4, tmp_path / "a.zip")
    return AppTest.from_function(ask, args=(str(tmp_path / "a.zip"), told), default_timeout=30).run()


def test_what_is_unclear_is_asked_and_the_answer_goes_to_the_command(tmp_path: Path) -> None:
    asked = page(tmp_path, UNCLEAR)
    assert not asked.exception
    assert "it has several values. Choose below" in asked.warning[0].value
    assert asked.text[0].value == "[] False"
    hair = asked.multiselect[0]
    assert hair.options == ["0  (90.0% of 3 masks)", "1  (6.0% of 3 masks)", "2  (5.0% of 2 masks)"]
    hair.select("2  (5.0% of 2 masks)").run()
    assert asked.text[0].value == "['--hair=2'] True"
    asked.multiselect[1].select("1  (6.0% of 3 masks)").run()
    assert asked.text[0].value == "['--hair=2', '--unknown=1'] True"
    assert any("grey is left out" in one.value for one in asked.caption)
    assert asked.checkbox[0].disabled


def test_what_is_clear_is_said_and_can_be_changed(tmp_path: Path) -> None:
    asked = page(tmp_path, CLEAR)
    assert not asked.exception
    assert asked.warning.len == 0
    assert "hair is 1 of 0, 1, 255; 255 is left out" in asked.caption[0].value
    assert asked.text[0].value == "[] True"
    asked.checkbox[0].check().run()
    assert asked.text[0].value == "['--inverted'] True"


def test_masks_that_are_no_files_ask_nothing(tmp_path: Path) -> None:
    asked = page(tmp_path, {"values": [], "meaning": Meaning().words, "understood": Meaning().as_row(), "unclear": None})
    assert (len(asked.multiselect), asked.text[0].value) == (0, "[] True")


@pytest.mark.parametrize(
    ("more", "left"),
    [
        ([], ["--crop=face", "--label=wig", "--hair=1", "--unknown=255"]),
        (["--hair=3"], ["--crop=face", "--label=wig", "--hair=3"]),
        (["--inverted"], ["--crop=face", "--label=wig", "--inverted"]),
        (["--label=fur"], ["--crop=face", "--hair=1", "--unknown=255", "--label=fur"]),
    ],
)
def test_a_new_answer_replaces_the_one_before(more: list[str], left: list[str]) -> None:
    before = ["ingest", "a.zip", "--crop=face", "--label=wig", "--hair=1", "--unknown=255"]
    assert answered(before, more) == ["ingest", "a.zip", *left]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (NOTHING_ASKED, []),
        (Asked(("#7f0000",), ("#ff0000",), ("#000000",)), ["--hair=#7f0000", "--skin=#ff0000", "--unknown=#000000"]),
        (Asked(inverted=True), ["--inverted"]),
    ],
)
def test_an_answer_is_the_commands_options(asked: Asked, words: list[str]) -> None:
    assert options(asked) == words
    assert is_answered(UNCLEAR, asked) is bool(words)
    assert why_not_ingest(UNCLEAR, asked) == (None if words else "Say first what the values of its masks mean.")
    assert why_not_ingest({**UNCLEAR, "photos": 0}, asked) == "There is no photo with a mask in it."
