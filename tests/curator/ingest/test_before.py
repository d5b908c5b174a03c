"""What of a source is in already: byte by byte, and from which source."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from curator.formats import NotRead, RawPair, Refused
from curator.ingest.before import LISTED, SeenBefore, look_for_known
from db.session import reading, writing
from db.settings import Limits
from db.store import Store
from db.tables import Source, Submission
from tests.conftest import on_both_servers
from tests.examples import LONG_AGO


def come(engine: Engine, store: Store, name: str, pairs: list[tuple[bytes, bytes]], days: int = 0) -> None:
    """These photos and masks came in from a source of that name, some days later."""
    with writing(engine) as session:
        source = Source(adapter="folder", location=name, added_at=LONG_AGO)
        at = LONG_AGO + timedelta(days=days)
        session.add_all(
            Submission(
                source=source, photo_name="a.jpg", photo_sha256=store.put(photo), mask_sha256=store.put(mask), height=9,
                width=9, received_at=at + timedelta(hours=number),
            )
            for number, (photo, mask) in enumerate(pairs)
        )  # fmt: skip


def pair(folder: Path, photo: bytes, mask: bytes) -> RawPair:
    name = f"{len(list(folder.iterdir()))}"
    (folder / f"{name}.jpg").write_bytes(photo)
    (folder / f"{name}.png").write_bytes(mask)
    return RawPair(f"{name}.jpg", folder / f"{name}.jpg", folder / f"{name}.png")


@on_both_servers
def test_a_preview_says_what_is_in_and_where_from(engine: Engine, store: Store, tmp_path: Path) -> None:
    come(engine, store, "spring.zip", [(b"photo 1", b"mask 1"), (b"photo 2", b"mask 2")])
    come(engine, store, "autumn", [(b"photo 3", b"mask 3")], days=200)
    (tmp_path / "source").mkdir()
    items = [
        *(pair(tmp_path / "source", f"photo {number}".encode(), f"mask {number}".encode()) for number in (1, 2, 3, 4)),
        pair(tmp_path / "source", b"photo 1", b"another mask"),
        RawPair("gone.jpg", tmp_path / "gone.jpg", tmp_path / "gone.png"),
        Refused("b.jpg", "it has no mask."),
        NotRead("notes.txt", "it is no picture."),
    ]
    counted: list[int] = []
    assert look_for_known(items, engine, Limits(), counted.append) == {
        "already": 3,
        "before": [
            {"source": "spring.zip", "photos": 2, "since": LONG_AGO.isoformat(timespec="seconds")},
            {"source": "autumn", "photos": 1, "since": (LONG_AGO + timedelta(days=200)).isoformat(timespec="seconds")},
        ],
    }
    assert counted == [1, 2, 3, 4, 5, 6]


def test_only_what_came_before_counts_and_the_sources_are_added_up(engine: Engine, store: Store) -> None:
    come(engine, store, "spring.zip", [(b"photo 1", b"mask 1"), (b"photo 2", b"mask 2")])
    hashes = [(store.put(f"photo {number}".encode()), store.put(f"mask {number}".encode())) for number in (1, 2)]
    seen = SeenBefore(newest=1)
    with reading(engine) as session:
        assert [seen.add(session, {one}) for one in hashes] == [1, 0]
        assert seen.add(session, set()) == 0
        both = SeenBefore()
        assert [both.add(session, {one}) for one in hashes] == [1, 1]
    assert [(one["source"], one["photos"]) for one in seen.as_rows()] == [("spring.zip", 1)]
    assert [(one["source"], one["photos"]) for one in both.as_rows()] == [("spring.zip", 2)]


@pytest.mark.parametrize("number", [LISTED + 5])
def test_few_sources_are_named_those_of_most_photos(engine: Engine, store: Store, number: int) -> None:
    for source in range(number):
        come(engine, store, f"{source:02}.zip", [(f"{source}-{each}".encode(), b"mask") for each in range(1 + (source == 7))])
    with reading(engine) as session:
        every = SeenBefore()
        every.add(session, {(one.photo_sha256, one.mask_sha256) for one in session.query(Submission)})
    assert len(every.as_rows()) == LISTED
    assert every.as_rows()[0]["source"] == "07.zip"
