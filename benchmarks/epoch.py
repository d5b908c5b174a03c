"""How an epoch's own time grows with its steps: without the network, all that is left is reading, averaging and reporting.

    python benchmarks/epoch.py [--sizes 2500 5000 10000 20000]

Prints the CPU time of a step at each size, and exits 1 if a step of the largest epoch takes more than twice as long as one of
the smallest: then something is done again at every step for all steps before it.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder, whose queue.py would hide Python's own
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
import time
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from upath import UPath

from trainer.fit import Training, _epoch
from trainer.inputs import Subset
from trainer.recipe import FitSettings
from trainer.step import Losses, Tensors

SIDE = 32


@dataclass
class NoNetwork:
    """A stepper whose steps cost nothing."""

    strategy: tf.distribute.Strategy = field(default_factory=tf.distribute.get_strategy)

    def train(self, batch: Tensors) -> Losses:
        return Losses(0.5, 0.25, 1)

    def validate(self, batch: Tensors) -> tuple[Losses, NDArray[np.float32]]:
        return Losses(0.5, 0.25, 1), np.zeros((1, SIDE, SIDE), np.float32)


def subset(items: int) -> Subset:
    """Black pictures; a subset has each of them twice, the second time mirrored."""
    blank = np.zeros((items // 2, SIDE, SIDE, 3), np.uint8)
    return Subset([None] * (items // 2), blank, blank[..., 0], np.array([[0, 0, SIDE, SIDE]] * (items // 2), np.int32))


def seconds_per_step(steps: int) -> float:
    """CPU seconds for each step of an epoch of that many steps of one item."""
    settings = FitSettings(size=SIDE, batch=1)
    training = Training(1, settings, UPath("."), subset(steps), subset(2), NoNetwork())
    began = time.process_time()
    _epoch(lambda share, words: None, training, 1)
    return (time.process_time() - began) / steps


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2500, 5000, 10_000, 20_000], help="steps of an epoch")
    sizes = parser.parse_args().sizes
    seconds_per_step(100)  # the first call compiles and imports
    took = {}
    for size in sizes:
        took[size] = seconds_per_step(size)
        print(f"{size:>7,} steps  {1000 * took[size]:.3f} ms of CPU a step  {size * took[size]:.1f} s in all")
    growth = took[sizes[-1]] / took[sizes[0]]
    print(f"A step of the largest epoch takes {growth:.2f} times as long as one of the smallest.")
    sys.exit(growth > 2)
