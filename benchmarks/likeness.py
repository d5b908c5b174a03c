"""Duplicates: which copies of a photo are found, and whether different photos are taken for the same.

    python benchmarks/likeness.py ../shared/data/lfw-parts/images ../shared/data/street/images ../shared/data/figaro1k/images

Every photo is compared with every other, and every eighth with copies of itself.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder, whose queue.py would hide Python's own
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
from collections import Counter
from collections.abc import Callable
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from curator.ingest.likeness import hash_picture, same_picture
from curator.pictures.opening import read_bytes
from curator.pictures.pair import read_photo
from db.errors import WinnowError
from db.settings import Limits

Photo = NDArray[np.uint8]


def jpeg(quality: int) -> Callable[[Photo], Photo]:
    """To a JPEG of this quality and back."""

    def copied(photo: Photo) -> Photo:
        packed = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)

    return copied


def scaled(factor: float) -> Callable[[Photo], Photo]:
    """Scaled by the factor."""
    return lambda photo: np.asarray(cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def lit(factor: float) -> Callable[[Photo], Photo]:
    """Brighter by the factor."""
    return lambda photo: np.asarray(cv2.convertScaleAbs(photo, alpha=factor), np.uint8)


COPIES: dict[str, Callable[[Photo], Photo]] = {
    "half the size": scaled(0.5),
    "JPEG at 50": jpeg(50),
    "JPEG at 20": jpeg(20),
    "a tenth brighter": lit(1.1),
    "a tenth darker": lit(0.9),
    "without a border of 2 %": lambda photo: photo[
        len(photo) // 50 : -len(photo) // 50, len(photo[0]) // 50 : -len(photo[0]) // 50
    ],
    "mirrored": lambda photo: np.ascontiguousarray(photo[:, ::-1]),
}


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, help="folders of photos")
    files = [file for folder in parser.parse_args().folders for file in sorted(folder.iterdir()) if file.is_file()]
    looks, found, tried, unread = {}, Counter[str](), 0, 0
    for file in files:
        try:
            photo = read_photo(read_bytes(file, Limits()), Limits())
        except WinnowError:
            unread += 1
            continue
        look = looks[file] = hash_picture(photo)
        if len(looks) % 8 == 1:
            tried += 1
            found.update(name for name, copy in COPIES.items() if same_picture(look, hash_picture(copy(photo))))
    same = [(one, other) for one, other in combinations(looks, 2) if same_picture(looks[one], looks[other])]
    pairs = len(looks) * (len(looks) - 1) // 2
    print(f"{len(looks):,} photos ({unread} files are not photos), {pairs:,} pairs: {len(same)} taken for the same picture")
    for one, other in same:
        print(f"  {one} and {other}")
    print(f"\n| copies of {tried} photos | found |\n|---|---|")
    for name in COPIES:
        print(f"| {name} | {found[name] / tried:.1%} |")


if __name__ == "__main__":
    main()
