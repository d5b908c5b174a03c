"""CSV manifests: what the columns say comes along, and every wrong line is refused by its number."""

import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from curator.formats import RawPair, Refused, manifest
from curator.formats.manifest import recognise
from db.errors import WinnowError
from db.tables import Split
from tests.curator.formats.items import without_lists

read = without_lists(manifest.read)


def manifest(folder: Path, text: str, name: str = "manifest.csv") -> Path:
    for each in ("a.jpg", "a.png", "b.jpg", "b.png"):
        (folder / each).write_bytes(b"x")
    (folder / name).write_bytes(text.encode())
    return folder / name


def test_the_columns_come_along(tmp_path: Path) -> None:
    text = "image,mask,contributor,split,licence,drawn\na.jpg,a.png,Ann,Train,CC-BY-4.0,yes\nb.jpg,b.png,,,,\n"
    assert list(read(manifest(tmp_path, text))) == [
        RawPair("a.jpg", tmp_path / "a.jpg", tmp_path / "a.png", "Ann", Split.train, licence="CC-BY-4.0", drawn=True),
        RawPair("b.jpg", tmp_path / "b.jpg", tmp_path / "b.png"),
    ]


CONSENT = "image,mask,subject,consent_basis,consent_date,consent_expires\n"


def test_who_is_shown_and_on_what_consent_comes_along(tmp_path: Path) -> None:
    (pair,) = read(manifest(tmp_path, f"{CONSENT}a.jpg,a.png,Nora Quist,form 7,2026-01-31,2028-02-29\n"))
    assert pair == RawPair(
        "a.jpg", tmp_path / "a.jpg", tmp_path / "a.png", subject="Nora Quist", consent_basis="form 7",
        consent_date=date(2026, 1, 31), consent_expires=date(2028, 2, 29),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "expires", "reason"),
    [
        ("31.1.2026", "", "has the consent_date '31.1.2026'. Use a date such as 2026-05-31, or leave it empty."),
        ("20260131", "", "has the consent_date '20260131'. Use a date such as 2026-05-31, or leave it empty."),
        ("", "2026-02-30", "has the consent_expires '2026-02-30'. Use a date such as 2026-05-31, or leave it empty."),
    ],
)
def test_a_date_that_is_none_is_that_rows_refusal(tmp_path: Path, given: str, expires: str, reason: str) -> None:
    text = f"{CONSENT}a.jpg,a.png,,,{given},{expires}\nb.jpg,b.png,,,,\n"
    assert list(read(manifest(tmp_path, text))) == [
        Refused("a.jpg", f"line 2 {reason}"),
        RawPair("b.jpg", tmp_path / "b.jpg", tmp_path / "b.png"),
    ]


def test_consent_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    (refused,) = read(manifest(tmp_path, f"{CONSENT}a.jpg,a.png,,,2026-05-31,2026-05-30\n"))
    assert refused == Refused("a.jpg", "line 2: its consent_expires 2026-05-30 is before its consent_date 2026-05-31.")


def test_dates_in_parquet_may_be_dates(tmp_path: Path) -> None:
    manifest(tmp_path, "")
    row = {"image": "a.jpg", "mask": "a.png", "consent_date": date(2026, 1, 31), "consent_expires": datetime(2027, 1, 31)}
    pd.DataFrame([row]).to_parquet(tmp_path / "list.parquet")
    (pair,) = read(tmp_path / "list.parquet")
    assert isinstance(pair, RawPair)
    assert (pair.consent_date, pair.consent_expires) == (date(2026, 1, 31), date(2027, 1, 31))


def test_a_folder_is_read_by_the_manifest_in_it(tmp_path: Path) -> None:
    manifest(tmp_path, "image,mask\na.jpg,a.png\n")
    assert len(list(read(tmp_path))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "image;mask\r\na.jpg;a.png\r\n",
        "\ufeffImage, MASK \na.jpg, a.png\n",
        'mask\timage\na.png\t"a.jpg"\n',
        "image,mask\n.\\a.jpg,a.png\n\n",
    ],
    ids=["semicolons", "byte order mark and capitals", "tabs and quotes", "backslashes and an empty line"],
)
def test_what_spreadsheets_write_is_read(tmp_path: Path, text: str) -> None:
    (pair,) = read(manifest(tmp_path, text))
    assert isinstance(pair, RawPair)
    assert (pair.photo, pair.mask) == (tmp_path / "a.jpg", tmp_path / "a.png")


@pytest.mark.parametrize(
    ("line", "file", "reason"),
    [
        ("../out.jpg,a.png,,", "../out.jpg", "line 2 points outside the manifest's folder (image '../out.jpg')."),
        ("/etc/passwd,a.png,,", "/etc/passwd", "line 2 points outside the manifest's folder (image '/etc/passwd')."),
        ("a.jpg,x/../../a.png,,", "a.jpg", "line 2 points outside the manifest's folder (mask 'x/../../a.png')."),
        ("c.jpg,a.png,,", "c.jpg", "line 2 names the image 'c.jpg', which does not exist."),
        ("a.jpg,.,,", "a.jpg", "line 2 names the mask '.', which does not exist."),
        (",a.png,,", "line 2", "line 2 has no image."),
        ("a.jpg,,,", "a.jpg", "line 2 has no mask."),
        ("a.jpg", "a.jpg", "line 2 has no mask."),
        ("a.jpg,a.png,holdout,", "a.jpg", "line 2 has the split 'holdout'. Use train, validation or test, or leave it empty."),
        ("a.jpg,a.png,,painting", "a.jpg", "line 2 has 'painting' as drawn. Use yes or no, or leave it empty."),
    ],
)  # fmt: skip
def test_a_wrong_line_is_refused_and_the_others_come_in(tmp_path: Path, line: str, file: str, reason: str) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "out.jpg").write_bytes(b"x")
    items = list(read(manifest(tmp_path / "inside", f"image,mask,split,drawn\n{line}\nb.jpg,b.png,,\n")))
    assert items[0] == Refused(file, reason)
    assert isinstance(items[1], RawPair)


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret").write_bytes(b"x")
    file = manifest(tmp_path / "inside", "image,mask\nlink.jpg,a.png\n")
    (tmp_path / "inside" / "link.jpg").symlink_to(tmp_path / "secret")
    (refused,) = read(file)
    assert refused == Refused("link.jpg", "line 2 points outside the manifest's folder (image 'link.jpg').")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("portrait,mask\n", "m.csv has no column image. Its columns: portrait, mask."),
        ("", "m.csv has no column image and no column mask. Its columns: none."),
        ("image,mask\na.jpg," + "x" * 200_000, "m.csv, line 1: this is not CSV (field larger than field limit (131072))."),
    ],
)
def test_what_is_no_manifest_is_one_clear_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(WinnowError) as error:
        list(read(manifest(tmp_path, text, "m.csv")))
    assert str(error.value) == said


def test_another_encoding_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes("image,mask\nZoë.jpg,a.png\n".encode("latin-1"))
    with pytest.raises(WinnowError, match=r"^m\.csv is not encoded in UTF-8\. Save it as UTF-8\.$"):
        list(read(tmp_path / "m.csv"))


ROWS = [
    {"image": "a.jpg", "mask": "a.png", "contributor": "Ann", "split": "val", "licence": "CC0", "drawn": "yes"},
    {"image": "b.jpg", "mask": "b.png", "contributor": None, "split": None, "licence": None, "drawn": None},
]


def as_json_lines(rows: list[dict[str, Any]], file: Path) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def as_parquet(rows: list[dict[str, Any]], file: Path) -> None:
    pd.DataFrame(rows).to_parquet(file)


@pytest.mark.parametrize(("name", "write"), [("manifest.jsonl", as_json_lines), ("manifest.parquet", as_parquet)])
def test_json_lines_and_parquet_say_the_same_as_csv(
    tmp_path: Path, name: str, write: Callable[[list[dict[str, Any]], Path], None]
) -> None:
    manifest(tmp_path, "", "other.txt")
    write(ROWS, tmp_path / name)
    pairs = [
        RawPair("a.jpg", tmp_path / "a.jpg", tmp_path / "a.png", "Ann", Split.validation, licence="CC0", drawn=True),
        RawPair("b.jpg", tmp_path / "b.jpg", tmp_path / "b.png"),
    ]
    assert list(read(tmp_path / name)) == pairs
    assert recognise(tmp_path) == f"it has a file {name}"
    assert list(read(tmp_path)) == pairs


def test_columns_by_others_names_are_understood(tmp_path: Path) -> None:
    (pair,) = read(manifest(tmp_path, "file_name,Mask_File_Name,license,label\na.jpg,a.png,CC0,3\n"))
    assert isinstance(pair, RawPair)
    assert (pair.mask, pair.licence) == (tmp_path / "a.png", "CC0")


def test_lines_that_are_no_json_are_refused_and_the_others_come_in(tmp_path: Path) -> None:
    text = '{"image": "a.jpg", "mask": "a.png"}\n{"image": \n\n[1]\n{"image": "b.jpg", "mask": {"bytes": "x"}}\n{"image": 7}\n'
    pair, *refused = read(manifest(tmp_path, text, "m.jsonl"))
    assert isinstance(pair, RawPair)
    assert refused == [
        Refused("m.jsonl", "line 2 can't be read."),
        Refused("m.jsonl", "line 4 can't be read."),
        Refused("b.jpg", "line 5: its mask is not text."),
        Refused("7", "line 6 names the image '7', which does not exist."),
    ]


def test_a_line_may_leave_out_what_others_have(tmp_path: Path) -> None:
    text = '{"image": "a.jpg", "mask": "a.png"}\n{"image": "b.jpg", "mask": "b.png", "contributor": "Bo"}\n'
    assert [item.contributor for item in read(manifest(tmp_path, text, "m.jsonl")) if isinstance(item, RawPair)] == [None, "Bo"]


def test_a_parquet_file_with_pictures_inside_is_refused_row_by_row(tmp_path: Path) -> None:
    pd.DataFrame([{"image": {"bytes": b"x"}, "mask": {"bytes": b"x"}}]).to_parquet(tmp_path / "m.parquet")
    (refused,) = read(tmp_path / "m.parquet")
    assert refused == Refused("row 1", "row 1: its image is not text.")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 but nothing of the kind PAR1"])
def test_what_is_no_parquet_is_one_clear_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.parquet").write_bytes(content)
    with pytest.raises(WinnowError, match=r"^m\.parquet can't be read as Parquet \("):
        list(read(tmp_path / "m.parquet"))


@pytest.mark.parametrize("text", ["", '{"portrait": 1}\n', "nonsense\n"])
def test_json_lines_without_the_columns_are_one_clear_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(
        WinnowError, match=r"^m\.jsonl has no column image and no column mask\. Its columns: (portrait|none)\.$"
    ):
        list(read(manifest(tmp_path, text, "m.jsonl")))


def test_a_list_with_another_ending_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        WinnowError, match=r"^m\.xls is not a list of pairs\. Its name has to end in one of \.csv, \.tsv, \.jsonl, \.parquet\.$"
    ):
        list(read(manifest(tmp_path, "", "m.xls")))


def test_a_missing_manifest_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(WinnowError, match=r"manifest\.csv can't be read \(No such file or directory\)\.$"):
        list(read(tmp_path))


@pytest.mark.parametrize(
    "data",
    [
        b"sep=;\nimage;mask\na.jpg;a.png\n",
        b'"sep=;"\r\nimage;mask\r\na.jpg;a.png\r\n',
        "image\tmask\na.jpg\ta.png\n".encode("utf-16"),
        b"\xfe\xff" + "image,mask\na.jpg,a.png\n".encode("utf-16-be"),
        b"image, mask\na.jpg, a.png\n",
        b'image, mask\na.jpg, "a.png"\n',
        b"image_path,mask_path\na.jpg,a.png\n",
        b"Image Path;Mask-Path\na.jpg;a.png\n",
        b"photo,hair_mask\na.jpg,a.png\n",
        b"img,label,mask\na.jpg,3,a.png\n",
    ],
)
def test_lists_of_spreadsheets_and_other_tools_are_understood(tmp_path: Path, data: bytes) -> None:
    manifest(tmp_path, "").write_bytes(data)
    (pair,) = read(tmp_path)
    assert isinstance(pair, RawPair)
    assert (pair.name, pair.photo, pair.mask) == ("a.jpg", tmp_path / "a.jpg", tmp_path / "a.png")
    assert recognise(tmp_path) == "it has a file manifest.csv"


def test_the_line_of_a_refusal_counts_that_of_the_separator(tmp_path: Path) -> None:
    manifest(tmp_path, "sep=;\nimage;mask\na.jpg;c.png\n")
    assert [item.reason for item in read(tmp_path)] == ["line 3 names the mask 'c.png', which does not exist."]


def test_of_two_columns_the_one_that_says_hair_counts(tmp_path: Path) -> None:
    for name in ("a.jpg", "face.png", "hair.png"):
        (tmp_path / name).write_bytes(b"x")
    (pair,) = read(manifest(tmp_path, "image,mask,hair_mask\na.jpg,face.png,hair.png\n"))
    assert isinstance(pair, RawPair)
    assert pair.mask == tmp_path / "hair.png"
