"""A page reads of the server's disk, and of other hosts, only what a setting allows."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.formats.allowed import allowed_source, in_words
from db.errors import WinnowError

URLS = ["s3://bucket/photos", "https://sets.example.org:8443/hair/"]


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """An allowed folder, and what lies beside it."""
    for folder in ("in/street/images", "inside", "secret"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("in/crowd.zip", "in/list.csv", "in/street/list.csv", "secret/a.zip"):
        (tmp_path / file).touch()
    (tmp_path / "in/out").symlink_to(tmp_path / "secret")
    (tmp_path / "in/out.zip").symlink_to(tmp_path / "secret/a.zip")
    (tmp_path / "in/round").symlink_to(tmp_path / "in/round")
    (tmp_path / "in/own").symlink_to(tmp_path / "in/street")
    (tmp_path / "other").symlink_to(tmp_path / "in")
    return tmp_path


@pytest.mark.parametrize("way", ["street", "street/images", "crowd.zip", "street/list.csv", "own/", "./street/../street/"])
def test_what_lies_below_an_allowed_folder_may_be_read(disk: Path, way: str) -> None:
    place = Path(allowed_source(f"{disk}/in/{way}", ["/elsewhere", str(disk / "in")]))
    assert place == (disk / "in" / way).resolve()
    assert allowed_source(f" {disk}/in/{way}", [str(disk / "other")]) == str(place)  # an allowed folder may be a link


@pytest.mark.parametrize(
    "way",
    [
        "in", "in/", "in/.", "in/street/..", "in/../secret", "in/out", "in/out/a.zip", "in/out.zip", "in/round", "inside",
        "secret", "in/street/../../secret/a.zip", "in/" + "x" * 300, "in/\0", "in/nobody/../../secret",
    ],
)  # fmt: skip
def test_what_lies_elsewhere_may_not_whatever_leads_there(disk: Path, way: str) -> None:
    with pytest.raises(WinnowError, match=r"^That is not below .*in\."):
        allowed_source(f"{disk}/{way}", [str(disk / "in")])


@pytest.mark.parametrize(
    "named", ["", "street", "~/street", "../in/street", "file:///etc", "/etc/passwd", "-h", "--split=test"]
)
def test_only_whole_paths_count(disk: Path, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(disk / "in")
    with pytest.raises(WinnowError, match="That is not below"):
        allowed_source(named, [str(disk / "in")])


def test_nothing_is_allowed_without_a_setting(disk: Path) -> None:
    for named in (str(disk / "in/street"), "s3://bucket/photos/a"):
        with pytest.raises(WinnowError, match="WINNOW_INGEST_FOLDERS names none"):
            allowed_source(named, [])


def test_what_is_not_there_is_said_only_of_an_allowed_folder(disk: Path) -> None:
    with pytest.raises(WinnowError, match="does not exist"):
        allowed_source(f"{disk}/in/nobody", [str(disk / "in")])


def test_a_list_is_read_from_a_folder_of_its_own(disk: Path) -> None:
    for named, allowed in ((f"{disk}/in/list.csv", str(disk / "in")), ("s3://bucket/photos/coco.json", URLS[0])):
        with pytest.raises(WinnowError, match="a folder of its own"):
            allowed_source(named, [allowed])


@pytest.mark.parametrize(
    ("named", "place"),
    [
        ("s3://bucket/photos/spring", "s3://bucket/photos/spring"),
        ("S3://Bucket/photos/spring/", "s3://bucket/photos/spring/"),
        ("https://sets.example.org:8443/hair/crowd.tar.gz", "https://sets.example.org:8443/hair/crowd.tar.gz"),
        ("https://sets.example.org:8443/hair/K%C3%B6ln/list.csv", "https://sets.example.org:8443/hair/K%C3%B6ln/list.csv"),
    ],
)
def test_urls_below_an_allowed_one_may_be_read(named: str, place: str) -> None:
    assert allowed_source(named, URLS) == place


@pytest.mark.parametrize(
    "named",
    [
        "s3://bucket/photos", "s3://bucket/photos/", "s3://bucket/photos-of-others/a", "s3://bucket/photos/../others",
        "s3://bucket/photos/%2e%2e/others", "s3://bucket/photos/%252e%252e/others", "s3://bucket/photos/..%2fothers",
        "s3://bucket/photos//../a", "s3://bucket/photos/a\\..\\b", "s3://bucket.evil/photos/a", "gs://bucket/photos/a",
        "https://sets.example.org/hair/a.zip", "http://sets.example.org:8443/hair/a.zip", "https://evil.org/hair/a.zip",
        "https://sets.example.org:8443@evil.org/hair/a.zip", "https://ann:pw@sets.example.org:8443/hair/a.zip",
        "https://sets.example.org:8443/hair/a.zip?signature=1", "https://sets.example.org:8443/hair/a.zip#b",
        "https://sets.example.org:8443\\@evil.org/hair/a.zip", "https://169.254.169.254/latest/meta-data/a",
        "simplecache::s3://bucket/photos/a", "zip://a.jpg::s3://bucket/photos/a.zip", "s3://bucket/photos/a\nb", "https://[::1/a",
        "file:///data/in/street", "memory://bucket/photos/a",
    ],
)  # fmt: skip
def test_no_other_url_may(named: str) -> None:
    with pytest.raises(WinnowError, match="That is not below"):
        allowed_source(named, URLS)


PARTS = st.lists(st.sampled_from(["..", ".", "", "in", "secret", "street", "out", "a.zip", "inside", "%2e%2e", "round", "own"]))


@given(ways=PARTS)
def test_no_way_leads_out(tmp_path_factory: pytest.TempPathFactory, ways: list[str]) -> None:
    disk = tmp_path_factory.getbasetemp() / "ways"
    if not disk.exists():
        for folder in ("in/street/images", "inside", "secret"):
            (disk / folder).mkdir(parents=True)
        (disk / "in/out").symlink_to(disk / "secret")
        (disk / "in/own").symlink_to(disk / "in/street")
    named = f"{disk}/in/{'/'.join(ways)}"
    try:
        place = allowed_source(named, [str(disk / "in")])
    except WinnowError:
        return
    assert place == os.path.realpath(named)
    assert place.startswith(f"{os.path.realpath(disk)}/in/")


def test_what_is_allowed_is_said_in_words() -> None:
    assert in_words(["/data"]) == "/data"
    assert in_words(["/data", *URLS]) == "/data, s3://bucket/photos or https://sets.example.org:8443/hair/"
