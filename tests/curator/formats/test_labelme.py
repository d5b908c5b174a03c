"""labelme's files: shapes, photos wherever they may lie, labels from the list and from the shapes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curator.formats import NotRead, Refused
from curator.formats.labelme import read, recognise
from curator.formats.pairs import Embedded
from db.errors import WinnowError
from db.tables import Split
from tests.curator.formats.drawn import CUT_OPEN, HOLE, SIDE, items, pairs, photo, pixels, png, the_mask, truth, write


def shape(points: Any = CUT_OPEN, label: str = "hair", kind: str | None = "polygon", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, "flags": {}} | more


def listed(*shapes: Any, path: str = "a.jpg", **more: Any) -> dict[str, Any]:
    size = {"imageHeight": SIDE, "imageWidth": SIDE}
    return {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": path, "imageData": None} | size | more


def test_a_folder_of_photos_with_their_files_is_recognised(tmp_path: Path) -> None:
    photo(tmp_path / "train/a.jpg")
    write(tmp_path / "train/a.json", listed(shape()))
    assert recognise(tmp_path) == "train/a.json is one of labelme's"
    (pair,) = items(tmp_path)
    assert np.array_equal(pixels(pair), truth())
    assert (pair.name, pair.annotation, pair.split) == ("train/a.json", tmp_path / "train/a.json", Split.train)


@pytest.mark.parametrize(
    ("at", "path"),
    [
        ("img/a.jpg", "..\\img\\a.jpg"),
        ("img/a.jpg", "a.jpg"),
        ("ann/a.jpg", "C:\\me\\a.jpg"),
        ("images/A.jpg", "../elsewhere/a.jpg"),
    ],
)
def test_the_photo_is_found_where_the_file_says_or_nearby(tmp_path: Path, at: str, path: str) -> None:
    photo(tmp_path / at)
    write(tmp_path / "ann/a.json", listed(shape(), path=path))
    (pair,) = pairs(tmp_path)
    assert pair.photo == tmp_path / at


def test_a_photo_inside_its_file_is_taken_from_there(tmp_path: Path) -> None:
    write(tmp_path / "a.json", listed(shape(), imageData=png(np.zeros((SIDE, SIDE), np.uint8)), imageHeight=None))
    (pair,) = pairs(tmp_path)
    assert isinstance(pair.photo, Embedded)
    assert np.array_equal(pixels(pair), truth())


def test_masks_and_circles_are_drawn_and_boxes_and_lines_left_out_with_a_remark(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    mask = shape([[64, 64], [447, 447]], kind="mask", mask=png(truth()[64:448, 64:448]))
    others = [
        shape([[0, 0], [9, 9]], kind="rectangle"),
        shape([[0, 0], [9, 9]], kind="linestrip"),
        shape([[1, 1], [1, 1], [1, 1]]),
    ]
    write(tmp_path / "a.json", listed(mask, *others, shape([[400, 100], [400, 110]], kind="circle")))
    (pair,) = pairs(tmp_path)
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    assert np.array_equal(pixels(pair), truth() | ((x - 400) ** 2 + (y - 100) ** 2 <= 100).astype(np.uint8) * np.uint8(255))
    assert pair.remarks == (
        "a.json also annotates it with a box, a line, an outline without an area, which outlines nothing and was left out.",
    )


def test_the_list_of_labels_counts_and_a_lone_face_is_no_hair(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    write(tmp_path / "a.json", listed(shape(label="face")))
    with pytest.raises(WinnowError, match=r"none of its labels is called hair \(shapes of each: face: 1\)"):
        list(read(tmp_path))
    write(tmp_path / "labels.txt", "__ignore__\n_background_\nhair\nface\n")
    assert items(tmp_path) == [Refused("a.json", "it has no hair annotation. It has face.", tmp_path / "a.jpg")]
    assert np.array_equal(the_mask(tmp_path, label="face"), truth())


def test_skin_and_unknown_are_read_beside_hair_and_a_flag_says_no_hair(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    write(tmp_path / "a.json", listed(shape(), shape(HOLE, "Skin"), shape(HOLE, "ignore")))
    (pair,) = pairs(tmp_path)
    assert pixels(pair, "skin")[352:416, 96:160].all()
    assert pixels(pair, "skin").sum() == pixels(pair, "unknown").sum() == 64 * 64 * 255
    photo(tmp_path / "b.jpg")
    write(tmp_path / "b.json", listed(path="b.jpg", flags={"No hair": True}))
    assert not pixels(pairs(tmp_path)[1]).any()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (listed(shape([[0, 0], [9, 9]], kind="rectangle")), "it is annotated with a box only, which does not outline its hair"),
        (listed(shape([[0, 0], ["x", 9]])), "its polygon lacks its points or has damaged ones."),
        (listed(shape([[0, 0], [0.9, 0.1], [0.5, 0.9]])), "its coordinates in a.json are shares of the photo from 0 to 1"),
        (
            listed(shape([[0, 0], [900, 0], [900, 600]])),
            "its outlines reach from 0, 0 to 900, 600, beyond its 512 x 512 pixels.",
        ),
        (listed(shape(), path="c.jpg"), "the photo isn't there: Winnow looked for it in the source itself and in images/."),
    ],
)
def test_what_does_not_fit_is_refused_and_its_files_are_accounted_for(tmp_path: Path, content: Any, reason: str) -> None:
    photo(tmp_path / "a.jpg")
    write(tmp_path / "a.json", content)
    write(tmp_path / "package.json", {"name": "shapes", "imagePath": 1, "shapes": []})
    found = items(tmp_path)
    assert [item.reason.startswith(reason) for item in found if isinstance(item, Refused)] == [True]
    others = {item.file for item in found if isinstance(item, NotRead)}
    assert others == ({"package.json", "a.jpg"} if content["imagePath"] == "c.jpg" else {"package.json"})


@pytest.mark.parametrize("text", ["", "[]", '{"shapes": 1, "imagePath": "a"}', json.dumps({"imagePath": "a"}), "[" * 100_000])
def test_what_is_none_of_its_files_is_not_recognised(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    assert recognise(tmp_path) is None
    with pytest.raises(WinnowError, match=r"has none of labelme's JSON files"):
        list(read(tmp_path))


def test_a_file_that_names_another_photo_than_the_one_beside_it_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        photo(tmp_path / f"{name}.JPG")
        write(tmp_path / f"{name}.json", listed(shape(), path="b.JPG"))
    (pair,) = pairs(tmp_path)
    assert (pair.name, pair.photo) == ("b.json", tmp_path / "b.JPG")
    assert {item.file: item.reason for item in items(tmp_path) if isinstance(item, Refused)} == {
        "a.json": "it says that its photo is b.JPG, and a.JPG lies beside it. Mend its imagePath or its name."
    }
