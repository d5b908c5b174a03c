"""Real dlib on drawn portraits."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from curator.faces import Box, find_faces
from curator.sample import draw_non_face, draw_portrait


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    common = max(0, min(one[2], other[2]) - max(one[0], other[0])) * max(0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return common / (areas - common)


def test_a_portrait_has_one_face_where_it_was_drawn_and_other_pictures_none() -> None:
    portrait = draw_portrait(np.random.default_rng(1))
    (face,) = find_faces(portrait.photo)
    top, left, bottom, right = portrait.face
    middle = ((face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2)
    assert top < middle[0] < bottom
    assert left < middle[1] < right
    assert face.score > 0.1
    assert find_faces(draw_non_face(np.random.default_rng(1))) == []


def test_a_large_photo_has_its_face_at_the_same_place() -> None:
    small = draw_portrait(np.random.default_rng(2)).photo
    large = small.repeat(4, axis=0).repeat(4, axis=1)
    (in_small,), (in_large,) = find_faces(small), find_faces(large)
    # The detector looks at sizes a sixth apart, so that its box is not the same to the pixel.
    assert overlap(in_small.box, tuple(round(edge / 4) for edge in in_large.box)) > 0.7  # type: ignore[arg-type]


def test_threads_find_faces_at_the_same_time() -> None:
    photos = [draw_portrait(np.random.default_rng(seed)).photo for seed in (1, 2)] * 4
    with ThreadPoolExecutor(4) as executor:
        found = list(executor.map(find_faces, photos))
    assert found == [find_faces(photo) for photo in photos]
