"""The course of a training: phases in their order, whatever is resumed, and a time left that counts the report."""

import pytest

from db.course import Course
from db.tables import Split
from trainer import course
from trainer.recipe import FitSettings

IMAGE = course.image_seconds("hairmattenet", 224)
SIZES = {Split.train: 38, Split.validation: 6, Split.test: 12}


Told = list[tuple[float, float, float | None]]  # when, the share, and the seconds left


def trained(along: Course, clock: list[float], first: int, epochs: int, slower: float) -> Told:
    """What is told of a training that is `slower` times as slow as usual, and has a slow start."""
    told: Told = []

    def at(phase: str, seconds: float, items: int = 1) -> None:
        for done in range(1, items + 1):
            clock[0] += seconds / items
            share, left = along.at(phase, done, items)
            told.append((clock[0], share, None if left is None else left.total_seconds()))

    def goes_on(phase: str, seconds: float) -> None:
        along.at(phase)
        clock[0] += seconds

    goes_on(course.STARTING, 25)
    at(course.LOADING, 2.0, 44)
    goes_on(course.COMPILING, 60)
    for number in range(first, epochs + 1):
        at(course.epoch(number, epochs), slower * 38 * 2 * IMAGE, 19)
        if number == first:
            goes_on(course.COMPILING_REST, 12)
        at(course.validation(number, epochs), slower * 6 * 2 * IMAGE * course.FORWARD, 3)
        at(course.saving(number, epochs), slower * course.SAVE_SECONDS)
    goes_on(course.LOADING_RUN, 9)
    for split in course.MEASURED:
        at(course.measuring(split), slower * SIZES[split] * course.MEASURE_SECONDS, 4)
    return told


def test_a_training_may_go_on_one_epoch_later_than_its_rows_say() -> None:
    """It was killed between an epoch's checkpoint and its row: `fit.resume` writes the row, and begins with the next one."""
    clock = [0.0]
    along = course.fit_course(SIZES, FitSettings(epochs=5), 1, lambda: clock[0])
    shares = [share for _, share, _ in trained(along, clock, 3, 5, 1.0)]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


@pytest.mark.parametrize(("done", "epochs", "slower"), [(0, 3, 1.0), (0, 50, 1.0), (20, 50, 4.0), (40, 50, 0.3)])
def test_a_trainings_share_rises_to_the_end_and_its_time_left_is_right_after_a_tenth(
    done: int, epochs: int, slower: float
) -> None:
    clock = [0.0]
    along = course.fit_course(SIZES, FitSettings(epochs=epochs), done, lambda: clock[0])
    told = trained(along, clock, done + 1, epochs, slower)
    shares = [share for _, share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert all(share < 1 for share in shares[:-1])
    end, work = told[-1][0], told[-1][0] - told[44][0]
    guesses = [(left, end - at) for at, _, left in told if left is not None and end - at < 0.9 * work]
    assert guesses
    assert all(left == pytest.approx(truth, rel=0.3, abs=1.0) for left, truth in guesses)
