"""Which columns and rows name a stored picture."""

from sqlalchemy import Engine

from db.blobs import blob_columns, named_blobs, still_named
from db.session import reading, writing
from db.tables import CuratedSet, SetMember, Split
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
            SetMember(position=1, example_id=None, image_sha256=ERASED, mask_sha256=ERASED, split=Split.train),
        ]
        session.add(CuratedSet(hash="e" * 64, frozen_at=clock(), members=members))
    with reading(engine) as session:
        named = set(named_blobs(session))
        assert {column for sha256, column in named if sha256 == IMAGE} == {"example.image_sha256", "set_member.image_sha256"}
        assert ERASED not in {sha256 for sha256, _ in named}
        assert still_named(session, {IMAGE, ERASED, UNKNOWN}) == {IMAGE}


def test_any_number_of_pictures_can_be_asked_about(engine: Engine) -> None:
    """PostgreSQL takes 65,535 parameters in a statement."""
    with writing(engine) as session:
        one = example()
        one.image_sha256 = IMAGE
        session.add(one)
        session.flush()
        assert still_named(session, [f"{number:064x}" for number in range(1, 70_000)] + [IMAGE]) == {IMAGE}
