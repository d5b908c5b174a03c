"""The outcome of a proof in words, for commands and pages."""

from db.tables import Proof
from trainer.device.formats import MOST_F1_LOST

COSTS = {  # title, and the sign of what a cost does to the measure
    "cost_f1": ("F1", -1),
    "cost_iou": ("IoU", -1),
    "cost_gradient_consistency": ("gradient consistency", 1),
}
LESS_COSTLY = {"int8": "float16", "float16": "float32", "float32": "another run"}


def outcome(proof: Proof) -> str:
    """What was found out, in one or two sentences.

    >>> print(outcome(Proof(intact=False, differs_at="Manifest.json has changed", passed=False, images=0, tolerance=1e-4)))
    The file is not the one that was exported: Manifest.json has changed. Nothing of it was run.
    """
    if not proof.intact:
        return f"The file is not the one that was exported: {proof.differs_at}. Nothing of it was run."
    differs = (
        f"On {proof.images} crops the largest difference of alpha is {proof.max_abs_diff:.1e}; {proof.tolerance:g} is allowed."
    )
    if proof.passed:
        return f"Every byte is as exported. {differs}"
    return f"The file does not compute what the run computes. It first differs in {proof.differs_at}. {differs}"


def cost(proof: Proof, precision: str) -> str:
    """What the precision costs on the crops' masks, in one or two sentences; empty where it was not measured.

    >>> print(cost(Proof(cost_f1=0.0031, cost_iou=-0.002, cost_gradient_consistency=0.00001), "int8"))
    Against the run’s own mattes: F1 −.0031, IoU +.0020, gradient consistency ±0. int8 loses more F1 than .002: prefer float16.
    """
    changes = [(title, sign * lost) for name, (title, sign) in COSTS.items() if (lost := getattr(proof, name)) is not None]
    if not changes:
        return ""
    sentence = f"Against the run’s own mattes: {', '.join(f'{title} {_signed(change)}' for title, change in changes)}."
    if costs_too_much(proof):
        limit = f"{MOST_F1_LOST:g}".removeprefix("0")
        sentence += f" {precision} loses more F1 than {limit}: prefer {LESS_COSTLY[precision]}."
    return sentence


def costs_too_much(proof: Proof) -> bool:
    """Whether the precision loses more F1 than it may."""
    return proof.cost_f1 is not None and proof.cost_f1 > MOST_F1_LOST


def _signed(change: float) -> str:
    digits = f"{abs(change):.4f}".removeprefix("0")
    return "±0" if float(digits) == 0 else f"{'−' if change < 0 else '+'}{digits}"
