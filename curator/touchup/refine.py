"""Refine: the alpha of a narrow band around a mask's edge, solved from the photo; pure functions.

Closed-form matting after Levin, Lischinski and Weiss, "A closed-form solution to natural image matting", IEEE TPAMI 2008,
DOI 10.1109/TPAMI.2007.1177, by pymatting's Laplacian and solver.

photo uint8 (H, W, 3) RGB | mask, alpha uint8 (H, W), 0 to 255, half and more is hair | hints uint8 (H, W), 0 to 3

pymatting brings numba, which takes seconds to load, and ten more where it has not compiled pymatting yet. So only the functions
that need it import it, and they are called in a process of their own (curator/touchup/matting.py).
"""

import importlib.util
import sys
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curator.pictures.arrays import Box, Photo
from db.errors import WinnowError

Grey = NDArray[np.uint8]  # (H, W), 0 to 255: a soft mask, an alpha or hints
Region = NDArray[np.bool_]  # (H, W)

METHOD = "closed form 2"  # to be counted up with every change of what follows
HALF = 128  # a mask's value from which on it is hair
BAND = 8  # pixels of 512, to each side of the edge: wider bands spoil real photos (docs/results.md)
# The Laplacian's epsilon, of intensities 0 to 1, squared. It adds a ninth of itself to the variances of each window of 3 x 3
# pixels: as much as rounding to whole grey values does. With Levin's 1e-7, the alpha also follows rounding and a JPEG's traces;
# with 1e-4, it follows faint edges less closely (docs/results.md).
NOISE = 1e-5
PULL = 1e-5  # weight of the mask's own value at each unknown pixel: it decides only where nothing known is near
MAX_UNKNOWN = 0.4  # of the crop: a band that covers more is no band
MAX_STEPS = 200  # of the solver; with its preconditioner it takes two or three
PRECISION = 1e-4  # of the solver, relative; a grey value is 4e-3
LEAST_CONTRAST = 3  # grey values, within the band: under it, the photo says nothing about an edge

PYMATTING = ("pymatting", "pymatting.foreground", "pymatting.laplacian", "pymatting.preconditioner", "pymatting.solver")

NO_HINT, HAIR, NOT_HAIR, UNKNOWN = 0, 1, 2, 3  # what a stroke says of a pixel


@dataclass(frozen=True)
class Refined:
    """A mask after Refine, and the smallest box that holds what was solved; None if nothing was, and the mask is as before."""

    alpha: Grey
    box: Box | None


def refine(
    photo: Photo, mask: Grey, hints: Grey | None = None, box: Box | None = None, left_out: Grey | None = None
) -> Refined:
    """The mask with its edge solved from the photo: uint8 (H, W), 0 to 255; outside the band it stays as it is, byte for byte.

    Args:
        photo: uint8 (H, W, 3) RGB.
        mask: uint8 (H, W), 0 to 255; what is shown now, also where it has been refined before.
        hints: uint8 (H, W) of NO_HINT, HAIR, NOT_HAIR and UNKNOWN: what a person said, which overrides mask and band.
        box: solve only inside it, as around the newest stroke. A hint counts outside it too.
        left_out: uint8 (H, W), 255 where the example's source says nothing, else 0. The alpha is 0 there, whatever is hinted.
            While the rest is solved, such a pixel continues what is known nearest to it: hair that ends at it has no edge
            there, and it is no background.

    The mask comes back unchanged if there is nothing to solve: it is empty or full, or the photo has no contrast at its edge.
    Raises WinnowError if more than 40 % of the crop would have to be solved, and ValueError for arrays of different sizes or an
    unknown hint.
    """
    sized = all(one is None or one.shape == mask.shape for one in (photo[..., 0], hints, left_out))
    if not sized or (hints is not None and hints.max() > UNKNOWN):
        raise ValueError("photo, mask, hints and left_out have different sizes, or there is a hint above 3")
    told = mask.copy()
    if hints is not None:
        told[hints == HAIR], told[hints == NOT_HAIR] = 255, 0
    silent = np.zeros(mask.shape, bool) if left_out is None else left_out > 0
    if hints is not None:
        silent &= (hints != HAIR) & (hints != NOT_HAIR)
    told = _continued(told, silent)
    unknown = band(told) & (_depth(silent) <= BAND)  # deeper in what is left out, nothing that counts is near
    if hints is not None:
        unknown = (unknown & (hints == NO_HINT)) | (hints == UNKNOWN)
    if box is not None:
        unknown &= _inside(box, mask.shape)
    share = float(unknown.mean())
    if share > MAX_UNKNOWN:
        raise WinnowError(
            f"{share:.0%} of the crop lies near this mask's edge or is marked as unknown; Refine can solve {MAX_UNKNOWN:.0%} "
            "at most. Clean the mask up first: drop the islands, fill the holes, or mark less."
        )
    solved = _solve(photo, told, unknown)
    if left_out is not None:
        told[left_out > 0] = 0
    return Refined(told, solved)


def _solve(photo: Photo, told: Grey, unknown: Region) -> Box | None:
    """Put the alpha of the unknown pixels into `told`, and return the smallest box around them; None if nothing was solved."""
    if not unknown.any():
        return None
    solved = _bounds(unknown)
    top, left, bottom, right = solved
    height, width = told.shape
    # Each unknown pixel lies in windows of 3 x 3 pixels, which reach two pixels further.
    near = np.s_[max(top - 2, 0) : min(bottom + 2, height), max(left - 2, 0) : min(right + 2, width)]
    if np.ptp(photo[near].reshape(-1, 3)[unknown[near].ravel()], axis=0).max() < LEAST_CONTRAST:
        return None
    told[near][unknown[near]] = _closed_form(photo[near], told[near], unknown[near])
    return solved


def _continued(mask: Grey, silent: Region) -> Grey:
    """The mask with the value of the nearest other pixel in each silent one; as it is if all or none are silent."""
    if silent.all() or not silent.any():
        return mask
    _, nearest = cv2.distanceTransformWithLabels(
        silent.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    values = np.zeros(int(nearest.max()) + 1, np.uint8)
    values[nearest[~silent]] = mask[~silent]
    return np.asarray(values[nearest])


def band(mask: Grey) -> Region:
    """The pixels within BAND of the mask's edge, bool (H, W), on both sides of it.

    Hair that is thinner than the band stays as it is painted: with all of it unknown, the photo would decide between hair and
    background with nothing but background to compare with, and the hair would vanish.
    """
    hair = mask >= HALF
    deep = _depth(hair)
    core = deep > BAND
    thick = _depth(~core) <= BAND + 2 if core.any() else core
    return np.asarray((hair & (deep <= BAND) & thick) | (~hair & (_depth(~hair) <= BAND) & hair.any()))


def foreground(photo: Photo, mask: Grey) -> Photo:
    """The hair's own colours, without what shines through between the strands: uint8 (H, W, 3) RGB, for the whole picture.

    Germer, Uelwer, Conrad and Harmeling, "Fast multi-level foreground estimation", ICPR 2020, by pymatting; it means nothing
    where the mask is 0. `photo` uint8 (H, W, 3) RGB, `mask` uint8 (H, W), 0 to 255.
    """
    _open_pymatting()
    from pymatting.foreground.estimate_foreground_ml import estimate_foreground_ml

    colours = estimate_foreground_ml(photo.astype(np.float32) / 255, mask.astype(np.float32) / 255)
    return np.asarray(np.rint(colours * 255), np.uint8)


def _closed_form(photo: Photo, mask: Grey, unknown: Region) -> NDArray[np.uint8]:
    """The alpha of the unknown pixels in the order of `unknown`, uint8 (N,), 0 to 255; the mask says that of all others.

    Raises WinnowError if the solver finds no solution.
    """
    import scipy.sparse

    _open_pymatting()
    from pymatting.laplacian.cf_laplacian import cf_laplacian
    from pymatting.preconditioner.ichol import ichol
    from pymatting.solver.cg import cg

    wanted, painted = unknown.ravel(), mask.ravel() / 255
    # Not estimate_alpha_cf: it takes what is known as 0 or 1 only, and raises where the box shows nothing but hair.
    rows = cf_laplacian(photo / 255, epsilon=NOISE, is_known=~unknown)[wanted]
    system = (rows[:, wanted] + scipy.sparse.identity(int(wanted.sum())) * PULL).tocsr()
    right = PULL * painted[wanted] - rows[:, ~wanted].dot(painted[~wanted])
    if not right.any():  # no hair is painted anywhere near, and the solver can't start from nothing
        return np.zeros(len(right), np.uint8)
    try:
        alpha = cg(system, right, x0=painted[wanted], M=ichol(system.tocsc()), rtol=PRECISION, maxiter=MAX_STEPS)
    except ValueError as error:  # no preconditioner, or no convergence
        raise WinnowError("Refine found no solution for this mask. Change its edge a little, or give a hint.") from error
    return np.asarray(np.rint(np.clip(alpha, 0, 1) * 255), np.uint8)


def _open_pymatting() -> None:
    """Let each of pymatting's modules be imported alone.

    Its packages import all that is in them, and numba would compile all of it: five times as long as for what is used here.
    """
    for name in PYMATTING:
        if name not in sys.modules and (package := importlib.util.find_spec(name)) is not None:
            sys.modules[name] = importlib.util.module_from_spec(package)


def _depth(region: Region) -> NDArray[np.float32]:
    """How far inside the region each pixel lies, float32 (H, W), pixels; 0 outside. The picture's border is no edge."""
    return np.asarray(cv2.distanceTransform(region.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))


def _inside(box: Box, shape: tuple[int, ...]) -> Region:
    top, left, bottom, right = box
    inside = np.zeros(shape, bool)
    inside[top:bottom, left:right] = True
    return inside


def _bounds(region: Region) -> Box:
    """The smallest box around a region that is not empty."""
    left, top, width, height = cv2.boundingRect(region.view(np.uint8))
    return top, left, top + height, left + width
