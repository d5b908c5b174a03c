"""How much of the hair a crop holds, by its scale: the figures behind curator/crop.py's SCALE and LIFT.

python benchmarks/crop.py ../shared/data/street --format folder
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder: its queue.py isn't Python's
# ruff: noqa: E402 - so this has to come before every import that might look for it

import argparse
import tempfile

import numpy as np

from curator import crop
from curator.faces import find_faces
from curator.pictures import Limits, fit_mask, read_labels, read_photo
from curator.sources import RawPair, mask_bytes, photo_bytes, read, recognise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("-n", type=int, default=300, help="how many pairs to look at")
    given = parser.parse_args()
    limits = Limits()
    found = []
    pairs = [
        one
        for one in read(recognise(given.source)[0], given.source, Path(tempfile.mkdtemp()), limits)
        if isinstance(one, RawPair)
    ]
    for pair in pairs[: given.n]:
        photo = read_photo(photo_bytes(pair, limits), limits)
        mask = fit_mask(read_labels(mask_bytes(pair, limits), limits).hair, photo.shape)
        faces = find_faces(photo)
        if faces and mask.any():
            found.append((faces[0].box, mask > 0))
    print(f"{len(found)} of {min(given.n, len(pairs))} photos with a face and hair")
    print("scale  lift   hair inside: p5, p25, median   whole (> .99)   photo's share of the crop")
    chosen = crop.SCALE, crop.LIFT
    for scale in (2.4, 2.6, 2.8, 3.0, 3.3):
        for lift in (0.05, 0.15, 0.25):
            crop.SCALE, crop.LIFT = scale, lift
            shares, photo_shares = zip(*(inside(box, mask) for box, mask in found), strict=True)
            p5, p25, median = np.percentile(shares, [5, 25, 50])
            mark = " <- chosen" if (scale, lift) == chosen else ""
            whole = np.mean(np.array(shares) > 0.99)
            print(f"{scale:5} {lift:5} {p5:18.3f} {p25:6.3f} {median:6.3f} {whole:15.2f} {np.median(photo_shares):20.2f}{mark}")


def inside(face: crop.Box, mask: np.ndarray) -> tuple[float, float]:
    """The share of a photo's hair, and of the crop's own area, that a crop around the face shows."""
    square = crop.around(face)
    height, width = mask.shape
    top, left = max(0, int(square.top)), max(0, int(square.left))
    bottom, right = min(height, int(square.top + square.side)), min(width, int(square.left + square.side))
    area = (bottom - top) * (right - left) / square.side**2
    return float(mask[top:bottom, left:right].sum() / mask.sum()), area


if __name__ == "__main__":
    main()
