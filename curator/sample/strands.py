"""Strands: many curves at once between a few guides, painted with their exact coverage.

A sheet of hair is given by guide curves in face units, from the root (t = 0) to the tip (t = 1); strands lie between
neighbouring guides, wave, and gather in locks. They are painted on a canvas twice the photo's size whose four channels are
colour times coverage and coverage. OpenCV's antialiased line blends all four alike, so the fourth is the hair's exact alpha.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curator.sample.canvas import SUBPIXEL, Colour, Curve, Points, blend, fixed, smooth
from curator.sample.person import Tone
from curator.sample.pose import Pose

SCALE = 2  # canvas pixels per photo pixel, so that a single strand covers half a pixel of the photo
Bundle = NDArray[np.floating]  # (strands, points, 2) as (x, y), face units
Canvas = NDArray[np.uint8]  # (SCALE * H, SCALE * W, 4): red, green, blue, each times coverage, and coverage, 0..255


@dataclass(frozen=True)
class Texture:
    """How strands deviate from their guide."""

    wave: float = 0.0  # face units that a lock swings sideways at its tip
    turns: float = 2.0  # waves along a strand
    coil: float = 0.0  # 0: waves; 1: ringlets that also run back and forth
    clump: float = 0.35  # how much the strands of a lock converge towards the tip, 0..1
    locks: int = 26  # in a sheet
    stray: float = 0.02  # face units of a single strand's own random path
    points: int = 30  # of a strand


def texture_of(name: str, length: float, rng: np.random.Generator) -> Texture:
    """The texture straight or wavy, or curly for any other name, for hair about `length` face units long."""
    if name == "straight":
        return Texture(wave=0.02, turns=0.8, clump=0.42, locks=30, stray=0.018, points=20)
    if name == "wavy":
        return Texture(
            wave=0.085,
            turns=max(1.0, 0.95 * length) * float(rng.uniform(0.9, 1.2)),
            clump=0.5,
            locks=20,
            stray=0.022,
            points=40,
        )
    return Texture(wave=0.1, turns=max(2.0, 2.3 * length), coil=0.75, clump=0.62, locks=24, stray=0.03, points=56)


def sheet(
    guides: Sequence[Points | Curve], count: int, texture: Texture, rng: np.random.Generator, ragged: float = 0.1
) -> Bundle:
    """`count` strands spread evenly between the guides, in random order; each loses up to about `ragged` of its length."""
    lines = np.stack([smooth(guide, texture.points) for guide in guides])  # (guides, points, 2)
    t = np.linspace(0, 1, texture.points)[None, :]
    spread = rng.random(count)[:, None]
    lock = np.floor(spread * texture.locks)
    swing = rng.normal(0, 1, (texture.locks + 1, 3))[lock[:, 0].astype(int)]  # every lock swings its own way
    heart = (lock + 0.5) / texture.locks
    across = spread + (heart - spread) * texture.clump * t**1.3 + swing[:, 2:] * 0.2 / texture.locks
    bundle = _between(lines, np.clip(across, 0, 1))
    step = np.gradient(bundle, axis=1)
    step /= np.linalg.norm(step, axis=2, keepdims=True) + 1e-9
    normal = np.stack([-step[..., 1], step[..., 0]], 2)
    phase = 2 * np.pi * texture.turns * t * (1 + 0.08 * swing[:, 1:2]) + 2.2 * swing[:, :1] + rng.normal(0, 0.25, (count, 1))
    grow = texture.wave * np.sqrt(t) * (1 - 0.25 * texture.coil * t)
    wander = rng.normal(0, texture.stray, (count, 1)) * t + rng.normal(0, texture.stray, (count, 1)) * np.sin(
        3 * t + 6 * swing[:, :1]
    )
    bundle = (
        bundle + normal * (grow * np.sin(phase) + wander)[..., None] + step * (grow * texture.coil * np.cos(phase))[..., None]
    )
    lock_end = np.abs(np.tanh(swing[:, 2])) * 0.7
    return shortened(bundle, 1 - ragged * (lock_end + 0.6 * rng.random(count) ** 2))


def _between(lines: Bundle, across: NDArray[np.floating]) -> Bundle:
    """Interpolated points, (strands, points, 2), at `across` (strands, points): 0 is the first line, 1 the last."""
    place = across * (len(lines) - 1)
    low = np.minimum(place.astype(int), len(lines) - 2)
    column = np.arange(lines.shape[1])[None, :]
    share = (place - low)[..., None]
    return np.asarray(lines[low, column] * (1 - share) + lines[low + 1, column] * share)


def shortened(bundle: Bundle, ends: NDArray[np.floating], starts: NDArray[np.floating] | float = 0.0) -> Bundle:
    """The part of each strand from `starts` to `ends` (each 0..1, one per strand), with the same number of points."""
    count, points, _ = bundle.shape
    first = np.broadcast_to(np.asarray(starts, np.float64), (count,))[:, None]
    place = (first + (ends[:, None] - first) * np.linspace(0, 1, points)) * (points - 1)
    low = np.clip(place.astype(int), 0, points - 2)
    row, share = np.arange(count)[:, None], (place - low)[..., None]
    return np.asarray(bundle[row, low] * (1 - share) + bundle[row, low + 1] * share)


class Hair:
    """One layer of hair while it is painted."""

    def __init__(self, size: tuple[int, int], pose: Pose, tone: Tone, rng: np.random.Generator) -> None:
        self.canvas: Canvas = np.zeros((size[0] * SCALE, size[1] * SCALE, 4), np.uint8)
        self.pose, self.tone, self.rng = pose, tone, rng

    def shade(self, place: float) -> Colour:
        """The hair's colour from dark (-1) over mid (0) to light (1)."""
        tone = self.tone
        return blend(tone.mid, tone.light, min(place, 1.0)) if place > 0 else blend(tone.mid, tone.dark, min(-place, 1.0))

    def lines(self, bundle: Bundle, colour: Colour, width: float = 0.0) -> None:
        """Draw all strands of a bundle in one colour, `width` face units wide; 0 for the finest line there is."""
        pixels = max(1, round(width * self.pose.unit * SCALE))
        curves = fixed(self.pose.pixels(bundle, SCALE))
        # At this scale a broad line needs no antialiasing, and without it costs a third.
        kind = cv2.LINE_AA if pixels == 1 else cv2.LINE_8
        cv2.polylines(self.canvas, list(curves), False, (*colour, 255.0), pixels, kind, SUBPIXEL)

    def patch(self, outline: Points | Curve, place: float) -> None:
        """Fill a shape, in face units, with a shade of the hair (-1 to 1): what is visible between strands."""
        points = fixed(self.pose.pixels(outline, SCALE))
        cv2.fillPoly(self.canvas, [points], (*self.shade(place), 255.0), cv2.LINE_AA, SUBPIXEL)

    def comb(
        self, bundle: Bundle, depth: float = 0.0, body: float = 0.1, shine: tuple[float, float] | None = (0.2, 0.5)
    ) -> None:
        """Paint a bundle from broad dark locks to single bright strands.

        Args:
            bundle: the strands, in random order.
            depth: -1 for hair in the shade to 0 for hair in the light.
            body: width of the broad locks underneath, face units; 0 leaves them out.
            shine: where along the strands the highlight starts and ends, as shares of their length; None for no highlight.
        """
        count = len(bundle)
        self._strays(bundle)
        if body > 0:
            broad = _drawn_in(bundle[: max(24, count // 14)], bundle, body / 2)
            for share, place in ((1.0, -0.75), (0.55, -0.45)):
                self.lines(
                    shortened(broad, np.full(len(broad), 0.98 - 0.08 * share)), self.shade(place + depth * 0.6), body * share
                )
        for part, place in _groups(bundle[: count // 3], 24, self.rng, 0.42):
            self.lines(part, self.shade(place - 0.15 + depth), 0.016)
        for part, place in _groups(bundle[count // 3 :], 48, self.rng, 0.5):
            self.lines(part, self.shade(place + depth))
        self._roots(bundle, depth)
        if shine is not None:
            self._shine(bundle, shine, depth)

    def _roots(self, bundle: Bundle, depth: float) -> None:
        """Darken the strands where they leave the scalp."""
        some = bundle[::4]
        rooted = shortened(some, self.rng.uniform(0.03, 0.16, len(some)))
        self.lines(rooted, self.shade(-0.7 + depth * 0.5))

    def _shine(self, bundle: Bundle, band: tuple[float, float], depth: float) -> None:
        some = bundle[1::3]
        middle, half = (band[0] + band[1]) / 2, (band[1] - band[0]) / 2
        starts = np.clip(middle - half * self.rng.uniform(0.3, 1.15, len(some)), 0, 1)
        ends = np.clip(middle + half * self.rng.uniform(0.3, 1.15, len(some)), 0, 1)
        for part, place in _groups(shortened(some, ends, starts), 16, self.rng, 0.25):
            self.lines(part, self.shade(0.5 + place + depth))

    def _strays(self, bundle: Bundle) -> None:
        """Single strands away from their lock; painted first, so that they are visible only beside it."""
        some = bundle[:: max(1, len(bundle) // 70)].copy()
        t = np.linspace(0, 1, bundle.shape[1])[None, :]
        away = self.rng.normal(0, 0.075, (len(some), 1, 2)) * (t**1.5)[..., None]
        bow = (
            self.rng.normal(0, 0.05, (len(some), 1, 2))
            * np.sin(np.pi * t * self.rng.uniform(0.6, 1.6, (len(some), 1)))[..., None]
        )
        for part, place in _groups(some + away + bow, 6, self.rng, 0.4):
            self.lines(part, self.shade(place + 0.1))


def _drawn_in(some: Bundle, whole: Bundle, margin: float) -> Bundle:
    """Strands moved towards the bundle's centre, so that lines wider by `margin` face units on each side stay inside it."""
    middle = whole.mean(0, keepdims=True)
    half = 1.7 * np.linalg.norm(whole.std(0, keepdims=True), axis=2, keepdims=True)  # an even spread reaches 1.7 deviations
    return np.asarray(middle + (some - middle) * np.clip(1 - margin / (half + 1e-9), 0.35, 1))


def _groups(bundle: Bundle, groups: int, rng: np.random.Generator, spread: float) -> list[tuple[Bundle, float]]:
    """The bundle in parts, each with its own random shade, -1 to 1, because one OpenCV call draws one colour."""
    places = rng.normal(0, spread, groups)
    return [(bundle[i::groups], float(np.clip(places[i], -1, 1))) for i in range(groups) if len(bundle[i::groups])]
