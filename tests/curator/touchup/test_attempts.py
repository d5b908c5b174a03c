"""What a mask has cost in time, all attempts together."""

import pytest
from sqlalchemy import Engine

from curator.touchup.attempts import Attempts, attempts
from curator.touchup.clock import TimeUsed
from curator.touchup.waiting import times_used
from db.errors import WinnowError
from db.session import reading, writing
from db.store import Store
from db.tables import Decision
from tests.conftest import FakeClock, on_both_servers
from tests.touchups import begin, finish, finished, painted, save, say, start_over


def counted(engine: Engine, example: int, touch_up: int) -> Attempts | None:
    with reading(engine) as session:
        return attempts(session, {example: touch_up}).get(example)


@on_both_servers
def test_starting_over_again_and_again_costs_what_all_attempts_took(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    touch_up = begin(engine, examples[0], clock).touch_up
    finish(engine, store, touch_up, painted(1), clock.pass_(80))
    for number in range(6):
        touch_up = start_over(engine, examples[0], clock).touch_up
        finish(engine, store, touch_up, painted(number), clock.pass_(0.015))
    found = counted(engine, examples[0], touch_up)
    assert found is not None
    assert (found.number, found.time.used) == (7, pytest.approx(80.09))
    (done,) = finished(engine, clock)
    assert (done.seconds_used, done.attempts, done.seconds_in_all) == (
        pytest.approx(0.015), 7, pytest.approx(80.09),
    )  # fmt: skip
    with reading(engine) as session:
        assert times_used(session, 10) == [TimeUsed(pytest.approx(80.09), 0.0)]


def test_only_attempts_up_to_the_one_that_is_asked_for_count(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    first = begin(engine, examples[0], clock).touch_up
    finish(engine, store, first, painted(1), clock.pass_(30))
    second = start_over(engine, examples[0], clock).touch_up
    save(engine, store, second, painted(2), clock.pass_(10))
    assert counted(engine, examples[0], first) == Attempts(1, TimeUsed(30.0, 0.0))
    assert counted(engine, examples[0], second) == Attempts(2, TimeUsed(150.0, 0.0))  # nobody finished it: all of its time
    assert counted(engine, examples[1], second) is None


def test_what_another_reviewer_takes_over_is_the_same_attempt(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    mine = begin(engine, examples[0], clock).touch_up
    save(engine, store, mine, painted(1), clock.pass_(30))
    theirs = begin(engine, examples[0], clock, "Bo", take_over=True).touch_up
    finish(engine, store, theirs, painted(2), clock.pass_(30), "Bo")
    assert counted(engine, examples[0], theirs) == Attempts(1, TimeUsed(60.0, 0.0))


@on_both_servers
def test_a_mask_whose_example_was_rejected_meanwhile_is_not_changed(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    begun = begin(engine, examples[0], clock)
    save(engine, store, begun.touch_up, painted(1), clock.pass_(5))
    before = len(list(store.all()))
    with writing(engine) as session:
        say(session, "Ada", clock, examples[0], Decision.reject)
    for change in (save, finish):
        with pytest.raises(WinnowError, match=r"^Somebody has rejected this example"):
            change(engine, store, begun.touch_up, painted(2), clock.pass_(1))
    assert len(list(store.all())) == before
