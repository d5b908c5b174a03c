"""Real dlib on drawn portraits and real photos; the choice among faces, on made-up ones."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from curator.pictures.arrays import Box, Mask, Photo
from curator.pictures.crop import box_in_crop, cut_photo, square_around_face
from curator.pictures.faces import Face, choose_face, find_faces, hair_around
from curator.sample import draw_non_face, draw_portrait
from curator.sample.portrait import Portrait

NO_HAIR = np.zeros((400, 600), np.uint8)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    common = max(0, min(one[2], other[2]) - max(one[0], other[0])) * max(0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return common / (areas - common)


def hair_of(portrait: Portrait) -> Mask:
    return np.where(portrait.alpha > 0.5, np.uint8(255), np.uint8(0))


def painted(*boxes: Box) -> Mask:
    """Hair in these boxes of a photo of 400 x 600."""
    hair = NO_HAIR.copy()
    for top, left, bottom, right in boxes:
        hair[top:bottom, left:right] = 255
    return hair


def turned(picture: Photo | Mask, degrees: float) -> Photo | Mask:
    """A picture turned clockwise about its middle, its corners cut off."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


# --- finding ---------------------------------------------------------------------------------------------------------


def test_a_portrait_has_one_face_where_it_was_drawn_and_other_pictures_none() -> None:
    portrait = draw_portrait(np.random.default_rng(1))
    (face,) = find_faces(portrait.photo)
    top, left, bottom, right = portrait.face
    assert top < face.centre[0] < bottom
    assert left < face.centre[1] < right
    assert face.score > 0.1
    assert face.rotation == 0
    assert find_faces(draw_non_face(np.random.default_rng(1))) == []


def test_a_large_photo_has_its_face_at_the_same_place() -> None:
    small = draw_portrait(np.random.default_rng(2)).photo
    large = small.repeat(4, axis=0).repeat(4, axis=1)
    (in_small,), (in_large,) = find_faces(small), find_faces(large)
    # The detector looks at sizes a sixth apart, so that its box is not the same to the pixel.
    assert overlap(in_small.box, tuple(round(edge / 4) for edge in in_large.box)) > 0.7  # type: ignore[arg-type]


@pytest.mark.parametrize("degrees", [-90, -60, 65, 90])
def test_a_tilted_face_is_found_and_stands_upright_in_its_crop(degrees: int) -> None:
    portrait = draw_portrait(np.random.default_rng(1))
    photo, hair = turned(portrait.photo, degrees), turned(hair_of(portrait), degrees)
    face, said = choose_face(find_faces(photo, hair), hair)
    assert face is not None
    assert abs(face.rotation - degrees) <= 30
    assert said == [f"the face is tilted; the photo was turned by {abs(face.rotation):.0f} degrees."]
    assert find_faces(photo, hair, once=True) == []  # the first look alone sees none
    square = square_around_face(face.box, face.rotation)
    (upright,) = find_faces(cut_photo(photo, square))
    assert overlap(upright.box, box_in_crop(square, face.box)) > 0.6


def test_a_small_face_is_found_on_a_larger_picture_of_the_painted_hair() -> None:
    portrait = draw_portrait(np.random.default_rng(2))
    share = 52 / (portrait.face[2] - portrait.face[0])
    small, small_hair = (
        cv2.resize(one, None, fx=share, fy=share, interpolation=cv2.INTER_AREA) for one in (portrait.photo, hair_of(portrait))
    )
    height, width = small_hair.shape
    scene, hair = np.full((900, 1200, 3), 90, np.uint8), np.zeros((900, 1200), np.uint8)
    scene[600 : 600 + height, 200 : 200 + width] = small
    hair[600 : 600 + height, 200 : 200 + width] = np.where(small_hair > 127, 255, 0)
    (face,) = find_faces(scene, hair)
    top, left, bottom, right = (share * edge for edge in portrait.face)
    assert face.side < 80
    assert 600 + top < face.centre[0] < 600 + bottom
    assert 200 + left < face.centre[1] < 200 + right


def test_threads_find_faces_at_the_same_time() -> None:
    photos = [draw_portrait(np.random.default_rng(seed)).photo for seed in (1, 2)] * 4
    with ThreadPoolExecutor(4) as executor:
        found = list(executor.map(find_faces, photos))
    assert found == [find_faces(photo) for photo in photos]


@pytest.mark.skipif("WINNOW_REAL_DATA" not in os.environ, reason="needs the real photos: WINNOW_REAL_DATA names their folder")
@pytest.mark.parametrize(("name", "every", "least", "most"), [("not-faces", 1, 0.0, 0.04), ("lfw-parts", 25, 0.99, 1.0)])
def test_real_photos_have_a_crop_where_they_show_a_face(name: str, every: int, least: float, most: float) -> None:
    folder = Path(os.environ["WINNOW_REAL_DATA"]) / "data" / name / "images"
    files = sorted(folder.iterdir())[::every]
    chosen = [choose_face(find_faces(cv2.imread(str(file))[:, :, ::-1].copy()))[0] for file in files]
    assert len(files) >= 40
    assert least <= sum(face is not None for face in chosen) / len(files) <= most


# --- choosing --------------------------------------------------------------------------------------------------------


def test_the_one_whose_hair_is_painted_wins_over_a_larger_and_surer_face() -> None:
    theirs, stranger = Face((150, 100, 230, 180), 0.6), Face((100, 350, 220, 470), 2.0)
    hair = painted((100, 90, 160, 190))
    assert choose_face([stranger, theirs], hair) == (theirs, ["2 faces were found; the one with the painted hair was taken."])


@pytest.mark.parametrize("hair", [None, NO_HAIR])
def test_without_painted_hair_the_surest_and_largest_face_is_taken(hair: Mask | None) -> None:
    large, small = Face((100, 100, 250, 250), 0.9), Face((50, 400, 110, 460), 1.0)
    doubtful = Face((50, 300, 250, 500), 0.15)
    assert choose_face([small, large, doubtful], hair) == (large, ["3 faces were found; the surest and largest was taken."])


def test_a_doubtful_face_far_from_the_painted_hair_is_none_and_a_sure_one_is_remarked() -> None:
    hair = painted((350, 0, 400, 100))
    assert choose_face([Face((50, 400, 130, 480), 0.3)], hair) == (
        None,
        ["a face was found, but the painted hair lies elsewhere."],
    )
    sure = Face((50, 400, 130, 480), 1.2)
    assert choose_face([sure], hair) == (sure, ["the painted hair does not lie around the face."])


def test_one_face_with_its_hair_is_nothing_to_remark() -> None:
    face = Face((100, 100, 200, 200), 1.0)
    assert choose_face([face], painted((60, 90, 120, 210))) == (face, [])
    assert choose_face([], painted((60, 90, 120, 210))) == (None, [])


def test_the_hair_around_a_face_turns_with_it() -> None:
    above, beside = painted((80, 100, 120, 200)), painted((100, 300, 200, 340))
    upright, lying = Face((150, 100, 250, 200), 1.0), Face((100, 170, 200, 270), 1.0, rotation=90)
    assert hair_around(upright, above) == 1.0
    assert hair_around(upright, painted((350, 100, 400, 200))) == 0.0  # by the knees
    # A face that comes upright by a turn to the left looks to the right: its hair is there.
    assert hair_around(lying, beside) == 1.0
    assert hair_around(Face(lying.box, 1.0), beside) < 1.0
    assert hair_around(upright, NO_HAIR) == 0.0
