"""CSV manifests: what the columns say comes along, and every wrong line is refused by its number."""

from pathlib import Path

import pytest

from curator.sources import RawPair, Refused
from curator.sources.manifest import read
from db.errors import WinnowError
from db.tables import Split


def manifest(folder: Path, text: str, name: str = "manifest.csv") -> Path:
    for each in ("a.jpg", "a.png", "b.jpg", "b.png"):
        (folder / each).write_bytes(b"x")
    (folder / name).write_bytes(text.encode())
    return folder / name


def test_the_columns_come_along(tmp_path: Path) -> None:
    text = "image,mask,contributor,split,licence,drawn\na.jpg,a.png,Ann,Train,CC-BY-4.0,yes\nb.jpg,b.png,,,,\n"
    assert list(read(manifest(tmp_path, text))) == [
        RawPair("a.jpg", tmp_path / "a.jpg", tmp_path / "a.png", "Ann", Split.train, "CC-BY-4.0", drawn=True),
        RawPair("b.jpg", tmp_path / "b.jpg", tmp_path / "b.png"),
    ]


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
        ("c.jpg,a.png,,", "c.jpg", "line 2 names the image 'c.jpg', which isn't there."),
        ("a.jpg,.,,", "a.jpg", "line 2 names the mask '.', which isn't there."),
        (",a.png,,", "line 2", "line 2 names no image."),
        ("a.jpg,,,", "a.jpg", "line 2 names no mask."),
        ("a.jpg", "a.jpg", "line 2 names no mask."),
        ("a.jpg,a.png,holdout,", "a.jpg", "line 2 says split 'holdout'; it is train, validation, test or empty."),
        ("a.jpg,a.png,,painting", "a.jpg", "line 2 says drawn 'painting'; it is yes, no or empty."),
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
        ("photo,mask\n", "m.csv has no column image; its first line says: photo, mask."),
        ("", "m.csv has no column image and mask; its first line says: nothing."),
        ("image,mask\na.jpg," + "x" * 200_000, "m.csv, line 1: this is not CSV (field larger than field limit (131072))."),
    ],
)
def test_what_is_no_manifest_is_one_clear_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(WinnowError) as error:
        list(read(manifest(tmp_path, text, "m.csv")))
    assert str(error.value) == said


def test_another_encoding_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes("image,mask\nZoë.jpg,a.png\n".encode("latin-1"))
    with pytest.raises(WinnowError, match=r"^m\.csv is not written in UTF-8\. Save it as CSV UTF-8\.$"):
        list(read(tmp_path / "m.csv"))


def test_a_missing_manifest_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(WinnowError, match=r"manifest\.csv can't be read \(No such file or directory\)\.$"):
        list(read(tmp_path))
