"""The choices that a training and a report offer by name, and the settings of a training; the defaults are the paper's.

Imports nothing heavy, so that the app and `--help` list the choices at once.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from db.errors import WinnowError

NetworkName = Literal["hairmattenet", "hairsegnet", "fcn-vgg16"]
TrainingPrecision = Literal["float32", "mixed_float16", "mixed_bfloat16"]  # Keras' names
BestBy = Literal["f1", "loss"]
Refinement = Literal["none", "guided", "superpixel"]

NETWORKS: tuple[NetworkName, ...] = get_args(NetworkName)
TRAINING_PRECISIONS: tuple[TrainingPrecision, ...] = get_args(TrainingPrecision)
BEST_BY: tuple[BestBy, ...] = get_args(BestBy)
# What a report may do to mattes before they are measured, and how people call it.
REFINEMENT_TITLES: dict[str, str] = {"none": "none", "guided": "guided filter", "superpixel": "superpixels"}
REFINEMENTS: tuple[Refinement, ...] = get_args(Refinement)


@dataclass(frozen=True)
class FitSettings:
    """How a network is built and trained. They are stored with the run, so that a resumed run uses the same ones.

    The sections are those of Levinshtein et al. 2018.
    """

    model: str = "hairmattenet"  # section III-B; one of NETWORKS
    epochs: int = 50  # section IV
    size: int = 224  # section III-A, pixels
    decoder_depth: int = 64  # section IV-C, Table II; channels
    classes: int = 1  # hair alone, or 3: hair, skin and background, as for LFW Parts in section IV
    consistency: float = 0.5  # section IV: w in L = L_M + w L_C
    band: int = 0  # pixels around the mask's edge within which eq. 1 counts; 0: everywhere, as in the paper
    batch: int = 4  # section IV; examples in a step
    l2: float = 2e-5  # section IV: weight of the L2 penalty on plain convolutions, except the last
    learning_rate: float = 1.0  # section IV: of Adadelta (Zeiler 2012, arXiv:1212.5701)
    rho: float = 0.95  # section IV: decay rate of Adadelta
    epsilon: float = 1e-7  # section IV: constant of Adadelta that prevents division by zero
    best_by: str = "f1"  # section IV: "the best performing epoch using validation data"; one of BEST_BY
    precision: str = "float32"  # of the layers' arithmetic, one of TRAINING_PRECISIONS; weights are always float32
    seed: int = 0  # of the initial weights and the order of examples


@dataclass(frozen=True)
class Preset:
    """Settings to begin with."""

    title: str
    settings: FitSettings
    why: str


PRESETS = (
    Preset("Try it", FitSettings(epochs=3, size=128), "Three epochs on small pictures: whether the masks teach anything."),
    Preset("Paper", FitSettings(), "As in the paper: 50 epochs at 224 pixels."),
    Preset(
        "Best",
        FitSettings(epochs=40),
        "What was best in our measurements on LFW Parts: the paper’s settings, whose epoch 33 was the best of 39. No other "
        "setting had both a higher F1 and edges as true to the photo.",
    ),
)


def check_settings(settings: FitSettings) -> None:
    """Raises WinnowError for a setting out of its range. The network's own settings are checked where it is built."""
    for name in ("epochs", "batch"):
        if getattr(settings, name) < 1:
            raise WinnowError(f"{_title(name)} is {getattr(settings, name)}: it must be 1 or more.")
    for name in ("consistency", "band", "l2", "seed"):
        if not 0 <= getattr(settings, name) < math.inf:
            raise WinnowError(f"{_title(name)} is {getattr(settings, name)}: it must be 0 or more.")
    for name in ("learning_rate", "epsilon"):
        if not 0 < getattr(settings, name) < math.inf:
            raise WinnowError(f"{_title(name)} is {getattr(settings, name)}: it must be above 0.")
    if not 0 <= settings.rho < 1:
        raise WinnowError(f"Rho is {settings.rho}: it must be 0 or more and below 1.")
    if settings.best_by not in BEST_BY:
        raise WinnowError(f"There is no best epoch by {settings.best_by}. Choose one of: {', '.join(BEST_BY)}.")
    if settings.precision not in TRAINING_PRECISIONS:
        raise WinnowError(f"There is no precision {settings.precision}. Choose one of: {', '.join(TRAINING_PRECISIONS)}.")


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()
