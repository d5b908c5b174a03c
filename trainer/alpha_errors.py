"""The four errors by which alpha mattes are compared: SAD, MSE, gradient and connectivity error.

From Rhemann et al., "A perceptually motivated online benchmark for image matting", CVPR 2009, DOI 10.1109/CVPR.2009.5206503,
computed like the evaluation code of alphamatting.com and of Xu et al., "Deep image matting", CVPR 2017, with two differences:
the whole picture counts, not only the unknown part of a trimap, and a matte that does not reach 0 and 1 is not stretched before
its gradients are taken.

In all four `target` and `alpha` are float (H, W) of the same shape, 0 to 1; SAD and MSE take any other shape too. The
errors are 0 or more, 0 for a matte that equals its target, and None without pixels; arrays of different shapes raise
ValueError. Against a coarse, painted mask they say little, because the strands of an exact matte count as errors. Against an
exact alpha, as the drawn sample has, they are meaningful.

Pixels of which nothing is known are left out: give SAD and MSE the known ones alone, tell the gradient error which they are,
and set both mattes to 0 at the unknown ones for the connectivity error. Nothing is connected through these, as if they lay
beyond the picture.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.arrays import AnyAlpha, BoolMask

THOUSAND = 1000  # sums are in thousands of pixels, as in the published tables
SIGMA = 1.4  # pixels, of the Gaussian whose derivative gives the gradients
# 4 pixels on either side: there the Gaussian has fallen to a hundredth
HALF = math.ceil(SIGMA * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * SIGMA * 0.01)))
THETA = 0.15  # differences in connectivity below this do not count
STEPS = 10  # thresholds of the connectivity: 0.1, 0.2 ... 1.0


def sad(target: AnyAlpha, alpha: AnyAlpha) -> float | None:
    """The sum of absolute differences, in thousands of pixels; Rhemann et al. 2009.

    >>> sad(np.zeros((10, 100)), np.full((10, 100), 0.5))
    0.5
    """
    return float(np.abs(_double(target) - _double(alpha)).sum()) / THOUSAND if target.size else None


def mse(target: AnyAlpha, alpha: AnyAlpha) -> float | None:
    """The mean squared difference, 0 to 1; Rhemann et al. 2009.

    >>> mse(np.zeros((10, 100)), np.full((10, 100), 0.5))
    0.25
    """
    return float(np.square(_double(target) - _double(alpha)).mean()) if target.size else None


def gradient_error(target: AnyAlpha, alpha: AnyAlpha, known: BoolMask | None = None) -> float | None:
    """The sum of squared differences of the gradients' magnitudes, in thousands; Rhemann et al. 2009.

    Gradients are taken with first-order derivatives of a Gaussian of SIGMA pixels, normalised to length 1. 0.0 for any two
    constant mattes. With `known`, bool (H, W), only pixels count whose gradient rests on known pixels alone: those without an
    unknown one among the 9 x 9 around them. None if there are none.
    """
    counted = None if known is None else known_around(known, HALF)
    if not target.size or (counted is not None and not counted.any()):
        return None
    errors = np.square(_steepness(target) - _steepness(alpha))
    return float((errors if counted is None else errors[counted]).sum()) / THOUSAND


def connectivity_error(target: AnyAlpha, alpha: AnyAlpha) -> float | None:
    """The sum of differences in connectivity, in thousands; Rhemann et al. 2009 with theta 0.15 and p 1.

    At each threshold, the source region is the largest connected region that both mattes have. A pixel belongs to it up to some
    threshold. The alpha beyond that threshold, if it is theta or more, lowers the pixel's connectivity in that matte. So alphas
    that differ by less than theta may give 0.0.
    """
    if not target.size:
        return None
    target, alpha = _double(target), _double(alpha)
    lowest = np.minimum(target, alpha)
    inside = np.ones(target.shape, bool)  # in the source region at every threshold so far
    thresholds = np.zeros(target.shape)  # how many of them
    for step in range(1, STEPS + 1):
        inside &= _largest(lowest >= step / STEPS)
        thresholds += inside
    reached = thresholds / STEPS
    return float(np.abs(_connectivity(target - reached) - _connectivity(alpha - reached)).sum()) / THOUSAND


def known_around(known: BoolMask, reach: int) -> BoolMask:
    """True for pixels without an unknown one up to `reach` rows and columns away, bool (H, W). None lies beyond the picture.

    >>> known_around(np.array([[False, True, True, True]]), 1).tolist()
    [[False, False, True, True]]
    """
    side = 2 * reach + 1
    return cv2.erode(known.astype(np.uint8), np.ones((side, side), np.uint8)).astype(bool) if known.size else known


def _double(alpha: AnyAlpha) -> NDArray[np.float64]:
    return np.asarray(alpha, np.float64)


def _steepness(alpha: AnyAlpha) -> NDArray[np.float64]:
    """The magnitude of the gradient at each pixel, float64 (H, W); the border pixels are repeated outwards."""
    at = np.arange(-HALF, HALF + 1)
    smooth = np.exp(-(at**2) / (2 * SIGMA**2))
    slope = at * smooth
    smooth, slope = smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)
    across = cv2.sepFilter2D(_double(alpha), cv2.CV_64F, slope, smooth, borderType=cv2.BORDER_REPLICATE)
    down = cv2.sepFilter2D(_double(alpha), cv2.CV_64F, smooth, slope, borderType=cv2.BORDER_REPLICATE)
    return np.hypot(across, down)


def _largest(region: BoolMask) -> BoolMask:
    """The largest part connected along rows and columns, bool (H, W); all False for an empty region.

    Parts of equal size all count, where the published code takes the first it meets: a mirror image must measure the same.
    """
    _, labels = cv2.connectedComponents(region.astype(np.uint8), connectivity=4)
    areas = np.bincount(labels.ravel())
    areas[0] = 0  # what is not in the region
    return np.asarray(((areas == areas.max()) & (areas > 0))[labels])


def _connectivity(beyond: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 - np.where(beyond >= THETA, beyond, 0.0)
