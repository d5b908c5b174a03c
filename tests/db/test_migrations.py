"""A database of an earlier version is migrated with all its rows."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import alembic.command
import alembic.config
import pytest
from alembic.migration import MigrationContext
from sqlalchemy import Engine, MetaData, select

import db.migrations
from curator.review.standing import wrongly_standing
from db.errors import WinnowError
from db.people import person_key
from db.session import connect, migrate, reading
from db.tables import (
    Contributor,
    CuratedSet,
    Example,
    MaskOrigin,
    Measure,
    Standing,
    State,
    Submission,
    Suspicion,
    TouchUp,
    Verdict,
)
from tests.postgres import new_database

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def first_version(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database with the first schema."""
    if request.param == "sqlite":
        found = connect(f"sqlite:///{tmp_path / 'old.db'}")
    else:
        name = f"old_{abs(hash(str(tmp_path))):x}"
        found = connect(new_database(request.getfixturevalue("postgres"), name))
    config = alembic.config.Config()
    config.set_main_option("script_location", str(next(iter(db.migrations.__path__))))
    with found.execution_options(writes=True).begin() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0001")
    yield found
    found.dispose()


@contextmanager
def adding(engine: Engine) -> Iterator[Callable[..., None]]:
    """Yields a function that adds a row to a table of the database's own schema, by the table's name."""
    tables = MetaData()
    tables.reflect(engine)
    with engine.execution_options(writes=True).begin() as connection:

        def add(table: str, **values: object) -> None:
            connection.execute(tables.tables[table].insert().values(**values))

        yield add


def fill(engine: Engine, decisions: dict[int, list[tuple[int, str]]]) -> None:
    """Examples with verdicts as (reviewer, decision), the oldest first, written as the first version wrote them."""
    with adding(engine) as add:
        add("source", id=1, adapter="folder", location="a", added_at=WHEN)
        for reviewer in (1, 2):
            add("reviewer", id=reviewer, name=f"reviewer {reviewer}")
        for number, said in decisions.items():
            sha = f"{number:x}" * 64
            add(
                "submission", id=number, source_id=1, photo_name="a.jpg", photo_sha256=sha, mask_sha256=sha, height=9, width=9,
                drawn=False, received_at=WHEN,
            )  # fmt: skip
            add(
                "example", id=number, submission_id=number, face_top=1, face_left=1, face_bottom=5, face_right=5,
                face_score=1.0, crop_top=0.0, crop_left=0.0, crop_side=9.0, crop_rotation=0.0, inside_top=0, inside_left=0,
                inside_bottom=9, inside_right=9, image_sha256=sha, mask_sha256=sha, split="test",
            )  # fmt: skip
            if number != 1:
                add("suspicion", example_id=number, model="m", value=number / 10, reasons=[])
            for reviewer, decision in said:
                reason = "bad_photo" if decision == "reject" else None
                client = f"{number}-{decision}-{reviewer}"
                add(
                    "verdict", example_id=number, reviewer_id=reviewer, decision=decision, reason=reason, at=WHEN,
                    client_id=client,
                )  # fmt: skip


def test_examples_of_the_first_version_get_the_state_of_their_verdicts(first_version: Engine) -> None:
    fill(
        first_version,
        {
            1: [],
            2: [(1, "keep")],
            3: [(1, "reject")],
            4: [(1, "keep"), (1, "undo")],
            5: [(1, "keep"), (2, "reject")],
            6: [(1, "reject"), (1, "undo"), (2, "keep")],
            7: [(1, "keep"), (1, "reject"), (1, "undo")],
        },
    )
    migrate(first_version)
    with reading(first_version) as session:
        places = {place.example_id: place for place in session.scalars(select(Standing))}
        undone = {undo.id: undo.undoes for undo in session.scalars(select(Verdict).where(Verdict.decision == "undo"))}
        assert undone == {4: 3, 8: 7, 12: 11}
        assert wrongly_standing(session) == []
        assert set(session.scalars(select(Suspicion.example_id))) == {
            2,
            3,
            4,
            5,
            6,
            7,
        }  # as before
    assert {number: place.state for number, place in places.items()} == {
        1: State.open, 2: State.keep, 3: State.reject, 4: State.open, 5: State.disputed, 6: State.keep, 7: State.keep,
    }  # fmt: skip
    assert [places[number].doubt for number in (1, 2, 6)] == [0.0, 0.2, 0.6]
    assert {place.split for place in places.values()} == {"test"}
    assert places[6].lot == pytest.approx(6 / 15)  # 0x666... of 0xfff...


def test_a_touch_up_of_the_first_version_keeps_its_clock_and_its_example_its_state(first_version: Engine) -> None:
    fill(first_version, {1: [(1, "keep")], 2: [(1, "keep"), (2, "reject")]})
    with adding(first_version) as add:
        add("touch_up", id=1, example_id=1, reviewer_id=1, mask_before_sha256="1" * 64, started_at=WHEN, seconds_shown=120)
    migrate(first_version)
    with reading(first_version) as session:
        assert session.scalars(select(TouchUp.seconds_shown)).all() == [120]
        states = dict(session.execute(select(Standing.example_id, Standing.state)).all())
        assert states == {1: State.keep, 2: State.disputed}
        assert wrongly_standing(session) == []


def test_an_empty_matte_of_an_image_without_hair_counts_as_right_in_an_old_report(first_version: Engine) -> None:
    fill(first_version, {1: [], 2: [], 3: []})
    measured = {1: (None, None, 1.0), 2: (0.0, None, 0.9), 3: (0.8, 0.7, 0.95)}  # F1, Performance, accuracy
    with adding(first_version) as add:
        add(
            "job", id=1, kind="fit", arguments={}, state="done", progress=1.0, message="", cancel_requested=False,
            created_at=WHEN, heartbeat_at=WHEN,
        )  # fmt: skip
        add("curated_set", id=1, hash="a" * 64, note="", frozen_at=WHEN)
        add("run", id=1, set_id=1, job_id=1, model="m", settings={}, encoder="scratch", parameters=1, created_at=WHEN)
        for number, (f1, performance, accuracy) in measured.items():
            add(
                "measure", run_id=1, split="test", refine="none", example_id=number, f1=f1, iou=f1, performance=performance,
                accuracy=accuracy, mask_sha256="a" * 64, matte_sha256="a" * 64,
            )  # fmt: skip
    migrate(first_version)
    with reading(first_version) as session:
        rows = {row.example_id: (row.f1, row.iou, row.performance) for row in session.scalars(select(Measure))}
    assert rows == {1: (1.0, 1.0, None), 2: (0.0, 0.0, None), 3: (0.8, 0.8, 0.7)}


def test_sets_of_earlier_versions_are_told_whose_masks_they_hold(first_version: Engine) -> None:
    """The newest save that was there when the set was frozen; not a later one, even if it has the same mask."""
    fill(first_version, {1: [], 2: [], 3: []})
    early, late = WHEN - timedelta(minutes=2), WHEN + timedelta(minutes=2)
    with adding(first_version) as add:
        for number in (1, 2, 3):
            add(
                "touch_up", id=number, example_id=number, reviewer_id=1, mask_before_sha256=f"{number}" * 64, started_at=early,
                seconds_shown=120,
            )  # fmt: skip
        saved = [(1, "a", early), (1, "b", early), (1, "b", early), (1, "b", late), (2, "c", late), (3, "3", early)]
        for number, (touch_up, mask, at) in enumerate(saved, 1):
            add(
                "touch_up_save", id=number, touch_up_id=touch_up, mask_after_sha256=mask * 64, seconds_used=9.0, finished=False,
                at=at,
            )  # fmt: skip
        add("curated_set", id=1, hash="a" * 64, note="", frozen_at=WHEN)
        for position, (example, mask) in enumerate([(1, "b"), (2, "2"), (3, "3"), (None, "d")]):
            add(
                "set_member", set_id=1, position=position, example_id=example, image_sha256="e" * 64, mask_sha256=mask * 64,
                split="test",
            )  # fmt: skip
    migrate(first_version)
    with reading(first_version) as session:
        found = [(one.mask_origin, one.touch_up_save_id) for one in session.get_one(CuratedSet, 1).members]
    own = (MaskOrigin.contributor, None)
    assert found == [(MaskOrigin.touch_up, 3), own, (MaskOrigin.touch_up, 6), own]


def test_contributors_that_are_one_person_are_joined_and_parted_ones_are_told_without_a_name(
    first_version: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """The first spelling stays. Only what the joined hold in several splits is told; nothing moves."""
    spelled = {1: "Zoë", 2: "Bo", 3: "Zoe\u0308", 4: " zoë", 5: "BO", 6: "Cy", 7: "bo "}
    of = {1: 1, 2: 3, 3: 4, 4: 2, 5: 5, 6: 6, 7: 6}
    fill(first_version, {number: [] for number in of})
    tables = MetaData()
    tables.reflect(first_version)
    submission, example = tables.tables["submission"], tables.tables["example"]
    with adding(first_version) as add:
        for number, name in spelled.items():
            add("contributor", id=number, name=name)
    with first_version.execution_options(writes=True).begin() as connection:
        for number, contributor in of.items():
            connection.execute(submission.update().where(submission.c.id == number).values(contributor_id=contributor))
        connection.execute(example.update().where(example.c.id.in_([3, 7])).values(split="train"))
    migrate(first_version)
    with reading(first_version) as session:
        found = {one.id: (one.name, one.key) for one in session.scalars(select(Contributor))}
        assert dict(session.execute(select(Submission.id, Submission.contributor_id)).all()) == {
            1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 6, 7: 6,
        }  # fmt: skip
        splits = dict(session.execute(select(Example.id, Example.split)).all())
    assert found == {number: (spelled[number], person_key(spelled[number])) for number in (1, 2, 6)}
    assert splits == {number: "train" if number in (3, 7) else "test" for number in of}
    (said,) = [record.getMessage() for record in caplog.records if record.name == "db.migrations"]
    assert "the examples of 1 of them lie in several splits (contributor 1). None was moved." in said
    assert "Zo" not in caplog.text


def test_reports_so_far_say_the_size_of_their_runs_at_which_their_sums_were_taken(first_version: Engine) -> None:
    fill(first_version, {1: []})
    sha = "1" * 64
    with adding(first_version) as add:
        times = {"created_at": WHEN, "heartbeat_at": WHEN}
        add("job", id=1, kind="fit", arguments=[], state="done", progress=1, message="", cancel_requested=False, **times)
        add("curated_set", id=1, hash=sha, note="", frozen_at=WHEN)
        for number, size in ((1, 224), (2, 128)):
            add("run", id=number, set_id=1, job_id=1, model="hairmattenet", settings={"size": size}, encoder="imagenet",
                parameters=1, created_at=WHEN)  # fmt: skip
            add("measure", run_id=number, split="test", refine="none", example_id=1, mask_sha256=sha, matte_sha256=sha)
    migrate(first_version)
    with reading(first_version) as session:
        assert dict(session.execute(select(Measure.run_id, Measure.alpha_side)).all()) == {1: 224, 2: 128}


on_sqlite = pytest.mark.parametrize("first_version", ["sqlite"], indirect=True)


@on_sqlite
def test_a_database_that_refers_to_missing_rows_is_left_as_it_is(first_version: Engine) -> None:
    with closing(sqlite3.connect(str(first_version.url.database))) as careless:  # foreign keys are off here
        careless.execute("INSERT INTO signal (example_id, name, value) VALUES (99, 'size', 0.5)")
        careless.commit()
    with pytest.raises(WinnowError, match=r" refers to rows that do not exist, so it was not updated\. Restore a backup, "):
        migrate(first_version)
    with first_version.connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == "0001"


@on_sqlite
def test_two_processes_that_start_at_once_migrate_once(first_version: Engine) -> None:
    another = connect(first_version.url.render_as_string(hide_password=False))
    together = Barrier(2)

    def start(engine: Engine) -> None:
        together.wait()
        migrate(engine)

    with ThreadPoolExecutor(2) as executor:
        list(executor.map(start, [first_version, another]))
    with reading(another) as session:
        assert session.scalars(select(Standing)).all() == []
    another.dispose()
