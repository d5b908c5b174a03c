"""What the pages and the routes of one process share."""

from curator.app.state import cached_by_cost


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
