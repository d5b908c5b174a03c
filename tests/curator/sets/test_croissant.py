"""Every exported folder describes itself in Croissant 1.1, and MLCommons' own reader finds nothing wrong with it."""

import json
from datetime import date
from pathlib import Path

import mlcroissant
import numpy as np
import pytest

from curator.consent import Terms, count_terms
from curator.formats import WRITERS, SetItem
from curator.pictures.codec import encode_mask, encode_photo
from curator.sets.croissant import About, croissant, describe_files
from db.store import Store
from db.tables import MaskOrigin, Split

pytestmark = [  # mlcroissant's own uses of rdflib and pandas
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index:DeprecationWarning"),
]

DAY = date(2026, 5, 31)
TERMS = [
    Terms("CC-BY-4.0", "form 7", None, date(2026, 1, 1), drawn=False),
    Terms(None, None, None, None, drawn=False),
    Terms("CC0", None, None, None, drawn=True),
]


def about(format: str) -> About:
    return About(
        set=3, hash="5f70bf" * 10, frozen=DAY, exported=DAY, format=format, examples=3,
        splits={"train": 2, "validation": 1, "test": 0}, contributors=1, terms=count_terms(TERMS), ended=1, drawn=1, skin=1,
        partly_unknown=1, origins={MaskOrigin.contributor: 2, MaskOrigin.touch_up: 1}, cut_at_half=0,
        loses=tuple(WRITERS[format].loses),
    )  # fmt: skip


@pytest.fixture
def described(store: Store, tmp_path: Path, format: str) -> Path:
    """An export of three members with its croissant.json."""
    mask = np.zeros((32, 32), np.uint8)
    mask[4:12] = 255
    hair, skin = store.put(encode_mask(mask)), store.put(encode_mask(mask[::-1].copy()))
    items = [
        SetItem(
            f"{number + 1:06d}", number, store.put(encode_photo(np.full((32, 32, 3), 60 * number, np.uint8))), hair,
            skin if number == 0 else None, Split.train if number else Split.validation, terms.licence, terms.drawn,
            inside=(0, 0, 32, 30 if number == 0 else 32), consent_basis=terms.basis, consent_expires=terms.expires,
        )
        for number, terms in enumerate(TERMS)
    ]  # fmt: skip
    folder = tmp_path / "out"
    WRITERS[format].write(folder, items, store)
    (folder / "croissant.json").write_text(json.dumps(croissant(about(format), *describe_files(folder))))
    return folder


@pytest.mark.parametrize("format", WRITERS)
def test_mlcroissant_finds_neither_errors_nor_warnings(described: Path, format: str) -> None:
    data_set = mlcroissant.Dataset(described / "croissant.json")
    assert (data_set.metadata.ctx.issues.errors, data_set.metadata.ctx.issues.warnings) == (set(), set())
    assert str(data_set.metadata.ctx.conforms_to.value) == "http://mlcommons.org/croissant/1.1"
    assert data_set.metadata.personal_sensitive_information
    covered = {
        path
        for entry in data_set.metadata.distribution
        for pattern in (getattr(entry, "includes", None) or [entry.content_url])
        for path in described.glob(pattern)
    }
    assert covered == {path for path in described.rglob("*") if path.is_file()} - {described / "croissant.json"}


@pytest.mark.parametrize("format", ["folder", "hf", "hf-parquet"])
def test_mlcroissant_reads_the_rows_of_a_list(described: Path, format: str) -> None:
    data_set = mlcroissant.Dataset(described / "croissant.json")
    rows = [row for each in data_set.metadata.record_sets for row in data_set.records(each.uuid)]
    said = [{name.rpartition("/")[2]: value for name, value in row.items()} for row in rows]
    assert sorted(int(row["example"]) for row in said) == [0, 1, 2]
    assert all(row["image"].size == (32, 32) for row in said if format == "hf-parquet")


@pytest.mark.parametrize("format", ["coco"])
def test_what_is_known_about_consent_and_limits_is_said(described: Path, format: str) -> None:
    said = json.loads((described / "croissant.json").read_text())
    assert said["license"] == ["CC-BY-4.0", "CC0"]
    assert said["rai:dataCollection"] == (
        "Photos and masks were collected from sources that the owner of the set chose. Consent, by what it rests on: form 7 1; "
        "none recorded: 1. The first consent ends on 2026-01-01. Licences: CC-BY-4.0 1, not recorded 1, CC0 1."
    )
    assert said["rai:dataLimitations"] == [
        "1 photos are of people whose consent has ended: don't use them.",
        "1 photos of people have no consent recorded.",
        "1 photos have no licence recorded.",
        "This format, coco, has no place for: soft edges.",
        "1 examples have pixels of which nothing is known, or that lie outside the photo (filled with grey). Leave them out of "
        "losses and measures.",
        "Skin is labelled in 1 of 3 examples only.",
    ]
    assert "2 photos show people, 1 are drawn portraits." in said["rai:personalSensitiveInformation"][0]
    files = {entry["@id"]: entry for entry in said["distribution"]}
    assert files["images/*.jpg"]["encodingFormat"] == "image/jpeg"
    assert len(files["train.json"]["sha256"]) == 64
