"""What waits for a touch-up, and what is over."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from curator.touchup import saves, waiting
from curator.touchup.begin import request
from curator.touchup.clock import TimeUsed, set_clock
from db.errors import WinnowError
from db.session import connect, migrate, reading, writing
from db.store import Store
from db.tables import Example, Presence, Split, State, TouchUpRequest
from tests.conftest import FakeClock, counted_instructions, on_both_servers
from tests.examples import add_bare_examples, add_bare_touch_ups, add_examples
from tests.touchups import (
    PAGE,
    SECONDS,
    begin,
    count,
    discard,
    finish,
    finished,
    keep,
    painted,
    pending,
    save,
    start_over,
    who,
)


def test_kept_test_examples_wait_and_nothing_else(engine: Engine, store: Store, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        add_examples(session, store, 1, Split.test)  # open
        keep(session, add_examples(session, store, 1, Split.train), clock)
    assert pending(engine, clock) == [(examples[0], False), (examples[1], False)]
    with reading(engine) as session:
        assert waiting.count_due(session) == 2


def test_of_the_same_picture_kept_twice_one_waits(engine: Engine, store: Store, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        for number in examples:
            session.get_one(Example, number).group_id = examples[0]
    # The second is the less doubtful of the two.
    assert pending(engine, clock) == [(examples[1], False)]
    with pytest.raises(WinnowError, match=rf"Example {examples[0]} is not approved\."):
        begin(engine, examples[0], clock)
    assert begin(engine, examples[1], clock).example == examples[1]


def test_only_the_next_few_are_listed_and_the_one_in_work_comes_first(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        more = add_examples(session, store, 3, Split.test)
        keep(session, more, clock)
    begin(engine, more[2], clock)
    begin(engine, examples[0], clock, "Bo")
    assert pending(engine, clock, count=2) == [(more[2], True), (more[0], False)]  # the most doubtful of the others
    with reading(engine) as session:
        assert waiting.count_due(session) == 3


def test_time_up_without_a_word_finishes_with_the_newest_save_or_the_mask_unchanged(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    first, second = begin(engine, examples[0], clock), begin(engine, examples[1], clock)
    saved = save(engine, store, first.touch_up, painted(1), clock.pass_(5))
    assert finished(engine, clock) == []
    clock.pass_(SECONDS)
    assert pending(engine, clock) == []
    done = {item.example: item for item in finished(engine, clock)}
    assert done[examples[0]].after == saved.mask
    assert done[examples[0]].seconds_used == 120.0
    assert done[examples[1]].after == done[examples[1]].before == second.before


def test_a_touch_up_is_over_at_the_very_moment_its_time_is_up(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    clock.pass_(0.75)
    begin(engine, examples[0], clock)
    clock.pass_(SECONDS - 0.25)
    assert (pending(engine, clock)[0], finished(engine, clock)) == ((examples[0], True), [])
    clock.pass_(0.25)
    assert pending(engine, clock) == [(examples[1], False)]
    assert [item.example for item in finished(engine, clock)] == [examples[0]]


def test_times_used_are_those_of_finished_touch_ups_the_latest_first(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    for example, seconds in zip(examples, (30, 45), strict=True):
        begun = begin(engine, example, clock)
        save(engine, store, begun.touch_up, painted(1), clock.pass_(10))
        finish(engine, store, begun.touch_up, None, clock.pass_(seconds - 10))
    start_over(engine, examples[0], clock)  # not finished
    with reading(engine) as session:
        assert [one.used for one in waiting.times_used(session, 10)] == [45, 30]
        assert [one.used for one in waiting.times_used(session, 1)] == [45]


def test_what_was_started_last_is_listed_first(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    for number in examples:
        begin(engine, number, clock)
        clock.pass_(SECONDS)
    assert [item.example for item in finished(engine, clock)] == examples[::-1]
    assert [item.example for item in finished(engine, clock, count=1)] == [examples[1]]


def test_the_page_asks_as_many_questions_about_many_touch_ups_as_about_few(
    engine: Engine, store: Store, clock: FakeClock
) -> None:
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: asked.append(str(arguments[2])))
    costs = []
    for more in (2, 18):
        with writing(engine) as session:
            numbers = add_examples(session, store, 2 * more, Split.test)
            keep(session, numbers, clock)
        for number in numbers[:more]:
            begun = begin(engine, number, clock)
            finish(engine, store, begun.touch_up, None, clock.pass_(1))
        asked.clear()
        with reading(engine) as session:
            assert len(waiting.pending(session, 1, clock(), 100)) >= more
            assert len(waiting.finished(session, clock(), 100)) >= more
        costs.append(len(asked))
    assert costs[0] == costs[1] < 10


def test_what_the_page_asks_costs_each_touch_up_the_same(tmp_path: Path, clock: FakeClock) -> None:
    costs = []
    for number in (500, 4000):
        database = connect(f"sqlite:///{tmp_path}/{number}.db")
        migrate(database)
        with writing(database) as session:
            examples = add_bare_examples(session, number, Split.test, State.keep)
            add_bare_touch_ups(session, examples[::2], clock())
        with reading(database) as session, counted_instructions(session) as hundreds:
            assert len(waiting.pending(session, 1, clock(), 10)) == 10
            assert len(waiting.finished(session, clock(), 24)) == 24
            assert waiting.count_due(session) == number / 2
        costs.append(len(hundreds) / number)
        database.dispose()
    assert costs[1] < 1.5 * costs[0]


# --- asked for again --------------------------------------------------------------------------------------------------


def ask_again(engine: Engine, example: int, clock: FakeClock) -> list[int]:
    with writing(engine) as session:
        return request(session, who(session, "Lea"), [example], None, clock())


@on_both_servers
def test_a_touched_up_mask_waits_again_when_a_lead_asks_for_it_until_it_is_started(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    first = begin(engine, examples[0], clock)
    saved = finish(engine, store, first.touch_up, painted(1), clock.pass_(9))
    assert pending(engine, clock) == [(examples[1], False)]
    assert ask_again(engine, examples[0], clock) == [examples[0]]
    assert ask_again(engine, examples[0], clock) == [examples[0]]
    assert count(engine, TouchUpRequest) == 1
    assert {example for example, _ in pending(engine, clock)} == set(examples)
    with reading(engine) as session:
        assert waiting.count_due(session) == 2
    second = begin(engine, examples[0], clock)
    assert second.before == saved.mask
    finish(engine, store, second.touch_up, painted(2), clock.pass_(9))
    assert pending(engine, clock) == [(examples[1], False)]
    ask_again(engine, examples[0], clock)
    assert count(engine, TouchUpRequest) == 2
    assert len(pending(engine, clock)) == 2


def test_one_that_no_touch_up_has_reached_waits_once_though_it_is_asked_for(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    ask_again(engine, examples[0], clock)
    with reading(engine) as session:
        assert waiting.count_due(session) == 2


@on_both_servers
def test_of_a_group_only_the_one_that_counts_can_be_asked_for(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        for number in examples:
            session.get_one(Example, number).group_id = examples[0]
    assert ask_again(engine, examples[0], clock) == []
    assert ask_again(engine, examples[1], clock) == [examples[1]]  # the less doubtful


@on_both_servers
def test_a_discarded_touch_up_makes_its_mask_wait_again_and_says_who_discarded_it(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    begun = begin(engine, examples[0], clock)
    finish(engine, store, begun.touch_up, painted(1), clock.pass_(9))
    assert [one.discarded_by for one in finished(engine, clock)] == [None]
    discard(engine, begun.touch_up, clock())
    assert [one.discarded_by for one in finished(engine, clock)] == ["Ada"]
    assert {example for example, _ in pending(engine, clock)} == set(examples)
    again = begin(engine, examples[0], clock)
    assert (again.touch_up != begun.touch_up, again.mask) == (True, begun.before)


def test_a_test_mask_that_was_left_without_a_clock_is_there_for_others_again(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        set_clock(session, who(session, "Lea"), Split.test, False, clock())
    begun = begin(engine, examples[0], clock)
    save(engine, store, begun.touch_up, painted(1), clock.pass_(9))
    clock.pass_(31 * 60)
    with writing(engine) as session:
        found = waiting.pending(session, who(session, "Bo"), clock(), 10)
    assert [(one.example, one.held_by) for one in found] == [(examples[1], None), (examples[0], None)]
    assert begin(engine, examples[0], clock, "Bo").mask == begun.before


def test_times_used_leave_out_a_done_that_was_taken_back_and_name_what_was_hidden(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    begun = begin(engine, examples[0], clock)
    finish(engine, store, begun.touch_up, painted(1), clock.pass_(30))
    saves.resume(engine, "Ada", PAGE, begun.touch_up, clock.pass_(10))
    with reading(engine) as session:
        assert waiting.times_used(session, 10) == []
    saves.note_presence(engine, "Ada", PAGE, begun.touch_up, Presence.hidden, clock.pass_(1))
    saves.note_presence(engine, "Ada", PAGE, begun.touch_up, Presence.shown, clock.pass_(7))
    finish(engine, store, begun.touch_up, painted(2), clock.pass_(12))
    with reading(engine) as session:
        assert waiting.times_used(session, 10) == [TimeUsed(60.0, 7.0)]
    assert [one.seconds_hidden for one in finished(engine, clock)] == [7.0]


def test_the_navigation_shows_the_clock_that_runs_for_the_reviewer_and_no_other(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    def left(name: str) -> float | None:
        with reading(engine) as session:
            return waiting.own_seconds_left(session, name, clock())

    assert left("Ada") is None
    begun = begin(engine, examples[0], clock)
    clock.pass_(50)
    assert (left("Ada"), left("Bo"), left("nobody")) == (70.0, None, None)
    begin(engine, examples[0], clock, "Bo", take_over=True)
    assert (left("Ada"), left("Bo")) == (None, 70.0)
    clock.pass_(70)
    assert left("Bo") is None
    other = begin(engine, examples[1], clock)
    finish(engine, store, other.touch_up, None, clock.pass_(1))
    assert (left("Ada"), other.touch_up != begun.touch_up) == (None, True)
