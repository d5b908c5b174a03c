"""What a format says that it keeps of a set comes back when its export is read, and what it loses does not.

Class maps are decoded here, by what their formats' own documents say.
"""

import csv
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

from curator.formats import ADAPTERS, WRITERS, Fact, RawPair, SetItem, open_source, photo_bytes, recognise
from curator.formats.pairs import Embedded
from curator.pictures.arrays import Mask
from curator.pictures.codec import decode_mask, encode_mask, encode_photo
from curator.pictures.masks import hard
from curator.pictures.pair import read_photo
from db.settings import Limits
from db.store import Store
from db.tables import MaskOrigin, Split
from tests.curator.encoded import read_labels

LIMITS = Limits()
SIDE = 48
CLASS_MAPS = ("voc", "mmsegmentation", "fiftyone")  # what their numbers mean is said with --hair, --skin and --unknown
READ = [name for name in WRITERS if name not in CLASS_MAPS]
LABELLED = [each.name for each in ADAPTERS if each.labels and each.name in READ]
CONSENT = ("consent_basis", "consent_date", "consent_expires")


def box(top: int, left: int, bottom: int, right: int) -> Mask:
    """A mask of one box, uint8 (SIDE, SIDE)."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[top:bottom, left:right] = 255
    return mask


HAIR = box(2, 4, 16, 40)
SOFT = np.asarray(cv2.GaussianBlur(box(6, 8, 14, 36), (0, 0), 2), np.uint8)
SKIN, UNKNOWN = box(24, 10, 34, 30), box(40, 0, 44, 20)
INSIDE = (0, 0, SIDE, 44)  # the last four columns are beyond the photo
OUTSIDE = box(0, 44, SIDE, SIDE)
WHOLE = (0, 0, SIDE, SIDE)


@pytest.fixture
def members(store: Store) -> list[SetItem]:
    """Four members: all is known of the first; the second is bald; of the third nothing is recorded; the fourth is drawn."""

    def member(number: int, hair: Mask, split: Split, **about: object) -> SetItem:
        photo = store.put(encode_photo(np.full((SIDE, SIDE, 3), number * 60, np.uint8)))
        fields = {"skin": None, "licence": None, "drawn": False, "inside": WHOLE} | about
        return SetItem(f"{number + 1:06d}", 70 + number, photo, store.put(encode_mask(hair)), split=split, **fields)  # type: ignore[arg-type]

    skin, unknown = store.put(encode_mask(SKIN)), store.put(encode_mask(UNKNOWN))
    given = {"consent_basis": "form 7; of 2025", "consent_date": date(2025, 1, 31), "consent_expires": date(2031, 2, 28)}
    return [
        member(
            0, SOFT, Split.train, skin=skin, unknown=unknown, inside=INSIDE, licence="CC-BY-4.0", origin=MaskOrigin.touch_up,
            contributor="contributor-0001-5f70bf", **given,
        ),
        member(1, np.zeros_like(HAIR), Split.train, skin=skin, licence="CC0", contributor="contributor-0001-5f70bf"),
        member(2, HAIR, Split.validation),
        member(3, HAIR, Split.test, drawn=True, licence="CC0", contributor="contributor-0002-5f70bf"),
    ]  # fmt: skip


def read_back(folder: Path, workspace: Path, name: str, label: str | None = None) -> dict[int, RawPair]:
    """The pairs of an export by their number in the set, which the photo's shade tells."""
    workspace.mkdir(exist_ok=True)
    items = open_source(folder, name, workspace, LIMITS, label=label).items
    pairs = [item for item in items if isinstance(item, RawPair)]
    return {round(read_photo(photo_bytes(pair, LIMITS), LIMITS).mean() / 60): pair for pair in pairs}


def pixels(part: object) -> Mask | None:
    """A pair's mask, skin or unknown pixels as values."""
    if part is None:
        return None
    if isinstance(part, Embedded):
        return decode_mask(part.data)
    return decode_mask(part.read_bytes()) if isinstance(part, Path) else part.pixels(LIMITS)  # type: ignore[attr-defined]


def same(one: Mask | None, other: Mask | None) -> bool:
    return (one is None) == (other is None) and (one is None or other is None or bool((one == other).all()))


@pytest.mark.parametrize("format", READ)
def test_what_a_format_keeps_comes_back_and_what_it_loses_does_not(
    members: list[SetItem], store: Store, tmp_path: Path, format: str
) -> None:
    out = tmp_path / "out"
    keeps = WRITERS[format].keeps
    cut = WRITERS[format].write(out, members, store)
    assert cut == (0 if Fact.soft in keeps else 1)
    found = read_back(out, tmp_path / "work", recognise(out)[0])
    assert sorted(found) == ([0, 1, 2, 3] if Fact.bald in keeps else [0, 2, 3])
    for number, pair in found.items():
        item = members[number]
        hair = decode_mask(store.get(item.mask))
        read = pixels(pair.mask) if format != "lfw-parts" else read_labels(pair.mask.read_bytes(), LIMITS).hair  # type: ignore[union-attr]
        assert same(read, hair if Fact.soft in keeps else hard(hair))
        assert (pair.split is item.split) == (Fact.splits in keeps)
        if Fact.contributor in keeps:
            invented = f"Example_{item.example}" if format == "lfw-parts" else None
            assert pair.contributor == (item.contributor or invented)
        assert pair.licence == (item.licence if Fact.licence in keeps else None)
        assert pair.drawn == (item.drawn if Fact.drawn in keeps else False)
        for name in CONSENT:
            assert getattr(pair, name) == (getattr(item, name) if Fact.consent in keeps else None)
        assert (pair.subject, pair.remarks) == (None, ())


@pytest.mark.parametrize("format", READ)
def test_skin_and_unknown_pixels_come_back_where_they_are_kept(
    members: list[SetItem], store: Store, tmp_path: Path, format: str
) -> None:
    out = tmp_path / "out"
    keeps = WRITERS[format].keeps
    WRITERS[format].write(out, members, store)
    for number, pair in read_back(out, tmp_path / "work", recognise(out)[0]).items():
        skin = pixels(pair.skin) if format != "lfw-parts" else read_labels(pair.mask.read_bytes(), LIMITS).skin  # type: ignore[union-attr]
        assert same(skin, SKIN if number in (0, 1) and Fact.skin in keeps else None)
        assert same(pixels(pair.unknown), np.maximum(UNKNOWN, OUTSIDE) if number == 0 and Fact.unknown in keeps else None)


@pytest.mark.parametrize("format", LABELLED)
def test_skin_and_unknown_pixels_are_labels_of_their_own(
    members: list[SetItem], store: Store, tmp_path: Path, format: str
) -> None:
    WRITERS[format].write(tmp_path / "out", members, store)
    skin = read_back(tmp_path / "out", tmp_path / "work", format, "skin")
    unknown = read_back(tmp_path / "out", tmp_path / "work", format, "unknown")
    assert {number for number, pair in skin.items() if (mask := pixels(pair.mask)) is not None and mask.any()} == {0, 1}
    assert same(pixels(skin[0].mask), SKIN)
    assert same(pixels(skin[1].mask), SKIN)
    assert same(pixels(unknown[0].mask), np.maximum(UNKNOWN, OUTSIDE))


def class_map(item: SetItem, store: Store) -> Mask:
    """By hand: 1 hair, 2 skin, 255 unknown."""
    classes = (decode_mask(store.get(item.mask)) >= 128).astype(np.uint8)
    classes[(SKIN > 0) & (item.skin is not None)] = 2
    classes[(UNKNOWN > 0) & (item.unknown is not None)] = 255
    classes[(OUTSIDE > 0) & (item.inside == INSIDE)] = 255
    return classes


@pytest.mark.parametrize(
    ("format", "photo", "mask"),
    [
        ("voc", "JPEGImages/{name}.jpg", "SegmentationClass/{name}.png"),
        ("mmsegmentation", "img_dir/{split}/{name}.jpg", "ann_dir/{split}/{name}.png"),
        ("fiftyone", "data/{name}.jpg", "labels/{name}.png"),
    ],
)
def test_a_class_map_numbers_hair_skin_and_what_is_unknown(
    members: list[SetItem], store: Store, tmp_path: Path, format: str, photo: str, mask: str
) -> None:
    assert WRITERS[format].write(tmp_path, members, store) == 1
    for item in members:
        words = {"name": item.name, "split": {"validation": "val"}.get(item.split.value, item.split.value)}
        assert (tmp_path / photo.format(**words)).read_bytes() == store.get(item.image)
        picture = Image.open(tmp_path / mask.format(**words))
        assert picture.mode == ("P" if format == "voc" else "L")
        assert (np.asarray(picture) == class_map(item, store)).all()


def test_voc_lists_its_splits_and_the_colours_of_its_classes(members: list[SetItem], store: Store, tmp_path: Path) -> None:
    WRITERS["voc"].write(tmp_path, members, store)
    listed = {path.stem: path.read_text().split() for path in (tmp_path / "ImageSets/Segmentation").iterdir()}
    assert listed == {"train": ["000001", "000002"], "val": ["000003"], "test": ["000004"]}
    rows = (tmp_path / "labelmap.txt").read_text().splitlines()[1:]
    colours = {name: tuple(map(int, colour.split(","))) for name, colour, *_ in (row.split(":") for row in rows)}
    assert colours["hair"] == (128, 0, 0)
    shown = np.asarray(Image.open(tmp_path / "SegmentationClass/000001.png").convert("RGB"))
    assert tuple(shown[30, 20]) == colours["skin"]
    assert tuple(shown[42, 5]) == colours["unknown"]


def test_mmsegmentation_says_what_its_numbers_mean(members: list[SetItem], store: Store, tmp_path: Path) -> None:
    WRITERS["mmsegmentation"].write(tmp_path, members, store)
    meta = json.loads((tmp_path / "metainfo.json").read_text())
    assert (meta["classes"], meta["ignore_index"]) == (["background", "hair", "skin"], 255)
    assert len(meta["palette"]) == 3


def test_fiftyone_knows_what_is_known_of_each_sample(members: list[SetItem], store: Store, tmp_path: Path) -> None:
    WRITERS["fiftyone"].write(tmp_path, members, store)
    content = json.loads((tmp_path / "metadata.json").read_text())
    assert content["mask_targets"] == {"0": "background", "1": "hair", "2": "skin", "255": "unknown"}
    assert content["samples"]["000001"] == {"tags": ["train"], **members[0].about}


def test_celebamask_has_a_picture_for_each_part_and_celebas_lists(members: list[SetItem], store: Store, tmp_path: Path) -> None:
    assert WRITERS["celebamask"].write(tmp_path, members, store) == 1
    parts = {path.name: decode_mask(path.read_bytes()) for path in (tmp_path / "CelebAMask-HQ-mask-anno/0").iterdir()}
    assert sorted(parts) == sorted([
        "00000_hair.png", "00000_skin.png", "00000_unknown.png", "00001_hair.png", "00001_skin.png", "00002_hair.png",
        "00003_hair.png",
    ])  # fmt: skip
    assert same(parts["00000_hair.png"], hard(SOFT))
    assert not parts["00001_hair.png"].any()
    assert same(parts["00000_unknown.png"], np.maximum(UNKNOWN, OUTSIDE))
    mapping = [line.split() for line in (tmp_path / "CelebA-HQ-to-CelebA-mapping.txt").read_text().splitlines()[1:]]
    partition = dict(line.split() for line in (tmp_path / "list_eval_partition.txt").read_text().splitlines())
    assert [partition[file] for _, _, file in mapping] == ["0", "0", "1", "2"]
    assert (tmp_path / "CelebA-HQ-img/2.jpg").read_bytes() == store.get(members[2].image)


def test_hugging_face_finds_pictures_and_their_kinds_in_parquet(
    members: list[SetItem], store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curator.formats.hugging_face_parquet.ROWS_OF_A_FILE", 1)
    assert WRITERS["hf-parquet"].write(tmp_path, members, store) == 0
    files = sorted(path.name for path in (tmp_path / "data").iterdir())
    assert files == [
        "test-00000-of-00001.parquet", "train-00000-of-00002.parquet", "train-00001-of-00002.parquet",
        "validation-00000-of-00001.parquet",
    ]  # fmt: skip
    first = pyarrow.parquet.read_table(tmp_path / "data/train-00000-of-00002.parquet")
    features = json.loads(first.schema.metadata[b"huggingface"])["info"]["features"]
    assert set(features) == set(first.column_names)
    assert [name for name, kind in features.items() if kind["_type"] == "Image"] == ["image", "mask", "skin", "unknown"]
    (row,) = first.to_pylist()
    assert row["image"] == {"bytes": store.get(members[0].image), "path": "000001.jpg"}
    assert same(decode_mask(row["mask"]["bytes"]), SOFT)
    assert same(decode_mask(row["skin"]["bytes"]), SKIN)
    assert same(decode_mask(row["unknown"]["bytes"]), np.maximum(UNKNOWN, OUTSIDE))
    assert {name: row[name] for name in (*CONSENT, "licence", "contributor", "drawn", "mask_origin")} == {
        "consent_basis": "form 7; of 2025", "consent_date": "2025-01-31", "consent_expires": "2031-02-28",
        "licence": "CC-BY-4.0", "contributor": "contributor-0001-5f70bf", "drawn": False, "mask_origin": "touch_up",
    }  # fmt: skip
    (third,) = pyarrow.parquet.read_table(tmp_path / "data/validation-00000-of-00001.parquet").to_pylist()
    assert (third["skin"], third["unknown"], third["licence"], third["contributor"]) == (None, None, None, None)


@pytest.mark.parametrize(("format", "path"), [("hf", "train/**"), ("hf-parquet", "data/train-*")])
def test_a_dataset_card_has_a_header_that_tools_read(
    members: list[SetItem], store: Store, tmp_path: Path, format: str, path: str
) -> None:
    import yaml

    WRITERS[format].write(tmp_path, members, store)
    _, header, text = (tmp_path / "README.md").read_text().split("---\n", 2)
    card = yaml.safe_load(header)
    assert card["license"] == ["cc-by-4.0", "cc0-1.0", "other"]
    assert card["license_name"] == "CC-BY-4.0, CC0, not recorded"
    assert card["task_categories"] == ["image-segmentation"]
    (config,) = card["configs"]
    assert [one["split"] for one in config["data_files"]] == ["train", "validation", "test"]
    assert config["data_files"][0]["path"] == path
    assert "| CC0 | 2 |" in text


def test_a_photo_without_hair_is_no_annotation_without_area(members: list[SetItem], store: Store, tmp_path: Path) -> None:
    WRITERS["coco"].write(tmp_path, members, store)
    train = json.loads((tmp_path / "train.json").read_text())
    assert [category["name"] for category in train["categories"]] == ["hair", "skin", "unknown"]
    assert [(one["image_id"], one["category_id"]) for one in train["annotations"]] == [(1, 1), (1, 2), (1, 3), (2, 2)]
    assert all(one["area"] > 0 and min(one["bbox"][2:]) > 0 for one in train["annotations"])
    ids = [one["id"] for file in tmp_path.glob("*.json") for one in json.loads(file.read_text())["annotations"]]
    assert len(ids) == len(set(ids)) == 6
    assert [image.get("no_hair") for image in train["images"]] == [None, True]
    del train["images"][1]["no_hair"]
    (tmp_path / "train.json").write_text(json.dumps(train))
    assert sorted(read_back(tmp_path, tmp_path / "work", "coco")) == [0, 2, 3]


@pytest.mark.parametrize("format", READ)
def test_whatever_a_licence_says_the_export_can_be_read(
    members: list[SetItem], store: Store, tmp_path: Path, format: str
) -> None:
    odd = '=1+1, "CC";\x01 <b>&amp;\t\'ß\u2028\U0001f600 ---'
    WRITERS[format].write(tmp_path / "out", [replace(members[0], licence=odd)], store)
    (pair,) = read_back(tmp_path / "out", tmp_path / "work", recognise(tmp_path / "out")[0]).values()
    if Fact.licence in WRITERS[format].keeps:
        assert pair.licence == (odd.replace("\x01", "\ufffd") if format == "cvat" else odd)


def test_a_skin_that_names_no_file_is_remarked_on_and_costs_nothing(tmp_path: Path) -> None:
    for path, values in (("a.jpg", noise := np.full((SIDE, SIDE, 3), 9, np.uint8)), ("a.png", HAIR)):
        (tmp_path / path).write_bytes(encode_photo(values) if values is noise else encode_mask(values))
    (tmp_path / "manifest.csv").write_text("image,mask,skin\na.jpg,a.png,light\n")
    (pair,) = [item for item in open_source(tmp_path, "auto", tmp_path, LIMITS).items if isinstance(item, RawPair)]
    assert (pair.skin, pair.remarks) == (None, ("Its skin 'light' is no file beside the list, so it was left out.",))


def test_a_manifest_says_all_that_is_known(members: list[SetItem], store: Store, tmp_path: Path) -> None:
    WRITERS["folder"].write(tmp_path, members, store)
    with (tmp_path / "manifest.csv").open(newline="") as file:
        first, _, third, _ = csv.DictReader(file)
    assert first == {
        "image": "images/000001.jpg", "mask": "masks/000001.png", "skin": "skin/000001.png", "unknown": "unknown/000001.png",
        "split": "train", **members[0].about,
    }  # fmt: skip
    assert (third["skin"], third["unknown"], third["contributor"], third["example"]) == ("", "", "", "72")


def test_a_set_without_members_is_written_all_the_same(store: Store, tmp_path: Path) -> None:
    for name, writer in WRITERS.items():
        (tmp_path / name).mkdir()
        assert writer.write(tmp_path / name, [], store) == 0
        assert any((tmp_path / name).iterdir())
