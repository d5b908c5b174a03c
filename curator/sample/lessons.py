"""The drawn pictures of the guide "What is a good mask": one for each of its places, always the same."""

import cv2
import numpy as np
from numpy.typing import NDArray

from curator.pictures.crop import cut_mask, cut_photo, square_around_face, square_around_photo
from curator.sample.crowd import crowd_mask
from curator.sample.non_face import draw_non_face
from curator.sample.person import draw_person
from curator.sample.portrait import draw_portrait

# place: (hair style, kind of mask, seed); the seeds were chosen by eye.
LESSONS = {
    "good_1": ("bob", "good", 46),
    "good_2": ("long", "good", 42),
    "good_3": ("afro", "good", 41),
    "good_4": ("bald", "good", 43),
    "not_hair": ("short", "on_the_face", 45),
    "hair_missing": ("long", "sparse", 45),
    "spills_over": ("bob", "spills_over", 46),
    "too_coarse": ("layered", "coarse", 43),
    "bad_photo": ("fringe", "good", 41),
}


def draw_lesson(place: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The photo, uint8 (512, 512, 3) RGB, and the mask, uint8 (512, 512), 0 or 255, for a place in the guide.

    Raises KeyError for a place that the guide does not have.
    """
    if place == "no_face":
        photo = draw_non_face(np.random.default_rng(1), "cat")
        square = square_around_photo(photo.shape[0], photo.shape[1])
        return cut_photo(photo, square), np.zeros((512, 512), np.uint8)
    style, kind, seed = LESSONS[place]
    rng = np.random.default_rng(seed)
    portrait = draw_portrait(rng, (800, 640), draw_person(rng, style))
    mask = crowd_mask(kind, portrait.alpha, portrait.face, rng)
    square = square_around_face(portrait.face)
    photo = cut_photo(portrait.photo, square)
    if place == "bad_photo":  # blurred and dark
        photo = np.asarray(cv2.GaussianBlur(photo, (0, 0), 7) * 0.45, np.uint8)
    return photo, cut_mask(mask, square)
