"""What the size at which a matte is measured does to its measures: runs of two sizes compare by some of them and not by others.

    python benchmarks/sizes.py ../shared/data/figaro1k [--photos 40]

Each fine mask, at the size of a run's input and softened by one pixel there, stands for the matte of a run of that size. Prints
its errors of alpha at that size and at the crop's, and the gradient consistency of the mask itself at that size.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder, whose queue.py would hide Python's own
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime

import cv2
import numpy as np

from benchmarks.machine import machine
from db.tables import CROP_SIDE
from trainer.alpha_errors import connectivity_error, gradient_error, sad
from trainer.arrays import Alpha, Image, Mask
from trainer.measures import gradient_consistency
from trainer.pictures import image_from, mask_from, rescaled, resized

SIZES = (128, 224, 480)
ERRORS = (sad, gradient_error, connectivity_error)


def pairs(data: Path, count: int) -> Iterator[tuple[Image, Mask]]:
    """The first photos with their masks, cut to a square from the top left corner, at the crop's size."""
    for file in sorted((data / "images").iterdir())[:count]:
        photo = image_from(file.read_bytes(), file.name)
        mask = mask_from(next((data / "masks").glob(f"{file.stem}*")).read_bytes(), file.name)
        side = min(photo.shape[:2])
        yield resized(photo[:side, :side], CROP_SIDE), resized(mask[:side, :side], CROP_SIDE)


def measured(photo: Image, mask: Mask, size: int) -> list[float]:
    """The three errors at the run's size, at the crop's, and the mask's gradient consistency at the run's."""
    target: Alpha = np.asarray(resized(mask, size) / 255, np.float32)
    matte: Alpha = np.asarray(cv2.GaussianBlur(target, (0, 0), 1), np.float32)
    whole: Alpha = np.asarray(mask / 255, np.float32)
    own = [error(target, matte) for error in ERRORS]
    large = [error(whole, rescaled(matte, CROP_SIDE)) for error in ERRORS]
    return [np.nan if value is None else value for value in (*own, *large, gradient_consistency(resized(photo, size), target))]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder with images/ and masks/")
    parser.add_argument("--photos", type=int, default=40)
    given = parser.parse_args()
    found = list(pairs(given.data, given.photos))
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}; {len(found)} photos\n")
    names = ("SAD", "gradient", "connectivity")
    head = ["input", *(f"{name}, there" for name in names), *(f"{name}, at {CROP_SIDE}" for name in names), "mask's grad-cons."]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for size in SIZES:
        means = np.nanmean([measured(photo, mask, size) for photo, mask in found], axis=0)
        print(f"| {size} | " + " | ".join(f"{value:.3f}" for value in means) + " |")


if __name__ == "__main__":
    main()
