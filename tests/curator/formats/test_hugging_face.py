"""Hugging Face's image folders: the lists are found wherever they lie, and folders say the split."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet
import pytest

from curator.formats import RawPair, Refused, count_items, hugging_face, mask_bytes, open_source, photo_bytes
from curator.formats.hugging_face import recognise
from curator.formats.pairs import Embedded
from db.errors import WinnowError
from db.settings import Limits
from db.tables import Split
from tests.curator.formats.items import without_lists

read = without_lists(hugging_face.read)


def lay(folder: Path, *rows: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("a.jpg", "a.png"):
        (folder / name).write_bytes(b"x")
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


A = {"file_name": "a.jpg", "mask_file_name": "a.png"}


@pytest.mark.parametrize(
    ("folder", "split"),
    [("train", Split.train), ("validation", Split.validation), ("data/test", Split.test), ("portraits", None), ("", None)],
)
def test_the_folder_of_a_list_says_the_split(tmp_path: Path, folder: str, split: Split | None) -> None:
    place = lay(tmp_path / folder, A)
    assert recognise(tmp_path) == f"{(place / 'metadata.jsonl').relative_to(tmp_path)} lists its files"
    assert list(read(tmp_path)) == [RawPair("a.jpg", place / "a.jpg", place / "a.png", split=split)]


@pytest.mark.parametrize("column", ["mask_file_name", "mask", "label", "annotation_file_name", "segmentation"])
def test_the_mask_goes_by_several_names(tmp_path: Path, column: str) -> None:
    (pair,) = read(lay(tmp_path, {"file_name": "a.jpg", column: "a.png"}))
    assert isinstance(pair, RawPair)
    assert pair.mask == tmp_path / "a.png"


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.parquet"])
def test_a_list_may_be_csv_or_parquet(tmp_path: Path, name: str) -> None:
    lay(tmp_path / "train", A)
    (tmp_path / "train" / "metadata.jsonl").unlink()
    table = pd.DataFrame([A])
    table.to_csv(tmp_path / "train" / name) if name.endswith("csv") else table.to_parquet(tmp_path / "train" / name)
    (pair,) = read(tmp_path)
    assert isinstance(pair, RawPair)
    assert pair.split is Split.train


def test_a_row_that_points_outside_is_refused_and_the_others_come_in(tmp_path: Path) -> None:
    refused, pair = read(lay(tmp_path / "train", {"file_name": "../../etc/passwd", "mask_file_name": "a.png"}, A))
    assert refused == Refused("../../etc/passwd", "line 1 points outside the manifest's folder (image '../../etc/passwd').")
    assert isinstance(pair, RawPair)


def test_classes_are_no_masks(tmp_path: Path) -> None:
    (refused,) = read(lay(tmp_path, {"file_name": "a.jpg", "label": 3}))
    assert refused == Refused("a.jpg", "line 1 names the mask '3', which does not exist.")


def test_a_folder_without_a_list_is_one_clear_sentence(tmp_path: Path) -> None:
    assert recognise(tmp_path) is None
    with pytest.raises(
        WinnowError, match=r"has no metadata\.jsonl, neither in itself nor in a folder train, validation or test\.$"
    ):
        list(read(tmp_path))


# --- Parquet with pictures inside --------------------------------------------------------------------------------------


def shard(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def inside(data: bytes, path: str | None = None) -> dict[str, Any]:
    return {"bytes": data, "path": path}


ROWS = [{"image": inside(b"photo %d" % at, "a.jpg"), "label": inside(b"mask %d" % at)} for at in range(40)]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("data/train-00000-of-00001.parquet", Split.train),
        ("data/validation-00000-of-00001-0a1b.parquet", Split.validation),
        ("default/test/0000.parquet", Split.test),
        ("faces.parquet", None),
    ],
)
def test_pictures_inside_parquet_come_in_with_the_split_of_its_name(tmp_path: Path, name: str, split: Split | None) -> None:
    shard(tmp_path / name, ROWS)
    (tmp_path / "README.md").write_text("---\ndataset_info: {}\n---\n")
    assert recognise(tmp_path) == f"{name} has pictures inside"
    found = [item for item in read(tmp_path) if isinstance(item, RawPair)]
    assert len(found) == 40
    assert found[17].name == f"{name}, row 18"
    assert (photo_bytes(found[17], Limits()), mask_bytes(found[17], Limits())) == (b"photo 17", b"mask 17")
    assert {pair.split for pair in found} == {split}
    there = count_items(open_source(tmp_path, "auto", tmp_path, Limits()))
    assert (there["format"], there["photos"], there["files"]) == ("hf", 40, 2)
    assert [each["file"] for each in there["not_read"]] == ["README.md"]


@pytest.mark.parametrize("mask", ["mask", "label", "annotation", "Segmentation", "label_map"])
def test_the_columns_go_by_several_names_and_may_hold_bytes_alone(tmp_path: Path, mask: str) -> None:
    rows = [{"pixel_values": b"photo", mask: b"mask", "license": "CC0", "split": "val", "age": 30}]
    file = shard(tmp_path / "x.parquet", rows)
    found = open_source(file, "auto", tmp_path, Limits())
    assert found.format == "hf"
    (pair,) = found.items
    assert isinstance(pair, RawPair)
    assert (pair.photo, pair.licence, pair.split) == (Embedded(b"photo"), "CC0", Split.validation)


def test_rows_that_lack_a_picture_or_lie_are_refused_and_the_others_come_in(tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(b"x")
    rows = [
        {"image": inside(b"a"), "mask": inside(b"m"), "licence": "CC0"},
        {"image": None, "mask": inside(b"m")},
        {"image": inside(b"a"), "mask": {"bytes": None, "path": "../secret.png"}},
        {"image": {"bytes": None, "path": "b.jpg"}, "mask": inside(b"m")},
        {"image": inside(b"a"), "mask": inside(b"m"), "licence": "x" * 5000},
    ]
    shard(tmp_path / "x.parquet", rows)
    items = list(read(tmp_path))
    assert {item.file: item.reason for item in items if isinstance(item, Refused)} == {
        "x.parquet, row 2": "it has no image.",
        "x.parquet, row 3": "its mask is the file '../secret.png', which is not below the folder of the list.",
        "x.parquet, row 5": "row 5: its licence is not text.",
    }
    assert [item.photo for item in items if isinstance(item, RawPair)] == [Embedded(b"a"), tmp_path / "b.jpg"]


def test_skin_and_unknown_pixels_come_with_the_mask(tmp_path: Path) -> None:
    rows = [{"image": inside(b"a"), "mask": inside(b"m"), "skin": inside(b"s"), "unknown": inside(b"u"), "drawn": True}]
    shard(tmp_path / "x.parquet", [*rows, {"image": inside(b"a"), "mask": inside(b"m"), "skin": None}])
    both, neither = read(tmp_path)
    assert (both.skin, both.unknown, both.drawn) == (Embedded(b"s"), Embedded(b"u"), True)
    assert (neither.skin, neither.unknown, neither.drawn) == (None, None, False)


def test_pictures_without_masks_are_one_clear_sentence(tmp_path: Path) -> None:
    shard(tmp_path / "x.parquet", [{"image": inside(b"a"), "label": 3}])
    with pytest.raises(WinnowError, match=r"^x\.parquet has no column mask with pictures\. Its columns: image, label\.$"):
        list(read(tmp_path))


def test_one_picture_repeated_a_million_times_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hugging_face, "PICTURES_BYTES", 100_000)
    shard(tmp_path / "x.parquet", [{"image": b"x" * 10_000, "mask": b"m"}] * 100)
    with pytest.raises(WinnowError, match=r"^x\.parquet: its pictures have more than 100,000 bytes\. Divide it\.$"):
        list(read(tmp_path))


@pytest.mark.parametrize("place", [0.1, 0.3, 0.6, 0.9])
def test_a_damaged_file_is_refused_and_the_others_come_in(tmp_path: Path, place: float) -> None:
    good = shard(tmp_path / "test-00000.parquet", ROWS)
    data = bytearray(good.read_bytes())
    at = int(len(data) * place)
    data[at : at + 40] = b"?" * 40
    (tmp_path / "train-00000.parquet").write_bytes(data)
    items = list(read(tmp_path))
    assert len([item for item in items if isinstance(item, RawPair) and item.split is Split.test]) == 40
    refused = [item.reason for item in items if isinstance(item, Refused)]
    assert all("train-00000.parquet can't be read as Parquet" in reason for reason in refused)
    assert refused or place < 0.5  # bytes inside a picture are the picture's


def test_a_file_that_is_all_damaged_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(WinnowError, match=r"^x\.parquet can't be read as Parquet"):
        list(open_source(tmp_path / "x.parquet", "auto", tmp_path, Limits()).items)
