"""Which columns and rows name a stored picture, and that only unnamed ones are deleted."""

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, UniqueConstraint

from db.blobs import blob_columns, delete_orphans, delete_unnamed, due, named_blobs, still_named
from db.session import reading, writing
from db.store import Store
from db.tables import Base, CuratedSet, Job, JobState, SetMember, Split
from tests.conftest import FakeClock
from tests.db.test_tables import example

IMAGE, MASK, ERASED, UNKNOWN = ("abcd"[number] * 64 for number in range(4))


def test_every_column_that_names_a_picture_is_listed() -> None:
    assert {f"{column.table.name}.{column.name}" for column in blob_columns()} >= {
        "submission.photo_sha256", "submission.mask_sha256", "example.image_sha256", "example.mask_sha256",
        "touch_up.mask_before_sha256", "touch_up_save.mask_after_sha256", "set_member.image_sha256",
        "set_member.mask_sha256", "preview.matte_sha256", "measure.mask_sha256", "measure.matte_sha256",
    }  # fmt: skip


def test_a_row_whose_example_was_erased_names_no_picture(engine: Engine, clock: FakeClock) -> None:
    with writing(engine) as session:
        one = example()
        one.image_sha256, one.mask_sha256 = IMAGE, MASK
        session.add(one)
        session.flush()
        members = [
            SetMember(position=0, example_id=1, image_sha256=IMAGE, mask_sha256=MASK, split=Split.train),
            SetMember(position=1, example_id=1, image_sha256=IMAGE, mask_sha256=MASK, split=Split.train),
            SetMember(position=2, example_id=None, image_sha256=ERASED, mask_sha256=ERASED, split=Split.train),
        ]
        session.add(CuratedSet(hash="e" * 64, frozen_at=clock(), members=members))
    with reading(engine) as session:
        named = list(named_blobs(session))
        assert sorted(column for sha256, column in named if sha256 == IMAGE) == [
            "example.image_sha256",
            "set_member.image_sha256",
        ]
        assert not {ERASED, None} & {sha256 for sha256, _ in named}  # None: the example has no mask of the skin
        assert still_named(session, {IMAGE, ERASED, UNKNOWN}) == {IMAGE}


def test_every_column_that_names_a_picture_is_indexed() -> None:
    """Otherwise a look-up before a picture is deleted reads whole tables."""
    first = {next(iter(index.columns)) for table in Base.metadata.tables.values() for index in table.indexes}
    for table in Base.metadata.tables.values():
        first |= {next(iter(rule.columns)) for rule in table.constraints if isinstance(rule, UniqueConstraint)}
    assert [str(column) for column in blob_columns() if column not in first] == []


def age(store: Store, sha256: str, at: datetime) -> str:
    """Have a picture last stored at that time."""
    os.utime(store.path(sha256), (at.timestamp(), at.timestamp()))
    return sha256


def name(engine: Engine, image: str, mask: str) -> None:
    """Commit a row that names two pictures."""
    with writing(engine) as session:
        one = example()
        one.image_sha256, one.mask_sha256 = image, mask
        session.add(one)


def run_job(engine: Engine, began: datetime, heartbeat: datetime) -> None:
    with writing(engine) as session:
        session.add(Job(kind="report", arguments=[], state=JobState.running, created_at=began, heartbeat_at=heartbeat))


def test_only_what_no_row_names_is_deleted(engine: Engine, store: Store) -> None:
    image, mask, nobodys = (store.put(data) for data in (b"image", b"mask", b"nobody's"))
    name(engine, image, mask)
    assert delete_unnamed(engine, store, [image, nobodys, mask, UNKNOWN], None) == {nobodys}
    assert set(store.all()) == {image, mask}


def test_what_was_stored_lately_is_awaiting_its_row(engine: Engine, store: Store, clock: FakeClock) -> None:
    hour = timedelta(hours=1)
    old = age(store, store.put(b"old"), clock() - hour - timedelta(seconds=1))
    new = age(store, store.put(b"new"), clock() - hour + timedelta(seconds=1))
    assert delete_orphans(engine, store, clock()) == {old}
    assert list(store.all()) == [new]


def test_what_was_stored_since_a_running_job_began_is_awaiting_its_row(engine: Engine, store: Store, clock: FakeClock) -> None:
    before, since = (age(store, store.put(bytes([hours])), clock() - timedelta(hours=hours)) for hours in (9, 7))
    run_job(engine, began=clock() - timedelta(hours=8), heartbeat=clock())
    assert delete_orphans(engine, store, clock()) == {before}
    clock.pass_(61)  # without a heartbeat
    with reading(engine) as session:
        assert due(session, clock()) == clock() - timedelta(hours=1)
    assert delete_orphans(engine, store, clock()) == {since}


def test_half_files_of_killed_processes_go_with_the_orphans(engine: Engine, store: Store, clock: FakeClock) -> None:
    half = store.path(store.put(b"a")).with_name(".part-half")
    half.write_bytes(b"half")
    os.utime(half, (0, 0))
    delete_orphans(engine, store, clock())
    assert not half.exists()


class Meanwhile(Store):
    """A store in which something happens right before a picture's deletion."""

    def __init__(self, url: str, happens: object) -> None:
        super().__init__(url)
        self.happens = happens

    def delete(self, sha256: str, stored_at: datetime | None = None) -> bool:
        self.happens(sha256)  # type: ignore[operator]
        return super().delete(sha256, stored_at)


@pytest.mark.parametrize("before", [None, datetime.max.astimezone()])
def test_a_picture_that_is_stored_again_between_question_and_deletion_stays(
    engine: Engine, store: Store, clock: FakeClock, before: datetime | None
) -> None:
    one = age(store, store.put(b"one"), clock())
    other = age(store, store.put(b"other"), clock())
    meanwhile = Meanwhile(store.url, lambda sha256: store.put(b"one"))
    assert delete_unnamed(engine, meanwhile, [one, other], before) == {other}
    assert list(store.all()) == [one]


def test_a_row_that_is_committed_before_the_question_keeps_its_picture(engine: Engine, store: Store) -> None:
    """However old what the caller has read: SQLite shows the caller's open transaction none of that row."""
    image, mask = store.put(b"image"), store.put(b"mask")
    with reading(engine) as session:
        found = {image, mask} - still_named(session, [image, mask])
        name(engine, image, mask)
        assert delete_unnamed(engine, store, found, None) == set()


def test_where_no_times_are_kept_only_what_is_deleted_at_once_goes(
    engine: Engine, store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def timeless(_self: Store, _sha256: str) -> datetime:
        raise NotImplementedError

    monkeypatch.setattr(Store, "stored_at", timeless)
    one = store.put(b"one")
    assert delete_unnamed(engine, store, [one], clock() + timedelta(days=999)) == set()
    assert delete_unnamed(engine, store, [one], None) == {one}
    assert not Path(store.path(one)).exists()


def test_any_number_of_pictures_can_be_asked_about(engine: Engine) -> None:
    """PostgreSQL takes 65,535 parameters in a statement."""
    with writing(engine) as session:
        one = example()
        one.image_sha256 = IMAGE
        session.add(one)
        session.flush()
        assert still_named(session, [f"{number:064x}" for number in range(1, 70_000)] + [IMAGE]) == {IMAGE}
