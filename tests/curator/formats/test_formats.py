"""Which adapter reads a location, and that what adapters yield is small and whole. The adapters' own tests stand beside."""

import json
import os
import pickle
from collections import Counter
from pathlib import Path

import pytest

from curator.formats import (
    ADAPTERS,
    NotRead,
    RawPair,
    Refused,
    adapter_named,
    count_items,
    mask_bytes,
    open_source,
    photo_bytes,
    read_source,
    recognise,
)
from curator.pictures.masks import fit_mask
from curator.pictures.pair import read_photo
from db.errors import WinnowError
from db.settings import Limits
from db.tables import Split
from tests.curator.encoded import read_labels

REAL = os.environ.get("WINNOW_REAL_DATA", "")
real_data = pytest.mark.skipif(not REAL, reason="WINNOW_REAL_DATA is not set")


def lay(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


COCO = json.dumps({"images": [], "annotations": [], "categories": []})
META = '{"classes": [{"title": "hair", "shape": "bitmap"}], "tags": []}'
LIST = "image,mask\nimages/a,masks/a"
MANIFEST_WINS = "it has a file manifest.csv (photos: 1). Not used: it has a folder images/ (folder): 1"
TASKS = json.dumps([{"data": {}, "annotations": []}])


@pytest.mark.parametrize(
    ("files", "at", "name", "why"),
    [
        ({"images__a": "", "masks__a": ""}, "", "folder", "it has a folder images/"),
        ({"images__a": ""}, "", "folder", "it has a folder images/"),
        ({"Images__a": "", "MASKS__a": ""}, "", "folder", "it has a folder Images/"),
        (
            {
                "images__a": "",
                "masks__a": "",
                "images__b": "",
                "masks__b": "",
                "manifest_dot_csv": "image,mask\nimages/a,masks/a",
            },
            "",
            "folder",
            "it has a folder images/ (photos: 2). Not used: it has a file manifest.csv (manifest): 1",
        ),
        ({"images__a": "", "masks__a": "", "manifest_dot_csv": LIST}, "", "manifest", MANIFEST_WINS),
        ({"list_dot_CSV": ""}, "list.CSV", "manifest", "its name ends in .csv"),
        ({"images__a": "", "parts_train_dot_txt": ""}, "", "folder", "it has a folder images/"),
        ({"images__a": "", "parts_train_dot_txt": "Ann 0001"}, "", "lfw-parts", "it has the list parts_train.txt"),
        ({"images__a": "", "train_dot_json": COCO}, "", "coco", "train.json lists images and annotations"),
        ({"x_dot_json": COCO}, "x.json", "coco", "x.json lists images and annotations"),
        ({"x_dot_json": TASKS}, "x.json", "label-studio", "x.json lists Label Studio's tasks"),
        ({"images__a": "", "x_dot_json": TASKS}, "", "label-studio", "x.json lists Label Studio's tasks"),
        ({"x_dot_zip": ""}, "x.zip", "zip", "its name ends in .zip"),
    ],
)
def test_each_format_is_recognised_and_says_by_what(
    tmp_path: Path, files: dict[str, str], at: str, name: str, why: str
) -> None:
    assert recognise(lay(tmp_path, **files) / at) == (name, why)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "It holds no files. {see}"),
        ({"a_dot_txt": "", "x__b_dot_TXT": "", "c_dot_pdf": "", "LICENCE": ""},
         "It holds 4 files: 2 .txt, 1 without an ending, 1 .pdf. {see}"),
        ({"batch__ds__img__a": "", "batch__ds__ann__a_dot_json": "", "batch__meta_dot_json": META},
         "One folder down, it has meta.json and ds/ann/: give batch/ instead."),
        ({"manifest_dot_csv": "picture,mask"}, "manifest.csv has no column image. Its columns: picture, mask. {see}"),
        ({"train__metadata_dot_csv": "file_name,smiling"},
         "metadata.csv has no column mask. Its columns: file_name, smiling. {see}"),
        ({"list_dot_csv": "image,mask"}, "list.csv is a list of pairs: give that file, or call it manifest.csv. {see}"),
        ({"crowd_dot_rar": ""},
         "It holds 1 file: 1 .rar. crowd.rar is a .rar archive, which Winnow can't unpack. Unpack it, and give the folder or a "
         "zip of it. {see}"),
    ],
)  # fmt: skip
def test_what_nothing_reads_is_told_with_what_is_there(tmp_path: Path, files: dict[str, str], said: str) -> None:
    with pytest.raises(WinnowError) as error:
        recognise(lay(tmp_path, **files))
    see = said.format(see="docs/data-formats.md shows what each format looks like.")
    assert str(error.value) == f"{tmp_path}: Winnow does not recognise this format. {see}"


@pytest.mark.parametrize("name", ["crowd.rar", "crowd.7z", "crowd.tar.xz"])
def test_an_archive_that_can_not_be_unpacked_is_one_sentence_that_says_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(
        WinnowError, match=r"is a \.\w+(\.\w+)? archive, which Winnow can't unpack\. Unpack it, and give the folder"
    ):
        recognise(tmp_path / name)


@pytest.mark.parametrize(
    "stray",
    [
        {"metadata.csv": "id,age\n1,30\n"}, {"croissant.json": '{"@type": "sc:Dataset", "distribution": []}'},
        {"README.md": "# A set"},
        {"labels/a.txt": "0 0.5 0.5 0.1 0.1", "labels/b.txt": "0 0.1 0.1 0.9 0.9"}, {"manifest.csv": "photo\n"},
        {"manifest.csv": "image,mask\nimages/a.jpg,masks/a.png\n"}, {"parts_train.txt": "see the paper\n"},
        {"parts_test.txt": "Ann_Lee 0001\n"}, {"train/metadata.jsonl": '{"file_name": "x.jpg", "text": "a face"}\n'},
    ],
    ids=lambda files: next(iter(files)),
)  # fmt: skip
def test_a_stray_list_beside_good_pairs_decides_nothing_and_is_named(tmp_path: Path, stray: dict[str, str]) -> None:
    names = [f"{folder}/{stem}.{ending}" for stem in "ab" for folder, ending in (("images", "jpg"), ("masks", "png"))]
    for name, text in {**dict.fromkeys(names, "x"), **stray}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    there = count_items(open_source(tmp_path, "auto", tmp_path, Limits()))
    assert (there["format"], there["photos"], there["refused"]) == ("folder", 2, [])
    assert {each["file"] for each in there["not_read"]} == set(stray)


def test_a_place_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(WinnowError, match=r"nowhere does not exist\. Give the path or URL of a folder or a file\.$"):
        recognise(tmp_path / "nowhere")


def test_an_unknown_format_is_one_sentence() -> None:
    assert [adapter_named(each.name) for each in ADAPTERS] == list(ADAPTERS)
    with pytest.raises(WinnowError) as said:
        adapter_named("cpio")
    assert str(said.value) == (
        "There is no format 'cpio'. Winnow reads: zip, tar, manifest, lfw-parts, celebamask, voc, supervisely, cvat, coco, "
        "label-studio, labelme, via, yolo, hf, folder."
    )


def test_a_masks_file_is_kept_as_received(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"as received")
    pair = RawPair("a", tmp_path / "a", tmp_path / "a")
    assert photo_bytes(pair, Limits()) == mask_bytes(pair, Limits()) == b"as received"


@real_data
@pytest.mark.parametrize(
    ("folder", "name", "count"), [("street", "folder", 300), ("figaro1k", "folder", 200), ("lfw-parts", "lfw-parts", 2000)]
)
def test_real_data_comes_in_whole(tmp_path: Path, folder: str, name: str, count: int) -> None:
    location = Path(REAL) / "data" / folder
    assert recognise(location)[0] == name
    items = list(read_source(name, location, tmp_path, Limits()))
    assert [item for item in items if isinstance(item, Refused)] == []
    others = [item for item in items if isinstance(item, NotRead)]
    items = [item for item in items if isinstance(item, RawPair)]
    assert (len(items), {item.file for item in others}) == (count, set())
    assert len(pickle.dumps(items)) < count * 1000
    for pair in items[::20]:
        assert isinstance(pair, RawPair)
        photo = read_photo(photo_bytes(pair, Limits()), Limits())
        assert fit_mask(read_labels(mask_bytes(pair, Limits()), Limits()).hair, photo.shape).shape == photo.shape[:2]


@real_data
def test_the_official_lists_of_lfw_parts_are_kept(tmp_path: Path) -> None:
    items = read_source("lfw-parts", Path(REAL) / "data" / "lfw-parts", tmp_path, Limits())
    assert Counter(item.split for item in items if isinstance(item, RawPair)) == {Split.train: 1500, Split.validation: 500}
