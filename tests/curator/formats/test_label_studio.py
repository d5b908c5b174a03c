"""Label Studio's exports: brush masks with all their bits, photos wherever an export may say that they are."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curator.formats import RawPair, Refused, label_studio, mask_bytes
from curator.formats.brush import pack_mask
from curator.formats.label_studio import recognise
from curator.pictures.codec import decode_mask, encode_mask
from db.errors import WinnowError
from db.settings import Limits
from db.tables import Split
from tests.curator.formats.drawn import CUT_OPEN, items, pairs, photo, pixels, refusals, the_mask, truth, write
from tests.curator.formats.items import without_lists

read = without_lists(label_studio.read)

LIMITS = Limits()


def stroke(mask: np.ndarray, label: str = "Hair", **value: Any) -> dict[str, Any]:
    return {
        "type": "brushlabels",
        "original_height": mask.shape[0],
        "original_width": mask.shape[1],
        "value": {"format": "rle", "rle": list(pack_mask(mask)), "brushlabels": [label], **value},
    }


def task(image: str, *annotations: list[dict[str, Any]], **data: Any) -> dict[str, Any]:
    return {"id": 1, "data": {"image": image, **data}, "annotations": [{"result": list(each)} for each in annotations]}


def export(folder: Path, *tasks: Any) -> Path:
    (folder / "images").mkdir(exist_ok=True)
    (folder / "images" / "a b.jpg").write_bytes(b"photo")
    (folder / "b.jpg").write_bytes(b"photo")
    (folder / "export.json").write_text(json.dumps(tasks))
    return folder / "export.json"


SOFT = np.array([[0, 100, 200], [255, 1, 128]], np.uint8)


def mask_in(pair: Any) -> list[list[int]]:
    assert isinstance(pair, RawPair)
    return decode_mask(mask_bytes(pickle.loads(pickle.dumps(pair)), LIMITS)).tolist()


@pytest.mark.parametrize(
    "named",
    [
        "b.jpg",
        "images/a%20b.jpg",
        "/data/upload/3/1a2b3c4d-b.jpg",
        "/data/local-files/?d=images/a%20b.jpg",
        "https://example.org/x/b.jpg",
    ],
)
def test_photos_are_found_however_the_export_names_them(tmp_path: Path, named: str) -> None:
    (pair,) = read(export(tmp_path, task(named, [stroke(SOFT)])))
    assert mask_in(pair) == SOFT.tolist()
    assert pair.name == named
    assert pair.photo.read_bytes() == b"photo"


def test_a_photo_outside_the_exports_folder_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "c.jpg").write_bytes(b"secret")
    (refused,) = read(export(tmp_path / "inside", task("../c.jpg", [stroke(SOFT)])))
    assert refused == Refused("../c.jpg", "the photo isn't there: Winnow looked for it beside export.json and in images/.")


def test_strokes_of_an_annotation_are_joined_and_other_labels_passed_over(tmp_path: Path) -> None:
    other = np.array([[9, 0, 0], [0, 0, 0]], np.uint8)
    hat = np.full((2, 3), 255, np.uint8)
    (pair,) = read(export(tmp_path, task("b.jpg", [stroke(SOFT), stroke(other), stroke(hat, "Hat")])))
    assert mask_in(pair) == [[9, 100, 200], [255, 1, 128]]


def test_a_brush_whose_labels_are_a_control_of_their_own_is_read(tmp_path: Path) -> None:
    painted = stroke(SOFT)
    del painted["value"]["brushlabels"]
    brush, labels = dict(painted, type="brush"), dict(painted, type="labels", value=painted["value"] | {"labels": ["hair"]})
    box = {"type": "labels", "value": {"x": 1, "y": 1, "width": 2, "height": 2, "labels": ["face"]}}
    (pair,) = read(export(tmp_path, task("b.jpg", [brush, labels, box])))
    assert mask_in(pair) == SOFT.tolist()


def test_each_annotation_is_a_pair_of_its_own(tmp_path: Path) -> None:
    pairs = list(read(export(tmp_path, task("b.jpg", [stroke(SOFT)], [stroke(SOFT[:, ::-1])]))))
    assert [mask_in(pair) for pair in pairs] == [SOFT.tolist(), SOFT[:, ::-1].tolist()]


def test_what_the_data_says_comes_along_but_not_who_annotated(tmp_path: Path) -> None:
    one, other = task("b.jpg", [stroke(SOFT)], contributor="Ann", split="test", licence="CC0"), task("b.jpg", [stroke(SOFT)])
    other["annotations"][0]["completed_by"] = {"email": "bo@example.org"}
    first, second = read(export(tmp_path, one, other))
    assert isinstance(first, RawPair)
    assert isinstance(second, RawPair)
    assert (first.contributor, first.split, first.licence) == ("Ann", Split.test, "CC0")
    assert (second.contributor, second.split, second.licence) == (None, None, None)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (task("b.jpg"), "it has no mask."),
        (task("b.jpg", [{"type": "choices"}]), "it has no mask."),
        (task("b.jpg", [stroke(SOFT, "Hat")]), "its annotation has no hair, only Hat."),
        (task("b.jpg", [stroke(SOFT, rle=[999])]), "its annotation is damaged: a region lacks its data."),
        (task("b.jpg", [stroke(SOFT, rle=None)]), "its annotation is damaged: a region lacks its data."),
        (task("b.jpg", [stroke(SOFT), stroke(SOFT.T)]), "its regions have no size, or different ones."),
        (
            task("b.jpg", [stroke(SOFT)], split="holdout"),
            "its split is 'holdout'. Use train, validation or test, or leave it out.",
        ),
    ],
)
def test_what_does_not_fit_is_refused_and_the_others_come_in(tmp_path: Path, broken: Any, reason: str) -> None:
    refused, pair = read(export(tmp_path, broken, task("b.jpg", [stroke(SOFT)])))
    assert refused == Refused("b.jpg", reason, tmp_path / "b.jpg")
    assert mask_in(pair) == SOFT.tolist()


def test_a_task_without_an_image_is_refused(tmp_path: Path) -> None:
    (refused,) = read(export(tmp_path, {"id": 5, "data": {"text": "hello"}, "annotations": []}))
    assert refused == Refused("task 5", "its data names no image.")


def test_several_labels_without_hair_are_one_clear_sentence(tmp_path: Path) -> None:
    file = export(tmp_path, task("b.jpg", [stroke(SOFT, "Hat"), stroke(SOFT, "Bun")]))
    said = r"^export\.json: none of its labels is called hair \(shapes of each: Hat: 1, Bun: 1\)\. Say which one is hair: "
    with pytest.raises(WinnowError, match=said):
        list(read(file))


@pytest.mark.parametrize("content", ["[", "[]", "{}", "[1]", '[{"data": 1, "annotations": []}]', "[" * 100_000])
def test_what_is_no_export_is_one_clear_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    assert recognise(tmp_path) is None
    with pytest.raises(
        WinnowError, match=r"is not a JSON export of Label Studio: a list of tasks with data and annotations\.$"
    ):
        list(read(tmp_path / "a.json"))


PERCENT = [[x / 512 * 100, y / 512 * 100] for x, y in CUT_OPEN]
ELLIPSE = {"x": 75, "y": 25, "radiusX": 10, "radiusY": 5, "rotation": 90}


def region(kind: str, value: dict[str, Any], label: str = "Hair", **more: Any) -> dict[str, Any]:
    """A region of a photo of 512 x 512, in percent of it."""
    about = {"type": kind, "original_width": 512, "original_height": 512, "image_rotation": 0}
    return about | {"value": value | {kind: [label]}} | more


POLYGON = region("polygonlabels", {"points": PERCENT, "closed": True})
BOX = region("rectanglelabels", {"x": 1, "y": 1, "width": 50, "height": 50, "rotation": 0})


def laid(folder: Path, *regions: Any) -> Path:
    photo(folder / "images/a.jpg")
    write(folder / "export.json", [task("images/a.jpg", list(regions))])
    return folder


def test_a_brush_a_polygon_and_an_ellipse_make_one_mask(tmp_path: Path) -> None:
    painted = np.zeros((512, 512), np.uint8)
    painted[:9, :9] = 200
    mask = the_mask(laid(tmp_path, stroke(painted), POLYGON, region("ellipselabels", ELLIPSE)))
    y, x = np.mgrid[:512, :512] + 0.5
    inside = ((x - 384) / 25.6) ** 2 + ((y - 128) / 51.2) ** 2 <= 1
    assert np.array_equal(mask, np.maximum(truth() | inside.astype(np.uint8) * np.uint8(255), painted))


def test_percent_are_of_width_and_height_each(tmp_path: Path) -> None:
    wide = {"original_width": 400, "original_height": 100}
    ellipse = region("ellipselabels", {"x": 25, "y": 50, "radiusX": 10, "radiusY": 20}, **wide)
    outline = region("polygonlabels", {"points": [[75, 0], [100, 0], [100, 50], [75, 50]], "closed": True}, **wide)
    mask = the_mask(laid(tmp_path, ellipse, outline))
    y, x = np.mgrid[:100, :400] + 0.5
    inside = ((x - 100) / 40) ** 2 + ((y - 50) / 20) ** 2 <= 1
    inside[:50, 300:] = True
    assert np.array_equal(mask > 0, inside)


def test_a_polygon_whose_labels_are_a_control_of_their_own_is_read(tmp_path: Path) -> None:
    outline = {key: value for key, value in POLYGON["value"].items() if key != "polygonlabels"}
    drawn, labels = (
        dict(POLYGON, type="polygon", value=outline),
        dict(POLYGON, type="labels", value=outline | {"labels": ["hair"]}),
    )
    assert np.array_equal(the_mask(laid(tmp_path, drawn, labels)), truth())


def test_a_box_beside_a_polygon_is_a_remark_and_alone_a_refusal(tmp_path: Path) -> None:
    (pair,) = pairs(laid(tmp_path, POLYGON, BOX))
    assert np.array_equal(pixels(pair), truth())
    assert pair.remarks == ("export.json also annotates it with a box, which outlines nothing and was left out.",)
    said = "it is annotated with a box only, which does not outline its hair. Use a mask or a polygon."
    assert refusals(laid(tmp_path, BOX)) == {"images/a.jpg": said}


def test_an_export_where_only_faces_are_drawn_is_no_hair_and_skin_comes_along(tmp_path: Path) -> None:
    face, skin = (region("polygonlabels", {"points": PERCENT}, label) for label in ("face", "skin"))
    with pytest.raises(WinnowError, match=r"none of its labels is called hair \(shapes of each: face: 1\)"):
        items(laid(tmp_path, face))
    (pair,) = pairs(laid(tmp_path, POLYGON, face, skin))
    assert np.array_equal(pixels(pair, "skin"), truth())


def test_a_photo_that_was_turned_in_the_tool_is_refused(tmp_path: Path) -> None:
    said = "it was turned in Label Studio, and its export draws on the turned photo. Annotate it as it is."
    assert refusals(laid(tmp_path, POLYGON | {"image_rotation": 90})) == {"images/a.jpg": said}


def test_json_min_is_read_with_its_flat_regions(tmp_path: Path) -> None:
    photo(tmp_path / "images/a.jpg")
    flat = {"original_width": 512, "original_height": 512, "points": PERCENT, "closed": True, "polygonlabels": ["hair"]}
    brush = {
        "original_width": 512,
        "original_height": 512,
        "format": "rle",
        "rle": list(pack_mask(truth())),
        "brushlabels": ["hair"],
    }
    row = {
        "image": "/data/upload/1/0123abcd-a.jpg",
        "id": 1,
        "annotator": 1,
        "annotation_id": 2,
        "lead_time": 3.5,
        "split": "test",
    }
    write(tmp_path / "min.json", [row | {"shape": [flat], "brush": [brush]}])
    (pair,) = pairs(tmp_path)
    assert np.array_equal(pixels(pair), truth())
    assert pair.split is Split.test


def test_brush_masks_as_png_files_belong_to_the_tasks_of_the_list(tmp_path: Path) -> None:
    photo(tmp_path / "images/a.jpg")
    halves = truth(), truth()
    halves[0][:330] = halves[1][330:] = 0
    for number, half in enumerate(halves):
        (tmp_path / f"task-7-annotation-3-by-1-tag-Hair-{number}.png").write_bytes(encode_mask(half))
    (tmp_path / "task-7-annotation-3-by-1-tag-face-0.png").write_bytes(encode_mask(truth()))
    with pytest.raises(WinnowError, match=r"^task-7-annotation-3-by-1-tag-Hair-0\.png and its like name their tasks and not"):
        items(tmp_path)
    write(tmp_path / "tasks.json", [{"id": 7, "data": {"image": "images/a.jpg"}, "annotations": []}])
    (pair,) = items(tmp_path)
    assert np.array_equal(pixels(pair), truth())


def test_brush_masks_of_other_labels_alone_are_refused(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    photo(tmp_path / "b.jpg")
    for name in ("task-1-annotation-3-by-1-tag-hair-0.png", "task-2-annotation-3-by-1-tag-face-0.png"):
        (tmp_path / name).write_bytes(encode_mask(truth()))
    write(
        tmp_path / "tasks.json",
        [{"id": at, "data": {"image": f"{name}.jpg"}, "annotations": []} for at, name in ((1, "a"), (2, "b"))],
    )
    assert refusals(tmp_path) == {"b.jpg": "it has no brush mask of hair, only face."}
