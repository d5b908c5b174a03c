"""Finding faces with dlib's HOG detector, which is built into the library: no model file, no download."""

import threading
from dataclasses import dataclass
from typing import Any

import dlib
import numpy as np
import numpy.typing as npt

Box = tuple[int, int, int, int]

# Below this many pixels on the short side a picture is looked at twice its size; above the other, at half or less: the
# detector sees faces from 80 pixels on, and a face in a 12-megapixel selfie is found as surely at a quarter of the cost.
SMALL, LARGE = 700, 1400
LEAST_SCORE = 0.1  # the detector's own scale; a false box of a well-known portrait came with 1/7 of the face's score


@dataclass(frozen=True)
class Face:
    """One detected face: box (top, left, bottom, right) in the picture's pixels, and the detector's score."""

    box: Box
    score: float


# One a thread: a detector scans into memory of its own, and two threads in one detector crash the process.
_own = threading.local()


def _detector() -> Any:
    if not hasattr(_own, "detector"):
        _own.detector = dlib.get_frontal_face_detector()
    return _own.detector


def find_faces(photo: npt.NDArray[np.uint8]) -> list[Face]:
    """The faces of an upright RGB photo, uint8 (H, W, 3), surest first. Boxes may reach beyond the picture."""
    short = min(photo.shape[:2])
    step = max(1, round(short / LARGE)) if short > LARGE else 1
    looked_at = np.ascontiguousarray(photo[::step, ::step]) if step > 1 else np.ascontiguousarray(photo)
    found = _detect(looked_at, 0)
    if not found and short < SMALL:
        found = _detect(looked_at, 1)
    faces = [Face((top * step, left * step, bottom * step, right * step), score) for (top, left, bottom, right), score in found]
    return sorted(faces, key=lambda face: -face.score)


def _detect(photo: npt.NDArray[np.uint8], doublings: int) -> list[tuple[Box, float]]:
    boxes, scores, _ = _detector().run(photo, doublings, LEAST_SCORE)
    # dlib's rectangles include their last pixel.
    return [
        ((box.top(), box.left(), box.bottom() + 1, box.right() + 1), float(score))
        for box, score in zip(boxes, scores, strict=True)
    ]
