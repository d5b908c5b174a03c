"""COCO files: polygons and runs become one mask an image, and what does not fit is refused by name."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from curator.formats import RawPair, Refused, coco, mask_bytes, rle
from curator.formats.coco import recognise
from curator.pictures.codec import decode_mask
from db.errors import WinnowError
from db.settings import Limits
from db.tables import Split
from tests.curator.formats.items import without_lists

read = without_lists(coco.read)

LIMITS = Limits()
LOOKED_FOR = "the photo isn't there: Winnow looked for it in the source itself, in images/, in ../images/ and in data/."
ONLY = "it is annotated with {} only, which does not outline its hair. Use a mask or a polygon."
ODD_POLYGON = "one polygon has fewer than three points or an invalid coordinate."
HAIR = {"id": 7, "name": "Hair"}


def image(number: int, name: str = "a.jpg", **more: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, "height": 4, "width": 6} | more


def annotation(number: int, segmentation: Any, category: int = 7) -> dict[str, Any]:
    return {"id": 1, "image_id": number, "category_id": category, "segmentation": segmentation}


def coco(folder: Path, images: list[Any], annotations: list[Any], *, name: str = "coco.json", **more: Any) -> Path:
    for each in ("a.jpg", "b.jpg"):
        (folder / each).write_bytes(b"photo")
    content = {"images": images, "annotations": annotations, "categories": [HAIR]} | more
    (folder / name).write_text(json.dumps(content))
    return folder / name


def mask_in(pair: Any) -> list[list[int]]:
    assert isinstance(pair, RawPair)
    return decode_mask(mask_bytes(pickle.loads(pickle.dumps(pair)), LIMITS)).tolist()


SQUARE = [[1, 1, 3, 1, 3, 3, 1, 3]]
FILLED = [[0, 0, 0, 0, 0, 0], [0, 255, 255, 0, 0, 0], [0, 255, 255, 0, 0, 0], [0, 0, 0, 0, 0, 0]]


@pytest.mark.parametrize(
    "segmentation",
    [SQUARE, {"size": [4, 6], "counts": [5, 2, 2, 2, 13]}, {"size": [4, 6], "counts": rle.runs_to_string([5, 2, 2, 2, 13])}],
    ids=["polygon", "runs", "string"],
)
def test_each_way_to_describe_a_mask_gives_the_same(tmp_path: Path, segmentation: Any) -> None:
    (pair,) = read(coco(tmp_path, [image(1)], [annotation(1, segmentation)]))
    assert mask_in(pair) == FILLED


def test_an_images_annotations_make_one_mask(tmp_path: Path) -> None:
    other = {"size": [4, 6], "counts": [23, 1]}
    (pair,) = read(coco(tmp_path, [image(1)], [annotation(1, SQUARE), annotation(1, other)]))
    assert mask_in(pair) == [*FILLED[:3], [0, 0, 0, 0, 0, 255]]


def test_other_categories_are_passed_over(tmp_path: Path) -> None:
    categories = [HAIR, {"id": 1, "name": "hat"}]
    file = coco(tmp_path, [image(1)], [annotation(1, SQUARE), annotation(1, [[0, 0, 6, 0, 6, 4]], 1)], categories=categories)
    (pair,) = read(file)
    assert mask_in(pair) == FILLED


def test_a_lone_category_of_another_name_is_hair_only_if_a_person_says_so(tmp_path: Path) -> None:
    file = coco(tmp_path, [image(1)], [annotation(1, SQUARE)], categories=[{"id": 7, "name": "face"}])
    with pytest.raises(WinnowError) as said:
        list(read(file))
    assert str(said.value) == (
        "coco.json: none of its categories is called hair (shapes of each: face: 1). Say which one is hair: --label NAME."
    )
    (pair,) = read(file, "Face")
    assert mask_in(pair) == FILLED


def test_several_categories_without_hair_are_one_clear_sentence(tmp_path: Path) -> None:
    file = coco(tmp_path, [image(1)], [], categories=[{"id": 1, "name": "hat"}, {"id": 2, "name": "cat"}])
    with pytest.raises(WinnowError) as said:
        list(read(file))
    assert str(said.value) == (
        "coco.json: none of its categories is called hair (shapes of each: hat: 0, cat: 0). "
        "Say which one is hair: --label NAME."
    )


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.json", Split.train),
        ("val.json", Split.validation),
        ("instances_val2017.json", Split.validation),
        ("hair-test.json", Split.test),
        ("coco.json", None),
        ("latest.json", None),
    ],
)
def test_the_files_name_says_the_split_and_the_licence_comes_along(tmp_path: Path, name: str, split: Split | None) -> None:
    licences = [{"id": 3, "name": "CC0"}]
    (pair,) = read(coco(tmp_path, [image(1, license=3)], [annotation(1, SQUARE)], name=name, licenses=licences))
    assert isinstance(pair, RawPair)
    assert (pair.split, pair.licence) == (split, "CC0")


def test_photos_are_found_in_images_beside_or_above_the_file(tmp_path: Path) -> None:
    for folder in ("images", "annotations"):
        (tmp_path / folder).mkdir()
    (tmp_path / "images" / "c.jpg").write_bytes(b"photo")
    coco(tmp_path / "annotations", [image(1, "c.jpg")], [annotation(1, SQUARE)])
    (pair,) = read(tmp_path)
    assert isinstance(pair, RawPair)
    assert pair.photo == tmp_path / "images" / "c.jpg"


@pytest.mark.parametrize(
    ("entry", "segmentation", "reason"),
    [
        (image(1, "../a.jpg"), SQUARE, "its path points outside the folder."),
        (image(1, "/etc/passwd"), SQUARE, "its path points outside the folder."),
        (image(1, "c.jpg"), SQUARE, LOOKED_FOR),
        (image(1, height=0), SQUARE, "coco.json gives it a size of 6 x 0."),
        (image(1, height=5), {"size": [4, 6], "counts": [24]}, "its mask is 6 x 4, the image 6 x 5."),
        (image(1), [[1, 1, 2, 2]], ONLY.format("an outline without an area")),
        (image(1), [[1, 1, 2, 2, 3, float("nan")]], ODD_POLYGON),
        (image(1), {"size": [4, 6]}, "its segmentation is neither polygons nor runs."),
        (image(1), None, "its segmentation is neither polygons nor runs."),
        (image(1), "text", "its segmentation is neither polygons nor runs."),
        (image(2), SQUARE, "it has no hair annotation in coco.json."),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_the_others_come_in(
    tmp_path: Path, entry: Any, segmentation: Any, reason: str
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    file = coco(folder, [entry, image(9, "b.jpg")], [annotation(1, segmentation), annotation(9, SQUARE)])
    refused, pair = read(file)
    place = folder / "a.jpg" if entry["file_name"] == "a.jpg" else None
    assert refused == Refused(entry["file_name"], reason, place)
    assert mask_in(pair) == FILLED


def test_an_entry_that_is_no_image_is_refused(tmp_path: Path) -> None:
    (refused,) = read(coco(tmp_path, [{"id": 1}], []))
    assert refused == Refused("coco.json", "an image entry lacks id, file_name, height or width: {'id': 1}")


@pytest.mark.parametrize("segmentation", ["oooooooo1", [25], "6X"])
def test_damaged_runs_are_a_sentence_when_the_mask_is_made(tmp_path: Path, segmentation: Any) -> None:
    (pair,) = read(coco(tmp_path, [image(1)], [annotation(1, {"size": [4, 6], "counts": segmentation})]))
    assert isinstance(pair, RawPair)
    with pytest.raises(WinnowError, match=r"^its run"):
        mask_bytes(pair, LIMITS)


@pytest.mark.parametrize("content", ["{", '{"images": []}', "[]", "{}", "[" * 100_000])
def test_what_is_no_coco_is_one_clear_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    assert recognise(tmp_path) is None
    with pytest.raises(WinnowError, match=r"^a\.json can't be read as COCO"):
        list(read(tmp_path / "a.json"))
    with pytest.raises(WinnowError, match=r"has no COCO file"):
        list(read(tmp_path))
