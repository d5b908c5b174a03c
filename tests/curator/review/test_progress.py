"""Progress of reviewing: pace and forecast from times alone, and the queries behind them on both databases."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from curator.review import progress
from curator.review.gold import HitRate
from curator.review.progress import Forecast, Pace, forecast, measure_pace, newest_activity
from curator.review.reviewers import decided, reviewer_called
from curator.review.verdicts import NewVerdict, new_client_id, record
from db.session import reading, writing
from db.store import Store
from db.tables import Decision, Reason, Source, TouchUp
from tests.conftest import FakeClock, on_both_servers
from tests.examples import add_examples

KEEP, FIX, REJECT, UNDO = Decision.keep, Decision.fix, Decision.reject, Decision.undo
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def seconds(*given: float) -> progress.Times:
    return np.array(given, np.float64)


def say(session: Session, who: str, now: datetime, *examples: int, decision: Decision = KEEP, settles: bool = False) -> None:
    given = [NewVerdict(one, decision, None, new_client_id(), settles) for one in examples]
    record(session, reviewer_called(session, who).id, given, now)


# --- pace -----------------------------------------------------------------------------------------------------------


def test_a_gap_of_over_a_minute_is_a_pause_and_one_of_a_minute_is_not() -> None:
    assert measure_pace(seconds(0, 60, 120.5, 130.5)) == Pace(verdicts=4, timed=2, seconds=70.0, median=35.0)


def test_the_first_verdict_after_a_pause_is_counted_but_not_timed() -> None:
    pace = measure_pace(seconds(0, 10, 1000, 1010))
    assert (pace.verdicts, pace.timed, pace.seconds) == (4, 2, 20.0)
    assert pace.per_minute == 6.0  # one every 10 s, however long the pause


def test_a_grid_of_verdicts_in_one_commit_shares_the_time_it_took() -> None:
    grid = [30.0] * 20 + [60.0] * 10
    pace = measure_pace(seconds(0, *grid))
    assert (pace.verdicts, pace.timed, pace.seconds) == (31, 30, 60.0)
    assert pace.per_minute == 30.0
    assert pace.median == 1.5  # 20 of them took 30 / 20 s, 10 took 30 / 10 s


def test_verdicts_that_came_all_at_once_have_no_pace() -> None:
    assert measure_pace(seconds(5, 5, 5)) == Pace(verdicts=3, timed=0, seconds=0.0, median=None)
    assert measure_pace(seconds(5, 5, 5)).per_minute is None
    assert measure_pace(seconds(5, *[5.02] * 40)).per_minute is None  # two files of verdicts, one after the other
    assert measure_pace(seconds()) == Pace(0, 0, 0.0, None)


def test_two_reviewers_at_once_make_twice_the_pace_of_one() -> None:
    one, other = np.arange(0.0, 100, 4), np.arange(2.0, 102, 4)
    alone = measure_pace(one).per_minute
    together = measure_pace(progress.merged_times({"Ada": one, "Bo": other})).per_minute
    assert alone == 15.0
    assert together == pytest.approx(30.0)
    assert progress.merged_times({}).size == 0


def test_the_newest_minutes_of_activity_reach_back_over_pauses() -> None:
    times = seconds(0, 50, 100, 5000, 5040, 5080)
    assert newest_activity(times, 80).tolist() == [100, 5000, 5040, 5080]
    assert newest_activity(times, 79).tolist() == [5040, 5080]
    assert newest_activity(times, 130).tolist() == [50, 100, 5000, 5040, 5080]
    assert newest_activity(times, 1e9).tolist() == times.tolist()
    assert newest_activity(seconds(), 300).size == 0


def test_a_forecast_has_an_end_while_somebody_is_reviewing() -> None:
    pace = Pace(verdicts=51, timed=50, seconds=300.0, median=6.0)  # 10 a minute
    said = forecast(600, pace, NOON - timedelta(minutes=4), NOON)
    assert said == Forecast(timedelta(hours=1), timedelta(minutes=5), NOON + timedelta(hours=1))


def test_a_forecast_has_no_end_while_nobody_is_reviewing() -> None:
    pace = Pace(verdicts=51, timed=50, seconds=300.0, median=6.0)
    for last in (NOON - timedelta(minutes=6), None):
        said = forecast(600, pace, last, NOON)
        assert said is not None
        assert (said.work, said.done_at) == (timedelta(hours=1), None)


def test_no_forecast_is_made_of_a_handful_of_verdicts_or_of_nothing_left() -> None:
    assert forecast(600, Pace(30, 29, 300.0, 10.0), NOON, NOON) is None
    assert forecast(600, Pace(31, 30, 299.0, 10.0), NOON, NOON) is None
    assert forecast(600, Pace(100, 99, 60.0, 0.6), NOON, NOON) is None  # 99 of one minute
    assert forecast(600, Pace(31, 30, 300.0, 10.0), NOON, NOON) is not None
    assert forecast(0, Pace(31, 30, 300.0, 10.0), NOON, NOON) is None
    assert forecast(600, Pace(400, 0, 0.0, None), NOON, NOON) is None


# --- hours and days ---------------------------------------------------------------------------------------------------


def test_a_verdict_belongs_to_the_day_of_the_readers_clock() -> None:
    late = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)
    activity = {"Ada": seconds(late.timestamp(), late.timestamp() + 1, NOON.timestamp())}
    here = progress.per_period(activity, UTC, "day")
    assert here == {("Ada", datetime(2026, 3, 4)): 3}
    there = progress.per_period(activity, ZoneInfo("Europe/Berlin"), "day")
    assert there == {("Ada", datetime(2026, 3, 4)): 1, ("Ada", datetime(2026, 3, 5)): 2}


def test_hours_begin_where_the_readers_clock_says_even_half_an_hour_off() -> None:
    activity = {"Ada": seconds(NOON.timestamp() + 29 * 60, NOON.timestamp() + 31 * 60)}
    found = progress.per_period(activity, ZoneInfo("Asia/Kolkata"), "hour")  # UTC + 5:30
    assert found == {("Ada", datetime(2026, 3, 4, 17)): 1, ("Ada", datetime(2026, 3, 4, 18)): 1}


def test_periods_include_hours_and_days_without_verdicts() -> None:
    days = progress.periods(NOON, ZoneInfo("Europe/Berlin"), "day", 3)
    assert days == [datetime(2026, 3, 2), datetime(2026, 3, 3), datetime(2026, 3, 4)]
    hours = progress.periods(NOON, ZoneInfo("Europe/Berlin"), "hour", 2)
    assert hours == [datetime(2026, 3, 4, 12), datetime(2026, 3, 4, 13)]
    turned_back = datetime(2026, 10, 25, 3, tzinfo=UTC)  # Berlin saw two o'clock twice that night
    hours = progress.periods(turned_back, ZoneInfo("Europe/Berlin"), "hour", 4)
    assert hours == [datetime(2026, 10, 25, hour) for hour in (2, 3, 4)]


def test_today_begins_at_midnight_of_the_readers_clock() -> None:
    start = progress.midnight(NOON, ZoneInfo("Europe/Berlin"))
    assert start == datetime(2026, 3, 3, 23, tzinfo=UTC)
    at = start.timestamp()
    assert progress.not_before(seconds(at - 1, at, at + 1), start).tolist() == [at, at + 1]


# --- agreement ------------------------------------------------------------------------------------------------------


def test_pairs_compare_what_both_have_judged_and_the_larger_come_first() -> None:
    found = progress.reviewer_pairs(
        {
            1: {"Bo": KEEP, "Ada": KEEP},
            2: {"Ada": KEEP, "Bo": REJECT, "Cy": REJECT},
            3: {"Cy": KEEP, "Bo": KEEP},
            4: {"Ada": KEEP},
        }
    )
    assert [(pair.first, pair.second, pair.kappa.items, pair.kappa.observed) for pair in found] == [
        ("Ada", "Bo", 2, 0.5),
        ("Bo", "Cy", 2, 1.0),
        ("Ada", "Cy", 1, 0.0),
    ]


def test_agreement_with_others_counts_every_other_opinion() -> None:
    found = progress.agreement_with_others(
        {1: {"Ada": KEEP, "Bo": KEEP, "Cy": REJECT}, 2: {"Ada": KEEP, "Bo": KEEP}, 3: {"Dee": KEEP}}
    )
    assert found == {"Ada": (2, 3), "Bo": (2, 3), "Cy": (0, 2)}


def test_side_by_side_has_none_for_unknown_values_and_control_examples_only_when_given() -> None:
    given = [{"reviewer": "Ada", "verdicts": 3}, {"reviewer": "Bo", "verdicts": 1}]
    ada, bo = progress.side_by_side(given, {"Ada": seconds(0, 10, 20)}, {"Ada": (1, 4)}, {"Ada": HitRate(1, 2, 0.1, 0.9)})
    assert (ada["active minutes"], ada["per minute"], ada["median seconds"]) == (pytest.approx(1 / 3), 6.0, 10.0)
    assert (ada["agreed"], ada["compared"], ada["gold hit rate"], ada["gold tries"]) == (0.25, 4, 0.5, 2)
    assert (bo["per minute"], bo["median seconds"], bo["agreed"], bo["gold hit rate"], bo["gold tries"]) == (None,) * 4 + (0,)
    assert list(ada) == list(bo)
    (ada, _) = progress.side_by_side(given, {}, {}, None)
    assert not [column for column in ada if "gold" in column]


# --- queries ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def examples(engine: Engine, store: Store) -> list[int]:
    with writing(engine) as session:
        return add_examples(session, store, 4)


@on_both_servers
def test_activity_is_every_verdict_since_a_moment_that_stands(engine: Engine, examples: list[int]) -> None:
    with writing(engine) as session:
        say(session, "Ada", NOON - timedelta(seconds=1), examples[0])
        say(session, "Ada", NOON, examples[1], examples[2])
        say(session, "Ada", NOON + timedelta(seconds=2), examples[2], decision=UNDO)
        say(session, "Ada", NOON + timedelta(seconds=3.25), examples[2], decision=REJECT)
        say(session, "Bo", NOON + timedelta(seconds=1), examples[3])
        say(session, "Ada", NOON + timedelta(seconds=5), examples[1], decision=FIX)  # replaces the keep
        say(session, "Ada", NOON + timedelta(seconds=6), examples[3])
        say(session, "Ada", NOON + timedelta(seconds=7), examples[3], decision=UNDO)
    with reading(engine) as session:
        found, everything = progress.activity(session, NOON), progress.activity(session, NOON - timedelta(days=1))
        counted = {row["reviewer"]: row["verdicts"] for row in decided(session)}
    start = NOON.timestamp()
    assert {name: (times - start).tolist() for name, times in found.items()} == {"Ada": [3.25, 5], "Bo": [1]}
    assert {name: len(times) for name, times in everything.items()} == counted == {"Ada": 3, "Bo": 1}


@on_both_servers
def test_ratings_are_the_newest_blind_opinions_of_two_or_more(engine: Engine, examples: list[int]) -> None:
    one, other, third, fourth = examples
    with writing(engine) as session:
        say(session, "Ada", NOON, *examples)
        say(session, "Bo", NOON, one, other, third, decision=REJECT)
        say(session, "Ada", NOON, one, decision=REJECT)  # changed her mind: the newest counts
        say(session, "Bo", NOON, other, decision=UNDO)  # took it back: one opinion is left
        say(session, "Cy", NOON, fourth, settles=True)  # saw Ada's before: not blind
    with reading(engine) as session:
        found = progress.ratings(session)
    assert found == {one: {"Ada": REJECT, "Bo": REJECT}, third: {"Ada": KEEP, "Bo": REJECT}}


@on_both_servers
def test_settling_a_disagreement_does_not_make_it_look_like_agreement(engine: Engine, examples: list[int]) -> None:
    with writing(engine) as session:
        say(session, "Lead", NOON, examples[0])
        say(session, "Bo", NOON, examples[0], decision=REJECT)
    with reading(engine) as session:
        before = progress.ratings(session)
    with writing(engine) as session:
        say(session, "Lead", NOON, examples[0], decision=REJECT, settles=True)
    with reading(engine) as session:
        assert progress.ratings(session) == before == {examples[0]: {"Lead": KEEP, "Bo": REJECT}}


@on_both_servers
def test_sources_show_their_share_kept_of_what_is_decided(engine: Engine, store: Store, examples: list[int]) -> None:
    with writing(engine) as session:
        small = add_examples(session, store, 1)
        for name, source in zip(("large", "small"), session.query(Source).order_by(Source.id), strict=True):
            source.location = name
        say(session, "Ada", NOON, examples[0], examples[1])
        say(session, "Bo", NOON, examples[1], examples[2], decision=REJECT)
    with reading(engine) as session:
        large, untouched = progress.source_progress(session)
    assert len(small) == 1
    assert (large["source"], large["examples"], large["decided"], large["kept"]) == ("large", 4, 3, 1)
    assert (large["disputed"], large["open"], large["share"]) == (1, 1, pytest.approx(1 / 3))
    for row in (large, untouched):
        assert sum(row[part] for part in ("decided", "in repair", "open", "waiting")) == row["examples"]
    assert large["low"] < 1 / 3 < large["high"]
    assert (untouched["source"], untouched["share"], untouched["low"]) == ("small", None, None)


@on_both_servers
def test_who_only_touched_up_is_among_the_reviewers_too(engine: Engine, examples: list[int], clock: FakeClock) -> None:
    with writing(engine) as session:
        say(session, "Ada", clock(), examples[0], examples[1])
        later = clock.pass_(60)
        for name in ("Ada", "Tess"):
            session.add(
                TouchUp(
                    example_id=examples[0], reviewer_id=reviewer_called(session, name).id, mask_before_sha256="0" * 64,
                    started_at=later, seconds_shown=120,
                )
            )  # fmt: skip
    with reading(engine) as session:
        ada, tess = decided(session)
    assert ada == {"reviewer": "Ada", "verdicts": 2, "kept": 1.0, "fix": 0.0, "touch-ups": 1, "last seen": later}
    assert tess == {"reviewer": "Tess", "verdicts": 0, "kept": None, "fix": None, "touch-ups": 1, "last seen": later}


@on_both_servers
def test_the_log_holds_every_verdict_and_undo_in_order(engine: Engine, examples: list[int]) -> None:
    with writing(engine) as session:
        say(session, "Bo", NOON, examples[1], decision=REJECT)
        say(session, "Ada", NOON + timedelta(seconds=1), examples[0], settles=True)
        say(session, "Bo", NOON + timedelta(seconds=2), examples[1], decision=UNDO)
    rows, bos = list(progress.verdict_log(engine, None)), list(progress.verdict_log(engine, "Bo"))
    assert rows == [
        ("2026-03-04T12:00:00+00:00", "Bo", examples[1], "head-001.png", "reject", Reason.unsaid.value, 0),
        ("2026-03-04T12:00:01+00:00", "Ada", examples[0], "head-000.png", "keep", "", 1),
        ("2026-03-04T12:00:02+00:00", "Bo", examples[1], "head-001.png", "undo", "", 0),
    ]
    assert bos == [rows[0], rows[2]]
    assert len(progress.VERDICT_LOG_COLUMNS) == len(rows[0])


@on_both_servers
@pytest.mark.parametrize("at_once", [1, 2, 3, 4])
def test_the_log_is_whole_however_many_rows_are_read_at_once(
    engine: Engine, examples: list[int], monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(progress, "LOG_ROWS_AT_ONCE", at_once)
    with writing(engine) as session:
        say(session, "Ada", NOON, *examples[:3])
        say(session, "Bo", NOON, examples[0])
    rows = list(progress.verdict_log(engine, None))
    assert [(name, example) for _, name, example, *_ in rows] == [*(("Ada", one) for one in examples[:3]), ("Bo", examples[0])]
    assert list(progress.verdict_log(engine, "Ada")) == rows[:3]


def test_a_download_that_stands_still_keeps_no_connection(engine: Engine, examples: list[int]) -> None:
    with writing(engine) as session:
        say(session, "Ada", NOON, *examples[:3])
    log = progress.verdict_log(engine, None)
    next(log)
    assert engine.pool.checkedout() == 0
    log.close()


def test_the_figures_cost_the_same_queries_however_many_reviewers_and_verdicts(engine: Engine, store: Store) -> None:
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))

    def ask() -> int:
        with reading(engine) as session:
            asked.clear()
            progress.activity(session, NOON)
            progress.ratings(session)
            progress.source_progress(session)
            decided(session)
            list(progress.verdict_log(engine, None))
            return len(asked)

    with writing(engine) as session:
        first = add_examples(session, store, 2)
        say(session, "Ada", NOON, *first)
        say(session, "Bo", NOON, *first)
    few = ask()
    with writing(engine) as session:
        more = [number for _ in range(3) for number in add_examples(session, store, 4)]
        for name in ("Ada", "Bo", "Cy", "Dee", "Eve"):
            say(session, name, NOON, *more)
    assert ask() == few


def test_a_grid_that_took_two_minutes_is_work_and_no_pause() -> None:
    grids = np.repeat([1000.0, 1120.0], 40)
    assert measure_pace(grids) == Pace(verdicts=80, timed=40, seconds=120.0, median=3.0)
    assert len(newest_activity(grids, 60.0)) == 40
    assert measure_pace(np.array([1000.0, 1120.0])).timed == 0
