"""Agreement between reviewers: against published tables, against other ways to the same number, and at the odd ends."""

import math
from collections.abc import Sequence
from itertools import permutations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.review.agreement import Agreement, cohen_kappa, krippendorff_alpha, landis_koch, wilson

LABELS = ("keep", "reject", "unsure")
Pairs = list[tuple[str, str]]
Ratings = dict[int, dict[str, str]]

pairs_of_labels = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), max_size=40)
ratings_by_four = st.lists(st.dictionaries(st.sampled_from("ABCD"), st.sampled_from(LABELS)), max_size=25).map(
    lambda opinions: dict(enumerate(opinions))
)


def pairs_of(table: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """A table of counts, the first reviewer's labels down and the second's across, as pairs."""
    return [(i, j) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]


def ratings_of(pairs: Sequence[tuple[str, str]]) -> Ratings:
    return {example: {"A": one, "B": other} for example, (one, other) in enumerate(pairs)}


def alpha(ratings: Ratings, seed: int = 0, resamples: int = 200) -> Agreement:
    return krippendorff_alpha(ratings, np.random.default_rng(seed), resamples)


def bounds(agreement: Agreement) -> tuple[float, float]:
    assert agreement.low is not None
    assert agreement.high is not None
    return agreement.low, agreement.high


def kappa_of_shares(shares: npt.NDArray[np.float64]) -> float:
    expected = shares.sum(axis=1) @ shares.sum(axis=0)
    return float((np.trace(shares) - expected) / (1 - expected))


# Cohen's kappa


def test_kappa_of_the_textbook_table() -> None:
    # 35 of 50 agree: 0.7. Expected: 25/50 · 30/50 + 25/50 · 20/50 = 0.5. (0.7 - 0.5) / (1 - 0.5) = 0.4
    found = cohen_kappa(pairs_of([[20, 5], [10, 15]]))
    assert found.value == pytest.approx(0.4)
    assert found.observed == pytest.approx(0.7)
    assert found.items == 50


@pytest.mark.parametrize(
    ("table", "value", "low", "high"),
    [
        ([[0, 4, 1], [0, 8, 0], [0, 1, 5]], 0.4842, 0.2137, 0.7547),
        ([[0, 0, 0], [5, 16, 3], [8, 12, 28]], 0.3333, 0.1738, 0.4929),
    ],
)
def test_kappa_and_its_interval_are_those_that_sas_prints(
    table: list[list[int]], value: float, low: float, high: float
) -> None:
    # PROC FREQ, "Simple Kappa" with its "95% Confidence Limits", for the tables that statsmodels keeps to test itself with.
    found = cohen_kappa(pairs_of(table))
    assert (found.value, *bounds(found)) == pytest.approx((value, low, high), abs=5e-5)


@pytest.mark.parametrize("table", [[[20, 5], [10, 15]], [[75, 1, 4], [5, 4, 1], [0, 0, 10]], [[30, 9], [2, 60]]])
def test_the_interval_of_kappa_is_that_of_the_delta_method(table: list[list[int]]) -> None:
    counts = np.array(table, np.float64)
    shares, step = counts / counts.sum(), 1e-6
    gradient = np.zeros_like(shares)
    for cell in np.ndindex(shares.shape):
        shift = np.zeros_like(shares)
        shift[cell] = step
        # Shares are scaled back to a sum of 1, so that this is a derivative along tables that exist.
        up, down = ((shares + sign * shift) / (1 + sign * step) for sign in (1, -1))
        gradient[cell] = (kappa_of_shares(up) - kappa_of_shares(down)) / (2 * step)
    # A multinomial's covariance is (diag(p) - p pᵀ) / n.
    variance = ((shares * gradient**2).sum() - (shares * gradient).sum() ** 2) / counts.sum()
    low, high = bounds(cohen_kappa(pairs_of(table)))
    assert (high - low) / 2 == pytest.approx(1.959964 * math.sqrt(variance), rel=1e-4)


def test_the_interval_of_kappa_ends_at_one() -> None:
    # One disagreement in four: kappa 0.5, and it would reach 0.73 to either side.
    assert bounds(cohen_kappa(pairs_of([[2, 1], [0, 1]])))[1] == 1.0


def test_nineteen_intervals_of_twenty_hold_the_kappa_of_the_population() -> None:
    randomness = np.random.default_rng(7)
    population = np.array([[0.6, 0.08], [0.06, 0.26]])
    tables = randomness.multinomial(300, population.ravel(), size=500).reshape(-1, 2, 2)
    intervals = [bounds(cohen_kappa(pairs_of(table.tolist()))) for table in tables]
    held = np.mean([low <= kappa_of_shares(population) <= high for low, high in intervals])
    assert 0.92 < held < 0.98  # 0.95 with a standard deviation of 0.01


@given(pairs_of_labels)
def test_kappa_does_not_ask_who_comes_first(pairs: Pairs) -> None:
    assert cohen_kappa(pairs) == cohen_kappa([(other, one) for one, other in pairs])


@given(pairs_of_labels, st.permutations(LABELS))
def test_kappa_does_not_ask_what_labels_are_called(pairs: Pairs, names: list[str]) -> None:
    renamed = dict(zip(LABELS, names, strict=True))
    assert cohen_kappa(pairs) == cohen_kappa([(renamed[one], renamed[other]) for one, other in pairs])


@given(pairs_of_labels)
def test_kappa_lies_in_its_interval_and_both_in_their_range(pairs: Pairs) -> None:
    found = cohen_kappa(pairs)
    if found.value is not None:
        assert -1 <= found.value <= 1
        assert (found.value == 1) == all(one == other for one, other in pairs)
    if found.low is not None:
        assert found.value is not None
        low, high = bounds(found)
        assert -1 <= low <= found.value <= high <= 1
        assert low < high


def test_two_who_agree_on_everything_have_kappa_one_and_no_interval_however_few_they_saw() -> None:
    assert cohen_kappa([("keep", "keep"), ("reject", "reject")]) == Agreement(1.0, None, None, 2, 1.0)


def test_two_who_always_contradict_each_other_have_kappa_minus_one() -> None:
    assert cohen_kappa([("keep", "reject"), ("reject", "keep")]).value == -1.0


def test_a_reviewer_who_keeps_everything_agrees_no_more_than_chance() -> None:
    assert cohen_kappa(pairs_of([[90, 10], [0, 0]])) == Agreement(0.0, None, None, 100, 0.9)


def test_without_pairs_there_is_no_kappa() -> None:
    assert cohen_kappa([]) == Agreement(None, None, None, 0, None)


def test_where_nothing_but_one_label_was_used_there_is_no_kappa() -> None:
    assert cohen_kappa([("keep", "keep")] * 30) == Agreement(None, None, None, 30, 1.0)


# Krippendorff's alpha

# Krippendorff 2011: observers A to D down, units 1 to 12 across. The last unit has one value, which pairs with none.
PUBLISHED = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")


def published() -> Ratings:
    return {
        unit: {observer: row[unit] for observer, row in zip("ABCD", PUBLISHED, strict=True) if row[unit] != "."}
        for unit in range(12)
    }


def alpha_by_pairs(ratings: Ratings) -> float:
    """Alpha by its definition, 1 - observed / expected disagreement, over ordered pairs of values one by one."""
    units = [list(opinions.values()) for opinions in ratings.values() if len(opinions) > 1]
    values = [value for unit in units for value in unit]
    observed = sum(sum(a != b for a, b in permutations(unit, 2)) / (len(unit) - 1) for unit in units) / len(values)
    expected = sum(a != b for a, b in permutations(values, 2)) / (len(values) * (len(values) - 1))
    return 1 - observed / expected


def test_alpha_of_the_published_example_with_missing_values() -> None:
    found = alpha(published())
    assert found.value == pytest.approx(0.743, abs=5e-4)
    assert found.items == 11
    low, high = bounds(found)
    assert low < 0.743 < high


def test_alpha_of_the_published_binary_example() -> None:
    # Krippendorff 2011, two observers: (20 - 1) · 8 values in mismatched pairs / (2 · 14 · 6 mismatches by chance).
    found = alpha(ratings_of(list(zip("0100000010", "1110010000", strict=True))))
    assert found.value == pytest.approx(1 - 19 * 8 / (2 * 14 * 6))
    assert found.value == pytest.approx(0.095, abs=5e-4)
    assert found.observed == pytest.approx(0.6)


@settings(deadline=None)
@given(ratings_by_four)
def test_alpha_is_its_definition_over_pairs(ratings: Ratings) -> None:
    found = alpha(ratings)
    assert found.items == sum(len(opinions) > 1 for opinions in ratings.values())
    if found.value is not None:
        assert found.value == pytest.approx(alpha_by_pairs(ratings))


@settings(deadline=None)
@given(ratings_by_four, st.permutations(LABELS), st.permutations("ABCD"))
def test_alpha_does_not_ask_who_is_who_nor_what_a_label_is(ratings: Ratings, names: list[str], people: list[str]) -> None:
    label, person = dict(zip(LABELS, names, strict=True)), dict(zip("ABCD", people, strict=True))
    other = {example: {person[who]: label[said] for who, said in opinions.items()} for example, opinions in ratings.items()}
    assert alpha(ratings) == alpha(other)


@settings(deadline=None)
@given(ratings_by_four)
def test_examples_with_one_opinion_change_nothing(ratings: Ratings) -> None:
    paired = {example: opinions for example, opinions in ratings.items() if len(opinions) > 1}
    assert alpha(ratings) == alpha(paired | {100: {"A": "a label of its own"}, 101: {}})


@settings(deadline=None)
@given(ratings_by_four)
def test_alpha_is_one_for_those_who_agree_on_everything_and_for_nobody_else(ratings: Ratings) -> None:
    found = alpha(ratings)
    if found.value is not None:
        assert found.value <= 1
        assert (found.value == 1) == all(len(set(opinions.values())) < 2 for opinions in ratings.values())
        assert (found.value == 1) == (found.observed == 1)


@pytest.mark.parametrize("table", [[[600, 80], [60, 260]], [[880, 40], [40, 40]], [[300, 200], [200, 300]]])
def test_alpha_of_two_comes_close_to_kappa_in_large_samples_and_so_does_its_interval(table: list[list[int]]) -> None:
    pairs = [(LABELS[one], LABELS[other]) for one, other in pairs_of(table)]
    kappa, found = cohen_kappa(pairs), alpha(ratings_of(pairs), resamples=4000)
    assert found.value == pytest.approx(kappa.value, abs=0.002)
    # The bootstrap knows nothing of the formula; the widths are 0.1 to 0.2.
    assert bounds(found) == pytest.approx(bounds(kappa), abs=0.012)
    assert found.observed == pytest.approx(kappa.observed)


def test_alpha_of_labels_that_are_drawn_blindly_is_about_zero() -> None:
    drawn = np.random.default_rng(3).choice(LABELS, size=(3000, 3))
    found = alpha({example: dict(zip("ABC", row.tolist(), strict=True)) for example, row in enumerate(drawn)})
    assert found.value == pytest.approx(0, abs=0.03)


def test_the_same_randomness_gives_the_same_interval_and_another_one_another() -> None:
    assert alpha(published(), seed=1) == alpha(published(), seed=1)
    assert bounds(alpha(published(), seed=1)) != bounds(alpha(published(), seed=2))


def test_the_interval_narrows_as_examples_come_in() -> None:
    few, many = published(), {(copy, unit): opinions for copy in range(16) for unit, opinions in published().items()}
    low, high = bounds(alpha(few, resamples=2000))
    narrow_low, narrow_high = bounds(krippendorff_alpha(many, np.random.default_rng(0), 2000))
    assert (narrow_high - narrow_low) == pytest.approx((high - low) / 4, rel=0.2)  # by the root of 16


def test_resamples_with_a_single_label_are_left_out() -> None:
    # A third of the resamples miss the only example with a reject.
    low, high = bounds(alpha(ratings_of([("keep", "keep")] * 99 + [("keep", "reject")])))
    assert -0.1 < low < high <= 0


def test_reviewers_who_agree_on_everything_have_alpha_one_and_no_interval() -> None:
    assert alpha(ratings_of([("keep", "keep"), ("reject", "reject")])) == Agreement(1.0, None, None, 2, 1.0)


@pytest.mark.parametrize("ratings", [{}, {1: {}}, {1: {"A": "keep"}, 2: {"B": "reject"}}])
def test_without_a_second_opinion_there_is_no_alpha(ratings: Ratings) -> None:
    assert alpha(ratings) == Agreement(None, None, None, 0, None)


def test_where_all_labels_are_the_same_there_is_no_alpha() -> None:
    assert alpha(ratings_of([("keep", "keep")] * 30)) == Agreement(None, None, None, 30, 1.0)


def test_without_resamples_there_is_no_interval() -> None:
    found = alpha(published(), resamples=0)
    assert found.value == pytest.approx(0.743, abs=5e-4)
    assert found.low is found.high is None


# Words and shares


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (-1.0, "poor"), (-0.01, "poor"), (0.0, "slight"), (0.2, "slight"), (0.21, "fair"), (0.4, "fair"),
        (0.41, "moderate"), (0.6, "moderate"), (0.61, "substantial"), (0.8, "substantial"),
        (0.81, "almost perfect"), (1.0, "almost perfect"),
    ],
)  # fmt: skip
def test_words_are_those_of_landis_and_koch(value: float, word: str) -> None:
    assert landis_koch(value) == word


def test_a_word_fits_the_number_as_it_is_shown() -> None:
    assert landis_koch(0.2049) == "slight"  # shown as 0.20
    assert landis_koch(0.2051) == "fair"  # shown as 0.21


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [
        # Newcombe 1998, "Two-sided confidence intervals for the single proportion", method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_s_interval_is_the_published_one(hits: int, total: int, low: float, high: float) -> None:
    assert wilson(hits, total) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_wilson_s_ends_are_where_the_share_is_just_not_refuted(counts: tuple[int, int]) -> None:
    hits, total = counts
    low, high = wilson(hits, total)
    assert 0 <= low <= hits / total <= high <= 1
    assert low < high
    for end in (low, high):  # the score test's z² at the end, cleared of its denominator
        assert total * (hits / total - end) ** 2 == pytest.approx(1.959964**2 * end * (1 - end), rel=1e-5, abs=1e-9)
    missed_low, missed_high = wilson(total - hits, total)
    assert (1 - missed_high, 1 - missed_low) == pytest.approx((low, high))


def test_a_share_of_none_or_all_is_the_very_end_of_its_interval() -> None:
    for total in range(1, 2000):
        assert wilson(0, total)[0] == 0.0
        assert wilson(total, total)[1] == 1.0


def test_no_tries_say_nothing_about_a_share() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("hits", "total"), [(3, 2), (-1, 2), (0, -1)])
def test_more_hits_than_tries_are_refused(hits: int, total: int) -> None:
    with pytest.raises(ValueError, match="hits of"):
        wilson(hits, total)
