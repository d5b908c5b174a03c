"""Find faces with dlib's frontal face detector, and choose the one whose hair was painted.

The detector scans histograms of oriented gradients (Dalal and Triggs 2005, doi:10.1109/CVPR.2005.177) and is built into the
library (King 2009, "Dlib-ml: A Machine Learning Toolkit", JMLR 10), so there is no model file. A photo is searched in up to
three passes, cheapest first: the whole photo; a close-up around the hair; the close-up, rotated. The search stops at the first
face with painted hair around it. benchmarks/crop.py prints what each pass finds and costs.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import cos, dist, radians, sin
from typing import Any

import dlib
import numpy as np
import numpy.typing as npt

from curator.pictures.arrays import Box, Mask, Photo
from curator.pictures.crop import Square, cut_photo, square_around_photo, to_photo

Indices = npt.NDArray[np.intp]

# Larger photos are searched at half their size or less: the detector finds faces from 80 pixels on, so a face in a
# 12-megapixel selfie is found just as reliably, at a quarter of the cost.
LARGE_SHORT_SIDE = 1400  # pixels
# On the detector's own, open-ended scale. A false detection in a well-known portrait had a seventh of the face's score; rotated
# photos without a face, such as the back of a head, score up to 0.25.
MIN_SCORE, MIN_ROTATED_SCORE = 0.1, 0.3
SURE_SCORE = 0.5  # a face with this score is accepted even without painted hair around it
# Degrees. The detector tolerates a tilt of 20 degrees, so these cover -110 to 110. Photos are not searched upside down: chins
# and beards pass for foreheads and hair, and one face in ten would be detected a second time.
SEARCH_ROTATIONS = (-30.0, 30.0, -60.0, 60.0, -90.0, 90.0)
# What a pass is scaled to, at most: pixels of the side.
CLOSE_UP_PIXELS, ROTATED_PIXELS, WHOLE_PHOTO_PIXELS = 1000, 640, 2000
SEARCH_SCALE = 2.2  # side of the close-up, in sides of the painted hair: with short hair, the face lies below it
MIN_SEARCH_SIDE = 80  # pixels of the photo: the least side of a close-up
MIN_HAIR_SHARE = 0.05  # of the photo's hair, around a face: with less, the painted hair belongs to somebody else


@dataclass(frozen=True)
class Face:
    """One detected face. If it is rotated, its box on the photo is turned the other way, about the box's own centre."""

    box: Box  # in the photo's pixels; may reach beyond the photo
    score: float  # the detector's, from MIN_SCORE up to about 3
    rotation: float = 0.0  # degrees that the photo has to be turned counter-clockwise for the face to be upright

    @property
    def centre(self) -> tuple[float, float]:
        """(row, column) in the photo's pixels."""
        top, left, bottom, right = self.box
        return (top + bottom) / 2, (left + right) / 2

    @property
    def side(self) -> int:
        """The box's height in the photo's pixels; boxes are square."""
        return self.box[2] - self.box[0]


# One detector per thread: it scans into its own buffers, and two threads in one detector crash the process.
_per_thread = threading.local()


def _detector() -> Any:
    if not hasattr(_per_thread, "detector"):
        _per_thread.detector = dlib.get_frontal_face_detector()
    return _per_thread.detector


def find_faces(photo: Photo, hair: Mask | None = None, *, once: bool = False) -> list[Face]:
    """The faces in an upright photo, highest score first; empty if there are none.

    Args:
        photo: uint8 (H, W, 3) RGB.
        hair: uint8 (H, W), 0 or 255: the painted hair, around which later passes search.
        once: make only the first pass; for photos that are accepted without a face, too.
    """
    hair = hair if hair is not None and hair.any() else None
    found: list[Face] = []
    for faces in search_passes(photo, hair):
        found = _without_duplicates([*found, *faces])
        if once or (found and (hair is None or any(hair_around(face, hair) >= MIN_HAIR_SHARE for face in found))):
            break
    return found


def choose_face(faces: Sequence[Face], hair: Mask | None = None) -> tuple[Face | None, list[str]]:
    """The face whose selfie this is, by score, size and the painted hair around each face; and remarks.

    `hair` is uint8 (H, W), 0 or 255. Returns None if there are no faces, or if hair was painted but none of it around the best
    face and that face scores less than SURE_SCORE: a stranger in the background is not the person whose hair was painted.
    """
    painted = hair is not None and bool(hair.any())
    shares = [hair_around(face, hair) if hair is not None else 0.0 for face in faces]
    # Scores above 1 reflect light and sharpness rather than certainty. The constant is added to the share so that size and
    # score decide when there is no hair.
    worth = [(MIN_HAIR_SHARE + share) * min(face.score, 1.0) * face.side for face, share in zip(faces, shares, strict=True)]
    if not worth:
        return None, []
    best = int(np.argmax(worth))
    face, bare = faces[best], painted and shares[best] < MIN_HAIR_SHARE
    if bare and face.score < SURE_SCORE:
        return None, ["a face was found, but the painted hair lies elsewhere."]
    remarks = []
    if bare:
        remarks.append("the painted hair does not lie around the face.")
    if len(faces) > 1:
        why = "the surest and largest was taken" if shares[best] < MIN_HAIR_SHARE else "the one with the painted hair was taken"
        remarks.append(f"{len(faces)} faces were found; {why}.")
    if face.rotation:
        remarks.append(f"the face is tilted; the photo was turned by {abs(face.rotation):.0f} degrees.")
    return face, remarks


def hair_around(face: Face, hair: Mask) -> float:
    """Share of a photo's hair that lies above, beside or right below a face, 0 to 1; 0.0 if none is painted.

    `hair` is uint8 (H, W). The area is 2 sides of the face's box wide and reaches from 1.3 above its centre to 1 below.
    """
    rows, columns = _hair_pixels(hair)
    if not len(rows):
        return 0.0
    # In sides of the face's box, from its centre, with the face upright.
    down, across = (rows - face.centre[0]) / face.side, (columns - face.centre[1]) / face.side
    turn = radians(face.rotation)
    down, across = down * cos(turn) - across * sin(turn), across * cos(turn) + down * sin(turn)
    return float(((down > -1.3) & (down < 1.0) & (abs(across) < 1.0)).mean())


def _hair_pixels(hair: Mask) -> tuple[Indices, Indices]:
    """Rows and columns of painted pixels, sampled on a grid of under 800 steps a side, which is enough to locate the hair."""
    step = max(1, max(hair.shape) // 400)
    rows, columns = np.nonzero(hair[::step, ::step])
    if not len(rows):  # the hair falls between the grid's steps
        rows, columns = np.nonzero(hair)
        step = 1
    return rows * step, columns * step


def search_passes(photo: Photo, hair: Mask | None) -> Iterator[list[Face]]:
    """The faces found by each pass, cheapest pass first. A pass runs only when it is asked for."""
    yield _search_whole_photo(photo)
    square, pixels = _search_area(photo, hair)
    yield _search_square(photo, square, pixels, MIN_SCORE)
    turned = [
        _search_square(photo, replace(square, rotation=turn), min(pixels, ROTATED_PIXELS), MIN_ROTATED_SCORE)
        for turn in SEARCH_ROTATIONS
    ]
    yield [face for faces in turned for face in faces]


def _search_area(photo: Photo, hair: Mask | None) -> tuple[Square, int]:
    """The square to search more closely, around the hair or around the whole photo, and the pixels to scale its side to."""
    height, width = photo.shape[:2]
    if hair is None:
        square = square_around_photo(height, width)
        return square, round(min(2 * square.side, WHOLE_PHOTO_PIXELS))
    # Crowd masks have specks, so the outermost hundredth of the hair on each side is ignored.
    (top, bottom), (left, right) = (np.quantile(places, [0.01, 0.99]) for places in _hair_pixels(hair))
    side = float(max(SEARCH_SCALE * (bottom - top), SEARCH_SCALE * (right - left), MIN_SEARCH_SIDE))
    square = Square(float(top + bottom - side) / 2, float(left + right - side) / 2, side)
    return square, round(min(4 * side, CLOSE_UP_PIXELS))


def _search_whole_photo(photo: Photo) -> list[Face]:
    """The faces in the whole photo, searched at its size or at a whole fraction of it."""
    short = min(photo.shape[:2])
    step = max(1, round(short / LARGE_SHORT_SIDE)) if short > LARGE_SHORT_SIDE else 1
    found = _detect(photo[::step, ::step], MIN_SCORE)
    return [Face((top * step, left * step, bottom * step, right * step), score) for (top, left, bottom, right), score in found]


def _search_square(photo: Photo, square: Square, pixels: int, min_score: float) -> list[Face]:
    """The faces in a square of the photo that is scaled to `pixels` x `pixels`, with a score of at least `min_score`."""
    faces = []
    for (top, left, bottom, right), score in _detect(cut_photo(photo, square, pixels), min_score):
        row, column = to_photo(square, ((top + bottom) / 2, (left + right) / 2), pixels)
        half = (bottom - top) / 2 * square.side / pixels
        box = round(row - half), round(column - half), round(row + half), round(column + half)
        faces.append(Face(box, score, square.rotation))
    return faces


def _detect(photo: Photo, min_score: float) -> list[tuple[Box, float]]:
    boxes, scores, _ = _detector().run(np.ascontiguousarray(photo), 0, min_score)
    # dlib's rectangles include their last pixel.
    return [
        ((box.top(), box.left(), box.bottom() + 1, box.right() + 1), float(score))
        for box, score in zip(boxes, scores, strict=True)
    ]


def _without_duplicates(faces: Sequence[Face]) -> list[Face]:
    """The faces, highest score first, without those whose centre lies within half a side of a better one."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(dist(face.centre, other.centre) > max(face.side, other.side) / 2 for other in kept):
            kept.append(face)
    return kept
