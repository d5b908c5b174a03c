"""Agreement beyond chance, with 95 % intervals: Cohen's kappa for two reviewers, Krippendorff's alpha for any number.

A coefficient is None where it would be 0 / 0: if all verdicts are the same, agreement is undefined. An interval is None
where the sample has no spread to estimate it from, above all as long as nobody has disagreed: the formulas would give "1.0 to
1.0" after two examples just as after two thousand. Both intervals are made for large samples and are too narrow in small ones
with a rare label: in a simulation with one reject in twelve and a kappa of 0.46, they contained the true value in 8 of 10
samples of 40 examples, and in 9 of 10 samples of 100.

Sources:

- Cohen (1960), "A coefficient of agreement for nominal scales", doi:10.1177/001316446002000104
- Fleiss, Cohen and Everitt (1969), "Large sample standard errors of kappa and weighted kappa", doi:10.1037/h0028106
- Hayes and Krippendorff (2007), "Answering the call for a standard reliability measure for coding data",
  doi:10.1080/19312450709336664; Krippendorff, "Content Analysis", the chapter on reliability
- Efron and Tibshirani (1993), "An Introduction to the Bootstrap", doi:10.1201/9780429246593
- Landis and Koch (1977), "The measurement of observer agreement for categorical data", doi:10.2307/2529310
- Wilson (1927), "Probable inference, the law of succession, and statistical inference",
  doi:10.1080/01621459.1927.10502953
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

CONFIDENCE = 0.95
TAIL_PROBABILITY = (1.0 - CONFIDENCE) / 2.0
Z = NormalDist().inv_cdf(1.0 - TAIL_PROBABILITY)  # 1.96, the quantile of the standard normal distribution


@dataclass(frozen=True)
class Agreement:
    """A coefficient of agreement with its 95 % interval: 1 is perfect, 0 is chance, negative is less than chance."""

    value: float | None  # -1 to 1; None where it is undefined
    low: float | None  # None where there is no interval, as `high`
    high: float | None
    items: int  # examples with two or more opinions
    observed: float | None  # share of pairs of opinions that agree, 0 to 1, not corrected for chance; None without a pair


def cohen_kappa(pairs: Iterable[tuple[Hashable, Hashable]]) -> Agreement:
    """Cohen's kappa (Cohen 1960) of two reviewers, from one pair of labels an example: the first's and the second's.

    The interval uses the large-sample variance of Fleiss, Cohen and Everitt (1969) and is clipped to [-1, 1]. The value is
    None without pairs, and if both reviewers used only one and the same label. The interval is None if that variance is 0:
    the two never disagreed, or one of them used a single label.

    >>> cohen_kappa([("keep", "keep"), ("keep", "reject"), ("reject", "reject"), ("reject", "reject")]).value
    0.5
    """
    table = Counter(pairs)
    items = table.total()
    first: Counter[Hashable] = Counter()
    second: Counter[Hashable] = Counter()
    for (one, other), number in table.items():
        first[one] += number
        second[other] += number
    # Counts stay integers, so that "no spread" is exactly 0 and not a rounding error.
    agreed = sum(number for (one, other), number in table.items() if one == other)
    chance = sum(first[label] * second[label] for label in first)  # expected agreement, times items²
    beyond = items**2 - chance
    observed = agreed / items if items else None
    if beyond == 0:
        return Agreement(None, None, None, items, observed)
    value = (items * agreed - chance) / beyond

    # The published variance is that of each example's contribution to kappa: the derivative with respect to its cell.
    pull = {(one, other): (one == other) * beyond - (second[one] + first[other]) * (items - agreed) for one, other in table}
    mean = sum(table[cell] * pull[cell] for cell in table)  # times items, as the contributions below
    spread = sum(table[cell] * (items * pull[cell] - mean) ** 2 for cell in table)
    if spread == 0:
        return Agreement(value, None, None, items, observed)
    reach = Z * math.sqrt(spread / beyond**4)
    return Agreement(value, max(value - reach, -1.0), min(value + reach, 1.0), items, observed)


def krippendorff_alpha(
    ratings: Mapping[Any, Mapping[Any, Hashable]], randomness: np.random.Generator, resamples: int = 1000
) -> Agreement:
    """Krippendorff's alpha for nominal labels and any number of reviewers (Hayes and Krippendorff 2007).

    `ratings` holds for each example the labels by reviewer. A reviewer who has not judged an example is missing there;
    examples with fewer than two labels are ignored. The interval is the middle 95 % of `resamples` bootstrap samples over
    examples (Efron and Tibshirani 1993, percentile interval); samples with a single label have no alpha and are left out. The
    value is None if no example has two labels, or if all labels are the same. The interval is None if the samples don't
    differ, for example because nobody ever disagreed.

    >>> ratings = {1: {"Ada": "keep", "Bo": "keep"}, 2: {"Ada": "keep", "Bo": "reject"}, 3: {"Ada": "reject", "Bo": "reject"}}
    >>> round(krippendorff_alpha(ratings, np.random.default_rng(0)).value, 3)  # 1 - 5 * 2 / 18
    0.444
    """
    seen = [Counter(opinions.values()) for opinions in ratings.values() if len(opinions) > 1]
    if not seen:
        return Agreement(None, None, None, 0, None)
    # Examples with equal counts are interchangeable, so it is enough (and far faster) to draw how often each kind occurs.
    kinds = Counter(frozenset(labels.items()) for labels in seen)
    labels = list(dict.fromkeys(label for counts in seen for label in counts))
    counts = np.array([[dict(kind).get(label, 0) for label in labels] for kind in kinds], np.float64)  # (kinds, labels)
    opinions = counts.sum(axis=1)
    apart = (opinions**2 - (counts**2).sum(axis=1)) / (opinions - 1.0)  # (kinds,), coincidences off the diagonal

    def alpha(times: Numbers) -> Numbers:
        """Alpha (...,) of samples, given how often each kind occurs in them, float64 (..., kinds); NaN for a single label."""
        totals = times @ counts
        size = totals.sum(axis=-1)
        with np.errstate(invalid="ignore"):
            values: Numbers = 1.0 - (size - 1.0) * (times @ apart) / (size**2 - (totals**2).sum(axis=-1))
        return values

    times = np.array(list(kinds.values()), np.float64)
    observed = 1.0 - float(times @ apart / (times @ opinions))
    if len(labels) == 1:
        return Agreement(None, None, None, len(seen), observed)
    value = float(alpha(times))
    drawn = alpha(randomness.multinomial(len(seen), times / len(seen), size=resamples).astype(np.float64))
    drawn = drawn[~np.isnan(drawn)]
    if drawn.size == 0 or drawn.min() == drawn.max():
        return Agreement(value, None, None, len(seen), observed)
    low, high = np.quantile(drawn, (TAIL_PROBABILITY, 1.0 - TAIL_PROBABILITY))
    return Agreement(value, float(low), float(high), len(seen), observed)


def landis_koch(value: float) -> str:
    """The label of Landis and Koch (1977) for a coefficient, -1 to 1, rounded to hundredths as in their table.

    Below 0 "poor", up to 0.20 "slight", 0.40 "fair", 0.60 "moderate", 0.80 "substantial", above that "almost perfect".
    They call these limits arbitrary themselves, so show the number too.

    >>> landis_koch(0.41)
    'moderate'
    """
    words = ("poor", "slight", "fair", "moderate", "substantial", "almost perfect")
    return words[bisect_left((-0.01, 0.20, 0.40, 0.60, 0.80), round(value, 2))]


def wilson(hits: int, total: int) -> tuple[float, float]:
    """The 95 % interval (low, high), 0 to 1, of the share hits / total (Wilson 1927, the score interval).

    (0.0, 1.0) for a total of 0, where nothing is known. Raises ValueError unless 0 <= hits <= total.

    >>> [round(end, 3) for end in wilson(3, 4)]
    [0.301, 0.954]
    """
    if not 0 <= hits <= total:
        raise ValueError(f"hits must be 0 to total: {hits} hits of {total}")
    if total == 0:
        return 0.0, 1.0
    share = hits / total
    centre = (share + Z**2 / (2 * total)) / (1 + Z**2 / total)
    reach = Z * math.sqrt(share * (1 - share) / total + Z**2 / (4 * total**2)) / (1 + Z**2 / total)
    # Without hits, or with hits only, one end is exactly the share, and rounding may push it past.
    return min(max(centre - reach, 0.0), share), max(min(centre + reach, 1.0), share)
