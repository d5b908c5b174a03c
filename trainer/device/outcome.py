"""The outcome of a proof in words, for commands and pages."""

from db.tables import Proof
from trainer.device.formats import MOST_F1_LOST

COSTS = {  # title, and the words for a cost above and below 0
    "cost_f1": ("F1", "lower", "higher"),
    "cost_iou": ("IoU", "lower", "higher"),
    "cost_gradient_consistency": ("gradient consistency", "higher", "lower"),
}
LESS_COSTLY = {"int8": "float16", "float16": "float32", "float32": "another run"}


def outcome(proof: Proof) -> str:
    """What was found out, in one or two sentences.

    >>> print(outcome(Proof(intact=False, differs_at="Manifest.json has changed", passed=False, images=0, tolerance=1e-4)))
    The file is not the one that was exported: Manifest.json has changed. Nothing of it was run.
    """
    if not proof.intact:
        return f"The file is not the one that was exported: {proof.differs_at}. Nothing of it was run."
    differs = f"its mattes differ by {proof.max_abs_diff:.1e} of alpha at most"
    if proof.passed:
        return (
            f"Every byte is as exported, and on {proof.images} crops {differs} from the run’s "
            f"with weights rounded alike; {proof.tolerance:g} is allowed."
        )
    return (
        f"The file does not compute what the run computes. The first difference is in {proof.differs_at}; "
        f"on {proof.images} crops {differs}, and {proof.tolerance:g} is allowed."
    )


def cost(proof: Proof, precision: str) -> str:
    """What the precision costs on the crops' masks, in one or two sentences; empty where it was not measured.

    >>> print(cost(Proof(cost_f1=0.0031, cost_iou=-0.002), "int8"))
    Compared with the run, int8 has F1 .0031 lower, IoU .0020 higher. That is more F1 lost than .002: prefer float16.
    """
    parts = []
    for name, (title, worse, better) in COSTS.items():
        lost = getattr(proof, name)
        if lost is not None:
            parts.append(f"{title} {_short(abs(lost))} {worse if lost >= 0 else better}")
    if not parts:
        return ""
    sentence = f"Compared with the run, {precision} has {', '.join(parts)}."
    if costs_too_much(proof):
        sentence += f" That is more F1 lost than {_short(MOST_F1_LOST).rstrip('0')}: prefer {LESS_COSTLY[precision]}."
    return sentence


def costs_too_much(proof: Proof) -> bool:
    """Whether the precision loses more F1 than it may."""
    return proof.cost_f1 is not None and proof.cost_f1 > MOST_F1_LOST


def _short(share: float) -> str:
    return f"{share:.4f}".removeprefix("0")
