"""Every choice of a training, in one value; the defaults are the paper's."""

import math
from dataclasses import dataclass

from db.errors import WinnowError

BEST_BY = ("f1", "loss")
PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")  # Keras' names; float16 for GPUs, bfloat16 for CPUs and TPUs


@dataclass(frozen=True)
class FitSettings:
    """How a network is made and trained; a run's row keeps it, so that a resumed run goes on by the same."""

    model: str = "hairmattenet"  # section III-B
    epochs: int = 50  # section IV
    size: int = 224  # section III-A, pixels
    decoder_depth: int = 64  # section IV-C, Table II
    classes: int = 1  # hair alone, or 3: hair, skin and background, as for LFW Parts in section IV
    consistency: float = 0.5  # section IV: w in L = L_M + w L_C
    band: int = 0  # pixels around the mask's edge that eq. 1 is kept to; 0: everywhere, as in the paper
    batch: int = 4  # section IV
    l2: float = 2e-5  # section IV: on plain convolutions but the last
    learning_rate: float = 1.0  # section IV: Adadelta's
    rho: float = 0.95  # section IV: Adadelta's
    epsilon: float = 1e-7  # section IV: Adadelta's
    best_by: str = "f1"  # section IV: "the best performing epoch using validation data"; or by L, "loss"
    precision: str = "float32"  # of the layers' arithmetic; weights are float32 in each
    seed: int = 0  # of weights drawn at random, and of the order


def check(settings: FitSettings) -> None:
    """Raises WinnowError for a setting out of its range; the network's own are checked where it is built."""
    for name in ("epochs", "batch"):
        if getattr(settings, name) < 1:
            raise WinnowError(f"{_shown(name)} is {getattr(settings, name)}: it must be 1 or more.")
    for name in ("consistency", "band", "l2", "seed"):
        if not 0 <= getattr(settings, name) < math.inf:
            raise WinnowError(f"{_shown(name)} is {getattr(settings, name)}: it must be 0 or more.")
    for name in ("learning_rate", "epsilon"):
        if not 0 < getattr(settings, name) < math.inf:
            raise WinnowError(f"{_shown(name)} is {getattr(settings, name)}: it must be above 0.")
    if not 0 <= settings.rho < 1:
        raise WinnowError(f"Rho is {settings.rho}: it must be from 0 to below 1.")
    if settings.best_by not in BEST_BY:
        raise WinnowError(f"There is no best epoch by {settings.best_by}. Choose one of: {', '.join(BEST_BY)}.")
    if settings.precision not in PRECISIONS:
        raise WinnowError(f"There is no precision {settings.precision}. Choose one of: {', '.join(PRECISIONS)}.")


def _shown(name: str) -> str:
    return name.replace("_", " ").capitalize()
