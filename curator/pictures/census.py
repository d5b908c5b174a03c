"""Which values a mask has: flat ones and gradients, not the steps along an outline, nor a JPEG's noise."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curator.pictures.colours import GREYS_16_BIT, to_rgb
from curator.pictures.masks import HAIR_THRESHOLD, alpha_decides, deep_grey, is_soft, meant

Value: TypeAlias = int | str
Kind = Literal["grey", "palette", "colour", "transparency", "any"]  # any: of several kinds, compared by their colours

FEW = 8  # distinct values; a mask with more has gradients, went through a JPEG, or has many classes
MANY = 64  # distinct values of a mask with many classes
NEAR = 12  # of 255: a JPEG moves a flat value by less
FLAT_SHARE = 0.01  # of the pixels, that a flat value has among gradients
STEP_SHARE = 0.02  # of the pixels; less, and on no plateau, is the step of an outline
CLASS_NUMBERS = 32  # values up to here are numbers of classes, however few pixels have them
FRAME_SHARE = 0.5  # of all pixels, and of those at the upper and side edges
CLEARLY_FLAT = 0.97  # of the pixels, that have the values of a mask with many classes
CLASS_COLOURS = frozenset(("#000000", "#ff0000", "#00ff00", "#0000ff"))  # red is hair, green skin, blue and black neither


@dataclass(frozen=True)
class Census:
    """What values one mask has: the flat ones with their share of the pixels, 0 to 1, and whether there are gradients."""

    kind: Kind
    values: tuple[tuple[Value, float], ...]
    soft: bool = False
    framed: bool = False  # whether more than half of it is bright, and more than half of its upper and side edges
    colours: tuple[
        str, ...
    ] = ()  # those of a palette's values; or the one in which a mask is painted whose transparency decides

    @property
    def flat(self) -> frozenset[Value]:
        """The flat values."""
        return frozenset(value for value, _ in self.values)

    @property
    def by_colour(self) -> "Census":
        """The same by its colours, to compare it with masks of another kind: what is transparent counts as black."""
        if self.kind == "colour":
            colours = [str(value) for value, _ in self.values]
        elif self.kind == "palette":
            colours = list(self.colours)
        elif self.kind == "transparency":
            colours = [self.colours[0] if int(value) >= HAIR_THRESHOLD else "#000000" for value, _ in self.values]
        else:
            colours = ["#" + bytes([min(int(value), 255)] * 3).hex() for value, _ in self.values]
        shares: dict[Value, float] = defaultdict(float)
        for colour, (_, share) in zip(colours, self.values, strict=True):
            shares[colour] += share
        return replace(self, kind="any", values=tuple(shares.items()), colours=())


def census(image: Image.Image) -> Census:
    """Which values a decoded mask has."""
    kind, plane = plane_of(image)
    values, counts = _counted(plane)
    shares, soft, colours = counts / plane.size, False, []
    framed = kind == "grey" and _framed(plane, values, counts)
    if len(values) <= FEW:
        values, shares = _without_steps(plane, values, shares)
    elif kind != "palette":
        classes = _many_classes(plane, values, shares)
        if classes is not None:
            values, shares = classes
        elif kind == "colour":
            values, shares = _main_colours(plane)
        else:
            grey = np.asarray(plane, np.uint8)
            soft = is_soft(meant(grey))
            values, shares = _plateaus(grey, soft=soft)
    if kind == "palette":
        table = (image.getpalette("RGB") or []) + [0] * 768
        colours = ["#" + bytes(table[3 * value : 3 * value + 3]).hex() for value in values.tolist()]
    elif kind == "transparency":
        colours = [_paint(image)]
    named = [f"#{value:06x}" if kind == "colour" else int(value) for value in values]
    return Census(kind, tuple(zip(named, shares.tolist(), strict=True)), soft, framed, tuple(colours))


def _paint(image: Image.Image) -> str:
    """The colour of what is not transparent, where it has only one; black if there is nothing."""
    layered = np.asarray(image.convert("RGBA"))
    painted = layered[layered[..., 3] > 0][:, :3]
    return "#" + (bytes(np.median(painted, axis=0).astype(np.uint8)) if len(painted) else bytes(3)).hex()


def plane_of(image: Image.Image) -> tuple[Kind, NDArray[Any]]:
    """A mask as one plane of integers (H, W): grey levels, a palette's indices, colours as 24 bits, or how opaque it is.

    A palette of greys or of class colours counts by its colours, and 8 bits that were stored with 16 by what they were.
    """
    if image.mode in GREYS_16_BIT:
        deep = deep_grey(image)
        widened = deep.max() > 255 and (not (deep % 257).any() or len(np.unique(deep)) > FEW)
        return "grey", (deep * 255 + 32767) // 65535 if widened else deep
    if image.has_transparency_data and not _background_is_transparent(image) and alpha_decides(image):
        return "transparency", np.asarray(image.convert("RGBA").getchannel("A"))
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


def _background_is_transparent(image: Image.Image) -> bool:
    """Whether a palette of colours has one transparent entry, its first: it has classes, which count by their numbers."""
    clear = image.info.get("transparency")
    if image.mode != "P" or not (
        clear == 0 or (isinstance(clear, bytes) and clear[:1] == b"\0" and not clear[1:].strip(b"\xff"))
    ):
        return False
    table = np.array(image.getpalette("RGB") or [0] * 3).reshape(-1, 3)
    return bool((table.max(axis=1) - table.min(axis=1) > 16).any())


def colours_of(image: Image.Image) -> NDArray[np.int32]:
    """A mask's colours as 24 bits, int32 (H, W); what is transparent is black where transparency decides."""
    colours = packed(np.asarray(to_rgb(image)))
    if image.has_transparency_data and alpha_decides(image):
        colours[np.asarray(image.convert("RGBA").getchannel("A")) < HAIR_THRESHOLD] = 0
    return colours


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
    on_plateau = _on_plateau(plane, values)
    flat = (shares >= STEP_SHARE) | (on_plateau >= shares / 5)
    flat[[0, -1]] = True
    return values[flat], shares[flat]


def _on_plateau(plane: NDArray[Any], values: NDArray[Any]) -> NDArray[np.float64]:
    """The share of all pixels that have a value like their four neighbours, for each of some sorted values."""
    there, counts = _counted(plane[_level(plane, 0)])
    found = np.zeros(len(values))
    found[np.searchsorted(values, there)] = counts
    return found / plane.size


def _many_classes(plane: NDArray[Any], values: NDArray[Any], shares: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """The values of a mask with more than FEW classes, such as the nineteen of a parsed face; None if it has none."""
    below = values[values != 255]  # by which many say that nothing is known
    if below[-1] < CLASS_NUMBERS:
        return values, shares
    if len(values) > MANY:
        return None
    flat = _on_plateau(plane, values) >= shares / 5
    return (values[flat], shares[flat]) if shares[flat].sum() >= CLEARLY_FLAT and flat.sum() > 2 else None


def _plateaus(grey: NDArray[np.uint8], *, soft: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """The flat values among gradients or a JPEG's noise, with their shares; one near black or white is black or white.

    A soft mask's wide slopes are no plateaus: there, only neighbours of the same value are.
    """
    counts = np.bincount(grey[_level(grey, 0 if soft else NEAR // 2)], minlength=256) / grey.size
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
    in_steps = plane & 0xF0F0F0  # sixteen a channel
    steps, counts = np.unique(in_steps, return_counts=True)
    groups: dict[int, float] = {}
    for at in np.argsort(-counts)[:64]:
        step, share = int(steps[at]), counts[at] / plane.size
        near = next((other for other in groups if _apart(step, other) <= 16), None)
        if near is not None:
            groups[near] += share
        elif share >= FLAT_SHARE:
            groups[step] = share
    found: dict[int, float] = defaultdict(float)
    for step, share in groups.items():
        colours, times = np.unique(plane[in_steps == step], return_counts=True)
        found[_to_the_ends(int(colours[times.argmax()]))] += share
    return np.array(sorted(found), int), np.array([found[colour] for colour in sorted(found)], float)


def _to_the_ends(colour: int) -> int:
    """A colour whose channels are 0 and 255 where they are nearly so, as most masks' colours are."""
    channels = ((colour >> shift) & 255 for shift in (16, 8, 0))
    red, green, blue = (0 if each <= NEAR else 255 if each >= 255 - NEAR else each for each in channels)
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
    plane = plane_of(image)[1]
    if not values:
        return np.zeros((image.height, image.width), np.uint8)
    if coloured:
        plane = colours_of(image)
    known = np.array([int(value[1:], 16) if isinstance(value, str) else value for value in values][:256])
    seen, at = np.unique(plane, return_inverse=True)
    return np.asarray(nearest_of(seen, known, coloured=coloured)[0][at].reshape(plane.shape), np.uint8)


def nearest_of(seen: NDArray[Any], known: NDArray[Any], *, coloured: bool) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """For each of some values, (N,), the position of the nearest known one, and how far away it is in a channel.

    One known value after the other: a picture of noise has millions of values.
    """
    channels = channels_of if coloured else (lambda numbers: numbers[:, None].astype(np.int64))
    own = channels(seen)
    nearest, least = np.zeros(len(seen), np.intp), np.full(len(seen), np.iinfo(np.int64).max)
    for place, one in enumerate(known):
        apart = np.abs(own - channels(np.array([one]))).max(axis=1)
        closer = apart < least
        nearest[closer], least[closer] = place, apart[closer]
    return nearest, least
