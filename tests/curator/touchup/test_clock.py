"""The clock of touch-ups, as pure functions."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.touchup.clock import SteadyClock, is_over, seconds_hidden, seconds_left, seconds_since_start
from db.tables import Presence, TouchUp, TouchUpPresence, TouchUpSave

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OPENED, HIDDEN, SHOWN, LEFT = Presence.opened, Presence.hidden, Presence.shown, Presence.left


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def presences(*given: tuple[float, Presence]) -> list[TouchUpPresence]:
    return [TouchUpPresence(page="page", presence=presence, at=at(seconds)) for seconds, presence in given]


@pytest.mark.parametrize(
    ("said", "now", "expected"),
    [
        ([], 50, 0),
        ([(0, OPENED)], 50, 0),
        ([(0, OPENED), (10, HIDDEN), (25, SHOWN)], 50, 15),
        ([(0, OPENED), (10, HIDDEN)], 50, 40),
        ([(0, OPENED), (10, HIDDEN), (12, LEFT), (30, OPENED)], 50, 20),  # hidden, then closed, then opened again
        ([(0, OPENED), (10, LEFT), (30, OPENED), (35, HIDDEN), (36, SHOWN)], 50, 21),
        ([(0, OPENED), (10, SHOWN), (20, OPENED)], 50, 0),
    ],
)
def test_the_time_in_which_no_page_shows_a_touch_up_is_counted(
    said: list[tuple[float, Presence]], now: float, expected: float
) -> None:
    assert seconds_hidden(presences(*said), at(now)) == expected


@given(st.lists(st.tuples(st.floats(0, 1000), st.sampled_from(Presence))), st.floats(0, 1000))
def test_hidden_time_is_never_negative_and_never_longer_than_all_time(said: list[tuple[float, Presence]], more: float) -> None:
    said.sort(key=lambda one: one[0])
    last = said[-1][0] if said else 0.0
    assert 0 <= seconds_hidden(presences(*said), at(last + more)) <= last + more + 1e-3


def test_a_clock_that_is_set_back_gives_nobody_more_time_than_there_is() -> None:
    touch_up = TouchUp(started_at=START, seconds_shown=120, saves=[])
    assert seconds_left(touch_up, at(-3600)) == 120
    assert seconds_since_start(touch_up, at(-3600)) == 0
    assert seconds_hidden(presences((10, HIDDEN)), at(5)) == 0


def test_a_later_save_that_does_not_finish_takes_done_back() -> None:
    touch_up = TouchUp(started_at=START, seconds_shown=120, saves=[TouchUpSave(finished=True, at=at(5))])
    assert is_over(touch_up, at(10))
    touch_up.saves.append(TouchUpSave(finished=False, at=at(6)))
    assert not is_over(touch_up, at(10))
    assert is_over(touch_up, at(120))


class Machine:
    """A machine's clock, which somebody may set, and its count of seconds, which nobody can."""

    def __init__(self) -> None:
        self.wall, self.count = START, 1000.0

    def pass_(self, seconds: float, *, set_by: float = 0.0) -> None:
        self.wall += timedelta(seconds=seconds + set_by)
        self.count += seconds

    def clock(self) -> SteadyClock:
        return SteadyClock(lambda: self.wall, lambda: self.count)


def test_a_clock_that_is_set_back_gives_no_time() -> None:
    machine = Machine()
    now = machine.clock()
    machine.pass_(6)
    assert now() == at(6)
    machine.pass_(5, set_by=-3605)
    assert now() == at(11)
    machine.pass_(5)
    assert now() == at(16)


def test_one_that_is_set_forward_or_slept_is_followed() -> None:
    machine = Machine()
    now = machine.clock()
    machine.pass_(0, set_by=3600)  # a machine that sleeps counts no seconds
    assert now() == at(3600)
    machine.pass_(1, set_by=-0.01)  # as a time server slows a clock down
    assert now() == at(3600.99)


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(-1e5, 1e5)), max_size=20))
def test_the_time_never_goes_back_and_at_least_as_much_passes_as_is_counted(steps: list[tuple[float, float]]) -> None:
    machine = Machine()
    now = machine.clock()
    before = now()
    for seconds, set_by in steps:
        machine.pass_(seconds, set_by=set_by)
        after = now()
        assert after >= before
        assert (after - before).total_seconds() >= seconds - 1.001
        before = after


def test_after_a_restart_with_the_clock_set_back_the_time_used_is_what_was_recorded_last() -> None:
    touch_up = TouchUp(started_at=at(0), seconds_shown=120)
    touch_up.presences = presences((0, OPENED), (70, HIDDEN))
    touch_up.saves = [TouchUpSave(at=at(50), finished=False)]
    assert seconds_since_start(touch_up, at(-3600)) == 70.0
    assert seconds_left(touch_up, at(-3600)) == 50.0
    assert seconds_left(touch_up, at(100)) == 20.0
