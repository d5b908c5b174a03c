"""Why Refine is as it is: its epsilon, band and pull, and what else was tried, on masks coarsened as contributors paint.

    python benchmarks/refine.py ../shared/data [--every 1]

Refine is taken whole, on every photo of Figaro with a face, a hundred of LFW and fourteen drawn portraits with their exact
alpha. For each way: how much the IoU rises in the mean; how many photos get worse, what they lose in all and at most; SAD and
gradient error; gradient consistency (eq. 1) as a share of the coarse masks'; and how many masks Refine refuses. LFW's truth is
made of superpixels, so small losses there may be the truth's.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder, whose queue.py would hide Python's own
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
from collections.abc import Callable, Iterator
from datetime import date
from unittest.mock import patch

import cv2
import numpy as np

from benchmarks.machine import machine
from benchmarks.touchup import DRAWN, Case, _as_grey, _coarsened, drawn, figaro, measures
from curator.pictures.arrays import Photo
from curator.pictures.crop import _cut, box_in_crop, cut_photo, square_around_face
from curator.pictures.faces import choose_face, find_faces
from curator.touchup import refine as module
from curator.touchup.refine import Grey, refine
from db.errors import WinnowError
from db.tables import CROP_SIDE
from trainer.refine import guided, superpixel

LFW = 100  # photos, evenly spread
LEAST_HAIR = 0.02  # of the crop

Way = Callable[[Photo, Grey], Grey]


def lfw(folder: Path, count: int) -> Iterator[Case]:
    """Photos of LFW with hair and a face to be seen, as crops; of all, `count` evenly spread."""
    files = sorted((folder / "images").iterdir())
    found = 0
    for file in files[:: max(1, len(files) // (2 * count))]:
        photo = np.ascontiguousarray(cv2.imread(str(file), cv2.IMREAD_COLOR)[:, :, ::-1], np.uint8)
        parts = cv2.imread(str(folder / "masks" / f"{file.stem}.png"), cv2.IMREAD_COLOR)
        hair = np.where(parts[:, :, 2] > 127, 255, 0).astype(np.uint8)  # red; green is skin
        face, _ = choose_face(find_faces(photo, hair), hair) if hair.any() else (None, None)
        if face is None:
            continue
        square = square_around_face(face.box, face.rotation)
        fine = _cut(hair, square, CROP_SIDE, 0)
        if (fine > 127).mean() < LEAST_HAIR:
            continue
        coarse = _coarsened(fine, box_in_crop(square, face.box), found)
        yield Case(file.stem, cut_photo(photo, square), fine, coarse, square.inside(*photo.shape[:2]))
        found += 1
        if found == count:
            return


def whole(photo: Photo, mask: Grey) -> Grey:
    """Refine as it is."""
    return refine(photo, mask).alpha


def with_constants(**constants: float) -> Way:
    """Refine with other constants of its module."""

    def way(photo: Photo, mask: Grey) -> Grey:
        with patch.multiple(module, **constants):
            return whole(photo, mask)

    return way


def twice(photo: Photo, mask: Grey) -> Grey:
    """Solved again, with the band laid anew around the first result."""
    return whole(photo, whole(photo, mask))


def then_guided(photo: Photo, mask: Grey) -> Grey:
    """Smoothed afterwards with the trainer's guided filter."""
    return _as_grey(guided(photo, np.asarray(whole(photo, mask) / 255, np.float32)))


def from_superpixels(photo: Photo, mask: Grey) -> Grey:
    """From the vote of the superpixels in place of the mask."""
    return whole(photo, _as_grey(superpixel(photo, np.asarray(mask / 255, np.float32))))


WAYS: dict[str, Way] = {
    f"as it is: epsilon {module.NOISE:g}, band {module.BAND}, pull {module.PULL:g}": whole,
    "epsilon 1e-7, Levin's": with_constants(NOISE=1e-7),
    "epsilon 3e-5": with_constants(NOISE=3e-5),
    "epsilon 1e-4": with_constants(NOISE=1e-4),
    "band 10": with_constants(BAND=10),
    "band 12": with_constants(BAND=12),
    "solved twice": twice,
    "pull 1e-3": with_constants(PULL=1e-3),
    "pull 1e-2": with_constants(PULL=1e-2),
    "guided filter after it": then_guided,
    "superpixel vote before it": from_superpixels,
}


def table(cases: list[Case], title: str) -> None:
    """The rows of one set of photos."""
    before = np.array([measures(case, case.coarse) for case in cases])
    print(f"\n{title}: {len(cases)} photos; IoU before {before[:, 0].mean():.4f}\n")
    print("| Refine | IoU up by | worse: photos | in all | at most | SAD | gradient error | eq. 1, share | refused |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, way in WAYS.items():
        rows, refused = [], 0
        for case in cases:
            try:
                alpha = way(case.photo, case.coarse)
            except WinnowError:  # too much to solve: the mask stays as it is
                alpha, refused = case.coarse, refused + 1
            rows.append(measures(case, alpha))
        after = np.array(rows)
        gain = after[:, 0] - before[:, 0]
        lost = -gain[gain < 0]
        share = after[:, 4].mean() / before[:, 4].mean()
        print(
            f"| {name} | {gain.mean():.4f} | {len(lost)} | {lost.sum():.4f} | {lost.max(initial=0):.4f} | "
            f"{after[:, 2].mean():.3f} | {after[:, 3].mean():.2f} | {share:.2f} | {refused} |",
            flush=True,
        )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder with figaro1k and lfw-parts")
    parser.add_argument("--every", type=int, default=1, help="take every second photo, for 2, and so on")
    given = parser.parse_args()
    print(f"{date.today()}, {machine()}")
    table(list(figaro(given.data / "figaro1k", None))[:: given.every], "Figaro, faces")
    table(list(lfw(given.data / "lfw-parts", LFW))[:: given.every], "LFW")
    table(list(drawn(DRAWN))[:: given.every], "Drawn portraits, exact alpha")


if __name__ == "__main__":
    main()
