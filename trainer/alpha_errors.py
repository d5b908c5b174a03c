"""The four errors that alpha mattes are compared by: SAD, MSE, gradient and connectivity (Rhemann et al., CVPR 2009).

They are computed as the evaluation code of alphamatting.com and of Deep Image Matting (Xu et al., CVPR 2017) does it, with
two differences: the whole picture counts, not a trimap's unknown part, and a matte that doesn't reach 0 and 1 is not
stretched to do so before its gradients are taken.

`target` and `alpha` are float (H, W), 0 to 1, of the same shape. All four are 0 or more, lower is better, and 0 for a matte
that equals its target; None without pixels. Where the target is a coarse, painted mask they say little: an exact matte is
punished for its strands. Against an exact alpha, as the drawn sample has, they say everything.
"""

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Alpha = NDArray[Any]

THOUSAND = 1000  # sums are told in thousands, as in the published tables
SIGMA = 1.4  # pixels, of the Gaussian whose derivative gives the gradients
THETA = 0.15  # differences of connectivity below it are not seen
STEPS = 10  # thresholds of the connectivity: 0.1, 0.2 ... 1.0


def sad(target: Alpha, alpha: Alpha) -> float | None:
    """The sum of absolute differences, in thousands of pixels.

    >>> sad(np.zeros((10, 100)), np.full((10, 100), 0.5))
    0.5
    """
    return float(np.abs(_double(target) - _double(alpha)).sum()) / THOUSAND if target.size else None


def mse(target: Alpha, alpha: Alpha) -> float | None:
    """The mean squared difference, 0 to 1.

    >>> mse(np.zeros((10, 100)), np.full((10, 100), 0.5))
    0.25
    """
    return float(np.square(_double(target) - _double(alpha)).mean()) if target.size else None


def gradient_error(target: Alpha, alpha: Alpha) -> float | None:
    """How differently steep they are: the sum of squared differences of the gradients' lengths, in thousands.

    Gradients are first-order derivatives of a Gaussian, whose kernels have the length 1. 0.0 for any two even surfaces.
    """
    if not target.size:
        return None
    return float(np.square(_steepness(target) - _steepness(alpha)).sum()) / THOUSAND


def connectivity_error(target: Alpha, alpha: Alpha) -> float | None:
    """How differently pixels hang together with the largest region that both have, in thousands (theta 0.15, p 1).

    A pixel is in that region up to some threshold of alpha. What the target and the matte have beyond this threshold, if it
    is theta or more, lowers the pixel's connectivity in each, and the differences between the two are added up. So alphas
    that differ by less than theta may well give 0.0.
    """
    if not target.size:
        return None
    target, alpha = _double(target), _double(alpha)
    lowest = np.minimum(target, alpha)
    inside = np.ones(target.shape, bool)  # in the region at every threshold so far
    thresholds = np.zeros(target.shape)  # so many of them
    for step in range(1, STEPS + 1):
        inside &= _largest(lowest >= step / STEPS)
        thresholds += inside
    reached = thresholds / STEPS
    return float(np.abs(_connectivity(target - reached) - _connectivity(alpha - reached)).sum()) / THOUSAND


def _double(alpha: Alpha) -> NDArray[np.float64]:
    return np.asarray(alpha, np.float64)


def _steepness(alpha: Alpha) -> NDArray[np.float64]:
    """The length of the gradient at each pixel; beyond the border the picture goes on as at its edge."""
    half = math.ceil(SIGMA * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * SIGMA * 0.01)))  # 4: a hundredth is left there
    at = np.arange(-half, half + 1)
    smooth = np.exp(-(at**2) / (2 * SIGMA**2))
    slope = at * smooth
    smooth, slope = smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)
    across = cv2.sepFilter2D(_double(alpha), cv2.CV_64F, slope, smooth, borderType=cv2.BORDER_REPLICATE)
    down = cv2.sepFilter2D(_double(alpha), cv2.CV_64F, smooth, slope, borderType=cv2.BORDER_REPLICATE)
    return np.hypot(across, down)


def _largest(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest part that hangs together along rows and columns; nothing of nothing.

    All that are as large as the largest, where the published code takes the one it meets first: a mirror image has to
    measure the same.
    """
    _, labels = cv2.connectedComponents(region.astype(np.uint8), connectivity=4)
    areas = np.bincount(labels.ravel())
    areas[0] = 0  # what is not in the region
    return np.asarray(((areas == areas.max()) & (areas > 0))[labels])


def _connectivity(beyond: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 - np.where(beyond >= THETA, beyond, 0.0)
