"""Combine a mask's signals into its suspicion, 0 to 1, with the reasons in words.

Each rule looks at one signal; its doubt rises from 0 to the rule's weight between two values of the signal. Doubts are
combined like independent probabilities (noisy or): 1 - (1 - a)(1 - b)... The rules were set by hand from inspected masks, not
learned; MODEL names this set of rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass

MODEL = "rules-1"
MIN_REASON_DOUBT = 0.2  # 0 to 1; a rule with a smaller doubt is not listed as a reason


@dataclass(frozen=True)
class Rule:
    """A doubt that grows linearly while a signal goes from `harmless` to `certain` (which may be the smaller of the two)."""

    signal: str
    harmless: float  # the signal's value at which the doubt is 0
    certain: float  # the signal's value at which the doubt is `weight`
    weight: float  # 0 to 1
    reason: str

    def doubt(self, value: float) -> float:
        """The doubt for a value of the signal, 0 to `weight`."""
        share = (value - self.harmless) / (self.certain - self.harmless)
        return self.weight * min(max(share, 0.0), 1.0)


RULES = (
    Rule("hair_share", 0.04, 0.01, 0.95, "almost nothing is marked"),
    Rule("hair_share", 0.45, 0.65, 0.8, "too much is marked"),
    Rule("on_face", 0.15, 0.55, 0.9, "the face is marked"),
    Rule("crown", 0.45, 0.1, 0.6, "the hair over the forehead is not marked"),
    Rule("away", 0.1, 0.5, 0.7, "marks lie far from the head"),
    Rule("thin", 0.25, 0.8, 0.8, "only thin strokes"),
    Rule("pieces", 3.0, 8.0, 0.5, "many separate pieces"),
    Rule("straight", 0.15, 0.5, 0.8, "straight cuts and corners"),
    Rule("edge_disagreement", 0.45, 0.75, 0.4, "its edge follows nothing in the photo"),
)


def suspicion(signals: Mapping[str, float]) -> tuple[float, list[str]]:
    """The suspicion of a mask, 0 to 1, and its reasons in words, strongest first. Rules of missing signals are skipped.

    >>> suspicion({"hair_share": 0.2, "thin": 0.8})
    (0.8, ['only thin strokes'])
    """
    doubts = [(rule.doubt(signals[rule.signal]), rule.reason) for rule in RULES if rule.signal in signals]
    trust = 1.0
    for doubt, _ in doubts:
        trust *= 1.0 - doubt
    strong = sorted((doubt for doubt in doubts if doubt[0] >= MIN_REASON_DOUBT), key=lambda doubt: -doubt[0])
    return 1.0 - trust, [reason for _, reason in strong]
