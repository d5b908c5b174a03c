"""The pace of touch-ups: which count, how long they took, by reviewer and week, and what is left."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from curator.review.reviewers import reviewer_called
from curator.touchup.pace import TouchedUp, TouchUpPace, paces, per_week, touched_up, work_left
from db.session import reading, writing
from db.store import Store
from db.tables import TouchUp, TouchUpDiscard, TouchUpSave
from tests.conftest import FakeClock, on_both_servers
from tests.examples import add_examples

SUNDAY = datetime(2026, 3, 8, 23, 30, tzinfo=UTC)


@on_both_servers
def test_touch_ups_that_are_over_count_each_with_the_time_it_took(engine: Engine, store: Store, clock: FakeClock) -> None:
    with writing(engine) as session:
        examples = add_examples(session, store, 6)
        ada, bo = reviewer_called(session, "Ada").id, reviewer_called(session, "Bo").id

        def touch_up(example: int, who: int, ago: float, used: float, *, finished: bool, shown: int | None = 120) -> TouchUp:
            row = TouchUp(
                example_id=example, reviewer_id=who, mask_before_sha256="0" * 64,
                started_at=clock() - timedelta(seconds=ago), seconds_shown=shown,
            )  # fmt: skip
            row.saves = [TouchUpSave(mask_after_sha256="1" * 64, seconds_used=used, finished=finished, at=clock())]
            session.add(row)
            session.flush()
            return row

        touch_up(examples[0], ada, 900, 60, finished=True)
        touch_up(examples[1], ada, 800, 20, finished=False)  # the clock has finished it
        touch_up(examples[2], ada, 60, 30, finished=False)  # is going on
        touch_up(examples[3], ada, 700, 90, finished=False, shown=None)  # nobody has finished it
        gone = touch_up(examples[4], bo, 600, 90, finished=True)
        session.add(TouchUpDiscard(touch_up_id=gone.id, reviewer_id=bo, at=clock()))
        touch_up(examples[5], ada, 500, 15, finished=False)
        touch_up(examples[5], bo, 500, 40, finished=True)  # went on with Ada's clock: the same touch-up
        touch_up(examples[0], bo, 90 * 24 * 3600, 50, finished=True)  # long ago
    with reading(engine) as session:
        found = [(one.reviewer, one.example, one.seconds) for one in touched_up(session, clock())]
    assert found == [("Ada", examples[0], 60), ("Ada", examples[1], 120), ("Bo", examples[5], 40)]


def test_masks_are_counted_once_and_the_median_is_of_touch_ups() -> None:
    done = [
        TouchedUp("Ada", SUNDAY, 1, 60), TouchedUp("Ada", SUNDAY, 1, 30), TouchedUp("Ada", SUNDAY, 2, 100),
        TouchedUp("Bo", SUNDAY, 3, 50),
    ]  # fmt: skip
    assert paces(done) == [TouchUpPace(None, 3, 4, 55.0), TouchUpPace("Ada", 2, 3, 60.0), TouchUpPace("Bo", 1, 1, 50.0)]
    assert paces([]) == []


def test_a_week_begins_on_monday_of_the_readers_clock() -> None:
    done = [TouchedUp("Ada", SUNDAY, 1, 60), TouchedUp("Bo", SUNDAY - timedelta(hours=2), 2, 60)]
    assert per_week(done, UTC) == {("Ada", datetime(2026, 3, 2)): 1, ("Bo", datetime(2026, 3, 2)): 1}
    there = per_week(done, ZoneInfo("Europe/Berlin"))
    assert there == {("Ada", datetime(2026, 3, 9)): 1, ("Bo", datetime(2026, 3, 2)): 1}


@pytest.mark.parametrize(("count", "left"), [(0, None), (9, None), (10, timedelta(minutes=20))])
def test_what_is_left_is_told_from_ten_touch_ups_on(count: int, left: timedelta | None) -> None:
    done = [TouchedUp("Ada", SUNDAY, one, 30.0 if one % 2 else 90.0) for one in range(count)]
    assert work_left(20, done) == left
