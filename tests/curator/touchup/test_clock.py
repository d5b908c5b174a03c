"""The clock of touch-ups, as pure functions."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.touchup.clock import is_over, seconds_hidden, seconds_left, seconds_since_start
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
    touch_up = TouchUp(started_at=START, seconds_shown=120, saves=[TouchUpSave(finished=True)])
    assert is_over(touch_up, at(10))
    touch_up.saves.append(TouchUpSave(finished=False))
    assert not is_over(touch_up, at(10))
    assert is_over(touch_up, at(120))
