"""Hugging Face's image folders: the lists are found wherever they lie, and folders say the split."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from curator.formats import RawPair, Refused, hugging_face
from curator.formats.hugging_face import recognise
from db.errors import WinnowError
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
