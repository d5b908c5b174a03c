"""Zips: a hostile member is refused by name while the others come in, and a zip that is none is one clear sentence."""

import io
import stat
import struct
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from curator.formats import RawPair, Refused, count_items, open_source, read_source
from db.errors import WinnowError
from db.jobs import Cancelled
from db.settings import Limits

GOOD = {"images/a.jpg": b"photo", "masks/a.png": b"mask"}
SMALL = Limits(file_bytes=5_000_000, zip_bytes=20_000_000, zip_members=50)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


def zipped(path: Path, members: dict[str, bytes] | list[tuple[str | zipfile.ZipInfo, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items() if isinstance(members, dict) else members:
            archive.writestr(name, data)
    return path


def outcome(path: Path, workspace: Path, limits: Limits = SMALL) -> tuple[list[str], dict[str, str]]:
    """The names that came in, and the refusals."""
    items = list(read_source("zip", path, workspace, limits))
    for item in items:
        if isinstance(item, RawPair):
            assert item.photo.is_relative_to(workspace)
            assert item.photo.read_bytes() == b"photo"
    names = [item.name for item in items if isinstance(item, RawPair)]
    return names, {item.file: item.reason for item in items if isinstance(item, Refused)}


def everything_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_zip_of_a_folder_of_pairs_comes_in(tmp_path: Path, workspace: Path) -> None:
    assert outcome(zipped(tmp_path / "a.zip", GOOD), workspace) == (["images/a.jpg"], {})


def test_a_zip_with_one_folder_around_it_all_comes_in(tmp_path: Path, workspace: Path) -> None:
    members = {f"my upload/batch/{name}": data for name, data in GOOD.items()}
    assert outcome(zipped(tmp_path / "a.zip", members), workspace) == (["images/a.jpg"], {})


@pytest.mark.parametrize("folder", ["train", "Photos"])
def test_the_one_folder_around_it_all_is_kept_where_its_name_says_something(
    tmp_path: Path, workspace: Path, folder: str
) -> None:
    members = {f"{folder}/a.jpg": b"photo", f"{folder}/a.png": b"mask"}
    assert outcome(zipped(tmp_path / "a.zip", members), workspace) == ([f"{folder}/a.jpg"], {})


def test_a_zip_with_a_manifest_comes_in_by_it(tmp_path: Path, workspace: Path) -> None:
    members = GOOD | {"manifest.csv": b"image,mask,contributor\nimages/a.jpg,masks/a.png,Ann\n"}
    (pair,) = read_source("zip", zipped(tmp_path / "a.zip", members), workspace, SMALL)
    assert isinstance(pair, RawPair)
    assert pair.contributor == "Ann"


def test_what_file_managers_add_is_passed_over(tmp_path: Path, workspace: Path) -> None:
    junk = {"__MACOSX/images/._a.jpg": b"x", "images/.DS_Store": b"x", "masks/Thumbs.db": b"x"}
    assert outcome(zipped(tmp_path / "a.zip", GOOD | junk), workspace) == (["images/a.jpg"], {})
    assert everything_below(workspace) == set(GOOD)


@pytest.mark.parametrize(
    "name", ["../evil.jpg", "images/../../evil.jpg", "/tmp/evil.jpg", "..\\evil.jpg", "C:\\evil.jpg", "C:evil.jpg"]
)
def test_zip_member_that_climbs_out_is_refused_and_the_others_come_in(tmp_path: Path, workspace: Path, name: str) -> None:
    names, refused = outcome(zipped(tmp_path / "a.zip", GOOD | {name: b"evil"}), workspace)
    assert names == ["images/a.jpg"]
    assert refused == {name.replace("\\", "/"): "its path points outside the zip."}
    assert everything_below(tmp_path) == {"a.zip", *(f"workspace/{good}" for good in GOOD)}


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR], ids=["symlink", "fifo", "device"])
def test_zip_member_that_is_a_link_or_a_device_is_refused(tmp_path: Path, workspace: Path, kind: int) -> None:
    link = zipfile.ZipInfo("images/link.jpg")
    link.external_attr = (kind | 0o777) << 16
    names, refused = outcome(zipped(tmp_path / "a.zip", [*GOOD.items(), (link, b"/etc/passwd")]), workspace)
    assert names == ["images/a.jpg"]
    assert refused == {"images/link.jpg": "it is a link or another special file, not a picture."}


def test_zip_bomb_is_refused_by_its_ratio(tmp_path: Path, workspace: Path) -> None:
    names, refused = outcome(zipped(tmp_path / "a.zip", GOOD | {"images/bomb.jpg": bytes(4_000_000)}), workspace)
    assert names == ["images/a.jpg"]
    assert refused["images/bomb.jpg"].startswith("it unpacks from ")
    assert refused["images/bomb.jpg"].endswith(" to 4,000,000 bytes, like a zip bomb.")


def test_zip_member_that_is_too_large_is_refused(tmp_path: Path, workspace: Path) -> None:
    names, refused = outcome(zipped(tmp_path / "a.zip", GOOD | {"images/huge.jpg": bytes(5_000_001)}), workspace)
    assert names == ["images/a.jpg"]
    assert refused == {"images/huge.jpg": "it unpacks to 5,000,001 bytes; 5,000,000 are allowed."}


def test_zip_that_unpacks_to_too_much_in_all_is_cut_there(tmp_path: Path, workspace: Path) -> None:
    members = GOOD | {"images/b.jpg": b"photo", "masks/b.png": b"much too much"}
    names, refused = outcome(zipped(tmp_path / "a.zip", members), workspace, replace(SMALL, zip_bytes=20))
    assert names == ["images/a.jpg"]
    assert refused == {
        "masks/b.png": "with it, the zip would unpack to more than the 20 bytes that are allowed.",
        "images/b.jpg": "no mask of that name in masks/.",
    }


def test_zip_with_too_many_members_is_one_sentence(tmp_path: Path, workspace: Path) -> None:
    path = zipped(tmp_path / "a.zip", {f"images/{at}.jpg": b"x" for at in range(51)})
    with pytest.raises(WinnowError, match=r"^a\.zip holds more than 50 files, the limit\. Send several zips\.$"):
        outcome(path, workspace)
    assert everything_below(workspace) == set()


def lying(data: bytes, name: bytes, offset: int, value: int) -> bytes:
    """A zip whose central directory says something else of one member: four bytes at an offset of its entry."""
    at = data.rindex(name) - 46  # the name follows the fixed part of the entry
    assert data[at : at + 4] == b"PK\1\2"
    return data[: at + offset] + struct.pack("<I", value) + data[at + offset + 4 :]


def test_zip_member_that_is_longer_than_it_says_is_refused(tmp_path: Path, workspace: Path) -> None:
    path = zipped(tmp_path / "a.zip", [("images/liar.jpg", bytes(900_000)), *GOOD.items()])
    path.write_bytes(lying(path.read_bytes(), b"images/liar.jpg", 24, 10))
    names, refused = outcome(path, workspace)
    assert names == ["images/a.jpg"]
    assert refused == {"images/liar.jpg": "it is damaged, or compressed in an unsupported way."}
    assert everything_below(workspace) == set(GOOD)


def test_zip_member_that_is_shorter_than_it_says_is_refused(tmp_path: Path, workspace: Path) -> None:
    path = zipped(tmp_path / "a.zip", [("images/liar.jpg", b"x" * 100), *GOOD.items()])
    path.write_bytes(lying(path.read_bytes(), b"images/liar.jpg", 24, 900))
    names, refused = outcome(path, workspace)
    assert names == ["images/a.jpg"]
    assert list(refused) == ["images/liar.jpg"]
    assert everything_below(workspace) == set(GOOD)


def test_zip_member_that_is_damaged_is_refused(tmp_path: Path, workspace: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:  # stored, not deflated
        archive.writestr("images/bad.jpg", b"some bytes of a photo")
        for name, data in GOOD.items():
            archive.writestr(name, data)
    path.write_bytes(path.read_bytes().replace(b"some bytes", b"SOME bytes"))
    names, refused = outcome(path, workspace)
    assert names == ["images/a.jpg"]
    assert refused == {"images/bad.jpg": "it is damaged, or compressed in an unsupported way."}


def test_zip_member_that_is_encrypted_is_refused(tmp_path: Path, workspace: Path) -> None:
    path = zipped(tmp_path / "a.zip", [("images/secret.jpg", b"x"), *GOOD.items()])
    data = path.read_bytes()
    at = data.rindex(b"images/secret.jpg") - 46
    path.write_bytes(data[: at + 8] + b"\1\0" + data[at + 10 :])
    names, refused = outcome(path, workspace)
    assert names == ["images/a.jpg"]
    assert refused == {"images/secret.jpg": "it is encrypted. Send the zip without a password."}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("twin", ["images/X.JPG", "images/x.jpg", "images//x.jpg", "./images/x.jpg", "images\\x.jpg"])
def test_zip_members_of_one_name_are_all_refused(tmp_path: Path, workspace: Path, twin: str) -> None:
    members = [*GOOD.items(), ("images/x.jpg", b"photo"), (twin, b"other")]
    names, refused = outcome(zipped(tmp_path / "a.zip", members), workspace)
    assert names == ["images/a.jpg"]
    assert refused["images/x.jpg"] == "another file in the zip has the same name, apart from upper and lower case."
    assert everything_below(workspace) == set(GOOD)


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path, workspace: Path) -> None:
    members = [*GOOD.items(), ("images/a.jpg/b.jpg", b"photo")]
    names, refused = outcome(zipped(tmp_path / "a.zip", members), workspace)
    assert names == ["images/a.jpg"]
    assert list(refused) == ["images/a.jpg/b.jpg"]


@pytest.mark.parametrize("stem", ["line\nbreak", "💇🏽‍♀️", "\u202egnp.exe"])
def test_odd_names_in_a_zip_come_in_as_they_are(tmp_path: Path, workspace: Path, stem: str) -> None:
    members = {f"images/{stem}.jpg": b"photo", f"masks/{stem}.png": b"mask"}
    assert outcome(zipped(tmp_path / "a.zip", members), workspace) == ([f"images/{stem}.jpg"], {})


def test_a_name_that_is_too_long_for_the_disk_is_refused(tmp_path: Path, workspace: Path) -> None:
    names, refused = outcome(zipped(tmp_path / "a.zip", GOOD | {f"images/{'x' * 300}.jpg": b"x"}), workspace)
    assert names == ["images/a.jpg"]
    assert list(refused.values()) == ["it can't be written under this name (File name too long)."]


@pytest.mark.parametrize("data", [b"", b"not a zip", zipfile.ZipFile.__doc__.encode() * 20], ids=["empty", "text", "long text"])
def test_what_is_no_zip_is_one_clear_sentence(tmp_path: Path, workspace: Path, data: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(WinnowError, match=r"^a\.zip can't be read as a zip \(it may be cut off\)\.$"):
        outcome(tmp_path / "a.zip", workspace)


def test_an_empty_zip_is_one_clear_sentence(tmp_path: Path, workspace: Path) -> None:
    with pytest.raises(WinnowError, match=r"^a\.zip is empty\. Zip a folder with images/ and masks/ in it\.$"):
        outcome(zipped(tmp_path / "a.zip", {}), workspace)


def test_a_zip_that_is_cut_off_is_one_clear_sentence(tmp_path: Path, workspace: Path) -> None:
    path = zipped(tmp_path / "a.zip", GOOD)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(WinnowError, match=r"^a\.zip can't be read as a zip"):
        outcome(path, workspace)


def inner(members: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


@pytest.mark.parametrize(
    "members",
    [
        {"images.zip": inner({"a.jpg": b"photo"}), "masks.zip": inner({"a.png": b"mask"})},
        {"images.zip": inner({"images/a.jpg": b"photo"}), "masks.zip": inner({"masks/a.png": b"mask"})},
        {"set/images.zip": inner({"export/a.jpg": b"photo"}), "set/masks.zip": inner({"export/a.png": b"mask"})},
        {"images/a.jpg": b"photo", "masks.zip": inner({"a.png": b"mask"})},
        {"part1.zip": inner({"images/a.jpg": b"photo"}), "part2.zip": inner({"masks/a.png": b"mask"})},
        {"set.zip": inner(GOOD), "README.md": b"x"},
        {"set.zip": inner({f"set/{name}": data for name, data in GOOD.items()})},
    ],
)
def test_zips_in_a_zip_are_opened_where_they_hold_the_pairs(tmp_path: Path, workspace: Path, members: dict[str, bytes]) -> None:
    names, refused = outcome(zipped(tmp_path / "a.zip", members), workspace)
    assert [(name.split("/")[-1], "images" in name) for name in names] == [("a.jpg", True)]
    assert refused == {}


def test_a_folder_of_zips_is_read_as_one_source_and_left_as_it_is(tmp_path: Path, workspace: Path) -> None:
    (tmp_path / "sent").mkdir()
    zipped(tmp_path / "sent/images.zip", {"a.jpg": b"photo"})
    zipped(tmp_path / "sent/masks.zip", {"a.png": b"mask", "../b.png": b"x"})
    (tmp_path / "sent/notes.pdf").write_bytes(b"x")
    found = open_source(tmp_path / "sent", "auto", workspace, SMALL)
    there = count_items(found)
    assert (there["format"], there["photos"]) == ("zip", 1)
    assert found.because == "it holds images.zip, masks.zip; its content is folder: it has a folder images/"
    assert there["refused"] == [{"file": "masks.zip/../b.png", "reason": "its path points outside the zip."}]
    assert [each["file"] for each in there["not_read"]] == ["notes.pdf"]
    assert everything_below(tmp_path / "sent") == {"images.zip", "masks.zip", "notes.pdf"}


def test_each_file_that_is_unpacked_is_told_and_one_may_stop_there(tmp_path: Path, workspace: Path) -> None:
    (tmp_path / "sent").mkdir()
    zipped(tmp_path / "sent/images.zip", {"a.jpg": b"photo", "b.jpg": b"photo", "../c.jpg": b"x"})
    zipped(tmp_path / "sent/masks.zip", {"a.png": b"mask", "b.png": b"mask"})
    (tmp_path / "sent/notes.txt").write_bytes(b"x")
    told: list[tuple[str, int]] = []
    found = open_source(tmp_path / "sent", "auto", workspace, SMALL, on_step=lambda words, steps: told.append((words, steps)))
    assert told[0] == ("Unpacking: 1 file", 1)  # of the list beside them
    assert told[-1] == ("Unpacking: 5 files", 5)
    assert [steps for _, steps in told] == [1, 2, 3, 4, 5]
    assert found.steps == 5


@pytest.mark.parametrize("ending", ["zip", "tar", "inner.zip"])
def test_whoever_stops_the_unpacking_is_not_told_that_the_archive_is_damaged(
    tmp_path: Path, workspace: Path, ending: str
) -> None:
    many = {f"{part}/{at}.{kind}": b"x" for at in range(9) for part, kind in (("images", "jpg"), ("masks", "png"))}
    path = tmp_path / f"a.{ending}"
    if ending == "tar":
        with tarfile.open(path, "w") as archive:
            for name, data in many.items():
                (member := tarfile.TarInfo(name)).size = len(data)
                archive.addfile(member, io.BytesIO(data))
    else:
        zipped(path, {"set.zip": inner(many)} if ending == "inner.zip" else many)

    def stop(words: str, steps: int) -> None:
        if steps == 4:
            raise Cancelled

    with pytest.raises(Cancelled):
        open_source(path, "auto", workspace, SMALL, on_step=stop)
    assert len(everything_below(workspace)) <= 5


def test_a_list_beside_a_zip_of_its_photos_is_read_with_them(tmp_path: Path, workspace: Path) -> None:
    (tmp_path / "sent").mkdir()
    zipped(tmp_path / "sent/photos.zip", GOOD)
    (tmp_path / "sent/manifest.csv").write_text("image,mask,contributor\nimages/a.jpg,masks/a.png,Ann\n")
    (tmp_path / "sent/.DS_Store").write_bytes(b"x")
    found = open_source(tmp_path / "sent", "auto", workspace, SMALL)
    (pair,) = (item for item in found.items if isinstance(item, RawPair))
    assert (pair.name, pair.contributor, found.counted.files) == ("images/a.jpg", "Ann", 4)


def test_a_zip_beside_good_pairs_stays_shut_and_is_named(tmp_path: Path, workspace: Path) -> None:
    path = zipped(tmp_path / "a.zip", GOOD | {"old.zip": inner({"images/b.jpg": b"x", "masks/b.png": b"x"})})
    there = count_items(open_source(path, "auto", workspace, SMALL))
    assert there["photos"] == 1
    assert there["not_read"] == [
        {"file": "old.zip", "reason": "this is an archive inside the source. Send it by itself if its photos are wanted."}
    ]


def test_zips_in_a_zip_share_the_limits_of_the_whole(tmp_path: Path, workspace: Path) -> None:
    members = {f"{part}.zip": inner({f"{part}/images/{at}.jpg": b"photo" for at in range(30)}) for part in "abc"}
    members["masks.zip"] = b"damaged"
    assert outcome_of_auto(zipped(tmp_path / "a.zip", members), workspace)[0] == []
    assert len([name for name in everything_below(workspace) if name.endswith(".jpg")]) == 30  # 60 are more than 50


def test_a_zip_in_a_zip_in_a_zip_stays_shut(tmp_path: Path, workspace: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"b.zip": inner({"c.zip": inner(GOOD)})})
    names, said = outcome_of_auto(path, workspace)
    assert names == []
    assert said.startswith("a.zip: Winnow does not recognise this format. It holds 1 file: 1 .zip.")


def outcome_of_auto(path: Path, workspace: Path) -> tuple[list[str], str]:
    try:
        return outcome(path, workspace)[0], ""
    except WinnowError as error:
        return [], str(error)


@pytest.mark.parametrize("inside", ["annotations.xml", "meta.json"])
def test_a_folder_beside_a_readme_is_the_content(tmp_path: Path, workspace: Path, inside: str) -> None:
    members = {"set/parts_train.txt": b"Ann_Lee 0001", "set/images/Ann_Lee_0001.jpg": b"photo", "README.txt": b"x"}
    members |= {"set/masks/Ann_Lee_0001.png": b"mask", f"set/{inside}": b"x"}
    path = zipped(tmp_path / "a.zip", members)
    there = count_items(open_source(path, "auto", workspace, SMALL))
    assert (there["photos"], there["files"], there["refused"]) == (1, 5, [])
    assert sorted(each["file"].rpartition("/")[2] for each in there["not_read"]) in (
        ["README.txt", inside],
        ["README.txt", inside, "parts_train.txt"],
    )


def test_what_file_managers_add_is_counted(tmp_path: Path, workspace: Path) -> None:
    junk = {"__MACOSX/images/._a.jpg": b"x", "images/.DS_Store": b"x", "images/a.AAE": b"x"}
    there = count_items(open_source(zipped(tmp_path / "a.zip", GOOD | junk), "auto", workspace, SMALL))
    assert (there["photos"], there["junk"], there["files"], there["not_read"]) == (1, 3, 5, [])


# --- names that don't say how they are encoded ---------------------------------------------------------------------------


def silent(path: Path, members: dict[bytes, bytes], outspoken: dict[str, bytes] | None = None) -> Path:
    """A zip whose names are these bytes, without a word about their encoding; and others, which say it."""
    names = {f"{number:0{len(name)}}": name for number, name in enumerate(members)}
    zipped(path, dict(zip(names, members.values(), strict=True)) | (outspoken or {}))
    data = path.read_bytes()
    for ours, name in names.items():
        assert data.count(ours.encode()) == 2
        data = data.replace(ours.encode(), name)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("stem", "encoding", "said"),
    [
        ("髪の毛", "cp932", "Shift-JIS"),
        ("アヤ表1", "cp932", "Shift-JIS"),  # whose second byte is a backslash
        ("头发和皮肤", "gbk", "GBK"),
        ("Zo\u00ebl", "cp437", None),
        ("M\u00fcller \u00e9", "cp437", None),
        ("\u00c9lise", "cp437", None),
        ("Zo\u00eb \u9aea", "utf-8", None),
    ],
)
def test_names_are_read_as_they_were_meant(tmp_path: Path, workspace: Path, stem: str, encoding: str, said: str | None) -> None:
    members = {f"images/{stem}.jpg".encode(encoding): b"photo", f"masks/{stem}.png".encode(encoding): b"mask"}
    (pair,) = read_source("zip", silent(tmp_path / "a.zip", members), workspace, SMALL)
    assert isinstance(pair, RawPair)
    assert pair.name == f"images/{stem}.jpg"
    assert pair.remarks == (
        () if said is None else (f"the zip does not say how its names are encoded; they were read as {said}.",)
    )


def test_names_of_two_programs_in_one_zip_are_matched(tmp_path: Path, workspace: Path) -> None:
    """Photos from a phone, in UTF-8 and saying so; masks from a program on Windows, in its country's encoding."""
    said = {"images/\u5934\u53d1.jpg": b"photo"}
    path = silent(tmp_path / "a.zip", {"masks/\u5934\u53d1.png".encode("gbk"): b"mask"}, said)
    assert outcome(path, workspace) == (["images/\u5934\u53d1.jpg"], {})


@pytest.mark.parametrize(
    ("members", "format", "said"),
    [
        ({"letter.txt": b"x"}, "zip", "photos.zip: Winnow does not recognise this format."),
        ({"album/letter.txt": b"x"}, "folder", "photos.zip has no folder images/."),
        ({"album/images/a.jpg": b"x"}, "folder", "photos.zip has no folder masks/."),
        ({"letter.txt": b"x"}, "coco", "photos.zip has no COCO file"),
    ],
)
def test_an_error_about_the_content_names_the_zip_as_its_sender_did(
    tmp_path: Path, workspace: Path, members: dict[str, bytes], format: str, said: str
) -> None:
    with pytest.raises(WinnowError) as error:
        list(open_source(zipped(tmp_path / "3f2a.zip", members), format, workspace, SMALL, "photos.zip").items)
    assert str(error.value).startswith(said)
    assert str(tmp_path) not in str(error.value)


def test_a_zip_of_which_nothing_is_left_says_why_member_by_member(tmp_path: Path, workspace: Path) -> None:
    assert outcome(zipped(tmp_path / "a.zip", {"../a.jpg": b"x"}), workspace) == (
        [],
        {"../a.jpg": "its path points outside the zip."},
    )


def test_a_disk_without_room_is_said_before_anything_is_written(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 3}))
    with pytest.raises(WinnowError, match=r"^a\.zip needs 9 bytes of disk space to unpack; 3 are left\.$"):
        outcome(zipped(tmp_path / "a.zip", GOOD), workspace)
    assert everything_below(workspace) == set()
