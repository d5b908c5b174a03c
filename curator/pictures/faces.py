"""Finding faces with dlib's HOG detector, which is built into the library: no model file, no download; and choosing one.

A photo is looked at in up to three ways, the cheap one first, and no further than until a face is found that has painted hair
around it: the whole photo; closer, around the hair; turned, around the hair. benchmarks/crop.py prints what each way finds
and costs.
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

# A larger picture is looked at at half its size or less: the detector sees faces from 80 pixels on, and a face in a
# 12-megapixel selfie is found as surely at a quarter of the cost.
LARGE_SHORT_SIDE = 1400  # pixels of the short side
# The detector's own scale. A false box of a well-known portrait came with 1/7 of the face's score; turned pictures without a
# face, such as a back of a head, score up to 0.25.
MIN_SCORE, MIN_ROTATED_SCORE = 0.1, 0.3
SURE_SCORE = 0.5  # such a face is taken even where no hair is painted around it
# A face is found while it is tilted by 20 degrees at the most, so these reach all that lie between -110 and 110. Upside
# down nothing is looked for: chins and beards pass for foreheads and hair, and one face in ten would have a second one.
SEARCH_ROTATIONS = (-30.0, 30.0, -60.0, 60.0, -90.0, 90.0)
CLOSE_UP_PIXELS, ROTATED_PIXELS, WHOLE_PHOTO_PIXELS = (
    1000,
    640,
    2000,
)  # pixels of the side that is looked at: around hair, turned, all of a photo without
SEARCH_SCALE = 2.2  # sides of the painted hair that are looked at: the face of short hair lies below it
MIN_SEARCH_SIDE = 80  # pixels of the photo
MIN_HAIR_SHARE = 0.05  # a share of the photo's hair


@dataclass(frozen=True)
class Face:
    """One detected face: box (top, left, bottom, right) in the photo's pixels, and the detector's score.

    `rotation` is by how many degrees the photo has to be turned counter-clockwise for the face to stand upright; the box is
    meant turned with it, about its own centre.
    """

    box: Box
    score: float
    rotation: float = 0.0

    @property
    def centre(self) -> tuple[float, float]:
        """(row, column)"""
        top, left, bottom, right = self.box
        return (top + bottom) / 2, (left + right) / 2

    @property
    def side(self) -> int:
        """In pixels of the photo."""
        return self.box[2] - self.box[0]


# One a thread: a detector scans into memory of its own, and two threads in one detector crash the process.
_per_thread = threading.local()


def _detector() -> Any:
    if not hasattr(_per_thread, "detector"):
        _per_thread.detector = dlib.get_frontal_face_detector()
    return _per_thread.detector


def find_faces(photo: Photo, hair: Mask | None = None, *, once: bool = False) -> list[Face]:
    """The faces of an upright RGB photo, uint8 (H, W, 3), surest first. Boxes may reach beyond the picture.

    `hair`, uint8 (H, W) 0 or 255, is what was painted as hair: where the first look finds no face in it, it says where to
    look closer. With `once` there is only the first look, for pictures that come in without a face as well.
    """
    hair = hair if hair is not None and hair.any() else None
    found: list[Face] = []
    for look in search_passes(photo, hair):
        found = _without_duplicates([*found, *look])
        if once or (found and (hair is None or any(hair_around(face, hair) >= MIN_HAIR_SHARE for face in found))):
            break
    return found


def choose_face(faces: Sequence[Face], hair: Mask | None = None) -> tuple[Face | None, list[str]]:
    """Whose selfie the photo is: by score, size and the painted hair around each face; and what is odd about it, in words.

    `hair` is uint8 (H, W), 0 or 255. A face that nobody painted hair around is taken only if it is a sure one, or if there is
    no painted hair at all: a stranger in the background is not the one whose hair was painted.
    """
    painted = hair is not None and bool(hair.any())
    shares = [hair_around(face, hair) if hair is not None else 0.0 for face in faces]
    # The detector's scores go up to 3, and above 1 tell of light and sharpness; a little is added to the share, so that size
    # and score decide where no hair is.
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
    """The share of a photo's hair, uint8 (H, W), that lies over or beside a face, or right below; 0.0 where none is painted."""
    rows, columns = _hair_pixels(hair)
    if not len(rows):
        return 0.0
    # In sides of the face's box, from its middle, upright.
    down, across = (rows - face.centre[0]) / face.side, (columns - face.centre[1]) / face.side
    turn = radians(face.rotation)
    down, across = down * cos(turn) - across * sin(turn), across * cos(turn) + down * sin(turn)
    return float(((down > -1.3) & (down < 1.0) & (abs(across) < 1.0)).mean())


def _hair_pixels(hair: Mask) -> tuple[Indices, Indices]:
    """Rows and columns of painted pixels: of every so many, which is enough to tell where the hair is."""
    step = max(1, max(hair.shape) // 400)
    rows, columns = np.nonzero(hair[::step, ::step])
    if not len(rows):  # less than the steps
        rows, columns = np.nonzero(hair)
        step = 1
    return rows * step, columns * step


def search_passes(photo: Photo, hair: Mask | None) -> Iterator[list[Face]]:
    """What each way of looking finds, the cheapest first; the next one costs nothing until it is asked for."""
    yield _search_whole_photo(photo)
    square, pixels = _search_area(photo, hair)
    yield _search_square(photo, square, pixels, MIN_SCORE)
    turned = [
        _search_square(photo, replace(square, rotation=turn), min(pixels, ROTATED_PIXELS), MIN_ROTATED_SCORE)
        for turn in SEARCH_ROTATIONS
    ]
    yield [face for faces in turned for face in faces]


def _search_area(photo: Photo, hair: Mask | None) -> tuple[Square, int]:
    """Where to look closer, and at how many pixels: around the hair, or at all of the photo."""
    height, width = photo.shape[:2]
    if hair is None:
        square = square_around_photo(height, width)
        return square, round(min(2 * square.side, WHOLE_PHOTO_PIXELS))
    # Crowds leave specks: the outermost hundredth of the hair on each side doesn't count.
    (top, bottom), (left, right) = (np.quantile(places, [0.01, 0.99]) for places in _hair_pixels(hair))
    side = float(max(SEARCH_SCALE * (bottom - top), SEARCH_SCALE * (right - left), MIN_SEARCH_SIDE))
    square = Square(float(top + bottom - side) / 2, float(left + right - side) / 2, side)
    return square, round(min(4 * side, CLOSE_UP_PIXELS))


def _search_whole_photo(photo: Photo) -> list[Face]:
    """The faces that are large enough in the photo as it is, or at a whole fraction of its size."""
    short = min(photo.shape[:2])
    step = max(1, round(short / LARGE_SHORT_SIDE)) if short > LARGE_SHORT_SIDE else 1
    found = _detect(photo[::step, ::step], MIN_SCORE)
    return [Face((top * step, left * step, bottom * step, right * step), score) for (top, left, bottom, right), score in found]


def _search_square(photo: Photo, square: Square, pixels: int, least: float) -> list[Face]:
    """The faces in a square of the photo, seen at so many pixels."""
    faces = []
    for (top, left, bottom, right), score in _detect(cut_photo(photo, square, pixels), least):
        row, column = to_photo(square, ((top + bottom) / 2, (left + right) / 2), pixels)
        half = (bottom - top) / 2 * square.side / pixels
        box = round(row - half), round(column - half), round(row + half), round(column + half)
        faces.append(Face(box, score, square.rotation))
    return faces


def _detect(photo: Photo, least: float) -> list[tuple[Box, float]]:
    boxes, scores, _ = _detector().run(np.ascontiguousarray(photo), 0, least)
    # dlib's rectangles include their last pixel.
    return [
        ((box.top(), box.left(), box.bottom() + 1, box.right() + 1), float(score))
        for box, score in zip(boxes, scores, strict=True)
    ]


def _without_duplicates(faces: Sequence[Face]) -> list[Face]:
    """The faces, surest first, without those that lie on a surer one: seen twice, or seen again turned a little further."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(dist(face.centre, other.centre) > max(face.side, other.side) / 2 for other in kept):
            kept.append(face)
    return kept
