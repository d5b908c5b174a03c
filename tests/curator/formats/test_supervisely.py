"""Supervisely's projects: bitmaps and alpha masks as its own tools pack them, polygons, datasets and tags."""

import base64
import io
import json
import pickle
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from curator.formats import NotRead, RawPair, Refused, mask_bytes, open_source, supervisely
from curator.formats.shapes import Shapes
from curator.formats.supervisely import Bitmap, bitmap_json, recognise
from curator.pictures.codec import decode_mask
from db.errors import WinnowError
from db.settings import Limits
from db.tables import Split
from tests.curator.formats.items import without_lists

read = without_lists(supervisely.read)

LIMITS = Limits()
META = {"classes": [{"title": "Hair", "shape": "alpha_mask"}, {"title": "hat", "shape": "bitmap"}], "tags": []}
SOFT = np.array([[0, 100], [255, 1]], np.uint8)
WHOLE = [[0, 0, 0, 0], [0, 0, 100, 0], [0, 255, 1, 0]]
HARD = [[0, 0, 0, 0], [0, 0, 255, 0], [0, 255, 255, 0]]


def png(image: Image.Image, **how: Any) -> str:
    data = io.BytesIO()
    image.save(data, "PNG", **how)
    return base64.b64encode(zlib.compress(data.getvalue())).decode()


def alpha_mask(values: np.ndarray) -> str:
    """As its tools pack an alpha mask: grey, with nothing called transparent."""
    return png(Image.fromarray(values), transparency=0)


def bitmap(values: np.ndarray) -> str:
    """As its tools pack a bitmap: two colours, the first transparent."""
    image = Image.fromarray((values > 0).astype(np.uint8), "P")
    image.putpalette([0, 0, 0, 255, 255, 255])
    return png(image, transparency=0)


def drawn(kind: str, data: str, title: str = "Hair", origin: Any = (1, 1)) -> dict[str, Any]:
    return {"classTitle": title, "geometryType": kind, "bitmap": {"data": data, "origin": list(origin)}}


SHAPE = drawn("alpha_mask", alpha_mask(SOFT))


def project(folder: Path, *objects: Any, tags: Any = (), dataset: str = "ds0", photo: str = "a.jpg", meta: Any = META) -> Path:
    for name in ("img", "ann"):
        (folder / dataset / name).mkdir(parents=True, exist_ok=True)
    (folder / "meta.json").write_text(json.dumps(meta))
    (folder / dataset / "img" / photo).write_bytes(b"photo")
    content = {"size": {"height": 3, "width": 4}, "tags": [{"name": tag} for tag in tags], "objects": objects}
    (folder / dataset / "ann" / f"{photo}.json").write_text(json.dumps(content))
    return folder


def mask_in(pair: Any) -> list[list[int]]:
    assert isinstance(pair, RawPair), pair
    return decode_mask(mask_bytes(pickle.loads(pickle.dumps(pair)), LIMITS)).tolist()


def test_a_project_is_recognised_and_its_photos_are_named(tmp_path: Path) -> None:
    assert recognise(project(tmp_path, SHAPE)) == "it has meta.json and ds0/ann/"
    (pair,) = read(tmp_path)
    assert (pair.name, pair.photo) == ("ds0/img/a.jpg", tmp_path / "ds0/img/a.jpg")


@pytest.mark.parametrize(
    ("shape", "mask"),
    [
        (SHAPE, WHOLE),
        (drawn("bitmap", bitmap(SOFT)), HARD),
        (drawn("bitmap", png(Image.merge("RGBA", [Image.new("L", (2, 2), 9)] * 3 + [Image.fromarray(SOFT)]))), HARD),
        (drawn("alpha_mask", png(Image.merge("LA", [Image.new("L", (2, 2), 9), Image.fromarray(SOFT)]))), WHOLE),
        (drawn("alpha_mask", alpha_mask(SOFT), origin=(3, 1)), [[0] * 4, [0] * 4, [0, 0, 0, 255]]),
        (drawn("alpha_mask", alpha_mask(SOFT), origin=(-1, 0)), [[100, 0, 0, 0], [1, 0, 0, 0], [0] * 4]),
    ],
    ids=["alpha mask", "bitmap", "bitmap with alpha", "alpha mask with alpha", "cut off right and below", "cut off left"],
)
def test_each_way_to_draw_a_mask_is_read(tmp_path: Path, shape: Any, mask: list[list[int]]) -> None:
    (pair,) = read(project(tmp_path, shape))
    assert mask_in(pair) == mask


def test_a_polygon_with_a_hole_and_a_bitmap_make_one_mask(tmp_path: Path) -> None:
    outline, hole = [[0, 0], [4, 0], [4, 3], [0, 3]], [[1, 1], [3, 1], [3, 2], [1, 2]]
    polygon = {"classTitle": "Hair", "geometryType": "polygon", "points": {"exterior": outline, "interior": [hole]}}
    (pair,) = read(project(tmp_path, polygon, drawn("alpha_mask", alpha_mask(SOFT), origin=(1, 0))))
    assert mask_in(pair) == [[255] * 4, [255, 255, 1, 255], [255] * 4]


def test_other_classes_are_passed_over(tmp_path: Path) -> None:
    (pair,) = read(project(tmp_path, SHAPE, drawn("bitmap", bitmap(np.full((3, 4), 255)), "hat", (0, 0))))
    assert mask_in(pair) == WHOLE


@pytest.mark.parametrize(
    ("dataset", "tags", "split"),
    [("train", (), Split.train), ("ds0", ("val",), Split.validation), ("train", ("test",), Split.test), ("ds0", ("x",), None)],
)
def test_a_tag_or_the_datasets_name_says_the_split(tmp_path: Path, dataset: str, tags: Any, split: Split | None) -> None:
    (pair,) = read(project(tmp_path, SHAPE, dataset=dataset, tags=tags))
    assert isinstance(pair, RawPair)
    assert pair.split is split


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ({"classTitle": "Hair", "geometryType": "rectangle", "points": {}},
         "it is annotated with a box only, which does not outline its hair. Use a mask or a polygon."),
        ({"classTitle": "Hair", "geometryType": "bitmap"}, "its annotation can't be read as Supervisely's (KeyError)."),
        ({"classTitle": "hat", "geometryType": "bitmap"}, "it has no hair annotation. It has hat."),
        ("Hair", "its annotation can't be read as Supervisely's (TypeError)."),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_the_others_come_in(tmp_path: Path, shape: Any, reason: str) -> None:
    project(tmp_path, shape)
    project(tmp_path, SHAPE, photo="b.jpg")
    refused, pair = read(tmp_path)
    assert refused == Refused("ds0/img/a.jpg", reason, tmp_path / "ds0/img/a.jpg")
    assert mask_in(pair) == WHOLE


def test_photos_and_labels_without_each_other_are_refused(tmp_path: Path) -> None:
    project(tmp_path, SHAPE)
    (tmp_path / "ds0/img/a.jpg").rename(tmp_path / "ds0/img/b.jpg")
    assert list(read(tmp_path)) == [
        Refused("ds0/img/a.jpg", "ds0/ann/a.jpg.json annotates it, but the photo is missing.", tmp_path / "ds0/ann/a.jpg.json"),
        Refused("ds0/img/b.jpg", "it has no annotation in ds0/ann/."),
    ]


@pytest.mark.parametrize("data", ["!", "AAAA", base64.b64encode(zlib.compress(b"no picture")).decode(), alpha_mask(SOFT)[:60]])
def test_a_damaged_bitmap_is_a_sentence_when_the_mask_is_made(tmp_path: Path, data: str) -> None:
    (pair,) = read(project(tmp_path, drawn("bitmap", data)))
    with pytest.raises(WinnowError, match=r"^its bitmap"):
        mask_bytes(pair, LIMITS)


def test_a_bitmap_that_unpacks_to_a_bomb_is_stopped_at_the_limit(tmp_path: Path) -> None:
    bomb = base64.b64encode(zlib.compress(bytes(50_000_000))).decode()
    (pair,) = read(project(tmp_path, drawn("bitmap", bomb)))
    with pytest.raises(WinnowError, match=r"^its bitmap: the file has more than the 1,000,000 bytes that are allowed\.$"):
        mask_bytes(pair, Limits(file_bytes=1_000_000))


def test_a_project_without_datasets_or_classes_is_one_clear_sentence(tmp_path: Path) -> None:
    assert recognise(tmp_path) is None
    with pytest.raises(WinnowError, match=r"has no dataset, which is a folder with img/ and ann/\.$"):
        list(read(tmp_path))
    project(tmp_path, SHAPE, meta={"classes": [{"title": "hat"}, {"title": "cat"}]})
    with pytest.raises(
        WinnowError,
        match=r"^meta\.json: none of its classes is called hair \(hat, cat\)\. Say which one is hair: --label NAME\.$",
    ):
        list(read(tmp_path))
    (tmp_path / "meta.json").write_text("{")
    with pytest.raises(WinnowError, match=r"^meta\.json can't be read as Supervisely's \(JSONDecodeError\)\.$"):
        list(read(tmp_path))


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.integers(0, 255)))
def test_what_we_pack_comes_back_with_all_its_bits(mask: np.ndarray) -> None:
    content = bitmap_json(mask)
    shape = Bitmap(content["data"], 0, 0, soft=True)
    assert (Shapes(*mask.shape, (shape,)).pixels(LIMITS) == mask).all()


def test_datasets_inside_datasets_are_read(tmp_path: Path) -> None:
    project(tmp_path, SHAPE, dataset="train")
    project(tmp_path, SHAPE, dataset="train/datasets/inner/datasets/innermost")
    first, second = read(tmp_path)
    assert [first.name, second.name] == ["train/img/a.jpg", "train/datasets/inner/datasets/innermost/img/a.jpg"]
    assert {first.split, second.split} == {Split.train}


def test_a_photo_that_is_spelled_differently_is_found(tmp_path: Path) -> None:
    project(tmp_path, SHAPE, photo="a b.jpg")
    (tmp_path / "ds0/img/a b.jpg").rename(tmp_path / "ds0/img/A_b.JPG")
    (pair,) = read(tmp_path)
    assert (pair.name, pair.photo) == ("ds0/img/A_b.JPG", tmp_path / "ds0/img/A_b.JPG")


def test_a_box_beside_an_area_is_a_remark_and_skin_comes_along(tmp_path: Path) -> None:
    box = {"classTitle": "Hair", "geometryType": "rectangle", "points": {"exterior": [[0, 0], [1, 1]]}}
    meta = {"classes": [{"title": "Hair"}, {"title": "skin"}], "tags": []}
    (pair,) = read(project(tmp_path, SHAPE, box, drawn("alpha_mask", alpha_mask(SOFT), "skin"), meta=meta))
    assert mask_in(pair) == WHOLE
    assert pair.remarks == ("a.jpg.json also annotates it with a box, which outlines nothing and was left out.",)
    assert pair.skin is not None


def test_every_file_of_a_project_is_accounted_for(tmp_path: Path) -> None:
    project(tmp_path, SHAPE)
    project(tmp_path, drawn("bitmap", bitmap(SOFT), "hat"), photo="b.jpg")
    (tmp_path / "ds0/img/c.jpg").write_bytes(b"photo")
    (tmp_path / "ds0/ann/d.jpg.json").write_text("{}")
    (tmp_path / "obj_class_to_machine_color.json").write_text("{}")
    (tmp_path / "work").mkdir()
    found = list(open_source(tmp_path, "supervisely", tmp_path / "work", LIMITS).items)
    assert [item.file for item in found if isinstance(item, Refused)] == ["ds0/img/b.jpg", "ds0/img/d.jpg", "ds0/img/c.jpg"]
    assert [item.file for item in found if isinstance(item, NotRead)] == ["obj_class_to_machine_color.json"]
