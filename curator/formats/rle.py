"""Encode and decode masks as run lengths of 0 and 1 in turn: COCO's go down the columns, CVAT's along the rows.

COCO's runs are a list or a compressed string, as pycocotools' `maskApi.c` (rleToString, rleFrString) defines it: a
variable-length code of five bits per character, where each run from the fourth on is stored as its difference to the run two
before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curator.formats.shapes import WORK_OF_A_RUN, Box, Canvas, check_size, check_work, paste_max
from db.errors import WinnowError
from db.settings import Limits


@dataclass(frozen=True)
class Runs:
    """A box of a mask as its runs."""

    height: int  # pixels, of the box
    width: int
    counts: str | tuple[int, ...]  # COCO's string, or run lengths
    top: int = 0  # of the box in the mask
    left: int = 0
    along_rows: bool = False  # as in CVAT; else down the columns, as in COCO

    def box(self) -> Box:
        """The box itself."""
        return self.top, self.left, self.top + self.height, self.left + self.width

    def onto(self, canvas: Canvas, limits: Limits) -> int:
        """Draw the box onto a canvas; returns its work. Raises WinnowError for damaged runs, and beyond the limits."""
        check_size(self.height, self.width, limits)
        work = self.height * self.width + WORK_OF_A_RUN * len(self.counts)
        check_work(work)
        counts = string_to_runs(self.counts) if isinstance(self.counts, str) else self.counts
        part = (
            runs_to_mask(counts, self.width, self.height).T
            if self.along_rows
            else runs_to_mask(counts, self.height, self.width)
        )
        paste_max(canvas, part, self.top, self.left)
        return work


def mask_to_runs(mask: NDArray[np.uint8]) -> list[int]:
    """The run lengths of a mask, uint8 (H, W), down its columns; any value but 0 is hair. The first run is background, maybe 0.

    >>> mask_to_runs(np.array([[0, 255], [255, 255]], np.uint8))
    [1, 3]
    """
    flat = (mask != 0).ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return [0, *runs] if flat.size and flat[0] else runs


def runs_to_mask(runs: Sequence[int], height: int, width: int) -> NDArray[np.uint8]:
    """The mask, uint8 (H, W), 0 or 255, of run lengths down its columns. Raises WinnowError if they don't add up to its size.

    >>> runs_to_mask([1, 3], 2, 2).tolist()
    [[0, 255], [255, 255]]
    """
    total = sum(runs)
    if total != height * width or any(run < 0 for run in runs):
        raise WinnowError(f"its runs add up to {total:,} pixels; {width} x {height} has {height * width:,}.")
    values = np.zeros(len(runs), np.uint8)
    values[1::2] = 255
    return np.repeat(values, runs).reshape((height, width), order="F")


def runs_to_string(runs: Sequence[int]) -> str:
    """COCO's compressed string of run lengths.

    >>> runs_to_string([6, 1, 40, 4, 39])
    '61X13O'
    """
    return "".join(_characters(run - runs[i - 2] if i > 2 else run) for i, run in enumerate(runs))


def string_to_runs(text: str) -> list[int]:
    """The run lengths of COCO's compressed string. Raises WinnowError if it is cut off or has an invalid character.

    >>> string_to_runs("61X13O")
    [6, 1, 40, 4, 39]
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 30:
            raise WinnowError("its run-length string is damaged.")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    if shift:
        raise WinnowError("its run-length string is cut off.")
    return runs


def _characters(value: int) -> str:
    """One number, five bits per character, lowest first; bit 5 means that more follow, bit 4 of the last is the sign."""
    text = ""
    while True:
        bits, value = value & 31, value >> 5
        done = value == (-1 if bits & 16 else 0)
        text += chr(48 + (bits if done else bits | 32))
        if done:
            return text
