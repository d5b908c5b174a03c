"""The blob store, in a folder and behind a URL."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from upath import UPath

from db import files
from db import store as store_module
from db.errors import StoreUnavailableError, WinnowError
from db.store import Store


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    yield Store(str(tmp_path) if request.param == "folder" else "memory://winnow-store")
    MemoryFileSystem.store.clear()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(data=st.binary(max_size=300))
def test_bytes_are_read_back_by_their_hash(store: Store, data: bytes) -> None:
    sha256 = store.put(data)
    assert sha256 == hashlib.sha256(data).hexdigest()
    assert store.get(sha256) == data
    assert sha256 in set(store.all())


def test_a_store_whose_folder_is_not_there_yet_is_empty(store: Store) -> None:
    new = Store(str(UPath(store.url) / "new"))
    assert (list(new.all()), new.strangers()) == ([], [])
    new.delete_parts(datetime.now(UTC))


def test_the_same_bytes_are_stored_once(store: Store) -> None:
    assert store.put(b"a") == store.put(b"a")
    assert list(store.all()) == [store.put(b"a")]


def test_a_deleted_blob_is_missing(store: Store) -> None:
    sha256 = store.put(b"a")
    store.delete(sha256)
    store.delete(sha256)
    with pytest.raises(WinnowError, match=f"The picture {sha256[:12]}… is missing from the store"):
        store.get(sha256)


def test_the_store_knows_when_a_blob_was_stored(store: Store) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    assert before <= store.stored_at(store.put(b"a")) <= datetime.now(UTC)
    with pytest.raises(FileNotFoundError):
        store.stored_at("0" * 64)


def test_a_blob_that_is_stored_again_has_the_new_time(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    sha256 = store.put(b"a")
    os.utime(store.path(sha256), (0, 0))
    assert store.stored_at(sha256).year == 1970
    store.put(b"a")
    assert store.stored_at(sha256) > datetime.now(UTC) - timedelta(minutes=1)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "0" * 63, "0" * 65, "A" * 64, "/" * 64])
def test_only_a_hash_names_a_blob(store: Store, name: str) -> None:
    with pytest.raises(WinnowError, match="64 hexadecimal digits"):
        store.get(name)


def test_a_file_that_was_cut_short_is_stored_again(store: Store) -> None:
    sha256 = store.put(b"whole")
    for broken in (b"", b"who"):
        store.path(sha256).write_bytes(broken)
        store.put(b"whole")
        assert store.get(sha256) == b"whole"


def test_bytes_that_are_deleted_while_they_are_stored_again_are_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(str(tmp_path))
    sha256 = store.put(b"a")
    utime, exists = os.utime, Path.exists

    def deleted_before(path: Path) -> None:
        path.unlink()
        utime(path)

    def deleted_after(path: Path) -> None:
        utime(path)
        path.unlink()

    def deleted_at_last(path: Path) -> bool:
        found = exists(path)
        path.unlink(missing_ok=True)
        return found

    for where, name, deleted in (
        (os, "utime", deleted_before),
        (os, "utime", deleted_after),
        (Path, "exists", deleted_at_last),
    ):
        monkeypatch.setattr(where, name, deleted)
        assert store.put(b"a") == sha256
        monkeypatch.undo()
        assert store.get(sha256) == b"a"


def test_a_blob_that_was_stored_again_is_not_deleted_for_its_old_age(store: Store) -> None:
    sha256 = store.put(b"a")
    if isinstance(store.path(sha256), Path):
        os.utime(store.path(sha256), (0, 0))
    at = store.stored_at(sha256)
    store.put(b"a")
    assert not store.delete(sha256, at)
    assert store.get(sha256) == b"a"
    assert store.delete(sha256, store.stored_at(sha256))
    assert list(store.all()) == []
    assert not store.delete(sha256, at)


def test_a_blobs_age_can_be_restarted_while_it_is_there(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    sha256 = store.put(b"a")
    os.utime(store.path(sha256), (0, 0))
    assert store.renew(sha256)
    assert store.stored_at(sha256) > datetime.now(UTC) - timedelta(minutes=1)
    store.delete(sha256)
    assert not store.renew(sha256)
    assert list(store.all()) == []


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o002])
def test_others_can_read_a_blob_as_far_as_the_umask_lets_them(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        store = Store(str(tmp_path / "store"))
        path = store.path(store.put(b"a"))
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    assert path.parent.stat().st_mode & 0o777 == 0o777 & ~umask


def test_a_blob_and_its_names_are_on_the_disk_before_put_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a power cut would leave is what was synced: the file before its name, and the names of new folders too."""
    synced: list[str] = []
    fsync = os.fsync

    def noting(handle: int) -> None:
        synced.append(os.path.relpath(Path(f"/proc/self/fd/{handle}").readlink(), tmp_path))
        fsync(handle)

    monkeypatch.setattr(files.os, "fsync", noting)
    store = Store(str(tmp_path / "store"))
    sha256 = store.put(b"a")
    folder = f"store/{sha256[:2]}"
    new_root, new_folder, part, name = synced
    assert (new_root, new_folder, name) == (".", "store", folder)
    assert part.startswith(f"{folder}/.part-")
    synced.clear()
    store.put(b"a")
    assert synced == [f"{folder}/{sha256[2:]}", folder]


def test_many_pictures_are_waited_for_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(str(tmp_path / "store"), patient=False)
    synced: list[Path] = []
    monkeypatch.setattr(store_module, "sync", synced.append)
    monkeypatch.setattr(files, "sync", synced.append)
    pictures = [store.put(b"a"), store.put(b"a"), "0" * 64]
    assert synced == []
    store.sync(pictures)
    picture = store.path(pictures[0])
    assert {picture, picture.parent, store.root, tmp_path} <= set(synced)
    monkeypatch.undo()
    store.sync(pictures)  # one is missing, which does no harm


def test_behind_a_url_there_is_no_age_to_restart_and_nothing_to_wait_for() -> None:
    store = Store("memory://winnow-store")
    sha256 = store.put(b"a")
    assert store.renew(sha256)
    store.sync([sha256])
    assert store.get(sha256) == b"a"
    MemoryFileSystem.store.clear()


def test_foreign_files_are_passed_by_and_named(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    sha256 = store.put(b"a")
    (tmp_path / ".DS_Store").write_bytes(b"a file manager's")
    (tmp_path / sha256[:2] / ".DS_Store").write_bytes(b"a file manager's")
    (tmp_path / sha256[:2] / sha256[2:].upper()).write_bytes(b"a")
    (tmp_path / "ab").write_bytes(b"a file that is named like a folder")
    (tmp_path / "lost+found").mkdir()
    assert list(store.all()) == [sha256]
    expected = [".DS_Store", f"{sha256[:2]}/.DS_Store", f"{sha256[:2]}/{sha256[2:].upper()}", "ab", "lost+found"]
    assert store.strangers() == sorted(expected)
    store.delete_parts(datetime.now(UTC) + timedelta(hours=1))
    assert store.strangers() == sorted(expected)


def test_half_a_file_left_by_a_killed_process_is_not_a_blob_and_goes_when_it_is_old(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    sha256 = store.put(b"a")
    old, new = (tmp_path / sha256[:2] / f".part-{name}" for name in ("old", "new"))
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert (list(store.all()), store.strangers()) == ([sha256], [])
    store.delete_parts(datetime.now(UTC) - timedelta(hours=1))
    assert (old.exists(), new.exists()) == (False, True)
    assert store.get(sha256) == b"a"


def test_half_a_file_goes_at_once_when_its_process_is_gone_and_stays_while_it_writes(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.path("0" * 64).parent.mkdir()
    dead, written = (store.path("0" * 64).with_name(f".part-{name}") for name in ("dead", "written"))
    dead.write_bytes(b"half")
    with written.open("wb") as out:
        fcntl.flock(out, fcntl.LOCK_EX)  # as db/files.py does
        assert store.delete_abandoned_parts(datetime.now(UTC)) == 0  # too new: it may not be locked yet
        assert store.delete_abandoned_parts(datetime.now(UTC) + timedelta(seconds=2)) == 1
    assert (dead.exists(), written.exists()) == (False, True)


def test_a_file_is_locked_while_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda _: asked.extend(map(files.abandoned, tmp_path.glob("*/.part-*"))))
    Store(str(tmp_path)).put(b"a photo")
    assert asked[0] is False


class Away(Exception):
    """What the library of some server raises when it does not answer."""


@pytest.mark.parametrize("error", [Away("connect timeout"), OSError("slow down"), TimeoutError()])
def test_a_server_that_does_not_answer_is_no_missing_picture(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    store = Store("memory://winnow/away")
    sha256 = store.put(b"picture")

    def away(*_: object, **__: object) -> bytes:
        raise error

    for name in ("read_bytes", "stat", "write_bytes"):
        monkeypatch.setattr(type(store.root), name, away)
    for ask in (lambda: store.get(sha256), lambda: store.holds(sha256, b"picture"), lambda: store.put(b"another")):
        with pytest.raises(StoreUnavailableError, match="WINNOW_STORE_URL can't be read or written now"):
            ask()
    with pytest.raises(StoreUnavailableError):
        store.intact(sha256)
