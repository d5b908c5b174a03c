"""What one matte measures against its mask: the paper's five (section IV-A), and what those don't see.

Without TensorFlow, for the app reads them too. `truth` and `guess` are bool (H, W), True for hair; `alpha` is float32
(H, W), 0 to 1; `image` is uint8 (H, W, 3) RGB. Cut all of them to the part of the crop that shows the photo first: filled
pixels would flatter every measure. A measure that an image has no value for gives None, and the average is over the others.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.alpha_errors import connectivity_error, gradient_error, mse, sad

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Alpha = NDArray[np.float32]
Classes = NDArray[np.integer[Any]]
Values = Mapping[str, float | None]

THRESHOLD = 0.5  # of alpha, for the measures that need a yes or no
NO_EDGE = 1e-6  # as in trainer.losses: a gradient shorter than this has no direction
REACH = 8 / 224  # of the input's side: nearer to the outline of the hair, a mask isn't to be trusted to the pixel
BACKGROUND, HAIR, SKIN = 0, 1, 2
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue


def f1(truth: Mask, guess: Mask) -> float | None:
    """2 TP / (2 TP + FP + FN), 0 to 1. 1.0 when neither has hair, which is all right; 0.0 when only one has.

    So which images a mean is over is a matter of the images alone, not of what is guessed. None without pixels.

    >>> f1(np.array([[True, True, True, False]]), np.array([[True, True, False, True]]))
    0.6666666666666666
    """
    hit, false, missed = _counts(truth, guess)
    return _overlap(2 * hit, 2 * hit + false + missed, truth.size)


def performance(truth: Mask, guess: Mask) -> float | None:
    """Guo and Aarabi's Performance, read as (TP - FP) / (TP + FN): at most 1, and below 0 when more is false than right.

    None for an image without any hair.
    """
    hit, false, missed = _counts(truth, guess)
    return _ratio(hit - false, hit + missed)


def iou(truth: Mask, guess: Mask) -> float | None:
    """TP / (TP + FP + FN), 0 to 1. 1.0 when neither has hair; 0.0 when only one has. None without pixels."""
    hit, false, missed = _counts(truth, guess)
    return _overlap(hit, hit + false + missed, truth.size)


def accuracy(truth: Mask, guess: Mask) -> float | None:
    """The share of pixels that are right, 0 to 1; an image without any hair has one like any other. None without pixels."""
    return _ratio(int(np.count_nonzero(truth == guess)), truth.size)


def gradient_consistency(image: Image, alpha: Alpha) -> float | None:
    """Eq. 1 of the matte against the image, 0 (every edge of the matte lies along one of the image) to 1.

    None for a matte without an edge, such as an empty one. The same number as `trainer.losses.consistency_loss`.
    """
    if min(alpha.shape) < 3:
        return None
    mask_x, mask_y = _gradient(alpha.astype(np.float32, copy=False))
    length = cv2.magnitude(mask_x, mask_y)
    edge = length > NO_EDGE  # nothing else counts, and a mask has few of these
    if not edge.any():
        return None
    image_x, image_y = _gradient(np.asarray(cv2.transform(image.astype(np.float32), GREY[None]), np.float32))
    at_edges = (part[edge].astype(np.float64) for part in (image_x, image_y, mask_x, mask_y, length))
    image_x, image_y, mask_x, mask_y, weight = at_edges
    lengths = np.hypot(image_x, image_y) * weight
    cosine = np.divide(image_x * mask_x + image_y * mask_y, lengths, out=np.zeros_like(lengths), where=lengths > NO_EDGE**2)
    return float((weight * (1 - cosine**2)).sum()) / float(weight.sum())


def leak(truth: Mask, alpha: Alpha, skin: Mask, reach: float) -> float | None:
    """The mean alpha on skin more than `reach` pixels away from the true hair, 0 to 1: eyebrows, a blush, half a face.

    None where there is no such skin. Without any true hair all skin is away from it.

    >>> skin = np.array([[False, True, True, True]])
    >>> leak(np.array([[True, False, False, False]]), np.array([[1.0, 1.0, 0.5, 0.0]]), skin, reach=1.0)
    0.25
    """
    return _mean(alpha, skin & (_distance_to(truth) > reach))


def hollow(truth: Mask, alpha: Alpha, reach: float) -> float | None:
    """The mean of 1 - alpha more than `reach` pixels inside the true hair, 0 to 1: highlights that the matte leaves out.

    None where no hair lies so deep. Hair that goes on beyond the picture's edge doesn't end there.

    >>> hollow(np.array([[False, True, True, True]]), np.array([[0.0, 0.0, 1.0, 0.5]]), reach=1.0)
    0.25
    """
    missing = _mean(alpha, _distance_to(~truth) > reach)
    return None if missing is None else 1 - missing


def class_accuracy(truth: Classes, guess: Classes) -> float | None:
    """The share of pixels whose class is right, 0 to 1, of integer (H, W) with BACKGROUND, HAIR and SKIN. None without pixels.

    What section IV reports on LFW Parts.
    """
    return _ratio(int(np.count_nonzero(truth == guess)), truth.size)


def hair_share(truth: Mask) -> float | None:
    """The share of the picture that is hair, 0 to 1. None without pixels."""
    return _ratio(int(np.count_nonzero(truth)), truth.size)


def hair_brightness(image: Image, truth: Mask) -> float | None:
    """The mean grey of the true hair, 0 (black) to 1. None without hair."""
    return float((image[truth] @ GREY).mean()) / 255 if truth.any() else None


@dataclass(frozen=True)
class Case:
    """A matte, and all that it is measured against."""

    image: Image
    mask: NDArray[np.uint8]  # (H, W), 0 to 255; between where an outline crosses a pixel
    alpha: Alpha
    reach: float  # in pixels of these pictures: REACH times the side of the network's input
    skin: Mask | None = None  # where the source labels it
    face: Mask | None = None  # the face's box: where no skin is labelled, it stands for it
    classes: Classes | None = None  # what a three-class network says of each pixel

    @property
    def truth(self) -> Mask:
        """Where the mask says hair."""
        return np.asarray(self.mask >= 128)

    @property
    def target(self) -> Alpha:
        """The mask as the matte that alpha ought to be, 0 to 1."""
        return np.asarray(self.mask / 255, np.float32)


@dataclass(frozen=True)
class Measure:
    """A measure, what it is in plain words, and which way is better: best epochs, arrows and colours read that one word."""

    name: str
    title: str
    better: Literal["higher", "lower"]
    compute: Callable[[Case], float | None]
    means: str


def _thresholded(rule: Callable[[Mask, Mask], float | None]) -> Callable[[Case], float | None]:
    return lambda case: rule(case.truth, case.alpha >= THRESHOLD)


def _against_target(rule: Callable[[Alpha, Alpha], float | None]) -> Callable[[Case], float | None]:
    return lambda case: rule(case.target, case.alpha)


def _leak(case: Case) -> float | None:
    skin = case.face if case.skin is None else case.skin
    return None if skin is None else leak(case.truth, case.alpha, skin, case.reach)


def _class_accuracy(case: Case) -> float | None:
    if case.classes is None or case.skin is None:
        return None
    return class_accuracy(np.where(case.truth, HAIR, np.where(case.skin, SKIN, BACKGROUND)), case.classes)


MEASURES = (
    Measure("f1", "F1", "higher", _thresholded(f1), "How well hair and matte overlap: 1 is all of the hair and nothing else."),
    Measure(
        "performance",
        "Performance",
        "higher",
        _thresholded(performance),
        "What is rightly called hair less what is wrongly called so, as a share of the true hair.",
    ),
    Measure("iou", "IoU", "higher", _thresholded(iou), "What hair and matte share, of all that either of them covers."),
    Measure("accuracy", "Accuracy", "higher", _thresholded(accuracy), "The share of all pixels that are right."),
    Measure(
        "gradient_consistency",
        "Gradient consistency",
        "lower",
        lambda case: gradient_consistency(case.image, case.alpha),
        "How far the matte's edges run across those of the photo: 0 is along them everywhere. It needs no mask.",
    ),
)
BLIND = (  # gradient consistency, eq. 1, sees nothing of either
    Measure("leak", "Leak", "lower", _leak, "How much of the face, well away from the hair, is taken for hair."),
    Measure(
        "hollow",
        "Hollow",
        "lower",
        lambda case: hollow(case.truth, case.alpha, case.reach),
        "How much is missing deep inside the hair, as where a highlight is taken for background.",
    ),
)
ALPHA = (
    Measure("sad", "SAD", "lower", _against_target(sad), "The sum of all differences from the mask, in thousands of pixels."),
    Measure("mse", "MSE", "lower", _against_target(mse), "The mean squared difference from the mask: large ones weigh most."),
    Measure(
        "gradient_error",
        "Gradient error",
        "lower",
        _against_target(gradient_error),
        "How differently the matte and the mask rise and fall: lost strands, soft edges.",
    ),
    Measure(
        "connectivity_error",
        "Connectivity error",
        "lower",
        _against_target(connectivity_error),
        "How much lies loose that should hang together with the hair, or the other way round.",
    ),
)
CLASSES = (
    Measure(
        "class_accuracy",
        "Class accuracy",
        "higher",
        _class_accuracy,
        "The share of pixels rightly told to be hair, skin or background, by a three-class network.",
    ),
)
ALL = (*MEASURES, *BLIND, *ALPHA, *CLASSES)
PAPERS = tuple(each.name for each in MEASURES)
NAMES = tuple(each.name for each in ALL)
TRAITS = ("hair_share", "hair_brightness")  # of an example, not of a matte: what reports are sliced by


def measure(case: Case) -> dict[str, float | None]:
    """All measures of one matte, and the traits of its example, by name."""
    traits = {"hair_share": hair_share(case.truth), "hair_brightness": hair_brightness(case.image, case.truth)}
    return {each.name: each.compute(case) for each in ALL} | traits


def average(rows: Sequence[Values], names: Iterable[str] = PAPERS) -> dict[str, float | None]:
    """The mean over the images that have a value, for each name (the paper's five unless said); None where none has."""
    means: dict[str, float | None] = {}
    for name in names:
        values = [value for row in rows if (value := row[name]) is not None]
        means[name] = float(np.mean(values)) if values else None
    return means


def _mean(alpha: Alpha, where: Mask) -> float | None:
    return float(alpha[where].mean(dtype=np.float64)) if where.any() else None


def _distance_to(region: Mask) -> NDArray[np.float32]:
    """Each pixel's exact Euclidean distance to the nearest one of a region, in pixels; infinite where the region is empty."""
    if not region.any():
        return np.full(region.shape, np.inf, np.float32)
    return np.asarray(cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))


def _counts(truth: Mask, guess: Mask) -> tuple[int, int, int]:
    """True positives, false positives, false negatives."""
    hit = int(np.count_nonzero(truth & guess))
    return hit, int(np.count_nonzero(guess)) - hit, int(np.count_nonzero(truth)) - hit


def _overlap(part: int, whole: int, pixels: int) -> float | None:
    return _ratio(part, whole) if whole or not pixels else 1.0


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _gradient(grey: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Sobel's gradient a pixel, (H, W) to two (H - 2, W - 2): without the border, where half of it would be made up."""
    wide, tall = (cv2.Sobel(grey, cv2.CV_32F, 1 - down, down, ksize=3, scale=1 / 8)[1:-1, 1:-1] for down in (0, 1))
    return np.ascontiguousarray(wide), np.ascontiguousarray(tall)
