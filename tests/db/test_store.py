"""The blob store, in a folder and behind a URL."""

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.errors import WinnowError
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


def test_a_part_left_by_a_killed_process_is_not_a_blob(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    sha256 = store.put(b"a")
    (tmp_path / sha256[:2] / ".part-x").write_bytes(b"half")
    assert list(store.all()) == [sha256]
