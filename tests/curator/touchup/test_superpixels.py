"""Superpixels as a picture."""

import cv2
import numpy as np

from curator.touchup.superpixels import superpixels
from tests.examples import drawn_photo
from trainer.refine import superpixel_labels


def test_each_pixels_number_is_red_and_256_times_green() -> None:
    photo = drawn_photo(1)
    blue, green, red = cv2.split(cv2.imdecode(np.frombuffer(superpixels(photo), np.uint8), cv2.IMREAD_COLOR).astype(np.int32))
    labels = red + 256 * green
    assert not blue.any()
    assert np.array_equal(labels, superpixel_labels(photo))
    assert 256 < labels.max() < 1000
    assert green.any()
