"""How long an epoch of a training will take, before it begins: from what earlier runs took, or else as measured elsewhere.

Pure functions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from db.tables import Run
from trainer.course import FORWARD, image_seconds


@dataclass(frozen=True)
class Work:
    """What an epoch has to do: its network, the side of its input in pixels, and the examples to train and to validate on."""

    model: str
    size: int
    train: int
    validation: int

    @property
    def seconds(self) -> float:
        """What it takes on the machine of docs/results.md. Each example counts with its mirror image."""
        return image_seconds(self.model, self.size) * 2 * (self.train + FORWARD * self.validation)


@dataclass(frozen=True)
class Took:
    """What an epoch of a run took, the median of all."""

    run: int
    work: Work
    seconds: float


@dataclass(frozen=True)
class Forecast:
    """How long an epoch will take, and in words where that is from."""

    epoch: timedelta
    because: str


def forecast(wanted: Work, earlier: Sequence[Took]) -> Forecast:
    """How long an epoch of this work will take, by the first earlier run that had its network and size, else by the first that
    had its network, else by the first of all: in proportion to what both works take elsewhere.

    Without any earlier run it is what the work takes elsewhere.
    """
    same = [took for took in earlier if took.work.model == wanted.model]
    alike = [took for took in same if took.work.size == wanted.size]
    found = next(iter([*alike, *same, *earlier]), None)
    if found is None:
        return Forecast(
            timedelta(seconds=wanted.seconds),
            "a guess, from a machine with two cores: yours may be several times faster or slower",
        )
    epoch = timedelta(seconds=found.seconds * wanted.seconds / found.work.seconds)
    if alike:
        return Forecast(epoch, f"from what run {found.run} took")
    return Forecast(epoch, f"roughly, scaled from run {found.run}, which had another {'input size' if same else 'network'}")


def took(runs: Iterable[Run], sets: Mapping[int, tuple[int, int]]) -> list[Took]:
    """What these runs took, in their order, without those that have no epoch yet.

    `sets` are the numbers of training and validation examples of the curated sets that they were trained on, by set.
    """
    return [
        Took(run.id, Work(run.model, int(run.settings["size"]), *sets[run.set_id]), median(one.seconds for one in run.epochs))
        for run in runs
        if run.epochs
    ]
