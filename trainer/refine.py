"""The refinements of a matte before it is measured: none, a guided filter, or a vote within superpixels (section IV-A)."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from db.errors import WinnowError
from trainer.arrays import Alpha, Image, Probabilities
from trainer.recipe import REFINEMENTS, Refinement

# At 224 pixels; Levinshtein et al. 2018 name no settings for either. Radius and region grow with the picture.
GUIDED_RADIUS = 8  # pixels
GUIDED_EPSILON = 1e-4  # of intensities 0 to 1, squared: contrasts above .01 remain edges
SUPERPIXEL_SIDE = 10  # pixels: some 500 superpixels, about as fine as those of LFW Parts


def none(_image: Image, alpha: Alpha) -> Alpha:
    """The same matte."""
    return alpha


def guided(image: Image, alpha: Alpha) -> Alpha:
    """The matte after a guided filter, which moves its edges onto the image's: float32 (H, W), 0 to 1.

    He, Sun and Tang, "Guided image filtering", IEEE TPAMI 2013, DOI 10.1109/TPAMI.2012.213. `image` uint8 (H, W, 3) RGB,
    `alpha` float32 (H, W), 0 to 1.
    """
    radius = max(1, round(GUIDED_RADIUS * alpha.shape[0] / 224))
    # With a colour guide of 0 to 1, OpenCV's filter sees a singular matrix and returns the plain mean: so it is 0 to 255.
    filtered = cv2.ximgproc.guidedFilter(image, alpha, radius, GUIDED_EPSILON * 255**2)
    return np.asarray(np.clip(filtered, 0, 1), np.float32)


def superpixel(image: Image, alpha: Alpha) -> Alpha:
    """Each superpixel is hair as a whole if its mean alpha is 0.5 or more: float32 (H, W), all 0.0 or 1.0.

    `image` uint8 (H, W, 3) RGB, `alpha` float32 (H, W), 0 to 1; superpixels as in `superpixel_means`.
    """
    return np.asarray(superpixel_means(image, alpha[..., None])[..., 0] >= 0.5, np.float32)


def superpixel_means(image: Image, probabilities: Probabilities) -> Probabilities:
    """The probabilities averaged within each superpixel: float32 (H, W, C) to the same; `image` uint8 (H, W, 3) RGB."""
    labels = superpixel_labels(image)
    flat, sizes = labels.ravel(), np.maximum(np.bincount(labels.ravel()), 1)
    channels = probabilities.reshape(-1, probabilities.shape[-1]).T
    means = [np.bincount(flat, channel) / sizes for channel in channels]
    return np.stack([mean[labels] for mean in means], axis=-1).astype(np.float32)


def superpixel_labels(image: Image) -> NDArray[np.int32]:
    """The number of each pixel's SLIC superpixel, int32 (H, W), from 0; some 500 in an image, uint8 (H, W, 3) RGB.

    Achanta et al., "SLIC superpixels compared to state-of-the-art superpixel methods", IEEE TPAMI 2012,
    DOI 10.1109/TPAMI.2012.120.
    """
    side = max(4, round(SUPERPIXEL_SIDE * image.shape[0] / 224))
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    slic = cv2.ximgproc.createSuperpixelSLIC(lab, cv2.ximgproc.SLIC, side, 10.0)
    slic.iterate(10)
    slic.enforceLabelConnectivity(25)
    return np.asarray(slic.getLabels(), np.int32)


FUNCTIONS: dict[Refinement, Callable[[Image, Alpha], Alpha]] = {"none": none, "guided": guided, "superpixel": superpixel}


def refinement(name: str) -> Callable[[Image, Alpha], Alpha]:
    """The function of that refinement, from image and alpha to alpha. Raises WinnowError for an unknown name."""
    if name not in REFINEMENTS:
        raise WinnowError(f"There is no refinement {name}. Choose one of: {', '.join(REFINEMENTS)}.")
    return FUNCTIONS[name]
