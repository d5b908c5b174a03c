"""YOLO's outlines: shares of the photo as it is shown, names of classes, layouts of the tools."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curator.formats import NotRead, Refused
from curator.formats.yolo import read, recognise
from db.errors import WinnowError
from db.tables import Split
from tests.curator.formats.drawn import CUT_OPEN, SIDE, flat, items, pairs, photo, pixels, refusals, the_mask, truth, write

LINE = " ".join(str(number / SIDE) for number in flat(CUT_OPEN))
DATA = "train: images/train\nnames:\n  0: face\n  1: hair\n"


@pytest.mark.parametrize(
    ("image", "text", "names", "content", "split"),
    [
        ("images/train/a.jpg", "labels/train/a.txt", "data.yaml", DATA, Split.train),
        ("valid/images/a.jpg", "valid/labels/a.txt", "data.yaml", "names: [face, hair]\nnc: 2\n", Split.validation),
        ("images/a b.jpg", "labels/A_b.txt", "classes.txt", "face\nhair\n", None),
        ("a.jpg", "a.txt", "obj.names", "face\nhair\n", None),
    ],
    ids=["ultralytics", "roboflow", "label studio", "darknet"],
)
def test_the_tools_layouts_give_the_mask(
    tmp_path: Path, image: str, text: str, names: str, content: str, split: Split | None
) -> None:
    photo(tmp_path / image)
    write(tmp_path / text, f"1 {LINE}\n\n0 0.1 0.1 0.2 0.1 0.2 0.2\n")
    write(tmp_path / names, content)
    assert recognise(tmp_path) == f"{text} has the lines of YOLO"
    (pair,) = items(tmp_path)
    assert np.array_equal(pixels(pair), truth())
    assert (pair.name, pair.annotation, pair.split) == (image, tmp_path / text, split)


def test_a_photo_on_its_side_is_drawn_on_as_it_is_shown(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo(tmp_path / "images/a.jpg", 400, 600, exif=exif)
    write(tmp_path / "labels/a.txt", "0 0.5 0 1 0 1 0.5 0.5 0.5")
    write(tmp_path / "classes.txt", "hair")
    mask = the_mask(tmp_path)
    assert mask.shape == (400, 600)
    assert mask[:200, 300:].all()
    assert mask.sum() == 200 * 300 * 255


def test_a_class_without_a_name_is_hair_only_if_a_person_says_so(tmp_path: Path) -> None:
    photo(tmp_path / "images/a.jpg")
    write(tmp_path / "labels/a.txt", f"0 {LINE}")
    with pytest.raises(WinnowError, match=r"^labels/: none of its classes is called hair \(shapes of each: 0: 1\)"):
        list(read(tmp_path))
    assert np.array_equal(the_mask(tmp_path, label="0"), truth())


def test_an_empty_file_says_no_hair_and_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    lines = {
        "a": f"1 {LINE}", "b": "1 0.5 0.5 0.2 0.2", "c": "0 0 0 1 0 1 1", "d": "1 0 0 100 0 100 100", "e": "one two", "f": "",
    }  # fmt: skip
    for name, text in lines.items():
        photo(tmp_path / f"images/{name}.jpg")
        write(tmp_path / f"labels/{name}.txt", text)
    photo(tmp_path / "images/g.jpg")
    write(tmp_path / "data.yaml", DATA)
    write(tmp_path / "README.txt", "notes")
    whole, none = pairs(tmp_path, "yolo")
    assert np.array_equal(pixels(whole), truth())
    assert (none.name, pixels(none).any()) == ("images/f.jpg", False)
    assert refusals(tmp_path, "yolo") == {
        "images/b.jpg": "it is annotated with a box only, which does not outline its hair. Use a mask or a polygon.",
        "images/c.jpg": "it has no hair annotation. It has face.",
        "images/d.jpg": "its coordinates are not the shares of the photo, from 0 to 1, that YOLO's lines have.",
        "images/e.jpg": "labels/e.txt has a line that is none of YOLO's.",
        "images/g.jpg": "it has no text file of its name.",
    }
    assert [item.file for item in items(tmp_path, "yolo") if not isinstance(item, Refused) and isinstance(item, NotRead)] == [
        "README.txt"
    ]


def test_text_files_of_other_lines_are_not_recognised(tmp_path: Path) -> None:
    photo(tmp_path / "images/a.jpg")
    for text in ("a woman with long hair", "", "1.5 2 3"):
        write(tmp_path / "labels/a.txt", text)
        assert recognise(tmp_path) is None


def test_a_damaged_list_of_names_is_one_sentence(tmp_path: Path) -> None:
    photo(tmp_path / "images/a.jpg")
    write(tmp_path / "labels/a.txt", f"0 {LINE}")
    for text in ("names: [", "names: {x: hair}", "\x00"):
        write(tmp_path / "data.yaml", text)
        with pytest.raises(WinnowError, match=r"^data\.yaml can't be read as YAML"):
            list(read(tmp_path))
