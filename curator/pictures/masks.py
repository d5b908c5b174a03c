"""Interpret a mask's values, and resize it to its photo. Mask: uint8 (H, W), 0 to 255, hard or soft (`arrays`).

A mask that somebody sends is soft if its values between black and white have 8 levels or more, lie on slopes rather than
plateaus, and are no noise: three in ten lie well between, or these form a rim over two pixels wide. Every other mask is hard,
and cut at half. So a gradient stays as it is, and a hard mask that went through a JPEG gets no specks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curator.pictures.arrays import Mask
from curator.pictures.colours import GREYS_16_BIT, to_rgb
from curator.pictures.orientation import apply_orientation, aspect_difference
from db.errors import WinnowError

ASPECT_TOLERANCE = 0.01  # relative; aspect ratios that differ by less differ by rounding only
HAIR_THRESHOLD = 128  # of 255: half and more is hair
LEAST_LEVELS = 8  # of a soft mask; fewer are class numbers, a trimap, or steps of a polygon's edge
WELL_BETWEEN = (41, 214)  # of 255; a JPEG of usual quality leaves a hard mask's values outside
LEAST_WELL_BETWEEN = 0.3  # of all values between; a blur has 0.33 and more, a hard one through a JPEG at most 0.18
WIDE_RIM = 2  # pixels; mattes with long, faint tails have wider ones, JPEGs that were doubled in size narrower ones
RED, GREEN, BLUE, BLACK = 4, 2, 1, 0  # a colour as bits, one for each channel that is on


@dataclass(frozen=True)
class Labels:
    """The masks in one file: hair; skin if the file has class colours with some green; unknown pixels if it says which."""

    hair: Mask
    skin: Mask | None = None
    unknown: Mask | None = None


def orient_labels(stored: Labels, orientation: int) -> Labels:
    """The masks turned upright by an EXIF orientation, 1 to 8."""
    skin, unknown = (None if mask is None else apply_orientation(mask, orientation) for mask in (stored.skin, stored.unknown))
    return Labels(apply_orientation(stored.hair, orientation), skin, unknown)


def deep_grey(image: Image.Image) -> NDArray[np.int32]:
    """The values of a grey picture with more than 8 bits, (H, W), 0 to 65535. Raises WinnowError for negative ones."""
    deep = np.asarray(image).astype(np.int64)
    if deep.min() < 0:
        raise WinnowError(f"the mask's values go from {deep.min()} to {deep.max()}. Send 0 and 1, or 0 and 255.")
    return np.asarray(deep.clip(0, 65535), np.int32)


def alpha_decides(image: Image.Image) -> bool:
    """Whether a picture's transparency says what is hair: it varies, or nothing is opaque, and the paint itself says nothing.

    The paint says something where what is not wholly transparent has several colours.
    """
    layered = np.asarray(image.convert("RGBA"))
    alpha = layered[..., 3]
    if alpha.min() == alpha.max():
        return bool(alpha.max() == 0)
    painted = layered[alpha > 0][:, :3]
    return bool((painted.max(axis=0) - painted.min(axis=0) <= 16).all())


def parse_labels(image: Image.Image) -> Labels:
    """The masks of hair and skin in a decoded picture, each uint8 (H, W), 0 to 255, not yet turned upright; skin 0 or 255.

    Understood: grey 0/1, 0/255 or soft, with 8 or 16 bits; transparency that varies under one colour (the opaque part is
    hair); one colour on
    black, hard or soft (the coloured part is hair); class colours: red is hair, green skin, blue and black neither. A palette
    is replaced by its colours. Colour profiles are ignored, because a mask's values are data. Raises WinnowError for a picture
    that is none of these.
    """
    if image.mode in GREYS_16_BIT:
        deep = deep_grey(image)
        return Labels(_from_grey(deep, 65535 if deep.max() > 255 else 255))  # or 8-bit values stored with 16 bits
    if image.has_transparency_data:
        if alpha_decides(image):
            return Labels(_from_grey(np.asarray(image.convert("RGBA").getchannel("A")), 255))
        image = image.convert("RGB")
    if image.mode in ("1", "L"):
        return Labels(_from_grey(np.asarray(image.convert("L")), 255))
    return _from_colours(np.asarray(to_rgb(image)))


def fit_mask(mask: Mask, photo_shape: tuple[int, ...]) -> Mask:
    """The mask at the photo's size, uint8 (H, W); resized if both have the same aspect ratio within 1 %. A hard one stays hard.

    `photo_shape` is (H, W) or (H, W, 3). Raises WinnowError if the aspect ratios differ, or if the mask's width is less than
    an eighth of the photo's: so small a mask can't separate hair from face.
    """
    (mh, mw), (ph, pw) = mask.shape, photo_shape[:2]
    if (mh, mw) == (ph, pw):
        return mask
    sizes = f"the mask is {mw} x {mh}, the photo {pw} x {ph}."
    if aspect_difference((mh, mw), (ph, pw)) > ASPECT_TOLERANCE:
        raise WinnowError(f"{sizes} Send a mask of the photo's size or shape.")
    if mw * 8 < pw:
        raise WinnowError(f"{sizes} Send a mask of the photo's size, or at least of an eighth of it.")
    interpolation = cv2.INTER_AREA if mw > pw else cv2.INTER_LINEAR
    return like(mask, np.asarray(cv2.resize(mask, (pw, ph), interpolation=interpolation), np.uint8))


def is_soft(mask: Mask) -> bool:
    """Whether a mask, uint8 (H, W), has values between 0 and 255.

    >>> is_soft(np.array([[0, 255]], np.uint8)), is_soft(np.array([[0, 254]], np.uint8))
    (False, True)
    """
    return bool(cv2.inRange(mask, 1, 254).any())


def hard(mask: Mask) -> Mask:
    """A mask, uint8 (H, W), 0 to 255, cut at half: 0 or 255.

    >>> hard(np.array([[0, 127, 128, 255]], np.uint8)).tolist()
    [[0, 0, 255, 255]]
    """
    return np.asarray(cv2.threshold(mask, HAIR_THRESHOLD - 1, 255, cv2.THRESH_BINARY)[1], np.uint8)


def like(mask: Mask, resampled: Mask) -> Mask:
    """What a mask became when it was resampled, which blurs its edges: cut at half again if the mask is hard."""
    return resampled if is_soft(mask) else hard(resampled)


def meant(values: NDArray[np.uint8]) -> Mask:
    """The mask that somebody means by grey values, uint8 (H, W), 0 to 255: these, or cut at half if they are not soft.

    The rule is this module's first paragraph.
    """
    counts = cv2.calcHist([values], [0], None, [256], [0, 256]).ravel()
    low, high = WELL_BETWEEN
    between, well_between = counts[1:255].sum(dtype=np.float64), counts[low : high + 1].sum(dtype=np.float64)
    if np.count_nonzero(counts[1:255]) < LEAST_LEVELS or not well_between:
        return hard(values)
    cut = hard(values)
    wide = well_between > WIDE_RIM * _outline(cut)
    if well_between < LEAST_WELL_BETWEEN * between and not wide:
        return cut
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    level = cv2.compare(cv2.dilate(values, cross), cv2.erode(values, cross), cv2.CMP_EQ)
    plateaus = cv2.countNonZero(cv2.bitwise_and(level, cv2.inRange(values, low, high)))
    return cut if 2 * plateaus > well_between else values


def _outline(mask: Mask) -> int:
    """The length of a hard mask's outline: how many pairs of pixels, side by side or one above the other, differ."""
    return int(np.count_nonzero(mask[:, 1:] != mask[:, :-1]) + np.count_nonzero(mask[1:] != mask[:-1]))


def _from_grey(grey: NDArray[np.uint8] | NDArray[np.int32], white: int) -> Mask:
    """The mask of grey values, (H, W), 0 to `white`. Raises WinnowError for class numbers.

    A mask whose brightest value is 1, or at most half of `white`, may hold only 0 and that value, which then is hair.
    """
    brightest = int(grey.max())
    if brightest == 1:
        return _as_mask(grey == 1)
    if brightest > white // 2 or brightest == 0:
        return meant(np.asarray(grey if white == 255 else (grey * 255 + white // 2) // white, np.uint8))
    if brightest >= 16 and np.isin(grey, (0, brightest)).all():
        return _as_mask(grey == brightest)  # dark grey on black
    # Class numbers, or a brush that never reached half: a threshold would silently turn them into an empty mask.
    raise WinnowError(f"the mask's values go from 0 to {brightest}. Send 0 and 1, or 0 and {white}.")


def _from_colours(rgb: NDArray[np.uint8]) -> Labels:
    """Masks from uint8 (H, W, 3) by the rules of `parse_labels`. One channel at a time: NumPy is slow along a short axis."""
    channels = [np.asarray(channel, np.uint8) for channel in cv2.split(rgb)]
    red, green, blue = channels
    high, low = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    if cv2.subtract(high, low).max() <= 16:  # grey, or grey that went through a JPEG
        return Labels(_from_grey(green, 255))
    # JPEG and soft brushes leave a few pixels between the colours; up to 3 % are tolerated.
    between = np.logical_or.reduce([cv2.inRange(channel, 41, 214) for channel in channels])
    bits = (red >> 7) * np.uint8(RED) + (green >> 7) * np.uint8(GREEN) + (blue >> 7) * np.uint8(BLUE)
    shares = cv2.calcHist([bits], [0], None, [8], [0, 8]).ravel() / bits.size
    seen = [colour for colour in (RED, GREEN, BLUE) if shares[colour] > 0]
    pure = between.mean() <= 0.03 and shares[[RED, GREEN, BLUE, BLACK]].sum() >= 0.97
    if pure and (len(seen) > 1 or shares[BLACK] == 0):
        return Labels(_as_mask(bits == RED), _as_mask(bits == GREEN) if GREEN in seen else None)
    strength = _one_colour(channels, np.asarray(high, np.uint8))
    hair = None if strength is None else meant(strength)
    if pure and len(seen) == 1:
        return Labels(hair if hair is not None and is_soft(hair) else _as_mask(bits == seen[0]))
    if hair is not None:
        return Labels(hair)
    raise WinnowError(
        "the mask is a colour picture. Send black and white, one colour on black, or red for hair, green for skin and blue "
        "for background."
    )


def _one_colour(channels: Sequence[NDArray[Any]], high: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The strength of one colour on black, 0 to 255, its strongest. None if there are several colours, or no black."""
    strongest = int(high.max())
    at = np.unravel_index(int(high.argmax()), high.shape)
    for channel in channels:
        expected = cv2.convertScaleAbs(high, alpha=int(channel[at]) / strongest)
        if cv2.absdiff(channel, expected).max() > 16:
            return None
    if high.min() > 0:
        return None
    scaled = (np.arange(256) * 255 + strongest // 2) // strongest
    return np.asarray(cv2.LUT(high, np.minimum(scaled, 255).astype(np.uint8)), np.uint8)


def _as_mask(is_hair: NDArray[np.bool_]) -> Mask:
    return is_hair.view(np.uint8) * np.uint8(255)
