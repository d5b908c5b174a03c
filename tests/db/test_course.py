"""The course of a job: simulated runs, slow starts and all, against what is said of the time left."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.course import Course, Phase, Where, of_unknown_length

Step = tuple[str, float, int]  # a phase, the seconds that each of its items takes in truth, and how many items it has


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def simulated(phases: Sequence[Phase], steps: Sequence[Step], begin: float = 0.0) -> list[tuple[float, str, float, Where]]:
    """A run: for each report when it came, its phase, the share of this phase that was done, and where the job stood."""
    clock = Clock()
    course = Course(phases, begin, clock)
    told = []
    for name, seconds, items in steps:
        for done in range(items + 1):
            clock.now += seconds if done else 0.0
            told.append((clock.now, name, done / items, course.at(name, done, items)))
    return told


INGEST = [Phase("Starting", 3.0, paced=False), Phase("Looking", 0.015 * 300), Phase("Cutting", 0.15 * 300)]


def training(epochs: int, train: float, check: float, report: float) -> list[Phase]:
    each = [[Phase(f"Epoch {one}", train), Phase(f"Epoch {one}, validation", check)] for one in range(1, epochs + 1)]
    start = [Phase("TensorFlow", 8.0, paced=False), Phase("Compiling", 15.0, paced=False)]
    return [*start, *(phase for two in each for phase in two), Phase("Measuring", report)]


def steps_of(epochs: int, train: Step, check: Step, *around: Step) -> list[Step]:
    each = [[(f"Epoch {one}", *train[1:]), (f"Epoch {one}, validation", *check[1:])] for one in range(1, epochs + 1)]
    return [*around[:-1], *(step for two in each for step in two), around[-1]]


def after_a_tenth(phases: Sequence[Phase], told: list[tuple[float, str, float, Where]]) -> list[tuple[timedelta | None, float]]:
    """What was said of the time left from a tenth of the paced work on, and how long it then took in seconds."""
    end = told[-1][0]
    paced = {phase.name: phase.seconds for phase in phases if phase.paced}
    names, found = list(paced), []
    for at, name, fraction, where in told:
        if name in paced:
            before = sum(paced[each] for each in names[: names.index(name)])
            if before + paced[name] * fraction >= 0.1 * sum(paced.values()):
                found.append((where.left, end - at))
    return found


@given(
    machine=st.floats(0.2, 8.0),  # how much slower than the machine where the phases were measured
    start=st.floats(0.0, 60.0),
    photos=st.integers(100, 400),
)
def test_an_ingests_time_left_is_right_after_a_tenth_however_slow_the_start(machine: float, start: float, photos: int) -> None:
    phases = [INGEST[0], Phase("Looking", 0.015 * photos), Phase("Cutting", 0.15 * photos)]
    told = simulated(
        phases, [("Starting", start, 1), ("Looking", 0.015 * machine, photos), ("Cutting", 0.15 * machine, photos)]
    )
    known = [(left.total_seconds(), truth) for left, truth in after_a_tenth(phases, told) if left is not None]
    assert all(left == pytest.approx(truth, rel=0.3, abs=0.5) for left, truth in known)
    if 0.165 * photos * machine > 60:  # more than a minute of work: then something is said from a tenth on
        assert len(known) == len(after_a_tenth(phases, told))


@given(machine=st.floats(0.1, 5.0), start=st.floats(0.0, 90.0), epochs=st.integers(3, 50), off=st.floats(0.8, 1.25))
def test_a_trainings_time_left_is_right_after_a_tenth_and_counts_the_report(
    machine: float, start: float, epochs: int, off: float
) -> None:
    """`off` is by how much the report takes longer here than it usually does beside an epoch."""
    phases = training(epochs, 10.0, 2.0, 6.0)
    steps = steps_of(
        epochs,
        ("", 0.5 * machine, 20),
        ("", 0.4 * machine, 5),
        ("TensorFlow", start, 1),
        ("Compiling", 2 * start, 1),
        ("Measuring", 0.6 * machine * off, 10),
    )
    told = simulated(phases, steps)
    for left, truth in after_a_tenth(phases, told):
        if left is not None and truth > 0.1 * (told[-1][0] - told[0][0]):
            assert left.total_seconds() == pytest.approx(truth, rel=0.3, abs=1.0)
    assert all(where.left is None for _, name, _, where in told if name in ("TensorFlow", "Compiling"))


@given(
    times=st.lists(st.floats(0.0, 100.0), min_size=3, max_size=3),
    items=st.lists(st.integers(1, 40), min_size=3, max_size=3),
    begin=st.floats(0.0, 0.9),
    skipped=st.sets(st.sampled_from(["Starting", "Looking"])),
)
def test_a_share_never_falls_begins_early_and_is_whole_only_at_the_end(
    times: list[float], items: list[int], begin: float, skipped: set[str]
) -> None:
    names = [phase.name for phase in INGEST]
    steps = [step for step in zip(names, times, items, strict=True) if step[0] not in skipped]
    shares = [where.share for *_, where in simulated(INGEST, steps, begin)]
    assert shares == sorted(shares)
    assert begin <= shares[0]
    assert all(share < 1.0 for share in shares[:-1])
    assert shares[-1] == pytest.approx(1.0)


def test_a_phase_that_is_told_again_moves_nothing_back() -> None:
    clock = Clock()
    course = Course(INGEST, clock=clock)
    share = course.at("Cutting", 1, 2).share
    assert course.at("Looking", 0, 2).share == share


def test_nothing_is_said_of_the_time_left_before_there_is_enough() -> None:
    def told(seconds: float, photos: int, total: int) -> timedelta | None:
        clock = Clock()
        course = Course([Phase("Cutting", 0.15 * total)], clock=clock)
        course.at("Cutting", 0, total)
        clock.now += seconds
        return course.at("Cutting", photos, total).left

    assert told(4.9, 30, 300) is None  # a tenth, in too short a time
    assert told(5.0, 30, 300) == timedelta(seconds=45)
    assert told(50.0, 30, 3000) is None  # a hundredth
    assert told(60.0, 30, 3000) == timedelta(minutes=99)  # a hundredth, but a minute of work
    assert told(600.0, 0, 300) is None


def test_what_was_skipped_makes_the_pace_no_faster() -> None:
    clock = Clock()
    phases = [Phase("Listing", 10.0), Phase("Looking", 1000.0), Phase("Cutting", 100.0)]
    course = Course(phases, clock=clock)
    for name, done in (("Listing", 0), ("Listing", 1), ("Cutting", 0), ("Cutting", 0.5)):
        clock.now += {("Listing", 1): 10.0, ("Cutting", 0.5): 50.0}.get((name, done), 0.0)
        left = course.at(name, done).left
    assert left == timedelta(seconds=50)


def test_work_that_becomes_slower_is_noticed() -> None:
    clock = Clock()
    course = Course([Phase("Cutting", 100.0)], clock=clock)
    course.at("Cutting", 0, 100)

    def left(done: int) -> float:
        return (course.at("Cutting", done, 100).left or timedelta(0)).total_seconds()

    for done in range(1, 41):
        clock.now += 5.0
        left(done)
    assert left(40) == pytest.approx(300.0)
    for done in range(41, 81):
        clock.now += 20.0  # four times as slow
        left(done)
    assert left(80) == pytest.approx(400.0, rel=0.1)


def test_start_up_that_is_still_to_come_is_part_of_the_time_left() -> None:
    clock = Clock()
    course = Course([Phase("Writing", 10.0), Phase("Loading", 8.0, paced=False), Phase("Comparing", 20.0)], clock=clock)
    course.at("Writing", 0)
    clock.now += 5.0
    assert course.at("Writing", 0.5).left == timedelta(seconds=5 + 8 + 20)
    clock.now += 5.0
    course.at("Loading")
    clock.now += 3.0
    assert course.at("Loading").left == timedelta(seconds=5 + 20)


def test_a_list_of_unknown_length_moves_at_once_and_never_ends() -> None:
    shares = [of_unknown_length(done) for done in (0, 1, 10, 1000, 10**9)]
    assert shares == sorted(shares)
    assert (shares[0], shares[3]) == (0.0, 0.5)
    assert shares[1] > 0
    assert shares[-1] < 1
