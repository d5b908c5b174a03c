"""Files of a stranger: each is refused by itself, in words, in little memory and time, and all the others come in."""

import base64
import errno
import io
import json
import os
import socket
import struct
import subprocess
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image
from sqlalchemy import Engine

from curator.formats import RawPair, Refused, mask_bytes, open_source, photo_bytes, shapes
from curator.formats.brush import pack_mask
from curator.formats.locations import MAX_DEPTH
from curator.formats.pairs import MAX_ROWS
from curator.formats.rle import mask_to_runs
from curator.ingest import pipeline
from curator.ingest.pipeline import IngestSummary, ingest
from curator.ingest.workers import Workers
from curator.pictures.codec import encode_mask, encode_photo
from db.errors import DiskFullError, StoreUnavailableError, WinnowError
from db.settings import Limits
from db.store import Store
from tests.conftest import FakeClock

LIMITS = Limits()


def photo(number: int) -> bytes:
    """A small photo that looks like no other."""
    small = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
    return encode_photo(np.asarray(cv2.resize(small, (64, 64), interpolation=cv2.INTER_CUBIC), np.uint8))


def mask() -> bytes:
    return encode_mask(np.pad(np.full((20, 64), 255, np.uint8), ((0, 44), (0, 0))))


def laid(folder: Path, count: int = 2) -> Path:
    """A folder of pairs: 0.jpg, 1.jpg, ..."""
    for inner in ("images", "masks"):
        (folder / inner).mkdir(parents=True)
    for number in range(count):
        (folder / "images" / f"{number}.jpg").write_bytes(photo(number))
        (folder / "masks" / f"{number}.png").write_bytes(mask())
    return folder


def outcome(source: Path, tmp_path: Path, name: str = "auto") -> tuple[list[str], dict[str, str]]:
    """The names that come in, and the refusals with their reasons."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    items = list(open_source(source, name, workspace, LIMITS).items)
    names = [item.name for item in items if isinstance(item, RawPair)]
    return names, {item.file: item.reason for item in items if isinstance(item, Refused)}


# --- whatever examining a file raises --------------------------------------------------------------------------------


class Ingest:
    """An ingest of a folder into a fresh home, as often as a test likes."""

    def __init__(self, engine: Engine, store: Store, clock: FakeClock) -> None:
        self.engine, self.store, self.clock = engine, store, clock

    def __call__(self, folder: Path) -> IngestSummary:
        return ingest(
            open_source(folder, "folder", folder, LIMITS).items,
            adapter="folder",
            location="here",
            engine=self.engine,
            store=self.store,
            workers=Workers(ThreadPoolExecutor, 1, self.store.url),
            clock=self.clock,
            limits=LIMITS,
            secret=b"",
            cut="whole",
        )


@pytest.fixture
def bring(engine: Engine, store: Store, clock: FakeClock) -> Ingest:
    return Ingest(engine, store, clock)


def without_palette() -> bytes:
    """A palette PNG without its chunk PLTE."""
    data = io.BytesIO()
    Image.fromarray(np.eye(64, dtype=np.uint8)).convert("P").save(data, "PNG")
    png, at = data.getvalue(), 8
    while png[at + 4 : at + 8] != b"PLTE":
        at += 12 + int.from_bytes(png[at : at + 4])
    return png[:at] + png[at + 12 + int.from_bytes(png[at : at + 4]) :]


@pytest.mark.parametrize("what", ["images", "masks"])
def test_a_palette_png_without_palette_is_refused_and_the_others_come_in(tmp_path: Path, bring: Ingest, what: str) -> None:
    folder = laid(tmp_path / "source", 3)
    (folder / "images" / "bad.png").write_bytes(without_palette() if what == "images" else photo(9))
    (folder / "masks" / "bad.png").write_bytes(without_palette() if what == "masks" else mask())
    why = "the picture's pixels are numbers of a palette's colours, but it has no palette. Save it as RGB."
    refused = {"file": "images/bad.png", "reason": why if what == "images" else f"its mask: {why}"}
    first, second = bring(folder), bring(folder)
    assert (first.added, first.refused) == (3, [refused])
    assert (second.already, second.refused) == (3, [refused])


RAISED = [
    cv2.error("boom"),
    ValueError(),
    MemoryError(),
    struct.error(),
    RecursionError(),
    AssertionError(),
    OSError("a decoder's"),
]


@pytest.mark.parametrize(
    ("step", "error"),
    [*(("read_pair", error) for error in RAISED), *((step, RAISED[0]) for step in ("find_faces", "make_crop", "hash_picture"))],
    ids=lambda given: given if isinstance(given, str) else type(given).__name__,
)
def test_whatever_examining_a_file_raises_is_that_files_refusal(
    tmp_path: Path,
    bring: Ingest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    step: str,
) -> None:
    folder, calls, real = laid(tmp_path / "source", 3), iter(range(3)), getattr(pipeline, step)

    def second_fails(*given: Any, **named: Any) -> Any:
        if next(calls) == 1:
            raise error
        return real(*given, **named)

    monkeypatch.setattr(pipeline, step, second_fails)
    summary = bring(folder)
    assert (summary.added, [each["file"] for each in summary.refused]) == (2, ["images/1.jpg"])
    kind = type(error).__name__
    assert summary.refused[0]["reason"] == f"it is damaged, or made in a way that Winnow can't read ({kind})."
    assert kind in caplog.text
    assert "1.jpg" not in caplog.text  # logs are no place for names


@pytest.mark.parametrize("step", ["put", "holds"])
@pytest.mark.parametrize(
    "error", [DiskFullError("full"), StoreUnavailableError("away"), PermissionError(errno.EACCES, "denied")]
)
def test_what_the_store_raises_is_no_files_fault(
    tmp_path: Path, bring: Ingest, monkeypatch: pytest.MonkeyPatch, step: str, error: Exception
) -> None:
    def fails(*given: Any) -> str:
        raise error

    monkeypatch.setattr(Store, step, fails)
    with pytest.raises(type(error)):
        bring(laid(tmp_path / "source"))


def test_what_one_photos_annotation_raises_is_that_photos_refusal(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    for name in ("deep", "fine"):
        (folder / "ds" / "img").mkdir(parents=True, exist_ok=True)
        (folder / "ds" / "ann").mkdir(exist_ok=True)
        (folder / "ds" / "img" / f"{name}.jpg").write_bytes(photo(1))
    tags = {"size": {"width": 64, "height": 64}, "tags": [{"name": "no hair"}], "objects": []}
    (folder / "ds" / "ann" / "fine.jpg.json").write_text(json.dumps(tags))
    (folder / "ds" / "ann" / "deep.jpg.json").write_text("[" * 200_000)
    (folder / "meta.json").write_text(json.dumps({"classes": [{"title": "hair"}], "tags": []}))
    names, refused = outcome(folder, tmp_path)
    assert names == ["ds/img/fine.jpg"]
    assert refused == {"ds/img/deep.jpg": "its annotation can't be read as Supervisely's (RecursionError)."}


# --- lists that are too much -----------------------------------------------------------------------------------------


def parquet(path: Path, cell: str, rows: int) -> Path:
    """A Parquet list whose rows all hold the same text, which the file holds once."""
    column = pyarrow.DictionaryArray.from_arrays(np.zeros(rows, np.int32), [cell])
    table = pyarrow.table({"image": column, "mask": column})
    pyarrow.parquet.write_table(table, path, compression="zstd", store_schema=False)
    return path


def test_a_parquet_list_of_one_long_text_takes_the_memory_of_that_text(tmp_path: Path) -> None:
    bomb = parquet(tmp_path / "m.parquet", "x" * 2**20, 4000)  # 8 GB
    assert bomb.stat().st_size < 2000
    names, refused = outcome(bomb, tmp_path)
    assert (names, len(refused), refused["row 4000"]) == ([], 4000, "row 4000: its image is not text.")
    assert pyarrow.default_memory_pool().max_memory() < 100e6


@pytest.mark.parametrize("name", ["m.parquet", "m.csv", "m.jsonl"])
def test_a_list_of_too_many_rows_is_one_sentence_before_they_are_read(tmp_path: Path, name: str) -> None:
    if name == "m.parquet":
        parquet(tmp_path / name, "a.jpg", MAX_ROWS + 1)
    else:
        (tmp_path / name).write_text("\n" * (MAX_ROWS + 1))
    with pytest.raises(WinnowError, match=r"has 1,000,001 rows; 1,000,000 are allowed. Divide it into several lists."):
        outcome(tmp_path / name, tmp_path)


def test_a_list_of_too_many_columns_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("image,mask" + ",x" * 2000 + "\na,b\n")
    with pytest.raises(WinnowError, match=r"m.csv has 2,002 columns; 1,000 are allowed."):
        outcome(tmp_path / "m.csv", tmp_path)


@pytest.mark.parametrize("name", ["m.csv", "m.json", "annotations.xml", "m.parquet"])
def test_a_list_of_too_many_bytes_is_one_sentence(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.write(b"<annotations>" if name == "annotations.xml" else b"image,mask\n")
        file.truncate(600 * 2**20)  # takes no room on the disk
    with pytest.raises(WinnowError, match=r"has 629,145,600 bytes; 536,870,912 are allowed for a list."):
        outcome(tmp_path / name, tmp_path, "coco" if name == "m.json" else "auto")


def test_parquet_pages_that_are_damaged_are_one_sentence(tmp_path: Path) -> None:
    path = parquet(tmp_path / "m.parquet", "a.jpg" * 100, 2000)
    data = bytearray(path.read_bytes())
    data[60:90] = b"\xff" * 30
    path.write_bytes(data)
    with pytest.raises(WinnowError, match=r"m.parquet can't be read as Parquet"):
        outcome(path, tmp_path)


def test_images_of_one_number_in_coco_don_t_get_each_others_masks(tmp_path: Path) -> None:
    """A thousand images and a thousand masks of one number would be a million masks."""
    (tmp_path / "a.jpg").write_bytes(photo(1))
    image = {"file_name": "a.jpg", "width": 64, "height": 64}
    annotation = {"category_id": 1, "segmentation": [[0, 0, 4, 0, 4, 2]]}
    content = {
        "images": [{"id": 1} | image, {"id": 1} | image, {"id": 2} | image],
        "categories": [{"id": 1, "name": "hair"}],
        "annotations": [{"image_id": 1} | annotation, {"image_id": 2} | annotation],
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    names, refused = outcome(tmp_path / "a.json", tmp_path)
    assert names == ["a.jpg"]
    assert refused == {"a.jpg": "a.json has several images of the id 1, so it is unclear whose its masks are."}


# --- shapes that are too much ----------------------------------------------------------------------------------------

SIDE = 400
TOO_MUCH = "its shapes are too many, too large or too detailed together. Draw fewer or simpler ones."


def coco_of(segmentation: Any, count: int) -> dict[str, Any]:
    annotation = {"image_id": 1, "category_id": 1, "segmentation": segmentation}
    return {
        "a.json": {
            "images": [{"id": 1, "file_name": "a.jpg", "width": SIDE, "height": SIDE}],
            "categories": [{"id": 1, "name": "hair"}],
            "annotations": [annotation] * count,
        }
    }


def strokes(count: int) -> dict[str, Any]:
    value = {"format": "rle", "brushlabels": ["hair"], "rle": list(pack_mask(np.zeros((SIDE, SIDE), np.uint8)))}
    stroke = {"type": "brushlabels", "original_width": SIDE, "original_height": SIDE, "value": value}
    return {"a.json": [{"data": {"image": "a.jpg"}, "annotations": [{"result": [stroke] * count}]}]}


def bitmaps(count: int) -> dict[str, Any]:
    data = base64.b64encode(zlib.compress(encode_mask(np.zeros((SIDE, SIDE), np.uint8)))).decode()
    drawn = {"classTitle": "hair", "geometryType": "bitmap", "bitmap": {"data": data, "origin": [0, 0]}}
    return {
        "meta.json": {"classes": [{"title": "hair"}], "tags": []},
        "ds/ann/a.jpg.json": {"size": {"width": SIDE, "height": SIDE}, "tags": [], "objects": [drawn] * count},
    }


POLYGON = [[0, 0, SIDE, 0, SIDE, SIDE]]
RUNS = {"size": [SIDE, SIDE], "counts": mask_to_runs(np.zeros((SIDE, SIDE), np.uint8))}


@pytest.mark.parametrize(
    ("few", "many"),
    [
        (coco_of(POLYGON, 2), coco_of(POLYGON, 50)),
        (coco_of(RUNS, 2), coco_of(RUNS, 50)),
        (strokes(2), strokes(50)),
        (bitmaps(2), bitmaps(50)),
    ],
    ids=["polygons", "runs", "strokes", "bitmaps"],
)
def test_shapes_that_take_too_long_to_draw_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: dict[str, Any], many: dict[str, Any]
) -> None:
    monkeypatch.setattr(shapes, "MAX_WORK", 5_000_000)
    for number, files in enumerate((few, many)):
        folder = tmp_path / str(number)
        for name in (*files, "ds/img/a.jpg"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        for place in ("a.jpg", "ds/img/a.jpg"):
            (folder / place).write_bytes(photo(1))
        for name, content in files.items():
            (folder / name).write_text(json.dumps(content))
        (pair,) = [item for item in open_source(folder, "auto", folder, LIMITS).items if isinstance(item, RawPair)]
        if number == 0:
            assert mask_bytes(pair, LIMITS)
        else:
            with pytest.raises(WinnowError, match=TOO_MUCH):
                mask_bytes(pair, LIMITS)


@pytest.mark.parametrize(
    "shape",
    [
        shapes.Polygon((0.0, 0.0, 1.0, 1e8) * 60_000),  # corners
        shapes.Polygon((0.0, 0.0, 0.5, 8e7, 1.0, 0.0) * 10),  # rows that are crossed
        shapes.Polygon((0.0, 0.0, 0.0, 8e7, 1.0, 8e7), ((0.0, 0.0, 0.0, 8e7, 1.0, 8e7),) * 20),  # holes
    ],
    ids=["corners", "rows", "holes"],
)
def test_a_polygon_that_takes_too_long_is_refused_before_it_is_drawn(shape: shapes.Polygon) -> None:
    with pytest.raises(WinnowError, match=TOO_MUCH):
        shape.onto(np.zeros((80_000_000, 1), np.uint8), LIMITS)


# --- zips ------------------------------------------------------------------------------------------------------------


def zipped(path: Path, *names: str) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in [("images/a.jpg", b"photo"), ("masks/a.png", b"mask"), *((name, b"x") for name in names)]:
            archive.writestr(name, data)
    return path.read_bytes()


def entry(data: bytes | bytearray, name: bytes) -> int:
    """Where the entry of a member begins in the zip's directory."""
    return data.rindex(name) - 46


def test_zip_member_without_a_name_is_refused_and_the_others_come_in(tmp_path: Path) -> None:
    data = zipped(tmp_path / "a.zip", "x")
    at = entry(data, b"xPK\5\6")
    cut = bytearray(data[: at + 46] + data[at + 47 :])
    cut[at + 28 : at + 30] = b"\0\0"
    end = cut.rindex(b"PK\5\6")
    cut[end + 12 : end + 16] = (int.from_bytes(cut[end + 12 : end + 16], "little") - 1).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(cut)
    names, refused = outcome(tmp_path / "a.zip", tmp_path)
    assert names == ["images/a.jpg"]
    assert refused == {"a member without a name": "it has no name."}


def test_zip_members_whose_entries_are_damaged_are_refused_and_the_others_come_in(tmp_path: Path) -> None:
    data = bytearray(zipped(tmp_path / "a.zip", "images/ö.jpg", "images/new.jpg", "images/extra.jpg"))
    at = entry(data, "images/ö.jpg".encode())
    data[at + 46 + 7 : at + 46 + 9] = b"\xc3\xc3"
    data[entry(data, b"images/new.jpg") + 6] = 99
    at = entry(data, b"images/extra.jpg")
    fields = b"\x01\x00\xff\xff"
    data[at + 30 : at + 32] = len(fields).to_bytes(2, "little")
    data[at + 62 : at + 62] = fields
    end = data.rindex(b"PK\5\6")
    data[end + 12 : end + 16] = (int.from_bytes(data[end + 12 : end + 16], "little") + 4).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(data)
    names, refused = outcome(tmp_path / "a.zip", tmp_path)
    assert names == ["images/a.jpg"]
    assert refused == {
        r"images/\xc3\xc3.jpg": "its name is no valid UTF-8.",
        "images/new.jpg": "it needs version 9.9 of the zip format; 6.3 can be read here.",
        "images/extra.jpg": "its entry in the zip's directory is damaged.",
    }


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_member_whose_packed_bytes_are_damaged_is_refused_and_the_others_come_in(tmp_path: Path, method: int) -> None:
    zipped(tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip", "a", method) as archive:
        archive.writestr("images/bad.jpg", bytes(range(256)) * 9)
        at = archive.getinfo("images/bad.jpg").header_offset
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[at + 30 + 14 : at + 30 + 60] = b"\xff" * 46
    (tmp_path / "a.zip").write_bytes(data)
    names, refused = outcome(tmp_path / "a.zip", tmp_path)
    assert names == ["images/a.jpg"]
    assert refused == {"images/bad.jpg": "it is damaged, or compressed in an unsupported way."}


def test_zip_member_inside_1500_folders_is_refused_and_the_others_come_in(tmp_path: Path) -> None:
    zipped(tmp_path / "a.zip", "images/" + "d/" * 1499 + "b.jpg")
    names, refused = outcome(tmp_path / "a.zip", tmp_path)
    assert names == ["images/a.jpg"]
    assert list(refused.values()) == ["it lies inside 1,500 folders; 64 are allowed."]


# --- what is no file -------------------------------------------------------------------------------------------------


def test_a_pipe_as_a_source_is_one_sentence(tmp_path: Path) -> None:
    for name in ("pipe", "pipe.zip", "pipe.csv", "pipe.json"):
        os.mkfifo(tmp_path / name)
        for format in ("auto", "zip", "manifest", "coco"):
            with pytest.raises(WinnowError, match=f"{name} is a pipe, a socket or a device. Give the path or URL of"):
                list(open_source(tmp_path / name, format, tmp_path, LIMITS).items)


def test_what_is_no_file_in_a_folder_is_named_and_the_others_come_in(tmp_path: Path) -> None:
    folder = laid(tmp_path / "source")
    os.mkfifo(folder / "images" / "pipe.jpg")
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(folder / "images" / "s.jpg"))
    for name in ("x.json", "manifest.csv", "annotations.xml", "meta.json", "parts_train.txt", "metadata.jsonl"):
        os.mkfifo(folder / name)
    names, refused = outcome(folder, tmp_path)
    assert names == ["images/0.jpg", "images/1.jpg"]
    assert refused.pop("images/s.jpg") == "it is a socket, not a file."
    assert set(refused.values()) == {"it is a pipe, not a file."}
    assert len(refused) == 7


@pytest.mark.parametrize("kind", ["folder", "pipe", "link"])
@pytest.mark.parametrize("format", ["coco", "label-studio", "supervisely"])
def test_what_is_called_like_a_list_and_is_no_file_fails_no_source(tmp_path: Path, format: str, kind: str) -> None:
    folder = tmp_path / "source"
    files = {"coco": coco_of(POLYGON, 1), "label-studio": strokes(1), "supervisely": bitmaps(1)}[format]
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    (folder / "ds" / "img").mkdir(parents=True, exist_ok=True)
    for place in ("a.jpg", "ds/img/a.jpg"):
        (folder / place).write_bytes(photo(1))
    odd = folder / "ds" / "ann" / "x.json" if format == "supervisely" else folder / "0.json"
    if kind == "folder":
        odd.mkdir()
    elif kind == "pipe":
        os.mkfifo(odd)
    else:
        (tmp_path / "outside.json").write_text("[]")
        odd.symlink_to(tmp_path / "outside.json")
    names, refused = outcome(folder, tmp_path, format)
    assert len(names) == 1
    assert len(refused) == (kind != "folder")


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_a_photo_that_became_something_else_after_it_was_listed_is_refused(tmp_path: Path, kind: str) -> None:
    folder = laid(tmp_path / "source", 1)
    (pair, *_) = open_source(folder, "auto", folder, LIMITS).items
    assert isinstance(pair, RawPair)
    place = folder / "images" / "0.jpg"
    place.unlink()
    os.mkfifo(place) if kind == "pipe" else place.mkdir()
    with pytest.raises(WinnowError, match=r"it is not a file, but a folder, a pipe, a socket or a device."):
        photo_bytes(pair, LIMITS)


def test_links_are_followed_inside_a_source_and_not_out_of_it(tmp_path: Path) -> None:
    folder = laid(tmp_path / "source")
    outside = laid(tmp_path / "outside", 5)
    (folder / "images" / "0.jpg").rename(folder / "here.jpg")
    (folder / "images" / "0.jpg").symlink_to("../here.jpg")
    (folder / "images" / "3.jpg").symlink_to(outside / "images" / "3.jpg")
    (folder / "images" / "more").symlink_to(outside / "images")
    (folder / "train").symlink_to(outside)
    (folder / "images" / "lost.jpg").symlink_to("nowhere")
    (folder / "images" / "round.jpg").symlink_to("round.jpg")
    (tmp_path / "link").symlink_to(folder)  # whoever gives a source may give a link
    names, refused = outcome(tmp_path / "link", tmp_path)
    assert names == ["images/0.jpg", "images/1.jpg"]
    assert refused == {
        "images/3.jpg": "it is a link that leads out of the source, and was not followed.",
        "images/lost.jpg": "it is a link that leads nowhere.",
        "images/more": "it is a link to a folder, which is not followed. Put the folder itself there.",
        "images/round.jpg": "it is a link that leads nowhere.",
        "train": "it is a link to a folder, which is not followed. Put the folder itself there.",
    }


def test_a_manifest_that_is_a_link_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    folder = laid(tmp_path / "source")
    (tmp_path / "secret.csv").write_text("image,mask\nimages/0.jpg,masks/0.png\n")
    (folder / "manifest.csv").symlink_to(tmp_path / "secret.csv")
    names, refused = outcome(folder, tmp_path)
    assert names == ["images/0.jpg", "images/1.jpg"]
    assert list(refused) == ["manifest.csv"]


def test_folders_inside_1500_others_are_named_and_the_others_come_in(tmp_path: Path) -> None:
    folder = laid(tmp_path / "source")
    before = os.open(folder / "images", os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=before)  # a path as long as that can't be made at once
        inner = os.open("d", os.O_RDONLY, dir_fd=before)
        os.close(before)
        before = inner
    os.close(before)
    try:
        names, refused = outcome(folder, tmp_path)
    finally:  # pytest can't delete as many
        subprocess.run(["rm", "-rf", folder / "images" / "d"], check=True)
    assert names == ["images/0.jpg", "images/1.jpg"]
    (name,) = refused
    assert name.count("d") == MAX_DEPTH
    assert refused[name] == "this folder lies inside 64 others; 64 are allowed."
