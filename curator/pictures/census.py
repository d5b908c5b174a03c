"""Which values a mask has: flat ones and gradients, not the steps along an outline, nor a JPEG's noise."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curator.pictures.colours import GREYS_16_BIT, to_rgb
from curator.pictures.masks import alpha_decides, is_soft, meant

Value: TypeAlias = int | str
Kind = Literal["grey", "palette", "colour", "transparency"]

FEW = 8  # distinct values; a mask with more has gradients, or went through a JPEG
NEAR = 12  # of 255: a JPEG moves a flat value by less
FLAT_SHARE = 0.01  # of the pixels, that a flat value has among gradients
STEP_SHARE = 0.02  # of the pixels; less, and on no plateau, is the step of an outline
CLASS_NUMBERS = 32  # values up to here are numbers of classes, however few pixels have them
FRAME_SHARE = 0.5  # of all pixels, and of those at the upper and side edges
CLASS_COLOURS = frozenset(("#000000", "#ff0000", "#00ff00", "#0000ff"))  # red is hair, green skin, blue and black neither


@dataclass(frozen=True)
class Census:
    """What values one mask has: the flat ones with their share of the pixels, 0 to 1, and whether there are gradients."""

    kind: Kind
    values: tuple[tuple[Value, float], ...]
    soft: bool = False
    framed: bool = False  # whether more than half of it is bright, and more than half of its upper and side edges

    @property
    def flat(self) -> frozenset[Value]:
        """The flat values."""
        return frozenset(value for value, _ in self.values)


def census(image: Image.Image) -> Census:
    """Which values a decoded mask has."""
    kind, plane = plane_of(image)
    if kind == "transparency":
        return Census(kind, ())
    values, counts = _counted(plane)
    shares, soft, framed = counts / plane.size, False, kind == "grey" and _framed(plane, values, counts)
    if len(values) <= FEW:
        values, shares = _without_steps(plane, values, shares)
    elif kind == "colour":
        values, shares = _main_colours(plane)
    elif kind == "grey":
        grey = np.asarray(plane, np.uint8)
        values, shares = _plateaus(grey)
        soft = is_soft(meant(grey))
    named = [f"#{value:06x}" if kind == "colour" else int(value) for value in values]
    return Census(kind, tuple(zip(named, shares.tolist(), strict=True)), soft, framed)


def plane_of(image: Image.Image) -> tuple[Kind, NDArray[Any]]:
    """A mask as one plane of integers (H, W): grey levels, a palette's indices, or colours as 24 bits.

    It is empty if the mask's transparency decides. A palette of greys or of class colours counts by its colours.
    """
    if image.mode in GREYS_16_BIT:
        deep = np.asarray(image).astype(np.int32).clip(0, 65535)
        many = deep.max() > 255 and len(np.unique(deep)) > FEW
        return "grey", (deep * 255 + 32767) // 65535 if many else deep
    if image.has_transparency_data and alpha_decides(image):
        return "transparency", np.zeros((0, 0), np.uint8)
    if image.mode in ("1", "L"):
        return "grey", np.asarray(image.convert("L"))
    rgb = np.asarray(to_rgb(image))
    channels = [np.asarray(channel, np.uint8) for channel in cv2.split(rgb)]
    high, low = cv2.max(cv2.max(channels[0], channels[1]), channels[2]), cv2.min(cv2.min(channels[0], channels[1]), channels[2])
    if cv2.subtract(high, low).max() <= 16:  # grey, or grey that went through a JPEG
        return "grey", channels[1]
    colours = packed(rgb)
    if image.mode == "P" and not {f"#{value:06x}" for value in np.unique(colours).tolist()} <= CLASS_COLOURS:
        return "palette", np.asarray(image)
    return "colour", colours


def packed(rgb: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Colours, uint8 (H, W, 3), as 24 bits each, int32 (H, W)."""
    return np.ascontiguousarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGRA)).view("<i4")[..., 0] & np.int32(0xFFFFFF)


def channels_of(colours: NDArray[Any]) -> NDArray[np.int64]:
    """Colours of 24 bits, (N,), as their channels, (N, 3)."""
    return np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=-1).astype(np.int64)


def _counted(plane: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The values of a plane, the lowest first, and how many pixels have each."""
    if plane.dtype != np.uint8:
        return np.unique(plane, return_counts=True)
    ends = np.unique([plane.min(), plane.max()])
    of_ends = np.array([cv2.countNonZero(cv2.inRange(plane, end, end)) for end in map(int, ends)])
    if of_ends.sum() == plane.size:  # most masks, and this takes a tenth of the time of a histogram
        return ends, of_ends
    counts = cv2.calcHist([plane], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    there = np.flatnonzero(counts)
    return there, counts[there]


def _level(plane: NDArray[Any], apart: int) -> NDArray[np.bool_]:
    """Where a pixel's four neighbours have its value, within `apart`."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    wide = plane.astype(np.float32)  # which keeps 24 bits exactly
    return np.asarray(cv2.subtract(cv2.dilate(wide, cross), cv2.erode(wide, cross)) <= apart)


def _without_steps(plane: NDArray[Any], values: NDArray[Any], shares: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """A few values but for the steps between black and white along an outline: those are on no plateau."""
    if values[-1] < CLASS_NUMBERS or (shares[1:-1] >= STEP_SHARE).all():
        return values, shares
    level = plane[_level(plane, 0)]
    on_plateau = np.array([np.count_nonzero(level == value) for value in values]) / plane.size
    flat = (shares >= STEP_SHARE) | (on_plateau >= shares / 5)
    flat[[0, -1]] = True
    return values[flat], shares[flat]


def _plateaus(grey: NDArray[np.uint8]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The flat values among gradients or a JPEG's noise, with their shares; one near black or white is black or white."""
    counts = np.bincount(grey[_level(grey, NEAR // 2)], minlength=256) / grey.size
    found: Counter[int] = Counter()
    while counts.any():
        peak = int(counts.argmax())
        near = slice(max(0, peak - NEAR), peak + NEAR + 1)
        if counts[near].sum() >= FLAT_SHARE:
            found[0 if peak <= NEAR else 255 if peak >= 255 - NEAR else peak] += counts[near].sum()
        counts[near] = 0
    return np.array(sorted(found), int), np.array([found[value] for value in sorted(found)], float)


def _main_colours(plane: NDArray[np.int32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The flat colours of a picture with many, with their shares: a colour stands for those that a JPEG makes of it."""
    steps, counts = np.unique(plane & 0xF0F0F0, return_counts=True)  # sixteen steps a channel
    found: dict[int, float] = {}
    for at in np.argsort(-counts)[:64]:
        colour, share = _middle(int(steps[at])), counts[at] / plane.size
        near = next((other for other in found if _apart(colour, other) <= 2 * NEAR), None)
        if near is not None:
            found[near] += share
        elif share >= FLAT_SHARE:
            found[colour] = share
    return np.array(sorted(found), int), np.array([found[colour] for colour in sorted(found)], float)


def _middle(step: int) -> int:
    """The colour of a step: its middle, and 0 and 255 at the ends of a channel, where most masks' colours lie."""
    channels = ((step >> shift) & 255 for shift in (16, 8, 0))
    red, green, blue = (0 if low < 32 else 255 if low >= 224 else low + 8 for low in channels)
    return red << 16 | green << 8 | blue


def _apart(one: int, other: int) -> int:
    return int(np.abs(channels_of(np.array([one])) - channels_of(np.array([other]))).max())


def _framed(plane: NDArray[Any], values: NDArray[Any], counts: NDArray[Any]) -> bool:
    """Whether more than half of a grey plane with these values is bright, and more than half of its upper and side edges."""
    half = int(values[-1]) / 2
    if len(values) == 1 or counts[values > half].sum() <= FRAME_SHARE * plane.size:
        return False
    return bool((np.concatenate([plane[0], plane[:, 0], plane[:, -1]]) > half).mean() > FRAME_SHARE)


def values_at(image: Image.Image, values: Sequence[Value]) -> NDArray[np.uint8]:
    """Which of these values is nearest at each pixel of a decoded mask: positions among them, uint8 (H, W); 0 without any.

    There may be 256 of them at most.
    """
    coloured = any(isinstance(value, str) for value in values)
    kind, plane = plane_of(image)
    if not values or kind == "transparency":
        return np.zeros((image.height, image.width), np.uint8)
    if coloured:
        plane = packed(np.asarray(to_rgb(image)))
    known = np.array([int(value[1:], 16) if isinstance(value, str) else value for value in values][:256])
    channels = channels_of if coloured else (lambda numbers: numbers[:, None].astype(np.int64))
    seen, at = np.unique(plane, return_inverse=True)
    apart = np.stack([np.abs(channels(seen) - channels(np.array([one]))).max(axis=1) for one in known], axis=1)
    return np.asarray(apart.argmin(axis=1)[at].reshape(plane.shape), np.uint8)
