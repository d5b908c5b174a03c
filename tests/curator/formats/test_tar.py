"""Tars: what a zip refuses is refused here, too, and one that is cut off or lies gives what came before."""

import gzip
import io
import struct
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.formats import RawPair, Refused, count_items, open_source, recognise
from curator.formats.tar import HEADER_BYTES, TarError, TarReader
from db.errors import WinnowError
from db.settings import Limits

GOOD = {"images/a.jpg": b"photo", "masks/a.png": b"mask"}
SMALL = Limits(file_bytes=5_000_000, zip_bytes=20_000_000, zip_members=50)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


def tarred(path: Path, *members: tuple[str | tarfile.TarInfo, bytes], kind: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix in (".gz", ".tgz") else "w", format=kind) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def outcome(path: Path, workspace: Path, limits: Limits = SMALL) -> tuple[list[str], dict[str, str]]:
    items = list(open_source(path, "auto", workspace, limits).items)
    names = [item.name for item in items if isinstance(item, RawPair)]
    return names, {item.file: item.reason for item in items if isinstance(item, Refused)}


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.TGZ", "upload", "a.bin"])
@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_a_tar_of_pairs_comes_in(tmp_path: Path, workspace: Path, name: str, kind: int) -> None:
    packed = tarred(tmp_path / ("a.tar.gz" if name in ("a.tar.gz", "a.TGZ", "upload") else "a.tar"), *GOOD.items(), kind=kind)
    path = packed.rename(tmp_path / name)
    found = open_source(path, "auto", workspace, SMALL)
    assert found.because.startswith(("its name ends in .t", "it starts like a tar"))
    there = count_items(found)
    assert (there["format"], there["photos"], there["files"], there["refused"]) == ("tar", 1, 2, [])


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize("stem", ["x" * 180, "caf\u00e9", "\U0001f487 a"])
def test_long_and_odd_names_come_in_as_they_are(tmp_path: Path, workspace: Path, stem: str, kind: int) -> None:
    path = tarred(tmp_path / "a.tgz", (f"images/{stem}.jpg", b"photo"), (f"masks/{stem}.png", b"mask"), kind=kind)
    assert outcome(path, workspace) == ([f"images/{stem}.jpg"], {})


@pytest.mark.parametrize("name", ["../evil.jpg", "images/../../evil.jpg", "/tmp/evil.jpg", "C:/evil.jpg"])
def test_a_member_that_climbs_out_is_refused_and_the_others_come_in(tmp_path: Path, workspace: Path, name: str) -> None:
    path = tarred(tmp_path / "a.tgz", (name, b"evil"), *GOOD.items())
    assert outcome(path, workspace) == (["images/a.jpg"], {name: "its path points outside the tar."})
    assert not list(tmp_path.rglob("evil.jpg"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE])
def test_links_and_devices_are_refused(tmp_path: Path, workspace: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("images/link.jpg")
    info.type, info.linkname = kind, "/etc/passwd"
    path = tarred(tmp_path / "a.tgz", (info, b""), *GOOD.items())
    reason = "it is a link or another special file, not a picture."
    assert outcome(path, workspace) == (["images/a.jpg"], {"images/link.jpg": reason})


def test_a_member_through_a_link_stays_inside(tmp_path: Path, workspace: Path) -> None:
    info = tarfile.TarInfo("images/out")
    info.type, info.linkname = tarfile.SYMTYPE, str(tmp_path)
    path = tarred(tmp_path / "a.tgz", (info, b""), ("images/out/evil.jpg", b"x"), *GOOD.items())
    assert outcome(path, workspace)[0] == ["images/a.jpg"]
    assert not (tmp_path / "evil.jpg").exists()


def test_bombs_and_what_is_too_large_are_refused(tmp_path: Path, workspace: Path) -> None:
    path = tarred(
        tmp_path / "a.tgz", ("images/bomb.jpg", bytes(4_000_000)), ("images/huge.jpg", bytes(5_000_001)), *GOOD.items()
    )
    names, refused = outcome(path, workspace)
    assert names == ["images/a.jpg"]
    assert refused["images/bomb.jpg"].endswith(" bytes, like a bomb.")
    assert refused["images/huge.jpg"] == "it unpacks to 5,000,001 bytes; 5,000,000 are allowed."


def test_what_unpacks_to_too_much_in_all_ends_the_reading(tmp_path: Path, workspace: Path) -> None:
    path = tarred(tmp_path / "a.tar", *GOOD.items(), ("images/b.jpg", b"much too much"), ("images/c.jpg", b""))
    names, refused = outcome(path, workspace, replace(SMALL, zip_bytes=20))
    assert names == ["images/a.jpg"]
    assert refused == {
        "images/b.jpg": "with it, the tar would unpack to more than the 20 bytes that are allowed. "
        "What comes after it was not read."
    }


def test_too_many_members_are_one_sentence(tmp_path: Path, workspace: Path) -> None:
    path = tarred(tmp_path / "a.tar", *((f"images/{at}.jpg", b"x") for at in range(51)))
    with pytest.raises(WinnowError, match=r"^a\.tar holds more than 50 files, the limit\. Send several zips\.$"):
        outcome(path, workspace)


def test_members_of_one_name_are_refused_but_for_the_first(tmp_path: Path, workspace: Path) -> None:
    path = tarred(tmp_path / "a.tar", *GOOD.items(), ("Images/A.JPG", b"other"))
    assert outcome(path, workspace) == (
        ["images/a.jpg"], {"Images/A.JPG": "another file in the tar has the same name, apart from upper and lower case."}
    )  # fmt: skip


@pytest.mark.parametrize("name", ["a.tar", "a.tgz"])
def test_one_that_is_cut_off_gives_what_came_before(tmp_path: Path, workspace: Path, name: str) -> None:
    noise = bytes(value % 251 for value in range(0, 700_000, 7))
    path = tarred(tmp_path / name, *GOOD.items(), ("images/b.jpg", noise))
    path.write_bytes(path.read_bytes()[: 3000 if name == "a.tar" else -100])
    names, refused = outcome(path, workspace)
    assert names == ["images/a.jpg"]
    assert refused["images/b.jpg"].startswith("it is damaged")
    assert refused[name].startswith("it is damaged or cut off (")


@pytest.mark.parametrize("data", [b"", b"not a tar", gzip.compress(b"text", mtime=0), b"\x1f\x8bxx", bytes(1024)])
def test_what_is_no_tar_is_one_clear_sentence(tmp_path: Path, workspace: Path, data: bytes) -> None:
    (tmp_path / "a.tar.gz").write_bytes(data)
    with pytest.raises(WinnowError, match=r"^a\.tar\.gz (can't be read as a tar \(|is empty\.)"):
        outcome(tmp_path / "a.tar.gz", workspace)


def test_a_packed_file_that_is_no_tar_is_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "list.csv.gz").write_bytes(gzip.compress(b"image,mask"))
    with pytest.raises(WinnowError, match="does not recognise this format"):
        recognise(tmp_path / "list.csv.gz")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_of_gigabytes_is_refused_before_it_is_read(kind: bytes) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, 2**31
    file = io.BytesIO(info.tobuf(tarfile.GNU_FORMAT) + bytes(HEADER_BYTES * 2))
    with pytest.raises(TarError, match="a header is too large"):
        list(TarReader(file).members())
    assert file.tell() <= 1024


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_bytes_give_members_or_an_error_of_its_own(data: st.DataObject) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x" * 120))
        archive.addfile(tarfile.TarInfo("b"))
    changed = bytearray(file.getvalue())
    for at in data.draw(st.lists(st.integers(0, 3000), max_size=4)):
        changed[at] = data.draw(st.integers(0, 255))
    for start in range(0, 3000, 512):  # with a checksum that is right, so that the fields count
        block = changed[start : start + 512]
        changed[start + 148 : start + 156] = b"%06o\0 " % tarfile.calc_chksums(bytes(block))[0]
    reader = TarReader(io.BytesIO(bytes(changed)))
    try:
        for member in reader.members():
            assert member.size >= 0
            b"".join(reader.data(member)) if member.is_file else None
    except TarError:
        pass


def test_a_size_in_a_header_of_pax_counts(tmp_path: Path) -> None:
    record = b"12 size=5\n" if len(b"12 size=5\n") == 12 else b"10 size=5\n"
    pax = tarfile.TarInfo("h")
    pax.type, pax.size = tarfile.XHDTYPE, len(record)
    data = pax.tobuf(tarfile.USTAR_FORMAT) + record.ljust(512, b"\0")
    data += tarfile.TarInfo("a.jpg").tobuf(tarfile.USTAR_FORMAT) + b"photo".ljust(512, b"\0")
    reader = TarReader(io.BytesIO(data + struct.pack("1024x")))
    assert [(member.name, b"".join(reader.data(member))) for member in reader.members()] == [("a.jpg", b"photo")]
