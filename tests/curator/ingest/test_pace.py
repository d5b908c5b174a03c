"""How fast long work goes, in words."""

from datetime import timedelta

import pytest

from curator.ingest.pace import ProgressPoint, duration_in_words, pace_in_words, per_second, recent_points
from tests.conftest import FakeClock


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (61, "1 min"), (3599, "1 h"), (12_000, "3 h 20 min"), (432_000, "120 h")],
)
def test_a_span_in_words(seconds: float, words: str) -> None:
    assert duration_in_words(timedelta(seconds=seconds)) == words


def test_the_pace_is_that_of_the_last_minute(clock: FakeClock) -> None:
    marks = [ProgressPoint(clock(), 0)]
    for _ in range(30):  # fast: what was there already
        marks = recent_points([*marks, ProgressPoint(clock.pass_(1), marks[-1].done + 1000)])
    for _ in range(12):
        marks = recent_points([*marks, ProgressPoint(clock.pass_(10), marks[-1].done + 20)])
    assert per_second(marks) == 2.0
    assert len(marks) == 8
    assert pace_in_words(marks, marks[-1].done + 240) == "2.0 a second, 2 min left"


def test_there_is_no_pace_before_time_has_passed(clock: FakeClock) -> None:
    for marks in (
        [],
        [ProgressPoint(clock(), 5)],
        [ProgressPoint(clock(), 5), ProgressPoint(clock(), 9)],
        [ProgressPoint(clock(), 5), ProgressPoint(clock.pass_(9), 5)],
    ):
        assert pace_in_words(marks, 100) == ""
