"""Bootstrap intervals: compared with the formula for large samples, paired differences, and undefined cases."""

import numpy as np
import pytest

from trainer.intervals import Difference, bootstrap, difference


def test_large_samples_have_the_interval_of_the_normal_approximation():
    values = np.random.default_rng(5).gamma(2.0, size=800)
    reach = 1.96 * values.std() / np.sqrt(800)  # the bootstrap's variance of a mean divides by n
    assert bootstrap(values) == pytest.approx((values.mean() - reach, values.mean() + reach), abs=0.06 * reach)


def test_two_values_span_all_that_two_draws_can_mean():
    # Means of two draws from {0, 1}: 0, 1/2, 1 with chances 1/4, 1/2, 1/4: the middle 95 % are 0 to 1, the middle 40 % are 1/2.
    assert bootstrap([0.0, 1.0]) == (0.0, 1.0)
    assert bootstrap([0.0, 1.0], level=0.4) == (0.5, 0.5)


def test_nineteen_intervals_of_twenty_hold_the_mean():
    chance = np.random.default_rng(1)
    samples = chance.exponential(size=(400, 60))
    held = [low <= 1.0 <= high for low, high in (bootstrap(sample, draws=500) for sample in samples)]
    assert 0.90 <= np.mean(held) <= 0.97  # an exponential's tail makes it a little too narrow


def test_the_same_values_give_the_same_interval_and_another_seed_another():
    values = np.random.default_rng(2).random(50)
    assert bootstrap(values) == bootstrap(values)
    assert bootstrap(values) != bootstrap(values, seed=1)


def test_many_images_are_drawn_in_parts():
    values = np.random.default_rng(3).random(3000)  # 600 samples of 3000 are more than VALUES_AT_ONCE
    low, high = bootstrap(values, draws=600)
    reach = 1.96 * values.std() / np.sqrt(3000)
    assert high - low == pytest.approx(2 * reach, rel=0.15)
    assert low < values.mean() < high


def test_images_without_a_value_are_left_out():
    assert bootstrap([0.1, None, 0.5, 0.9, None]) == bootstrap([0.1, 0.5, 0.9])


@pytest.mark.parametrize("values", [[], [None], [0.3], [0.3, None], [0.3, 0.3, 0.3]])
def test_values_without_spread_have_no_interval(values):
    assert bootstrap(values) is None


def test_a_difference_is_paired_by_image():
    chance = np.random.default_rng(4)
    hard = chance.random(100)  # images differ in difficulty far more than the runs do
    better = hard + 0.01 + chance.normal(0, 0.002, 100)
    found = difference(list(hard), list(better))
    assert found.images == 100
    assert found.mean == pytest.approx(0.01, abs=0.001)
    low, high = found.interval
    assert 0.009 < low < found.mean < high < 0.011
    assert bootstrap(hard)[1] > bootstrap(better)[0]  # unpaired, the intervals overlap


def test_a_difference_is_the_second_less_the_first_where_both_have_a_value():
    found = difference([0.5, None, 0.25, 1.0], [1.0, 1.0, 0.5, None])
    assert (found.images, found.mean) == (2, 0.375)  # (.5 + .25) / 2
    assert found.interval == bootstrap([0.5, 0.25])
    assert difference([0.5, None], [None, 0.5]) is None


def test_a_run_does_not_differ_from_itself():
    assert difference([0.5, 0.25], [0.5, 0.25]) == Difference(2, 0.0, None)


def test_runs_on_different_examples_are_no_pair():
    with pytest.raises(ValueError, match="zip"):
        difference([0.5], [0.5, 0.25])
