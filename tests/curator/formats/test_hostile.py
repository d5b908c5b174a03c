"""Lists with anything anywhere: each gives pairs, refusals or one sentence, and never ends an ingest with a traceback."""

import base64
import copy
import json
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.formats import NotRead, RawPair, Refused, mask_bytes, open_source
from curator.formats.brush import pack_mask
from curator.pictures.codec import encode_mask
from db.errors import WinnowError
from db.settings import Limits

LIMITS = Limits(pixels=1000, file_bytes=100_000)
MASK = np.eye(3, 4, dtype=np.uint8) * 255
PHOTO = encode_mask(MASK)  # a picture of the masks' size
ANYTHING = [
    None, True, 0, -1, 2, 5, 1.5, 1e308, float("inf"), float("nan"), 10**30,
    "", "x", "../a.jpg", "http://[x", "\0", "half \ud800", "n" * 2000,
    [], [1], [[1]], [None] * 7, [1e308, 0, -1e308, 1, 0, 5], {}, {"a": 1}, {"x": {}},
]  # fmt: skip

COCO = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 4, "height": 3, "license": 1}],
    "categories": [{"id": 1, "name": "hair"}],
    "licenses": [{"id": 1, "name": "CC0"}],
    "annotations": [
        {"image_id": 1, "category_id": 1, "segmentation": [[0, 0, 4, 0, 4, 2]]},
        {"image_id": 1, "category_id": 1, "segmentation": {"size": [3, 4], "counts": [4, 8]}},
        {"image_id": 1, "category_id": 1, "segmentation": {"size": [3, 4], "counts": "48"}},
    ],
}
STROKE = {
    "type": "brushlabels",
    "original_width": 4,
    "original_height": 3,
    "value": {"format": "rle", "brushlabels": ["hair"], "rle": list(pack_mask(MASK))},
}
TASKS = [
    {
        "id": 1,
        "data": {"image": "a.jpg", "contributor": "Ann", "split": "train", "licence": "CC0"},
        "annotations": [{"result": [STROKE], "was_cancelled": False}],
    }
]
BITMAP = {"data": base64.b64encode(zlib.compress(encode_mask(MASK))).decode(), "origin": [0, 0]}
DRAWN = {
    "size": {"width": 4, "height": 3},
    "tags": [{"name": "train"}],
    "objects": [
        {"classTitle": "hair", "geometryType": "bitmap", "bitmap": BITMAP},
        {
            "classTitle": "hair",
            "geometryType": "polygon",
            "points": {"exterior": [[0, 0], [4, 0], [4, 2]], "interior": [[[1, 1], [2, 1], [2, 2]]]},
        },
    ],
}
META = {"classes": [{"title": "hair", "shape": "bitmap"}], "tags": []}
LABELME = {
    "version": "5.5.0",
    "flags": {"no hair": False},
    "shapes": [
        {"label": "hair", "points": [[0, 0], [4, 0], [4, 2]], "shape_type": "polygon"},
        {"label": "hair", "points": [[2, 2], [2, 3]], "shape_type": "circle"},
        {
            "label": "hair",
            "points": [[0, 0], [4, 3]],
            "shape_type": "mask",
            "mask": base64.b64encode(encode_mask(MASK)).decode(),
        },
    ],
    "imagePath": "a.jpg",
    "imageData": None,
    "imageHeight": 3,
    "imageWidth": 4,
}
VIA = {
    "_via_img_metadata": {
        "a.jpg1": {
            "filename": "a.jpg",
            "regions": [
                {
                    "shape_attributes": {"name": "polygon", "all_points_x": [0, 4, 4], "all_points_y": [0, 0, 2]},
                    "region_attributes": {"part": "hair"},
                },
                {
                    "shape_attributes": {"name": "ellipse", "cx": 2, "cy": 2, "rx": 1, "ry": 1, "theta": 0},
                    "region_attributes": {"part": {"hair": True}},
                },
            ],
        }
    },
    "_via_attributes": {"region": {"part": {"options": {"hair": ""}}}},
}
SHORT = [
    {
        "image": "a.jpg",
        "id": 1,
        "annotation_id": 1,
        "shape": [
            {"points": [[0, 0], [99, 0], [99, 99]], "polygonlabels": ["hair"], "original_width": 4, "original_height": 3},
            {
                "x": 50,
                "y": 50,
                "radiusX": 9,
                "radiusY": 9,
                "ellipselabels": ["hair"],
                "original_width": 4,
                "original_height": 3,
            },
        ],
    }
]
ROW = {"file_name": "a.jpg", "mask_file_name": "a.png", "split": "train", "licence": "CC0", "contributor": "Ann", "drawn": "no"}


def ways(node: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value in a document."""
    yield way
    if isinstance(node, dict | list):
        for step, inner in node.items() if isinstance(node, dict) else enumerate(node[:12]):
            yield from ways(inner, (*way, step))


def changed(document: Any, way: tuple[Any, ...], value: Any) -> Any:
    if not way:
        return value
    document = copy.deepcopy(document)
    node = document
    for step in way[:-1]:
        node = node[step]
    node[way[-1]] = value
    return document


def outcome(folder: Path, format: str) -> list[RawPair | Refused | NotRead] | str:
    """What a source gives, or its one sentence; every mask is made, or says a sentence of its own."""
    try:
        items = list(open_source(folder, format, folder, LIMITS).items)
    except WinnowError as error:
        return str(error)
    for item in items:
        words = item.name if isinstance(item, RawPair) else item.file + (item.reason if isinstance(item, Refused) else item.why)
        words.encode()  # a database can keep it
        assert "\0" not in words
        if isinstance(item, RawPair):
            try:
                assert mask_bytes(item, LIMITS)
            except WinnowError:
                continue
    return items


SOURCES = {
    "coco": ("a.json", COCO),
    "label-studio's short": ("a.json", SHORT),
    "label-studio": ("a.json", TASKS),
    "labelme": ("a.json", LABELME),
    "via": ("a.json", VIA),
    "supervisely": ("ds/ann/a.jpg.json", DRAWN),
    "supervisely's classes": ("meta.json", META),
    "hf": ("metadata.jsonl", ROW),
}

A_QUARTER = (
    "label-studio's short",
    "labelme",
    "via",
)  # of the values at each place, in turn: the code is shared with the others


def laid(folder: Path, name: str, document: Any) -> None:
    """A folder with all that a list may speak of, and the list."""
    for file in ("ds/img/a.jpg", "ds/ann/x", "a.jpg", "a.png"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(PHOTO)
    for file, content in (("meta.json", META), ("ds/ann/a.jpg.json", DRAWN), (name, document)):
        (folder / file).write_text(json.dumps(content))


@pytest.mark.parametrize("source", SOURCES)
def test_anything_anywhere_in_a_list_is_pairs_refusals_or_a_sentence(source: str, tmp_path: Path) -> None:
    name, document = SOURCES[source]
    laid(tmp_path, name, document)
    for number, way in enumerate(ways(document)):
        for value in ANYTHING[number % 4 :: 4] if source in A_QUARTER else ANYTHING:
            (tmp_path / name).write_text(json.dumps(changed(document, way, value)))
            try:
                outcome(tmp_path, source.partition("'")[0])
            except Exception as error:
                raise AssertionError(f"{value!r:.50} at {way}") from error


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_anything_in_cvats_attributes_is_pairs_refusals_or_a_sentence(data: st.DataObject) -> None:
    image = {"id": "0", "name": "a.jpg", "width": "4", "height": "3", "subset": "train"}
    mask = {"label": "hair", "rle": "0, 4, 2", "left": "1", "top": "0", "width": "3", "height": "2"}
    polygon = {"label": "hair", "points": "0,0;4,0;4,2"}
    which = data.draw(st.sampled_from([image, mask, polygon]))
    changed = {**which, data.draw(st.sampled_from(list(which))): data.draw(st.text("0123456789,;.-e nxyz/", max_size=30))}
    said = [
        "".join(f' {name}="{value}"' for name, value in (changed if each is which else each).items())
        for each in (image, mask, polygon)
    ]
    with tempfile.TemporaryDirectory() as at:
        (Path(at) / "a.jpg").write_bytes(b"x")
        text = f"<annotations><image{said[0]}><mask{said[1]}/><polygon{said[2]}/></image></annotations>"
        (Path(at) / "annotations.xml").write_text(text)
        outcome(Path(at), "cvat")


def test_unchanged_lists_give_a_pair_each(tmp_path: Path) -> None:
    """So that the tests above begin with what is right."""
    for source, (name, document) in SOURCES.items():
        laid(tmp_path / source.partition("'")[0], name, document)
    for source in ("coco", "label-studio", "supervisely", "hf", "labelme", "via"):
        (item,) = [one for one in outcome(tmp_path / source, source) if not isinstance(one, NotRead)]
        assert isinstance(item, RawPair), item
        assert item.split is not None or source in ("coco", "labelme", "via")


def test_signatures_of_links_in_lists_are_not_kept(tmp_path: Path) -> None:
    link = "https://ann:hush@example.org/a.jpg?X-Amz-Signature=hush"
    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / "a.json").write_text(json.dumps(changed(TASKS, (0, "data", "image"), link)))
    pair, *_ = outcome(tmp_path, "label-studio")
    assert isinstance(pair, RawPair)
    assert pair.name == "https://example.org/a.jpg"
    (tmp_path / "manifest.csv").write_text(f"image,mask\n{link},a.jpg\n")
    refused, *_ = outcome(tmp_path, "manifest")
    assert isinstance(refused, Refused)
    assert refused.file == "https://example.org/a.jpg"
    assert "hush" not in refused.reason


def test_words_too_long_for_the_tables_are_refused_and_cut_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / "manifest.csv").write_text(
        f"image,mask,licence,contributor\na.jpg,a.jpg,{'l' * 201},\na.jpg,a.jpg,,{'c' * 1001}\n"
    )
    assert list(open_source(tmp_path, "auto", tmp_path, LIMITS).items) == [
        Refused("a.jpg", "its licence has 201 characters; 200 are allowed."),
        Refused("a.jpg", "its contributor has 1,001 characters; 1,000 are allowed."),
    ]
