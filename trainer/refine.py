"""What may be done to a matte after the network: nothing, a guided filter, or a vote within superpixels (section IV-A)."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from db.errors import WinnowError

Image = NDArray[np.uint8]
Alpha = NDArray[np.float32]

# At 224 pixels; the paper names no settings for either. Radius and region grow with the picture.
GUIDED_RADIUS = 8
GUIDED_EPSILON = 1e-4  # of intensities 0 to 1, squared: contrasts above .01 stay edges
SUPERPIXEL_SIDE = 10  # some 500 superpixels, about as fine as LFW Parts' own


def none(_image: Image, alpha: Alpha) -> Alpha:
    """The matte as the network made it."""
    return alpha


def guided(image: Image, alpha: Alpha) -> Alpha:
    """He's guided filter: the matte's edges move onto the image's. `image` uint8 (H, W, 3), `alpha` float32 (H, W)."""
    radius = max(1, round(GUIDED_RADIUS * alpha.shape[0] / 224))
    # OpenCV's filter calls a colour guide of 0 to 1 singular, and answers with the plain mean: so the guide is 0 to 255.
    filtered = cv2.ximgproc.guidedFilter(image, alpha, radius, GUIDED_EPSILON * 255**2)
    return np.asarray(np.clip(filtered, 0, 1), np.float32)


def superpixel(image: Image, alpha: Alpha) -> Alpha:
    """The mean probability of each SLIC superpixel decides the whole of it: 0.0 or 1.0 everywhere."""
    return np.asarray(voted(image, alpha[..., None])[..., 0] >= 0.5, np.float32)


def voted(image: Image, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each SLIC superpixel's mean probability, everywhere in it: float32 (H, W, C) both; `image` uint8 (H, W, 3) RGB."""
    side = max(4, round(SUPERPIXEL_SIDE * image.shape[0] / 224))
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    slic = cv2.ximgproc.createSuperpixelSLIC(lab, cv2.ximgproc.SLIC, side, 10.0)
    slic.iterate(10)
    slic.enforceLabelConnectivity(25)
    labels = slic.getLabels()
    flat, sizes = labels.ravel(), np.maximum(np.bincount(labels.ravel()), 1)
    channels = probabilities.reshape(-1, probabilities.shape[-1]).T
    means = [np.bincount(flat, channel) / sizes for channel in channels]
    return np.stack([mean[labels] for mean in means], axis=-1).astype(np.float32)


REFINEMENTS: dict[str, Callable[[Image, Alpha], Alpha]] = {"none": none, "guided": guided, "superpixel": superpixel}


def refinement(name: str) -> Callable[[Image, Alpha], Alpha]:
    """The refinement of that name. Raises WinnowError for a name there is none for."""
    if name not in REFINEMENTS:
        raise WinnowError(f"There is no refinement {name}. Choose one of: {', '.join(REFINEMENTS)}.")
    return REFINEMENTS[name]
