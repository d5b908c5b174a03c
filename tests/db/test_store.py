"""The blob store, in a folder and behind a URL."""

import hashlib
from collections.abc import Iterator
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
def test_bytes_come_back_under_their_own_hash(store: Store, data: bytes) -> None:
    sha256 = store.put(data)
    assert sha256 == hashlib.sha256(data).hexdigest()
    assert store.get(sha256) == data
    assert sha256 in set(store.all())


def test_the_same_bytes_twice_are_kept_once(store: Store) -> None:
    assert store.put(b"a") == store.put(b"a")
    assert list(store.all()) == [store.put(b"a")]


def test_a_deleted_blob_is_gone_and_said_to_be_missing(store: Store) -> None:
    sha256 = store.put(b"a")
    store.delete(sha256)
    store.delete(sha256)
    with pytest.raises(WinnowError, match=f"The picture {sha256[:12]}… is missing from the store"):
        store.get(sha256)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "0" * 63, "0" * 65, "A" * 64, "/" * 64])
def test_only_a_hash_names_a_blob(store: Store, name: str) -> None:
    with pytest.raises(WinnowError, match="64 hexadecimal digits"):
        store.get(name)


def test_a_part_left_by_a_kill_is_not_a_blob(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    sha256 = store.put(b"a")
    (tmp_path / sha256[:2] / ".part-x").write_bytes(b"half")
    assert list(store.all()) == [sha256]
