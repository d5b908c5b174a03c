"""COCO files: polygons and runs become one mask an image, and what does not fit is refused by name."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from curator.formats import NotRead, RawPair, Refused, coco, mask_bytes, rle
from curator.formats.coco import recognise
from curator.pictures.codec import decode_mask
from db.errors import WinnowError
from db.settings import Limits
from db.tables import Split
from tests.curator.formats.drawn import CUT_OPEN, HOLE, flat, items, pairs, photo, pixels, refusals, truth, write
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


WHOLE = [flat(CUT_OPEN)]


def laid(folder: Path, at: str, segmentation: Any = WHOLE, *, photo_at: str, size: Any = (512, 512), **more: Any) -> Path:
    """A COCO file with one photo of 512 x 512, whose size it states as height and width."""
    entry = {"id": 1, "file_name": Path(photo_at).name, "height": size[0], "width": size[1]}
    content = {"images": [entry], "annotations": [annotation(1, segmentation)], "categories": [HAIR]} | more
    write(folder / at, content)
    photo(folder / photo_at)
    return folder


@pytest.mark.parametrize(
    ("at", "photo_at"),
    [
        ("annotations/instances_val2017.json", "val2017/a.jpg"),
        ("annotations/instances_train.json", "images/train/a.jpg"),
        ("labels.json", "data/a.jpg"),
        ("train/labels.json", "train/data/a.jpg"),
        ("train/_annotations.coco.json", "train/a.jpg"),
        ("result.json", "pictures/a.jpg"),
    ],
    ids=["coco", "folders of splits", "fiftyone", "fiftyone, split", "roboflow", "anywhere, if only there"],
)
def test_photos_are_found_where_the_tools_put_them(tmp_path: Path, at: str, photo_at: str) -> None:
    (pair,) = pairs(laid(tmp_path, at, photo_at=photo_at))
    assert pair.photo == tmp_path / photo_at
    assert np.array_equal(pixels(pair), truth())


def test_a_name_that_is_in_several_folders_is_refused_and_that_of_another_split_not_taken(tmp_path: Path) -> None:
    laid(tmp_path, "all.json", photo_at="one/a.jpg")
    photo(tmp_path / "two/a.jpg")
    said = "several folders have a photo of that name (one, two), so it is unclear which one is meant."
    assert refusals(tmp_path) == {"a.jpg": said}
    other = laid(tmp_path / "other", "annotations/instances_train.json", photo_at="val/a.jpg")
    assert refusals(other)["a.jpg"].startswith("the photo isn't there: Winnow looked for it in annotations/, ")


def test_captions_and_keypoints_beside_instances_are_not_read_and_named(tmp_path: Path) -> None:
    laid(tmp_path, "annotations/instances_val.json", photo_at="val/a.jpg")
    person = {"id": 1, "name": "person", "keypoints": ["nose"], "skeleton": []}
    laid(tmp_path, "annotations/person_keypoints_val.json", photo_at="val/a.jpg", categories=[person])
    write(tmp_path / "annotations/captions_val.json", {"images": [], "annotations": [{"image_id": 1, "caption": "hair"}]})
    found = items(tmp_path)
    assert sum(isinstance(item, RawPair) for item in found) == 1
    others = [item.file for item in found if isinstance(item, NotRead)]
    assert others == ["annotations/captions_val.json", "annotations/person_keypoints_val.json"]


@pytest.mark.parametrize(
    ("categories", "remarks"),
    [
        ([{"id": 0, "name": "hair", "supercategory": "none"}, {"id": 7, "name": "hair", "supercategory": "hair"}], ()),
        ([{"id": 0, "name": "hair-x", "supercategory": "none"}, {"id": 7, "name": "17_hair", "supercategory": "hair-x"}], ()),
        ([{"id": 7, "name": "Human hair"}, {"id": 8, "name": "face"}], ()),
        (
            [{"id": 7, "name": "hair"}, {"id": 8, "name": "Hair"}],
            ("a.json has 2 categories for hair (hair, Hair), which were joined.",),
        ),
    ],
    ids=["roboflow's own", "roboflow's, with a number", "a synonym", "two of one name"],
)
def test_the_category_that_is_hair_is_found_without_riddles(tmp_path: Path, categories: Any, remarks: tuple[str, ...]) -> None:
    annotations = [annotation(1, WHOLE)] + ([annotation(1, WHOLE, 8)] if remarks else [])
    (pair,) = pairs(laid(tmp_path, "a.json", photo_at="a.jpg", categories=categories, annotations=annotations))
    assert np.array_equal(pixels(pair), truth())
    assert pair.remarks == remarks


def test_a_category_that_only_stands_above_the_others_is_no_label(tmp_path: Path) -> None:
    project, strand = {"id": 0, "name": "hair", "supercategory": "none"}, {"id": 7, "name": "strand", "supercategory": "hair"}
    with pytest.raises(WinnowError, match=r"none of its categories is called hair \(shapes of each: strand: 1\)"):
        items(laid(tmp_path, "a.json", photo_at="a.jpg", categories=[project, strand]))


def test_a_box_without_an_outline_is_refused_as_a_box_and_beside_one_is_a_remark(tmp_path: Path) -> None:
    box = annotation(1, []) | {"bbox": [1, 1, 5, 5]}
    laid(tmp_path, "a.json", photo_at="a.jpg", annotations=[box])
    assert refusals(tmp_path) == {"a.jpg": ONLY.format("a box")}
    (pair,) = pairs(laid(tmp_path, "a.json", photo_at="a.jpg", annotations=[box, annotation(1, [*WHOLE, [5, 5, 5, 5, 5, 5]])]))
    assert np.array_equal(pixels(pair), truth())
    said = "a.json also annotates it with a box, an outline without an area, which outlines nothing and was left out."
    assert pair.remarks == (said,)


def test_a_polygon_without_the_list_around_it_is_read(tmp_path: Path) -> None:
    (pair,) = pairs(laid(tmp_path, "a.json", flat(CUT_OPEN), photo_at="a.jpg"))
    assert np.array_equal(pixels(pair), truth())


def test_outlines_in_the_other_orientation_than_the_stated_size_are_drawn_at_it(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored 600 x 400, shown 400 x 600
    square = [[10, 500, 60, 500, 60, 590, 10, 590]]
    laid(tmp_path, "a.json", square, photo_at="a.jpg", size=(400, 600))
    photo(tmp_path / "a.jpg", 600, 400, exif=exif)
    (pair,) = pairs(tmp_path)
    assert pixels(pair).shape == (600, 400)
    assert pixels(pair)[500:590, 10:60].all()
    assert pair.remarks == ("a.json says that it is 600 x 400; its outlines were drawn at 400 x 600.",)


def test_runs_of_the_photos_own_size_are_taken_where_the_list_states_another(tmp_path: Path) -> None:
    runs = {"size": [512, 512], "counts": rle.mask_to_runs(truth())}
    (pair,) = pairs(laid(tmp_path, "a.json", runs, photo_at="a.jpg", size=(256, 256)))
    assert np.array_equal(pixels(pair), truth())
    assert pair.remarks == ("a.json says that it is 256 x 256; its mask was drawn at 512 x 512.",)


@pytest.mark.parametrize(
    ("outline", "reason"),
    [
        ([[0, 0, 900, 0, 900, 700]], "its outlines reach from 0, 0 to 900, 700, beyond its 512 x 512 pixels."),
        (
            [[0.1, 0.1, 0.9, 0.1, 0.9, 0.9]],
            "its coordinates in a.json are shares of the photo from 0 to 1; they have to be pixels.",
        ),
    ],
)
def test_outlines_that_fit_no_size_are_refused(tmp_path: Path, outline: Any, reason: str) -> None:
    assert refusals(laid(tmp_path, "a.json", outline, photo_at="a.jpg")) == {"a.jpg": reason}


def test_an_image_entry_may_say_that_there_is_no_hair(tmp_path: Path) -> None:
    laid(tmp_path, "a.json", photo_at="a.jpg", images=[image(1, height=512, width=512, no_hair=True)], annotations=[])
    (pair,) = pairs(tmp_path)
    assert (pixels(pair).shape, pixels(pair).any()) == ((512, 512), False)


def test_skin_and_ignored_pixels_come_along(tmp_path: Path) -> None:
    categories = [HAIR, {"id": 8, "name": "skin"}, {"id": 9, "name": "ignore"}]
    annotations = [annotation(1, WHOLE), annotation(1, [flat(HOLE)], 8), annotation(1, [flat(HOLE)], 9)]
    (pair,) = pairs(laid(tmp_path, "a.json", photo_at="a.jpg", categories=categories, annotations=annotations))
    assert [pixels(pair, of).sum() for of in ("skin", "unknown")] == [64 * 64 * 255] * 2


def test_a_photo_of_faces_alone_and_one_that_the_file_omits_are_named(tmp_path: Path) -> None:
    laid(
        tmp_path,
        "a.json",
        photo_at="a.jpg",
        categories=[HAIR, {"id": 8, "name": "face"}],
        annotations=[annotation(1, WHOLE, 8)],
    )
    photo(tmp_path / "b.jpg")
    assert items(tmp_path) == [
        Refused("a.jpg", "it has no hair annotation in a.json. It has 1 of other categories.", tmp_path / "a.jpg"),
        NotRead("b.jpg", "this picture is neither a photo nor a mask of a source read as coco."),
    ]


@pytest.mark.parametrize(
    "content",
    [
        {"@context": {}, "@type": "sc:Dataset", "recordSet": [], "images": "no", "annotations": [], "categories": []},
        {"name": "package", "images": [], "annotations": []},
        {"images": [{"src": "a.jpg"}], "annotations": [], "categories": []},
    ],
)
def test_other_json_files_are_no_coco(tmp_path: Path, content: Any) -> None:
    write(tmp_path / "croissant.json", content)
    assert recognise(tmp_path) is None
