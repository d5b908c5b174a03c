"""The schema's rules: each is broken once on a migrated database, on SQLite and on PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, select
from sqlalchemy.exc import IntegrityError, StatementError

from db.session import reading, writing
from db.tables import (
    Base,
    CropChoice,
    CuratedSet,
    Decision,
    Example,
    Gold,
    Job,
    JobState,
    MaskOrigin,
    Reason,
    Refinement,
    Reviewer,
    SetMember,
    Source,
    Split,
    Submission,
    Suspicion,
    TouchUp,
    TouchUpSave,
    Verdict,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SHA = "0" * 64


def add(engine: Engine, *rows: Any) -> None:
    with writing(engine) as session:
        session.add_all(rows)


def example(**changes: Any) -> Example:
    submission = Submission(
        source=Source(adapter="folder", location="a", added_at=NOW),
        photo_name="a.jpg",
        photo_sha256=SHA,
        mask_sha256=SHA,
        height=9,
        width=9,
        received_at=NOW,
    )
    values: dict[str, Any] = {
        "face_top": 1, "face_left": 1, "face_bottom": 5, "face_right": 5, "face_score": 1.0,
        "crop_top": -1.0, "crop_left": -1.0, "crop_side": 10.0,
        "inside_top": 0, "inside_left": 0, "inside_bottom": 512, "inside_right": 512,
    }  # fmt: skip
    return Example(submission=submission, image_sha256=SHA, mask_sha256=SHA, split=Split.train, **(values | changes))


def verdict(decision: Decision, reason: Reason | None, client_id: str = "a") -> Verdict:
    return Verdict(example_id=1, reviewer_id=1, decision=decision, reason=reason, at=NOW, client_id=client_id)


def choice(side: float | None = None, left: float | None = None, undoes: int | None = None) -> CropChoice:
    square = {"crop_top": left, "crop_left": left, "crop_side": side, "crop_rotation": left}
    return CropChoice(submission_id=1, reviewer_id=1, at=NOW, undoes=undoes, **square)


def refinement(iou: float) -> Refinement:
    return Refinement(example_id=1, mask_before_sha256=SHA, alpha_sha256=SHA, method="m", iou=iou, at=NOW)


def undoing(decision: Decision, number: int, client_id: str = "b") -> Verdict:
    return Verdict(example_id=1, reviewer_id=1, decision=decision, at=NOW, client_id=client_id, undoes=number)


def touched_up() -> list[Base]:
    touch_up = TouchUp(example_id=1, reviewer_id=1, mask_before_sha256=SHA, started_at=NOW, seconds_shown=9)
    save = TouchUpSave(touch_up_id=1, mask_after_sha256=SHA, seconds_used=1.0, finished=True, at=NOW)
    return [touch_up, save, CuratedSet(id=1, hash=SHA, frozen_at=NOW)]


def member(origin: MaskOrigin) -> SetMember:
    return SetMember(
        set_id=1, position=0, image_sha256=SHA, mask_sha256=SHA, split=Split.train, mask_origin=origin, touch_up_save_id=1
    )


@pytest.fixture
def reviewed(engine: Engine) -> Engine:
    add(engine, example(), Reviewer(name="ada"))
    return engine


def job(kind: str, state: JobState) -> Job:
    return Job(kind=kind, arguments=[], state=state, created_at=NOW, heartbeat_at=NOW)


def test_the_migrations_build_exactly_the_models(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata) == []


def test_the_migrated_tables_have_the_models_primary_keys(engine: Engine) -> None:
    """Alembic does not compare them."""
    migrated = inspect(engine)
    for table in Base.metadata.sorted_tables:
        key = migrated.get_pk_constraint(table.name)["constrained_columns"]
        assert set(key) == {column.name for column in table.primary_key}, table.name


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        (lambda: [verdict(Decision.reject, None)], "reject_has_a_reason"),
        (lambda: [verdict(Decision.keep, Reason.bad_photo)], "reject_has_a_reason"),
        (lambda: [verdict(Decision.fix, Reason.too_coarse)], "reject_has_a_reason"),
        (lambda: [verdict(Decision.keep, None), undoing(Decision.keep, 1)], "only_an_undo_takes_back"),
        (lambda: [Gold(example_id=1, reviewer_id=1, answer=Decision.undo, at=NOW)], "answer_is_no_undo"),
        (lambda: [refinement(1.5)], "iou_is_a_share"),
        (lambda: [choice(0.0, 0.0)], "a_square_or_none"),
        (lambda: [choice(9.0)], "a_square_or_none"),
        (lambda: [choice(9.0, 0.0), choice(9.0, 0.0, undoes=1)], "an_undo_has_no_square"),
        (lambda: [Suspicion(example_id=1, model="m", value=1.5, reasons=[])], "value_is_a_share"),
        (lambda: [*touched_up(), member(MaskOrigin.contributor)], "a_save_is_a_touch_ups"),
        (lambda: [Job(kind="x", arguments=[], state=JobState.done, progress=2.0, created_at=NOW, heartbeat_at=NOW)], "share"),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused(reviewed: Engine, rows: Callable[[], list[Any]], rule: str) -> None:
    with pytest.raises(IntegrityError, match=rule):
        add(reviewed, *rows())


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"face_bottom": 1}, "face_has_an_area"),
        ({"crop_side": 0.0}, "crop_has_an_area"),
        ({"inside_right": 0}, "inside_has_an_area"),
    ],
)
def test_an_example_without_an_area_is_refused(engine: Engine, changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(IntegrityError, match=rule):
        add(engine, example(**changes))


def test_a_client_id_is_unique_per_reviewer(reviewed: Engine) -> None:
    add(reviewed, verdict(Decision.keep, None))
    with pytest.raises(IntegrityError):
        add(reviewed, verdict(Decision.keep, None))


def test_a_verdict_is_undone_only_once(reviewed: Engine) -> None:
    add(reviewed, verdict(Decision.keep, None))
    add(reviewed, undoing(Decision.undo, 1))
    with pytest.raises(IntegrityError):
        add(reviewed, undoing(Decision.undo, 1, "c"))


def test_a_mask_is_refined_by_each_method_once(reviewed: Engine) -> None:
    add(reviewed, refinement(0.5))
    with pytest.raises(IntegrityError):
        add(reviewed, refinement(0.6))


def test_a_crop_is_undone_only_once(reviewed: Engine) -> None:
    add(reviewed, choice(9.0, 0.0))
    add(reviewed, choice(undoes=1))
    with pytest.raises(IntegrityError):
        add(reviewed, choice(undoes=1))


def test_a_verdict_needs_an_existing_example(reviewed: Engine) -> None:
    lost = Verdict(example_id=99, reviewer_id=1, decision=Decision.keep, reason=None, at=NOW, client_id="b")
    with pytest.raises(IntegrityError):
        add(reviewed, lost)


def test_only_one_training_is_active_at_a_time_but_other_jobs_run_together(engine: Engine) -> None:
    add(engine, job("fit", JobState.running), job("ingest", JobState.running), job("ingest", JobState.running))
    with pytest.raises(IntegrityError):
        add(engine, job("fit", JobState.queued))
    add(engine, job("fit", JobState.done))


def test_times_come_back_in_utc_and_a_time_without_a_zone_is_refused(reviewed: Engine) -> None:
    with reading(reviewed) as session:
        assert session.scalars(select(Source.added_at)).one() == NOW
    with pytest.raises(StatementError, match="no time zone"):
        add(reviewed, Source(adapter="folder", location="b", added_at=datetime(2026, 1, 1)))


def test_enums_are_stored_by_value(reviewed: Engine) -> None:
    add(reviewed, verdict(Decision.reject, Reason.too_coarse))
    with reviewed.connect() as connection:
        assert connection.exec_driver_sql("SELECT decision, reason FROM verdict").one() == ("reject", "too_coarse")
