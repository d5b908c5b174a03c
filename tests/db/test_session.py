"""Transactions, the append-only guard and migrations."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, func, select

from db.errors import WinnowError
from db.session import connect, migrate, reading, writing
from db.tables import CuratedSet, Reviewer, SetMember, Split

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SHA = "0" * 64


def reviewers(engine: Engine) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.count()).select_from(Reviewer)) or 0


def test_a_write_that_breaks_off_in_the_middle_leaves_nothing(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), writing(engine) as session:  # noqa: PT012 - what stands in the with is the test
        session.add(Reviewer(name="ada"))
        session.flush()
        assert reviewers(engine) == 0  # a second connection sees nothing of it yet
        _ = 1 / 0
    assert reviewers(engine) == 0


def test_a_frozen_set_cannot_be_changed(engine: Engine) -> None:
    with writing(engine) as session:
        member = SetMember(position=0, image_sha256=SHA, mask_sha256=SHA, split=Split.train)
        session.add(CuratedSet(id=1, hash=SHA, frozen_at=NOW, members=[member]))
    with pytest.raises(WinnowError, match="A curated_set is only ever added, never changed"), writing(engine) as session:
        session.get_one(CuratedSet, 1).note = "other"


def test_migrating_twice_changes_nothing(engine: Engine) -> None:
    migrate(engine)
    assert reviewers(engine) == 0


def test_a_database_of_a_newer_winnow_is_refused_with_what_to_do(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'later'")
    with pytest.raises(WinnowError, match=r"made by a newer Winnow \(schema later\). Update Winnow, then start again."):
        migrate(engine)


def test_a_password_never_reaches_a_message() -> None:
    from db.session import _shown

    assert "secret" not in _shown(connect("postgresql://ada:secret@localhost/winnow"))
