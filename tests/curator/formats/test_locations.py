"""Places behind paths and URLs: alike to whoever reads them, named without their secrets, and never outside the source."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from upath import UPath

from curator.formats import RawPair, Refused, count_items, mask_bytes, open_source, photo_bytes, recognise
from curator.formats.locations import (
    FileLookup,
    Found,
    Location,
    display_name,
    download,
    find_photo,
    is_folder,
    list_files,
    parse_location,
    read_upload,
    without_secrets,
)
from db.errors import WinnowError
from db.jobs import Cancelled
from db.settings import Limits
from tests.curator.served import over_http

LIMITS = Limits()
FILES = {
    "images/a.jpg": b"photo a",
    "images/b c.jpg": b"photo b",
    "images/lone.jpg": b"photo",
    "masks/a.png": b"mask a",
    "masks/b c.png": b"mask b",
    "masks/.DS_Store": b"junk",
    "list.csv": b"""image,mask,split
images/a.jpg,masks/a.png,train
images/b c.jpg,masks/b c.png,test
images/z.jpg,masks/a.png,
../a.jpg,masks/a.png,
file:///etc/passwd,masks/a.png,
""",
}


def filled(place: Location) -> Location:
    for name, data in FILES.items():
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return place


@pytest.fixture(params=["path", "file", "memory", "s3", "http"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Location]:
    """The same files behind a path and behind each kind of URL."""
    if request.param in ("path", "file"):
        filled(tmp_path)
        yield parse_location(str(tmp_path) if request.param == "path" else tmp_path.as_uri())
    elif request.param == "memory":
        filled(UPath(f"memory://{tmp_path.name}"))
        yield parse_location(f"memory://{tmp_path.name}")
    elif request.param == "s3":
        bucket = request.getfixturevalue("s3_bucket")
        filled(UPath(f"s3://{bucket}/crowd"))
        yield parse_location(f"s3://{bucket}/crowd")
    else:
        filled(tmp_path)
        with over_http(tmp_path) as (address, _):
            yield parse_location(address)


def test_a_folder_of_pairs_is_the_same_behind_any_url(source: Location, tmp_path: Path) -> None:
    found = open_source(source, "auto", tmp_path, LIMITS)
    assert (found.format, found.because) == ("folder", "it has a folder images/")
    items = list(found.items)
    pairs = {item.name: (photo_bytes(item, LIMITS), mask_bytes(item, LIMITS)) for item in items if isinstance(item, RawPair)}
    assert pairs == {"images/a.jpg": (b"photo a", b"mask a"), "images/b c.jpg": (b"photo b", b"mask b")}
    assert [item for item in items if isinstance(item, Refused)] == [
        Refused("images/lone.jpg", "no mask of that name in masks/.")
    ]


def test_a_list_names_files_beside_it_behind_any_url_and_none_elsewhere(source: Location, tmp_path: Path) -> None:
    found = open_source(source / "list.csv", "auto", tmp_path, LIMITS)
    assert found.format == "manifest"
    first, second, *refused = found.items
    assert isinstance(first, RawPair)
    assert isinstance(second, RawPair)
    assert (photo_bytes(first, LIMITS), mask_bytes(second, LIMITS)) == (b"photo a", b"mask b")
    assert refused == [
        Refused("images/z.jpg", "line 4 names the image 'images/z.jpg', which does not exist."),
        Refused("../a.jpg", "line 5 points outside the manifest's folder (image '../a.jpg')."),
        Refused("file:///etc/passwd", "line 6 names the image 'file:///etc/passwd', which does not exist.")
        if isinstance(source, Path)
        else Refused("file:///etc/passwd", "line 6 points outside the manifest's folder (image 'file:///etc/passwd')."),
    ]


def test_a_file_that_is_gone_is_refused_by_itself(source: Location) -> None:
    with pytest.raises(WinnowError, match=r"^the file can't be read \("):
        read_upload(source / "images/gone.jpg", LIMITS)


def test_files_are_listed_in_the_order_of_names_without_junk(source: Location) -> None:
    assert is_folder(source)
    assert not is_folder(source / "list.csv")
    assert list_files(source, source) == [name for name in sorted(FILES) if "DS_Store" not in name]


def test_a_place_that_is_not_there_is_one_sentence(source: Location) -> None:
    with pytest.raises(WinnowError, match=r"nowhere does not exist\. Give the path or URL of a folder or a file\.$"):
        recognise(source / "nowhere")


def test_a_list_of_thousands_behind_s3_asks_once_and_not_once_a_file(s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = filled(UPath(f"s3://{s3_bucket}/asked"))
    lookup = FileLookup(parse_location(str(place)))
    assert not isinstance(place, Path)
    assert lookup.exists(lookup.find("images/a.jpg"))  # type: ignore[arg-type]
    assert not lookup.exists(lookup.find("images"))  # type: ignore[arg-type]
    monkeypatch.setattr(place.fs, "_call_s3", None)  # whoever asks again fails
    assert lookup.exists(lookup.find("images/b c.jpg"))  # type: ignore[arg-type]


def test_a_folder_behind_a_url_is_listed_once_for_all_formats_and_anew_for_the_next_ingest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = UPath("memory://listed_once")
    for name in ("images/a.jpg", "masks/a.png"):
        (shelf / name).parent.mkdir(parents=True, exist_ok=True)
        (shelf / name).write_bytes(b"x")
    place, asked = parse_location(str(shelf)), []
    assert not isinstance(place, Path)
    find = type(place.fs).find
    monkeypatch.setattr(type(place.fs), "find", lambda *given, **named: asked.append(given) or find(*given, **named))
    assert count_items(open_source(place, "auto", tmp_path, LIMITS))["photos"] == 1
    assert len(asked) == 1
    (shelf / "images/b.jpg").write_bytes(b"x")
    assert list_files(parse_location(str(shelf)), shelf) == ["images/a.jpg", "images/b.jpg", "masks/a.png"]


@pytest.mark.parametrize("named", ["", "\0", "..", "../x", "a/../../x", "/x", "s3://other/x", "C:\\x", "..\\x"])
def test_names_that_lead_out_of_the_folder_are_none(named: str) -> None:
    assert FileLookup(UPath("memory://shelf/inner")).find(named) is None


def test_names_inside_the_folder_are_found_however_they_are_written() -> None:
    lookup = FileLookup(UPath("memory://shelf/inner"))
    for named in ("x/y.jpg", "./x/y.jpg", "x\\y.jpg", "z/../x/y.jpg", "x//y.jpg"):
        assert str(lookup.find(named)) == "memory://shelf/inner/x/y.jpg"


@pytest.mark.parametrize(
    ("listed", "on_disk"),
    [
        ("images/a.JPG", "Images/A.jpg"),
        ("images/caf\u00e9.jpg", "images/cafe\u0301.jpg"),
        ("images%5Ca.jpg", "images/a.jpg"),
        ("images/a%20b.jpg", "images/a b.jpg"),
        ("images/a b.jpg", "images/a%20b.jpg"),
        ("images/a b.jpg", "images/a_b.jpg"),
        ("images/a_b.jpg", "images/a+b.jpg"),
    ],
)
@pytest.mark.parametrize("behind_url", [False, True])
def test_a_name_that_list_and_disk_spell_differently_is_found_with_a_remark(
    tmp_path: Path, listed: str, on_disk: str, behind_url: bool
) -> None:
    base = UPath(f"memory://spelled/{tmp_path.name}") if behind_url else tmp_path
    place = base / on_disk
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"photo")
    assert find_photo([FileLookup(base / "none"), FileLookup(base)], listed, base) == Found(
        place, f"The list spells its name differently: {listed}."
    )


def test_the_exact_name_wins_and_several_nearly_so_are_a_reason(tmp_path: Path) -> None:
    lookup = FileLookup(tmp_path)
    (tmp_path / "a b.jpg").write_bytes(b"photo")
    (tmp_path / "A_b.jpg").write_bytes(b"photo")
    assert lookup.match("a b.jpg") == Found(tmp_path / "a b.jpg")
    reason = str(find_photo([lookup], "A b.jpg", tmp_path))
    assert reason.startswith("no file is called exactly so, and several nearly (")
    assert lookup.match("..%2Fa b.jpg") is None


def test_a_photo_that_is_nowhere_is_refused_with_the_places(tmp_path: Path) -> None:
    lookups = [FileLookup(tmp_path), FileLookup(tmp_path / "images")]
    said = "the photo isn't there: Winnow looked for it in the source itself and in images/."
    assert find_photo(lookups, "c.jpg", tmp_path) == said
    assert find_photo(lookups, "c.jpg", tmp_path / "list.json") == said
    assert find_photo(lookups, "../c.jpg", tmp_path / "list.json") == "its path points outside the folder."


def test_a_folder_is_listed_once_for_all_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "A.jpg").write_bytes(b"photo")
    lookup = FileLookup(tmp_path)
    assert lookup.match("a.jpg")
    monkeypatch.setattr("os.listdir", None)
    assert lookup.match("b.jpg") is None


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("https://ann:secret@example.org/a b.zip?token=secret#secret", "https://example.org/a b.zip"),
        ("s3://key:secret@bucket/folder", "s3://bucket/folder"),
        ("https://example.org:8443/x", "https://example.org:8443/x"),
        ("http://ann:secret@[::1]:8000/x.zip?secret", "http://[::1]:8000/x.zip"),
        ("/a/folder?with#odd@names", "/a/folder?with#odd@names"),
    ],
)
def test_a_source_is_named_without_its_secrets(source: str, text: str) -> None:
    assert without_secrets(source) == text
    assert display_name(parse_location(source)) == text


def test_what_goes_wrong_on_the_way_is_said_without_secrets(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("image,mask\n")
    with over_http(tmp_path) as (address, _):
        place = parse_location(f"{address.replace('http://', 'http://ann:secret@')}list.csv?token=secret")
        with pytest.raises(WinnowError) as error:
            list(open_source(place, "manifest", tmp_path, LIMITS).items)
    assert str(error.value) == f"{address}list.csv: a signed URL must point to a single zip."
    with pytest.raises(WinnowError) as error:  # nobody answers there any more
        recognise(parse_location(f"{address.replace('http://', 'http://ann:secret@')}list.csv"))
    assert "secret" not in str(error.value)
    assert address in str(error.value)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nothing://x/y", "nothing://x/y can't be opened here: Protocol not known: nothing."),
        (
            "zip://a.csv::https://ann:pw@x.org/y.zip",
            "points inside another file. Give the URL of that file; Winnow unpacks zips itself.",
        ),
        ("zip://a.csv::/tmp/y.zip", "points inside another file. Give the URL of that file; Winnow unpacks zips itself."),
        ("zip:///tmp/y.zip", "points inside another file. Give the URL of that file; Winnow unpacks zips itself."),
        ("simplecache::s3://bucket/x", "points inside another file. Give the URL of that file; Winnow unpacks zips itself."),
        ("http://ann:pw@[x/y", "http://... can't be opened here (ValueError)."),
    ],
)
def test_urls_that_can_not_be_opened_are_one_sentence(source: str, said: str) -> None:
    with pytest.raises(WinnowError) as error:
        parse_location(source)
    assert str(error.value).endswith(said)
    assert "pw@" not in str(error.value)


def zipped(file: Path) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
        archive.writestr("../evil.jpg", b"evil")
    return file


@pytest.mark.parametrize("query", ["", "?X-Amz-Signature=secret"])
def test_a_zip_behind_a_url_is_fetched_and_unpacked_as_a_strangers(tmp_path: Path, query: str) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "workspace").mkdir()
    zipped(tmp_path / "served/crowd.zip")
    with over_http(tmp_path / "served") as (address, _):
        there = count_items(open_source(parse_location(f"{address}crowd.zip{query}"), "auto", tmp_path / "workspace", LIMITS))
    assert there["format"] == "zip"
    assert there["because"].endswith("; its content is folder: it has a folder images/")
    assert there["photos"] == 2
    assert there["refused"] == [
        {"file": "../evil.jpg", "reason": "its path points outside the zip."},
        {"file": "images/lone.jpg", "reason": "no mask of that name in masks/."},
    ]


def test_a_zip_behind_a_url_that_is_too_large_is_not_fetched_to_its_end(tmp_path: Path) -> None:
    place = UPath(f"memory://{tmp_path.name}/crowd.zip")
    place.write_bytes(bytes(3_000_000))
    with pytest.raises(WinnowError, match=r"crowd\.zip has more than the 2,000,000 bytes that are allowed\.$"):
        download(place, tmp_path, Limits(zip_bytes=2_000_000), lambda megabytes: None)


def test_a_download_tells_its_megabytes_and_may_be_stopped(tmp_path: Path) -> None:
    place = UPath(f"memory://{tmp_path.name}/crowd.zip")
    place.write_bytes(bytes(3_000_000))
    told: list[int] = []
    assert download(place, tmp_path, LIMITS, told.append).stat().st_size == 3_000_000
    assert told == [1, 2, 3]  # a chunk at a time

    def stop(words: str, steps: int) -> None:
        assert words == "Downloading: 1 MB"
        raise Cancelled

    with pytest.raises(Cancelled):
        open_source(place, "zip", tmp_path, LIMITS, on_step=stop)


def test_a_zip_may_be_read_as_the_format_that_is_named(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "crowd.zip")
    (tmp_path / "workspace").mkdir()
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr("x.json", json.dumps({"images": [], "annotations": [], "categories": [{"id": 1, "name": "hair"}]}))
    found = open_source(archive, "folder", tmp_path / "workspace", LIMITS)
    assert (found.format, found.because) == ("zip", "folder in a zip: this format was given")
    assert count_items(found)["photos"] == 2
