"""Means with intervals, and paired differences between two runs."""

import random
from dataclasses import replace

import pytest

from curator.runs.estimates import (
    MeasureDifference,
    RowPair,
    at_two_sizes,
    comparable_measures,
    estimates,
    measure_differences,
    most_different,
    pair_rows,
)
from curator.runs.results import ReportRow
from db.tables import Split
from trainer.measures import ALL, ALPHA_ERRORS, MEASURES

F1, *_, GRADIENT = MEASURES


def seen(example: int, f1: float | None, mask: str = "mask", gradient: float | None = 0.1) -> ReportRow:
    values = {"f1": f1, "gradient_consistency": gradient}
    return ReportRow(example, "a.jpg", "set.zip", Split.test, "none", "image", mask, "matte", values)


def test_a_mean_leaves_out_examples_without_a_value_and_lies_within_its_interval() -> None:
    (made,) = estimates([seen(1, 0.9), seen(2, None), seen(3, 0.5), seen(4, 0.7)], [F1])
    assert made.mean == pytest.approx(0.7)  # (0.9 + 0.5 + 0.7) / 3
    assert made.images == 3
    assert made.interval is not None
    assert 0.5 <= made.interval[0] < 0.7 < made.interval[1] <= 0.9


def test_a_measure_that_no_example_has_is_no_number() -> None:
    (made,) = estimates([seen(1, None)], [F1])
    assert (made.mean, made.interval, made.images) == (None, None, 0)


def test_only_examples_that_both_runs_measured_against_the_same_mask_are_paired() -> None:
    first = [seen(1, 0.5), seen(2, 0.5), seen(3, 0.5, mask="before the touch-up")]
    second = [seen(3, 0.9, mask="after"), seen(2, 0.6), seen(4, 0.9)]
    assert [(pair.first.values["f1"], pair.second.values["f1"]) for pair in pair_rows(first, second)] == [(0.5, 0.6)]


def test_a_small_difference_on_every_example_is_clear_where_the_examples_themselves_differ_widely() -> None:
    rng = random.Random(1)
    both = [
        RowPair(
            seen(number, f1, gradient=0.2), seen(number, f1 + 0.02 + rng.gauss(0, 0.01), gradient=0.25 + rng.gauss(0, 0.01))
        )
        for number, f1 in enumerate(rng.uniform(0.2, 0.9) for _ in range(60))
    ]
    better, worse = measure_differences(both, [F1, GRADIENT])
    assert better.difference == pytest.approx(0.02, abs=0.005)
    assert better.second is not None
    assert better.first is not None
    assert better.second - better.first == pytest.approx(better.difference)
    assert (better.outcome, better.images) == ("better", 60)
    assert worse.difference == pytest.approx(0.05, abs=0.005)  # of a measure where lower is better
    assert worse.outcome == "worse"


def test_an_interval_that_contains_zero_is_no_clear_difference() -> None:
    both = [RowPair(seen(1, 0.5), seen(1, 0.6)), RowPair(seen(2, 0.5), seen(2, 0.3)), RowPair(seen(3, 0.5), seen(3, 0.55))]
    assert measure_differences(both, [F1])[0].outcome == "no clear difference"


def test_an_example_that_one_run_has_no_value_for_is_in_no_difference() -> None:
    (made,) = measure_differences([RowPair(seen(1, None), seen(1, 0.6)), RowPair(seen(2, 0.5), seen(2, 0.7))], [F1])
    assert (made.images, made.first, made.second) == (1, 0.5, 0.7)
    assert measure_differences([], [F1])[0] == MeasureDifference(F1, None, None, None, None, 0)


def test_sums_over_pixels_are_compared_only_where_both_were_taken_at_one_size() -> None:
    sad = ALPHA_ERRORS[0]

    def with_sad(example: int, value: float, side: int) -> ReportRow:
        return replace(seen(example, 0.5), values={"f1": 0.5, "sad": value}, alpha_side=side)

    old = [RowPair(with_sad(n, 0.5 + n, 224), with_sad(n, 0.2 + n, 128)) for n in range(3)]
    new = [RowPair(with_sad(n, 2.0 + n, 512), with_sad(n, 1.5 + n, 512)) for n in range(3)]
    assert (at_two_sizes(old), at_two_sizes(new)) == (True, False)
    (nothing,), (made,) = measure_differences(old, [sad]), measure_differences(new, [sad])
    assert (nothing.images, nothing.difference, nothing.outcome) == (0, None, "no clear difference")
    assert (made.images, made.difference) == (3, pytest.approx(-0.5))
    assert measure_differences(old, [F1])[0].images == 3


def test_eq_1_is_compared_at_one_size_only() -> None:
    assert comparable_measures(224, 224) == list(ALL)
    assert set(ALL) - set(comparable_measures(224, 128)) == {GRADIENT}


def test_where_two_runs_differ_most_comes_first() -> None:
    both = [
        RowPair(seen(n, one), seen(n, other)) for n, one, other in [(1, 0.5, 0.6), (2, None, 0.9), (3, 0.9, 0.4), (4, 0.5, 0.5)]
    ]
    assert [pair.first.example for pair in most_different(both, F1)] == [3, 1, 4, 2]
