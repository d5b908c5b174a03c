"""The three refinements."""

import cv2
import numpy as np
import pytest

from db.errors import WinnowError
from tests.trainer.conftest import drawn
from trainer.measures import gradient_consistency
from trainer.pictures import resized
from trainer.recipe import REFINEMENT_TITLES, REFINEMENTS
from trainer.refine import FUNCTIONS, refinement, superpixel_means


@pytest.fixture(scope="module")
def coarse():
    """Dark hair on a light ground, its mask, and a guess at it as if from 28 x 28: float32."""
    mask = resized(drawn(3)[1], 224)
    noise = np.random.default_rng(0).normal(0, 5, (224, 224, 3))
    image = np.clip(200 - 140 * (mask[..., None] / 255) + noise, 0, 255).astype(np.uint8)
    small = cv2.resize(mask, (28, 28), interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(small, (224, 224), interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255
    return image, mask, alpha


def test_every_refinement_has_a_function_and_a_title():
    assert tuple(FUNCTIONS) == REFINEMENTS == tuple(REFINEMENT_TITLES)


def test_none_leaves_the_matte_alone(coarse):
    image, _, alpha = coarse
    assert refinement("none")(image, alpha) is alpha


def test_guided_brings_edges_to_the_images(coarse):
    image, mask, alpha = coarse
    refined = refinement("guided")(image, alpha)
    assert refined.dtype == np.float32
    assert refined.min() >= 0
    assert refined.max() <= 1
    assert np.abs(refined - mask / 255).mean() < np.abs(alpha - mask / 255).mean()
    assert gradient_consistency(image, refined) < gradient_consistency(image, alpha)


def test_superpixels_decide_whole(coarse):
    image, mask, alpha = coarse
    refined = refinement("superpixel")(image, alpha)
    assert set(np.unique(refined)) == {0.0, 1.0}
    assert ((refined > 0.5) != (mask > 127)).mean() < 0.02


def test_an_unknown_refinement_is_reported():
    with pytest.raises(WinnowError) as error:
        refinement("crf")
    assert str(error.value) == "There is no refinement crf. Choose one of: none, guided, superpixel."


def test_a_superpixels_classes_are_voted_for_together():
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, 32:] = 255
    probabilities = np.full((64, 64, 3), [0.2, 0.5, 0.3], np.float32)
    probabilities[:, 32:] = [0.1, 0.2, 0.7]
    probabilities[10, 10] = [1, 0, 0]  # one pixel against its neighbours
    means = superpixel_means(image, probabilities)
    np.testing.assert_allclose(means.sum(-1), 1, rtol=1e-5)
    assert (means[:, :30].argmax(-1) == 1).all()
    assert (means[:, 34:].argmax(-1) == 2).all()
