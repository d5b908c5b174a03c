"""LFW Parts: people are contributors, the official lists are splits."""

from pathlib import Path

import pytest

from curator.formats import RawPair, Refused, lfw_parts
from curator.formats.lfw_parts import recognise
from db.errors import WinnowError
from db.tables import Split
from tests.curator.formats.items import without_lists

read = without_lists(lfw_parts.read)


def lay(root: Path, *names: str, **lists: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    for name, text in lists.items():
        (root / f"parts_{name}.txt").write_text(text)
    return root


def test_people_are_contributors_and_lists_are_splits(tmp_path: Path) -> None:
    lay(
        tmp_path,
        "images/Ann_Lee_0001.jpg", "masks/Ann_Lee_0001.png", "images/Bo_0012.jpg", "masks/Bo_0012.ppm",
        "images/Cy_0003.jpg", "masks/Cy_0003.png",
        train="Ann_Lee 0001\n", validation="Bo 12\n\n",
    )  # fmt: skip
    assert [(item.name, item.mask.name, item.contributor, item.split) for item in read(tmp_path)] == [
        ("images/Ann_Lee_0001.jpg", "Ann_Lee_0001.png", "Ann_Lee", Split.train),
        ("images/Bo_0012.jpg", "Bo_0012.ppm", "Bo", Split.validation),
        ("images/Cy_0003.jpg", "Cy_0003.png", "Cy", None),
    ]


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    lay(
        tmp_path,
        "images/holiday.jpg", "images/Bo_0001.jpg", "images/Cy_0001.jpg", "masks/Cy_0001.png",
        train="Cy 1\nAnn 7\nnonsense\nBo x\n", validation="Cy 0001\n",
    )  # fmt: skip
    items = list(read(tmp_path))
    assert [item.name for item in items if isinstance(item, RawPair)] == ["images/Cy_0001.jpg"]
    assert {item for item in items if isinstance(item, Refused)} == {
        Refused("images/holiday.jpg", "its name does not have the form Name_0001."),
        Refused("images/Bo_0001.jpg", "no mask of that name in masks/."),
        Refused("images/Ann_0007.jpg", "the train list names it, but the photo is missing."),
        Refused("parts_train.txt", "line 3 is not a name and a number: 'nonsense'."),
        Refused("parts_train.txt", "line 4 is not a name and a number: 'Bo x'."),
        Refused("parts_validation.txt", "line 1 names Cy_0001, which is already in the train list."),
    }


def test_without_lists_it_is_read_when_asked_for_but_not_recognised(tmp_path: Path) -> None:
    lay(tmp_path, "images/Cy_0001.jpg", "masks/Cy_0001.png")
    assert recognise(tmp_path) is None
    (pair,) = read(tmp_path)
    assert isinstance(pair, RawPair)
    assert pair.split is None


def test_without_masks_it_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(WinnowError, match=r"has no images/ or no masks/\. LFW Parts needs images/Name_0001\.jpg and masks/"):
        list(read(lay(tmp_path, "images/Cy_0001.jpg")))
