"""Files are written completely or not at all, in a folder and behind a URL, also on a disk that is really full."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from sqlalchemy import text
from upath import UPath

from db.errors import DiskFullError
from db.files import abandoned, disk_full_errors, local, root, sync, write
from db.session import open_database, reading, writing
from db.settings import Settings
from db.store import Store
from db.tables import Contributor
from db.workspaces import outside


@pytest.fixture(params=["folder", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[UPath]:
    yield UPath(tmp_path) if request.param == "folder" else UPath("memory://winnow-runs")
    MemoryFileSystem.store.clear()


def test_a_file_is_read_back_and_replaced(folder: UPath) -> None:
    file = folder / "3" / "last.ckpt"
    for data in (b"first", b"two"):
        write(file, data)
        assert file.read_bytes() == data
    assert [path.name for path in (folder / "3").iterdir()] == ["last.ckpt"]


def test_a_file_is_on_the_disk_when_it_is_written_unless_one_does_not_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(str(Path(f"/proc/self/fd/{handle}").readlink())))
    write(tmp_path / "last.ckpt", b"a", wait=False)
    assert synced == []
    write(tmp_path / "last.ckpt", b"a")
    part, folder = synced
    assert part.startswith(f"{tmp_path}/.part-")
    assert folder == str(tmp_path)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EIO])
def test_a_disk_that_cannot_wait_is_no_error_and_one_that_fails_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def failing(_handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", failing)
    if number == errno.EIO:
        with pytest.raises(OSError, match="Input/output error"):
            sync(tmp_path)
    else:
        sync(tmp_path)


def test_a_folder_that_another_makes_at_the_same_moment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    is_dir = Path.is_dir

    def then_another_makes_it(folder: Path) -> bool:
        found = is_dir(folder)
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - Path.mkdir asks this very question
        return found

    monkeypatch.setattr(Path, "is_dir", then_another_makes_it)
    write(tmp_path / "3" / "last.ckpt", b"a")
    assert (tmp_path / "3" / "last.ckpt").read_bytes() == b"a"


def test_a_local_copy_has_the_same_bytes_and_is_deleted_afterwards(folder: UPath) -> None:
    file = folder / "best.weights.h5"
    write(file, b"weights")
    with local(file) as here:
        assert isinstance(here, Path)
        assert (here.name, here.read_bytes()) == ("best.weights.h5", b"weights")
        assert (outside() in here.parents) == (not isinstance(file, Path))  # where one that is left by a crash is swept
    assert here.exists() == isinstance(file, Path)
    assert file.read_bytes() == b"weights"


def test_a_file_url_is_a_local_path(tmp_path: Path) -> None:
    assert root(tmp_path.as_uri()) == root(str(tmp_path)) == UPath(tmp_path)
    assert isinstance(root(tmp_path.as_uri()), Path)
    assert not isinstance(root("memory://winnow-runs"), Path)


def test_a_missing_file_has_no_local_copy() -> None:
    with pytest.raises(FileNotFoundError), local(UPath("memory://winnow-runs/gone")):
        pass


def test_a_half_written_file_that_may_not_be_opened_is_not_called_abandoned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = tmp_path / ".part-1"
    part.write_bytes(b"half a photo")
    assert abandoned(part)

    def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)  # these tests may run as root, whom nothing stops
    assert not abandoned(part)


def test_a_full_disk_is_an_error_and_leaves_the_old_file(full_disk: Path) -> None:
    file = full_disk / "last.ckpt"
    file.write_bytes(b"before")
    with pytest.raises(DiskFullError) as error:
        write(file, bytes(10**6))
    assert str(error.value) == (
        f"The disk is full: {file} could not be written (0 MB free). Existing files are unchanged. "
        "Free some space, then try again."
    )
    assert file.read_bytes() == b"before"
    assert sorted(path.name for path in full_disk.iterdir()) == ["filler", "last.ckpt"]


def test_a_full_disk_leaves_no_half_picture(full_disk: Path) -> None:
    store = Store(str(full_disk / "store"))
    with pytest.raises(DiskFullError, match=r"^The disk is full: "):
        store.put(bytes(10**6))
    assert list(store.all()) == []


def test_a_database_on_a_full_disk_is_an_error_and_works_again_with_space(full_disk: Path) -> None:
    (full_disk / "filler").unlink()
    engine = open_database(Settings(home=full_disk))
    with engine.connect() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    names = [f"{number:05} " + "x" * 900 for number in range(20_000)]

    def add() -> None:
        with writing(engine) as session:
            session.add_all(Contributor(name=name) for name in names)

    with pytest.raises(DiskFullError) as error:
        add()
    assert str(error.value) == f"The disk of the database {engine.url} is full. Free some space, then try again."
    names = names[:10]
    add()
    with reading(engine) as session:
        assert session.query(Contributor).count() == 10
    engine.dispose()


def test_other_errors_are_not_called_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), disk_full_errors(tmp_path):
        tmp_path.write_bytes(b"")
