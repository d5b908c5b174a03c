"""What one matte measures against its mask: the paper's five measures (section IV-A), and what those miss.

Imports no TensorFlow, because the app uses it too. Arguments are, unless a docstring says otherwise, `truth` and `guess` bool
(H, W), True for hair; `alpha` float32 (H, W), 0 to 1; `image` uint8 (H, W, 3) RGB; all of the same H and W. Cut them to the
part of the crop that shows the photo first: padding would improve every measure.

Pixels of whose mask nothing is known are left out of every measure, as if they too lay beyond the photo. A measure that looks
at single pixels counts the known ones. One that takes distances knows neither hair nor its end among the unknown, and one that
takes gradients leaves out the pixels whose gradient rests on an unknown one. So an unknown stripe along the picture's border
measures what cutting it off would, but for the gradient error, whose gradients of the border repeat its pixels outwards.

A measure that is undefined for an image returns None, and averages leave that image out. Pictures without pixels (H or W is 0)
have no measure at all. NumPy raises ValueError or IndexError for arrays of different shapes.

Sections and equations are those of Levinshtein et al. 2018.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.alpha_errors import connectivity_error, gradient_error, known_around, mse, sad
from trainer.arrays import BACKGROUND, HAIR, SKIN, Alpha, BoolMask, Classes, Image, Mask

Values = Mapping[str, float | None]  # measures, and properties of the example, by their names

THRESHOLD = 0.5  # an alpha of this and more is hair, for the measures that compare masks
NO_EDGE = 1e-6  # as in trainer.losses: a gradient shorter than this has no direction
REACH = 8 / 224  # of the input's side: closer to the hair's outline than this, masks are not exact enough to judge by
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # weights of red, green and blue in luma (ITU-R BT.601)


def f1(truth: BoolMask, guess: BoolMask) -> float | None:
    """F1 score (section IV-A), 2 TP / (2 TP + FP + FN), 0 to 1.

    1.0 when neither mask has hair, 0.0 when only one has. So the images that an average covers do not depend on the guesses.
    None without pixels.

    >>> f1(np.array([[True, True, True, False]]), np.array([[True, True, False, True]]))
    0.6666666666666666
    """
    hit, false, missed = _counts(truth, guess)
    return _overlap(2 * hit, 2 * hit + false + missed, truth.size)


def performance(truth: BoolMask, guess: BoolMask) -> float | None:
    """Performance (section IV-A), read as (TP - FP) / (TP + FN): at most 1, negative when FP exceeds TP.

    After Guo and Aarabi, "Hair segmentation using heuristically-trained neural networks", IEEE TNNLS 2018,
    DOI 10.1109/TNNLS.2016.2614653. None for an image without true hair.

    >>> performance(np.array([[True, True, False, False]]), np.array([[True, False, False, False]]))
    0.5
    """
    hit, false, missed = _counts(truth, guess)
    return _ratio(hit - false, hit + missed)


def iou(truth: BoolMask, guess: BoolMask) -> float | None:
    """Intersection over union (section IV-A), TP / (TP + FP + FN), 0 to 1.

    1.0 when neither mask has hair, 0.0 when only one has. None without pixels.

    >>> iou(np.array([[True, True, True, False]]), np.array([[True, True, False, True]]))
    0.5
    """
    hit, false, missed = _counts(truth, guess)
    return _overlap(hit, hit + false + missed, truth.size)


def accuracy(truth: BoolMask, guess: BoolMask) -> float | None:
    """The share of pixels that both masks agree on, (TP + TN) / (H W), 0 to 1 (section IV-A). None without pixels."""
    return _ratio(int(np.count_nonzero(truth == guess)), truth.size)


def gradient_consistency(image: Image, alpha: Alpha, known: BoolMask | None = None) -> float | None:
    """Mask-image gradient consistency loss, eq. 1 (section III-B), 0 to 1; 0 when all edges of the matte follow the image's.

    Gradients are Sobel's, without the outermost pixels. `alpha` may be any float array of values 0 to 1. None for a matte
    without an edge, such as an empty one, and for pictures less than 3 pixels high or wide. The same number as
    `trainer.losses.consistency_loss`. With `known`, bool (H, W), only pixels count whose 3 x 3 neighbourhood is known.
    """
    if min(alpha.shape) < 3:
        return None
    mask_x, mask_y = _gradient(alpha.astype(np.float32, copy=False))
    length = cv2.magnitude(mask_x, mask_y)
    edge = length > NO_EDGE  # nothing else counts, and a mask has few of these
    if known is not None:
        edge &= known_around(known, 1)[1:-1, 1:-1]
    if not edge.any():
        return None
    image_x, image_y = _gradient(np.asarray(cv2.transform(image.astype(np.float32), GREY[None]), np.float32))
    at_edges = (part[edge].astype(np.float64) for part in (image_x, image_y, mask_x, mask_y, length))
    image_x, image_y, mask_x, mask_y, weight = at_edges
    lengths = np.hypot(image_x, image_y) * weight
    cosine = np.divide(image_x * mask_x + image_y * mask_y, lengths, out=np.zeros_like(lengths), where=lengths > NO_EDGE**2)
    return float((weight * (1 - cosine**2)).sum()) / float(weight.sum())


def leak(truth: BoolMask, alpha: Alpha, skin: BoolMask, reach: float) -> float | None:
    """The mean alpha on skin more than `reach` pixels away from the true hair, 0 to 1, such as on eyebrows.

    `skin` is bool (H, W); distances are Euclidean. None when there is no such skin. Without true hair, all skin counts.
    Winnow's own measure, after the failures that section IV-B describes.

    >>> skin = np.array([[False, True, True, True]])
    >>> leak(np.array([[True, False, False, False]]), np.array([[1.0, 1.0, 0.5, 0.0]]), skin, reach=1.0)
    0.25
    """
    return _mean(alpha, skin & (_distance_to(truth) > reach))


def hollow(truth: BoolMask, alpha: Alpha, reach: float, known: BoolMask | None = None) -> float | None:
    """The mean of 1 - alpha more than `reach` pixels inside the true hair, 0 to 1, such as on highlights.

    Distances are Euclidean, to the nearest pixel without hair; the picture's border is no such pixel. None when no hair lies so
    deep. With `known`, bool (H, W), neither the hair nor its end is looked for elsewhere. Winnow's own measure, after the
    failures that section IV-B describes.

    >>> hollow(np.array([[False, True, True, True]]), np.array([[0.0, 0.0, 1.0, 0.5]]), reach=1.0)
    0.25
    """
    deep = _distance_to(~truth) > reach if known is None else known & (_distance_to(~truth & known) > reach)
    missing = _mean(alpha, deep)
    return None if missing is None else 1 - missing


def class_accuracy(truth: Classes, guess: Classes) -> float | None:
    """The share of pixels whose class is right, 0 to 1: the accuracy that section IV-A reports on LFW Parts.

    `truth` and `guess` are integer (H, W) of BACKGROUND, HAIR and SKIN. None without pixels.
    """
    return _ratio(int(np.count_nonzero(truth == guess)), truth.size)


def hair_share(truth: BoolMask) -> float | None:
    """The share of pixels that are hair, 0 to 1. None without pixels."""
    return _ratio(int(np.count_nonzero(truth)), truth.size)


def hair_brightness(image: Image, truth: BoolMask) -> float | None:
    """The mean luma of the true hair, 0 (black) to 1 (white). None without hair."""
    return float((image[truth] @ GREY).mean()) / 255 if truth.any() else None


@dataclass(frozen=True)
class Case:
    """A matte, and everything that it is measured against; all arrays have the same H and W."""

    image: Image
    mask: Mask  # soft where the example's is, or where the outline crosses a pixel
    alpha: Alpha
    reach: float  # pixels: REACH times the side of the network's input
    skin: BoolMask | None = None  # None where the source labels no skin
    face: BoolMask | None = None  # True in the face's box, which replaces the skin where none is labelled
    classes: Classes | None = None  # as predicted by a three-class network
    known: BoolMask | None = None  # False where the source says nothing of the mask; None where everything is known

    @property
    def truth(self) -> BoolMask:
        """True where the mask is known to be hair: 128 and more."""
        hair = np.asarray(self.mask >= 128)
        return hair if self.known is None else hair & self.known

    @property
    def target(self) -> Alpha:
        """The mask as a matte, float32 (H, W), 0 to 1: what alpha should be."""
        return np.asarray(self.mask / 255, np.float32)

    def of_known(self, values: NDArray[Any]) -> NDArray[Any]:
        """Of values (H, W), those of the known pixels, (K,); as they are, (H, W), where everything is known."""
        return values if self.known is None else values[self.known]


@dataclass(frozen=True)
class Measure:
    """A measure with its title and a sentence that explains it. Arrows, colours and orders follow `better`."""

    name: str
    title: str
    better: Literal["higher", "lower"]
    compute: Callable[[Case], float | None]
    means: str


def _thresholded(rule: Callable[[BoolMask, BoolMask], float | None]) -> Callable[[Case], float | None]:
    return lambda case: rule(case.of_known(case.truth), case.of_known(case.alpha) >= THRESHOLD)


def _against_target(rule: Callable[[Alpha, Alpha], float | None]) -> Callable[[Case], float | None]:
    return lambda case: rule(case.of_known(case.target), case.of_known(case.alpha))


def _connectivity_error(case: Case) -> float | None:
    if case.known is None:
        return connectivity_error(case.target, case.alpha)
    return connectivity_error(case.target * case.known, case.alpha * case.known) if case.known.any() else None


def _leak(case: Case) -> float | None:
    skin = case.face if case.skin is None else case.skin
    if skin is None:
        return None
    return leak(case.truth, case.alpha, skin if case.known is None else skin & case.known, case.reach)


def _class_accuracy(case: Case) -> float | None:
    if case.classes is None or case.skin is None:
        return None
    truth = np.where(case.truth, HAIR, np.where(case.skin, SKIN, BACKGROUND))
    return class_accuracy(case.of_known(truth), case.of_known(case.classes))


MEASURES = (
    Measure(
        "f1", "F1", "higher", _thresholded(f1), "How well the matte covers the hair: 1 is all of the hair and nothing else."
    ),
    Measure(
        "performance",
        "Performance",
        "higher",
        _thresholded(performance),
        "Pixels rightly marked as hair minus those wrongly marked, as a share of the true hair.",
    ),
    Measure(
        "iou", "IoU", "higher", _thresholded(iou), "The area that hair and matte share, divided by the area that either covers."
    ),
    Measure("accuracy", "Accuracy", "higher", _thresholded(accuracy), "The share of pixels that are classified correctly."),
    Measure(
        "gradient_consistency",
        "Gradient consistency",
        "lower",
        lambda case: gradient_consistency(case.image, case.alpha, case.known),
        "How far the matte's edges deviate from the photo's: 0 follows them everywhere. Needs no mask.",
    ),
)
*_, GRADIENT_CONSISTENCY = MEASURES
MISSED_ERRORS = (  # errors that gradient consistency, eq. 1, misses
    Measure("leak", "Leak", "lower", _leak, "How much of the face, well away from the hair, the matte marks as hair."),
    Measure(
        "hollow",
        "Hollow",
        "lower",
        lambda case: hollow(case.truth, case.alpha, case.reach, case.known),
        "How much of the matte is missing deep inside the hair, for example at highlights.",
    ),
)
ALPHA_ERRORS = (  # sums over pixels, all but MSE, so a report takes them at one size, whatever that of its run
    Measure(
        "sad", "SAD", "lower", _against_target(sad), "The sum of absolute differences from the mask, in thousands of pixels."
    ),
    Measure("mse", "MSE", "lower", _against_target(mse), "The mean squared difference from the mask."),
    Measure(
        "gradient_error",
        "Gradient error",
        "lower",
        lambda case: gradient_error(case.target, case.alpha, case.known),
        "How much the gradients of matte and mask differ: lost strands, soft edges.",
    ),
    Measure(
        "connectivity_error",
        "Connectivity error",
        "lower",
        _connectivity_error,
        "How much of the matte is wrongly separate from the hair, or wrongly connected to it.",
    ),
)
CLASS_MEASURES = (
    Measure(
        "class_accuracy",
        "Class accuracy",
        "higher",
        _class_accuracy,
        "The share of pixels correctly classified as hair, skin or background, by a three-class network.",
    ),
)
ALL = (*MEASURES, *MISSED_ERRORS, *ALPHA_ERRORS, *CLASS_MEASURES)
PAPER_NAMES = tuple(each.name for each in MEASURES)
NAMES = tuple(each.name for each in ALL)
EXAMPLE_PROPERTIES = ("hair_share", "hair_brightness")  # of an example, not of a matte; reports are sliced by them


def measure(case: Case, measures: Iterable[Measure] = ALL) -> dict[str, float | None]:
    """These measures of one matte, and the properties of its example, by name."""
    properties = {
        "hair_share": hair_share(case.of_known(case.truth)),
        "hair_brightness": hair_brightness(case.image, case.truth),
    }
    return {each.name: each.compute(case) for each in measures} | properties


def average(rows: Sequence[Values], names: Iterable[str] = PAPER_NAMES) -> dict[str, float | None]:
    """For each name, by default the paper's five, the mean over the images that have a value; None where none has.

    Raises KeyError for a name that a row lacks.
    """
    means: dict[str, float | None] = {}
    for name in names:
        values = [value for row in rows if (value := row[name]) is not None]
        means[name] = float(np.mean(values)) if values else None
    return means


def _mean(alpha: Alpha, where: BoolMask) -> float | None:
    return float(alpha[where].mean(dtype=np.float64)) if where.any() else None


def _distance_to(region: BoolMask) -> NDArray[np.float32]:
    """Each pixel's exact Euclidean distance to the region's nearest pixel, float32 (H, W), pixels; inf for an empty region."""
    if not region.any():
        return np.full(region.shape, np.inf, np.float32)
    return np.asarray(cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))


def _counts(truth: BoolMask, guess: BoolMask) -> tuple[int, int, int]:
    """Pixels that are true positives, false positives and false negatives."""
    hit = int(np.count_nonzero(truth & guess))
    return hit, int(np.count_nonzero(guess)) - hit, int(np.count_nonzero(truth)) - hit


def _overlap(part: int, whole: int, pixels: int) -> float | None:
    return _ratio(part, whole) if whole or not pixels else 1.0


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _gradient(grey: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Sobel's gradient, float32 (H, W) to two of (H - 2, W - 2), per pixel. On the border it would rest on made-up pixels."""
    wide, tall = (cv2.Sobel(grey, cv2.CV_32F, 1 - down, down, ksize=3, scale=1 / 8)[1:-1, 1:-1] for down in (0, 1))
    return np.ascontiguousarray(wide), np.ascontiguousarray(tall)
