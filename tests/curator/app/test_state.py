"""What the pages and the routes of one process share."""

from collections.abc import Callable

import pytest

from curator.app.state import REMEMBERED, cached_by_cost


class Counting:
    """A count that takes `takes` seconds on its own clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.takes = 0.0
        self.counted = 0

    def clock(self) -> float:
        return self.now

    def count(self, of: str) -> str:
        self.counted += 1
        self.now += self.takes
        return f"{of} {self.counted}"


def test_an_expensive_count_is_cached_for_twenty_times_as_long_as_it_took() -> None:
    counting = Counting()
    counting.takes = 0.5
    asked = cached_by_cost(counting.count, counting.clock)
    assert asked("open") == "open 1"  # took until 0.5
    counting.now = 10.4
    assert asked("open") == "open 1"
    counting.now = 10.5
    assert asked("open") == "open 2"


def test_a_cheap_count_is_always_fresh_and_each_argument_has_its_own_result() -> None:
    counting = Counting()
    asked = cached_by_cost(counting.count, counting.clock)
    assert [asked("open"), asked("open")] == ["open 1", "open 2"]
    counting.takes = 1.0
    assert [asked("kept"), asked("rejected"), asked("kept")] == ["kept 3", "rejected 4", "kept 3"]


HOURS = 2 * 3600  # the time that a test lets pass, in seconds


def share_counted(counting: Counting, ask: Callable[[int], object]) -> float:
    """The share of two hours that counting took, if somebody asks once a second; `ask` gets the number of the second."""
    spent = 0.0
    for second in range(HOURS):
        counting.now = max(counting.now, float(second))
        before = counting.now
        ask(second)
        spent += counting.now - before
    return spent / HOURS


@pytest.mark.parametrize("keys", [1, 2, 30])
def test_counting_again_takes_a_twentieth_of_the_time_however_many_results_are_expensive(keys: int) -> None:
    counting = Counting()
    counting.takes = 5.0
    asked = cached_by_cost(counting.count, counting.clock)
    share = share_counted(counting, lambda second: asked(f"filter {second % keys}"))
    firsts = 2 * keys * counting.takes / HOURS  # a result that is new, and its first expiry, wait for no other
    assert 0.03 < share <= 1 / 20 + firsts


def test_each_of_many_expensive_results_is_counted_again_in_its_turn() -> None:
    counting = Counting()
    counting.takes = 5.0
    asked = cached_by_cost(counting.count, counting.clock)
    ages = {"often": 0.0, "seldom": 0.0}
    for second in range(HOURS):
        counting.now = max(counting.now, float(second))
        for name in ["often", *(["seldom"] if second % 7 == 0 else [])]:
            before = counting.counted
            asked(name)
            if counting.counted > before:
                ages[name] = counting.now
    assert min(ages.values()) > HOURS - 3 * 20 * counting.takes


def test_an_expensive_result_outlasts_any_number_of_cheap_ones() -> None:
    counting = Counting()
    asked = cached_by_cost(counting.count, counting.clock)

    def ask(second: int) -> None:
        for number in range(REMEMBERED // 10):
            asked(f"cheap {second} {number}")
        counting.takes = 2.0
        asked("expensive")
        counting.takes = 0.0

    assert share_counted(counting, ask) <= 1 / 20 + 0.001
