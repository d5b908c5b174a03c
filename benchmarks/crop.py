"""How well faces are detected and chosen, and how much of the hair a crop contains.

These are the figures behind curator/pictures/faces.py, and behind CROP_SCALE and CROP_LIFT of curator/pictures/crop.py.

    python benchmarks/crop.py ../shared/data -n 300
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder, whose queue.py would hide Python's own
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curator.pictures import crop
from curator.pictures.faces import MIN_HAIR_SHARE, Face, choose_face, find_faces, hair_around, search_passes
from db.tables import CROP_SIDE

LOOKS = ("whole photo", "closer, around the hair", "turned, around the hair")
# Figaro's photos from behind, and two of plaits without a head, selected by eye: neither of the person's eyes is visible.
# fmt: off
BACKS = frozenset(f"Frame{number:05}" for number in (
    5, 15, 28, 45, 47, 57, 59, 61, 66, 76, 77, 81, 83, 86, 99, 103, 106, 118, 152, 160, 162, 169, 174, 179, 189, 191,
    197, 211, 213, 215, 218, 226, 230, 233, 240, 243, 318, 359, 371, 395, 415, 455, 539, 544, 550, 582, 608, 621, 634,
    653, 673, 682, 687, 692, 703, 706, 707, 713, 717, 718, 723, 734, 739, 747, 750, 754, 768, 778, 779, 780, 789, 790,
    808, 812, 818, 830, 871, 872, 875, 891, 894, 913, 918, 922, 927, 931, 959, 966,
))
# fmt: on


@dataclass(frozen=True)
class Seen:
    """The results of one photo."""

    name: str
    hair: NDArray[np.uint8]
    face: Face | None
    remarks: list[str]
    seconds: list[float]  # CPU time of each detection attempt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with street, figaro1k, not-faces and lfw-parts")
    parser.add_argument("-n", type=int, help="number of photos of each, evenly spread; default: all")
    given = parser.parse_args()
    seen = {name: list(see(given.data / name, given.n)) for name in ("street", "figaro1k", "not-faces", "lfw-parts")}
    figaro = seen.pop("figaro1k")
    groups = {
        "street": seen["street"],
        "lfw-parts": seen["lfw-parts"],
        "figaro1k, a face to be seen": [one for one in figaro if one.name not in BACKS],
        "figaro1k, backs of heads": [one for one in figaro if one.name in BACKS],
        "not-faces": seen["not-faces"],
    }
    print(f"{'':28} photos  with a crop   hair inside: median, p5   turned  one of several")
    for name, found in groups.items():
        cut = [one for one in found if one.face is not None]
        shares = [inside(one) for one in cut if one.hair.any()]
        hair = f"{np.median(shares):14.3f} {np.percentile(shares, 5):9.3f}" if shares else " " * 24
        turned = sum(one.face.rotation != 0 for one in cut if one.face)
        several = sum("faces were found" in " ".join(one.remarks) for one in cut)
        print(f"{name:28} {len(found):6} {len(cut):6} {share(len(cut), len(found)):>6} {hair} {turned:10} {several:10}")
    print(f"\n{'':28} what each way of looking adds: photos that came to it, faces it brought, ms a photo of these")
    for name, found in groups.items():
        for way, what in enumerate(LOOKS):
            came = [one for one in found if len(one.seconds) > way]
            brought = sum(one.face is not None for one in came if len(one.seconds) == way + 1)
            cost = f"{1000 * np.mean([one.seconds[way] for one in came]):6.0f}" if came else f"{'-':>6}"
            print(f"{name:28} {what:24} {len(came):6} {brought:6} {cost}")
    print("\nscale  lift   hair inside: p5, p25, median   whole (> .99)   photo's share of the crop   (street and figaro1k)")
    chosen = crop.CROP_SCALE, crop.CROP_LIFT
    faces = [one for one in [*seen["street"], *figaro] if one.face is not None and one.hair.any()]
    for scale in (2.4, 2.6, 2.8, 3.0, 3.3):
        for lift in (-0.05, 0.05, 0.15, 0.25):
            crop.CROP_SCALE, crop.CROP_LIFT = scale, lift
            shares = np.array([inside(one) for one in faces])
            p5, p25, median = np.percentile(shares, [5, 25, 50])
            mark = " <- chosen" if (scale, lift) == chosen else ""
            photo = np.median([photo_share(one) for one in faces])
            print(f"{scale:5} {lift:5} {p5:18.3f} {p25:6.3f} {median:6.3f} {np.mean(shares > 0.99):15.2f} {photo:20.2f}{mark}")


def see(folder: Path, count: int | None) -> Iterator[Seen]:
    """The results for the photos in a folder's images/, with the hair of its masks/, if it has any."""
    files = sorted((folder / "images").iterdir())
    step = max(1, len(files) // count) if count else 1
    for file in files[::step]:
        photo = cv2.imread(str(file), cv2.IMREAD_COLOR)[:, :, ::-1].copy()
        painted = folder / "masks" / f"{file.stem}.png"
        hair = np.zeros(photo.shape[:2], np.uint8)
        if painted.exists():
            mask = cv2.imread(str(painted), cv2.IMREAD_COLOR)
            # Black and white, or LFW Parts' classes: hair is red alone.
            hair = np.where((mask[:, :, 2] > 127) & ((mask[:, :, 1] > 127) == (mask[:, :, 0] > 127)), 255, 0).astype(np.uint8)
        seconds = timed(photo, hair if hair.any() else None)
        face, remarks = choose_face(find_faces(photo, hair), hair)
        yield Seen(file.stem, hair, face, remarks, seconds)


def timed(photo: NDArray[np.uint8], hair: NDArray[np.uint8] | None) -> list[float]:
    """CPU seconds of each detection attempt, up to the one that found what `find_faces` looks for."""
    seconds, ways = [], search_passes(photo, hair)
    for _ in LOOKS:
        began = time.process_time()
        found = next(ways)
        seconds.append(time.process_time() - began)
        if found and (hair is None or any(hair_around(face, hair) >= MIN_HAIR_SHARE for face in found)):
            break
    return seconds


def square_of(one: Seen) -> crop.Square:
    """The crop around the face that was chosen."""
    assert one.face is not None
    return crop.square_around_face(one.face.box, one.face.rotation)


def inside(one: Seen) -> float:
    """The share of the photo's hair that lies inside the crop."""
    square, (rows, columns) = square_of(one), np.nonzero(one.hair)
    affine = crop._photo_to_crop(square)
    x, y = affine[:, :2] @ (columns + 0.5, rows + 0.5) + affine[:, 2:]
    return float(((x >= 0) & (x < CROP_SIDE) & (y >= 0) & (y < CROP_SIDE)).mean())


def photo_share(one: Seen) -> float:
    """The share of the crop that shows photo."""
    top, left, bottom, right = square_of(one).inside(*one.hair.shape)
    return (bottom - top) * (right - left) / CROP_SIDE**2


def share(part: int, of: int) -> str:
    """A part as a percentage."""
    return f"{100 * part / of:.1f} %" if of else "-"


if __name__ == "__main__":
    main()
