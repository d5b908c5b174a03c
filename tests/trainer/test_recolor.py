"""Recolouring: the hair takes the colour, keeps its strands, and nothing else moves."""

import cv2
import numpy as np
import pytest

from db.errors import WinnowError
from tests.trainer.conftest import drawn
from trainer.recolor import colour, recolor


@pytest.fixture(scope="module")
def portrait():
    image, mask = drawn(5)
    return image, (mask / 255).astype(np.float32)


def lab(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)


def hue(image: np.ndarray, alpha: np.ndarray) -> float:
    a, b = (lab(image)[alpha == 1][:, channel].mean() for channel in (1, 2))
    return float(np.degrees(np.arctan2(b, a)))


@pytest.mark.parametrize("target", ["#8a2be2", "#c0392b", "#1e8449", "#f5d76e"])
def test_hair_takes_the_hue_and_the_rest_stays(portrait, target):
    image, alpha = portrait
    dyed = recolor(image, alpha, target)
    wanted = np.array([[colour(target)]], np.uint8)
    difference = (hue(dyed, alpha) - hue(wanted, np.ones((1, 1))) + 180) % 360 - 180
    assert abs(difference) < 15
    np.testing.assert_array_equal(dyed[alpha == 0], image[alpha == 0])


def test_strands_keep_their_order_of_brightness(portrait):
    image, alpha = portrait
    before, after = (lab(each)[..., 0][alpha == 1] for each in (image, recolor(image, alpha, "#8a2be2")))
    assert np.corrcoef(before, after)[0, 1] > 0.95
    assert 0.7 < after.std() / before.std() < 1.3


def test_lighter_colour_makes_lighter_hair(portrait):
    image, alpha = portrait
    mean = [lab(recolor(image, alpha, target))[..., 0][alpha == 1].mean() for target in ("#1a1a1a", "#7a5030", "#f5e6b0")]
    assert mean == sorted(mean)


def test_half_an_alpha_is_half_way(portrait):
    image, alpha = portrait
    whole = recolor(image, alpha, "#8a2be2").astype(float)
    half = recolor(image, alpha / 2, "#8a2be2").astype(float)
    np.testing.assert_allclose(half, (image + whole) / 2, atol=1)


def test_a_photo_without_hair_stays_as_it_is(portrait):
    image, alpha = portrait
    np.testing.assert_array_equal(recolor(image, np.zeros_like(alpha), "#8a2be2"), image)


@pytest.mark.parametrize("text", ["", "violet", "#12345", "#gggggg", "#1234567"])
def test_what_is_no_colour_is_reported(text):
    with pytest.raises(WinnowError) as error:
        colour(text)
    assert str(error.value) == f"{text!r} is not a colour. Write it as six hexadecimal digits, such as '#8a2be2'."


def test_a_matte_of_another_photo_is_reported(portrait):
    image, alpha = portrait
    with pytest.raises(WinnowError) as error:
        recolor(image, alpha[:100, :200], "#8a2be2")
    assert str(error.value) == "The matte is 200 x 100, the photo 512 x 512. Use the matte of this photo."
