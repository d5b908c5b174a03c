"""Curated sets out and in again: every mask equal bit for bit, beside its photo, in its split, and nobody named."""

import json
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine, select, update

from curator.formats import (
    ADAPTERS,
    WRITERS,
    Fact,
    NotRead,
    RawPair,
    Refused,
    mask_bytes,
    open_source,
    photo_bytes,
    read_source,
    recognise,
)
from curator.pictures.arrays import Mask
from curator.pictures.codec import decode_mask, encode_mask, encode_photo
from curator.pictures.masks import hard
from curator.pictures.meaning import Meaning
from curator.pictures.meaning import read_labels as labels_of
from curator.pictures.opening import decode_image
from curator.pictures.pair import read_photo
from curator.sets.export import Exported, export_set
from curator.sets.freeze import set_hash
from db.errors import WinnowError
from db.session import reading, writing
from db.settings import Limits
from db.store import Store
from db.tables import Contributor, CuratedSet, Example, SetMember, Source, Split, Submission
from tests.curator.encoded import read_labels
from tests.examples import LONG_AGO

COLUMNS = ("skin", "unknown", "contributor", "drawn", "example", "mask_origin")
TERMS = ("licence", "consent_basis", "consent_date", "consent_expires")
LIMITS = Limits()
READ = [each.name for each in ADAPTERS if each.write is not None]  # the formats that we read, too
SPLITS = [Split.train, Split.train, Split.validation, Split.test, Split.train]
PERSON = "Nora Quist"


def painted(number: int) -> np.ndarray:
    """A mask of its own for every number, uint8 (64, 64); number 1 has no hair at all, number 2 nothing else."""
    if number in (1, 2):
        return np.full((64, 64), 255 if number == 2 else 0, np.uint8)
    return np.where(np.random.default_rng(number).random((64, 64)) > 0.6, 255, 0).astype(np.uint8)


@pytest.fixture
def curated(engine: Engine, store: Store) -> int:
    """A set of five; the last was erased: its place is kept, its pictures are gone."""
    with writing(engine) as session:
        source = Source(adapter="folder", location="here", added_at=LONG_AGO)
        person = Contributor(name=PERSON)
        members = []
        for number, split in enumerate(SPLITS):
            photo = encode_photo(np.full((64, 64, 3), number * 40, np.uint8))
            image, mask = store.put(photo), store.put(encode_mask(painted(number)))
            submission = Submission(
                source=source, contributor=person, photo_name=f"{PERSON} {number}.jpg", photo_sha256=image, mask_sha256=mask,
                height=64, width=64, licence="CC0" if number == 0 else None, drawn=number == 2, received_at=LONG_AGO,
            )  # fmt: skip
            example = Example(
                submission=submission, face_top=1, face_left=1, face_bottom=9, face_right=9, face_score=1.0, crop_top=0.0,
                crop_left=0.0, crop_side=64.0, inside_top=0, inside_left=0, inside_bottom=64, inside_right=64,
                image_sha256=image, mask_sha256=mask, split=split,
            )  # fmt: skip
            session.add(example)
            members.append(SetMember(position=number, example=example, image_sha256=image, mask_sha256=mask, split=split))
        content = set_hash([(each.image_sha256, each.mask_sha256, each.split.value) for each in members])
        session.add(CuratedSet(id=1, hash=content, frozen_at=LONG_AGO, members=members))
        session.flush()
        for sha256 in (members[-1].image_sha256, members[-1].mask_sha256):
            store.delete(sha256)
        session.execute(update(SetMember).where(SetMember.position == 4).values(example_id=None))
    return 1


def exported(engine: Engine, store: Store, folder: Path, format: str) -> Exported:
    with reading(engine) as session:
        return export_set(session, store, 1, folder, format, LONG_AGO.date())


def read_back(folder: Path) -> tuple[list[RawPair], Meaning | None]:
    """The pairs of an export, and what it says of its masks' values; all of its files belong to them or describe it."""
    opened = open_source(folder, recognise(folder)[0], folder.parent, LIMITS)
    items = list(opened.items)
    described = {"croissant.json", "README.md"}
    assert all(isinstance(item, NotRead) and item.file in described for item in items if not isinstance(item, RawPair))
    return [item for item in items if isinstance(item, RawPair)], opened.counted.meaning


def hair_of(pair: RawPair, meaning: Meaning | None) -> Mask:
    return labels_of(decode_image(mask_bytes(pair, LIMITS), LIMITS).image, meaning).hair


@pytest.mark.parametrize(("format", "adapter"), [(name, "manifest" if name == "folder" else name) for name in READ])
def test_a_set_comes_back_bit_for_bit_through_the_adapter(
    engine: Engine, store: Store, curated: int, tmp_path: Path, format: str, adapter: str
) -> None:
    written = exported(engine, store, tmp_path / "out", format)
    assert written == Exported(
        1, format, str(tmp_path / "out"), [fact for fact in Fact if fact in WRITERS[format].keeps], WRITERS[format].loses, 4,
        {"train": 2, "validation": 1, "test": 1}, erased=1, cut_at_half=0,
        licences={"not recorded": 3, "CC0": 1}, consent={}, consent_ends_first=None, no_consent=3, consent_ended=0,
    )  # fmt: skip
    assert recognise(tmp_path / "out")[0] == adapter
    pairs, meaning = read_back(tmp_path / "out")
    found = {}
    for pair in pairs:
        shade = round(read_photo(photo_bytes(pair, LIMITS), LIMITS).mean() / 40)  # tells which photo it is
        found[shade] = (pair.split, hair_of(pair, meaning))
    assert sorted(found) == [0, 1, 2, 3]
    assert len(pairs) == 4
    for number, (split, mask) in found.items():
        assert split is SPLITS[number]
        assert (mask == painted(number)).all()


@pytest.mark.parametrize("format", READ)
def test_soft_masks_come_back_soft_or_are_said_to_be_cut_at_half(
    engine: Engine, store: Store, curated: int, tmp_path: Path, format: str
) -> None:
    soft = cv2.GaussianBlur(painted(2)[:, :40].copy(), (0, 0), 3)  # all hair
    soft = np.asarray(cv2.GaussianBlur(cv2.copyMakeBorder(soft, 0, 0, 0, 24, cv2.BORDER_CONSTANT), (0, 0), 5), np.uint8)
    faint = (soft // 3).astype(np.uint8)  # nowhere half
    with writing(engine) as session:
        for position, mask in ((0, soft), (2, faint)):
            known = store.put(encode_mask(mask))
            session.execute(update(SetMember).where(SetMember.position == position).values(mask_sha256=known))
    written = exported(engine, store, tmp_path / "out", format)
    one_bit = Fact.soft not in WRITERS[format].keeps
    assert written.cut_at_half == (2 if one_bit else 0)
    pairs, meaning = read_back(tmp_path / "out")
    in_colours = format in ("lfw-parts", "voc")
    found = [hair_of(pair, meaning) if in_colours else decode_mask(mask_bytes(pair, LIMITS)) for pair in pairs]
    for mask in (hard(soft), hard(faint)) if one_bit else (soft, faint):
        assert any((mask == one).all() for one in found)
    assert any((painted(3) == one).all() for one in found)


def test_the_skin_that_is_known_comes_back_through_lfw_parts(
    engine: Engine, store: Store, curated: int, tmp_path: Path
) -> None:
    skin = np.where(painted(0) > 0, 0, painted(7)).astype(np.uint8)  # no pixel is both
    with writing(engine) as session:
        known = store.put(encode_mask(skin))
        session.execute(update(SetMember).where(SetMember.position == 0).values(skin_sha256=known))
    exported(engine, store, tmp_path / "out", "lfw-parts")
    found = []
    for item in read_back(tmp_path / "out")[0]:
        labels = read_labels(mask_bytes(item, LIMITS), LIMITS)
        if labels.skin is not None:
            found.append(labels)
    assert len(found) == 1
    assert (found[0].hair == painted(0)).all()
    assert found[0].skin is not None
    assert (found[0].skin == skin).all()


def test_a_hugging_face_folder_names_each_mask_beside_its_photo(
    engine: Engine, store: Store, curated: int, tmp_path: Path
) -> None:
    exported(engine, store, tmp_path / "out", "hf")
    there = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert there == ["README.md", "croissant.json", "test", "train", "validation"]
    seen = []
    for metadata in (tmp_path / "out").glob("*/metadata.jsonl"):
        for line in metadata.read_text().splitlines():
            row = json.loads(line)
            assert sorted(row) == sorted(["file_name", "mask_file_name", *COLUMNS, *TERMS])
            photo = cv2.imread(str(metadata.parent / row["file_name"]))
            mask = cv2.imread(str(metadata.parent / row["mask_file_name"]), cv2.IMREAD_UNCHANGED)
            number = round(photo.mean() / 40)
            assert metadata.parent.name == SPLITS[number].value
            assert (mask == painted(number)).all()
            assert row["drawn"] == (number == 2)
            assert row["licence"] == ("CC0" if number == 0 else "")
            seen.append(number)
    assert sorted(seen) == [0, 1, 2, 3]


@pytest.mark.parametrize("format", ["folder", "hf"])
def test_licence_and_consent_come_back_and_no_name_with_them(
    engine: Engine, store: Store, curated: int, tmp_path: Path, format: str
) -> None:
    given, ended, ends = date(2025, 1, 31), date(2025, 12, 31), date(2026, 2, 28)
    with writing(engine) as session:
        first, second, *_ = session.scalars(select(Submission).order_by(Submission.id))
        first.subject, first.consent_basis, first.consent_date, first.consent_expires = "Bo Berg", "form 7", given, ends
        second.subject, second.consent_basis, second.consent_expires = "Bo Berg", f"form of bo-berg for {PERSON}", ended
    written = exported(engine, store, tmp_path / "out", format)
    assert (written.consent, written.consent_ends_first) == ({"form 7": 1, "form of … for …": 1}, ended)
    assert (written.no_consent, written.consent_ended) == (1, 1)
    pairs, _ = read_back(tmp_path / "out")
    assert all(pair.subject is None for pair in pairs)
    terms = {tuple(getattr(pair, name) for name in TERMS) for pair in pairs}
    assert terms == {
        ("CC0", "form 7", given, ends),
        (None, "form of … for …", None, ended),
        (None, None, None, None),
    }
    texts = "".join(path.read_text() for path in (tmp_path / "out").rglob("*") if path.suffix in (".csv", ".jsonl"))
    assert not any(name in texts.lower() for name in ("bo", "berg", "nora", "quist"))


def test_what_coco_says_of_a_mask_fits_it(engine: Engine, store: Store, curated: int, tmp_path: Path) -> None:
    exported(engine, store, tmp_path / "out", "coco")
    content = json.loads((tmp_path / "out" / "train.json").read_text())
    assert [image["file_name"] for image in content["images"]] == ["000001.jpg", "000002.jpg"]
    assert content["images"][0]["license"] == content["licenses"][0]["id"]
    (only,) = content["annotations"]
    assert only["area"] == (painted(0) > 0).sum()
    assert only["bbox"] == [0, 0, 64, 64]


def test_a_contributor_is_one_pseudonym_of_this_set(engine: Engine, store: Store, curated: int, tmp_path: Path) -> None:
    with writing(engine) as session:
        last = session.get_one(Submission, 4)
        last.contributor = Contributor(name="Bo Berg")
        session.get_one(Submission, 3).contributor = None
        number = session.get_one(CuratedSet, 1).hash[:6]
    exported(engine, store, tmp_path / "out", "folder")
    called = [f"contributor-0001-{number}"] * 2 + [None, f"contributor-0004-{number}"]
    assert [pair.contributor for pair in read_back(tmp_path / "out")[0]] == called


def test_what_lies_beyond_the_photo_is_unknown(engine: Engine, store: Store, curated: int, tmp_path: Path) -> None:
    with writing(engine) as session:
        session.get_one(Example, 1).inside_right = 60
    exported(engine, store, tmp_path / "out", "folder")
    assert sorted(path.name for path in (tmp_path / "out/unknown").iterdir()) == ["000001.png"]
    unknown = decode_mask((tmp_path / "out/unknown/000001.png").read_bytes())
    assert (unknown == np.repeat([[0] * 60 + [255] * 4], 64, axis=0)).all()


@pytest.mark.parametrize("format", WRITERS)
def test_nobody_is_named(engine: Engine, store: Store, curated: int, tmp_path: Path, format: str) -> None:
    exported(engine, store, tmp_path / "out", format)
    for path in (tmp_path / "out").rglob("*"):
        assert "Quist" not in path.name
        assert path.is_dir() or b"Quist" not in path.read_bytes()


@pytest.mark.parametrize(("format", "file"), [("supervisely", "train/ann/000002.jpg.json"), ("cvat", "annotations.xml")])
def test_a_photo_without_hair_is_told_by_a_tag_from_one_without_labels(
    engine: Engine, store: Store, curated: int, tmp_path: Path, format: str, file: str
) -> None:
    exported(engine, store, tmp_path / "out", format)
    path = tmp_path / "out" / file
    assert "no hair" in path.read_text()
    path.write_text(path.read_text().replace('"no hair"', '"nice"'))
    refused = [item for item in read_source(format, tmp_path / "out", tmp_path, LIMITS) if isinstance(item, Refused)]
    assert [item.reason for item in refused] == ["it has no hair annotation."]


def test_pictures_go_out_as_they_are_stored(engine: Engine, store: Store, curated: int, tmp_path: Path) -> None:
    exported(engine, store, tmp_path / "out", "folder")
    with reading(engine) as session:
        member = session.get_one(SetMember, (1, 0))
    assert (tmp_path / "out/images/000001.jpg").read_bytes() == store.get(member.image_sha256)
    assert (tmp_path / "out/masks/000001.png").read_bytes() == store.get(member.mask_sha256)


def test_a_folder_with_something_in_it_is_left_alone(engine: Engine, store: Store, curated: int, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(WinnowError) as said:
        exported(engine, store, tmp_path, "folder")
    assert str(said.value) == f"{tmp_path} is not empty. Choose a new or empty folder; nothing is overwritten."
    assert (tmp_path / "mine.txt").read_text() == "mine"
    with pytest.raises(WinnowError, match=r"mine\.txt cannot be written to \(File exists\)\.$"):
        exported(engine, store, tmp_path / "mine.txt", "folder")


def test_an_unknown_format_or_set_is_one_clear_sentence(engine: Engine, store: Store, tmp_path: Path) -> None:
    with pytest.raises(WinnowError) as said:
        exported(engine, store, tmp_path / "out", "pdf")
    assert str(said.value) == f"There is no export format 'pdf'. Choose one of: {', '.join(WRITERS)}."
    with pytest.raises(WinnowError, match=r"^There is no curated set 1\. Existing sets: none yet\.$"):
        exported(engine, store, tmp_path / "out", "coco")
    assert not (tmp_path / "out").exists()
