"""Brushes: smooth curves, soft filled shapes and tapered strokes on a float picture.

In this package a curve is float (N, 2) as (x, y), in pixels or in face units (see pose.py), because nearly all of it calls
OpenCV. A scene is float32 (H, W, 3) RGB, 0..255, painted in place. A colour is (red, green, blue), 0..255.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.floating]  # (N, 2) as (x, y)
Scene = NDArray[np.float32]  # (H, W, 3) RGB, 0..255
Cover = NDArray[np.float32]  # (H, W), 0..1: how much of a pixel something covers
Colour = tuple[float, float, float]
Points = Sequence[tuple[float, float]]

SUBPIXEL = 4  # bits: OpenCV takes fixed-point coordinates


def blend(a: Colour, b: Colour, share: float) -> Colour:
    """The colour `share` (0..1) of the way from a to b.

    >>> blend((0, 0, 0), (100, 200, 50), 0.5)
    (50.0, 100.0, 25.0)
    """
    red, green, blue = (x + (y - x) * share for x, y in zip(a, b, strict=True))
    return red, green, blue


def fixed(points: Curve) -> NDArray[np.int32]:
    """Points in pixels as OpenCV's fixed-point integers, int32 (..., 2), for calls with shift=SUBPIXEL."""
    return np.rint(np.asarray(points) * (1 << SUBPIXEL)).astype(np.int32)


def smooth(points: Points | Curve, count: int = 48, closed: bool = False) -> Curve:
    """A uniform Catmull-Rom spline of `count` points, float64 (count, 2), through two or more given ones.

    Each span is the cubic of Catmull and Rom 1974, doi:10.1016/B978-0-12-079050-0.50020-5, with tension 1/2.
    """
    p = np.asarray(points, np.float64)
    before, after = (p[-1:], p[:2]) if closed else (2 * p[:1] - p[1:2], 2 * p[-1:] - p[-2:-1])
    p = np.concatenate([before, p, after])
    spans = len(p) - 3
    at = np.linspace(0, spans, count, endpoint=not closed)
    i = np.minimum(at.astype(int), spans - 1)
    t = (at - i)[:, None]
    a, b, c, d = p[i], p[i + 1], p[i + 2], p[i + 3]
    curve: Curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - 3 * c + d - a) * t**3)
    return curve


def mirrored(points: Points | Curve) -> Curve:
    """The points mirrored at x = 0."""
    return np.asarray(points, np.float64) * (-1, 1)


def moved(curve: Points | Curve, x: float, y: float) -> Curve:
    """The curve, x further right and y further down."""
    return np.add(np.asarray(curve, np.float64), (x, y))


def ink(colour: Colour) -> NDArray[np.float32]:
    """A colour as float32 (3,), to multiply scenes with or add to them."""
    return np.asarray(colour, np.float32)


def oval(x: float, y: float, rx: float, ry: float, count: int = 40) -> Curve:
    """The outline of an upright ellipse with centre (x, y) and half axes rx, ry: float64 (count, 2)."""
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([x + rx * np.cos(turn), y + ry * np.sin(turn)], 1)


def box(left: float, top: float, right: float, bottom: float) -> Curve:
    """The outline of an upright rectangle: float64 (4, 2)."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)


def ribbon(curve: Curve, widths: Sequence[float] | Curve) -> Curve:
    """The outline of a stroke along a curve, (2 N, 2); `widths`, in the curve's unit, are spread evenly over its length."""
    step = np.gradient(curve, axis=0)
    across = np.stack([-step[:, 1], step[:, 0]], 1) / (np.hypot(step[:, 0], step[:, 1])[:, None] + 1e-9)
    width = np.interp(np.linspace(0, 1, len(curve)), np.linspace(0, 1, len(widths)), np.asarray(widths, np.float64))
    side = across * (width / 2)[:, None]
    return np.concatenate([curve + side, (curve - side)[::-1]])


def blurred(picture: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """A Gaussian blur of `sigma` pixels. Wide ones work on a smaller picture, which looks the same and costs a fraction."""
    if sigma <= 0:
        return picture
    height, width = picture.shape[:2]
    shrink = int(min(8, max(1, sigma // 3), height, width))
    if shrink == 1:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)
    small = cv2.resize(picture, (max(1, width // shrink), max(1, height // shrink)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrink, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def cover_of(shape: tuple[int, int], outline: Curve, soft: float = 0.0) -> Cover:
    """How much of each pixel of an (H, W) picture the outline covers, 0..1, blurred by `soft` pixels."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [fixed(outline)], 255, cv2.LINE_AA, SUBPIXEL)
    return blurred(mask.astype(np.float32) / np.float32(255), soft)


def window_of(shape: tuple[int, ...], outline: Curve, margin: float) -> tuple[slice, slice] | None:
    """The rows and columns that an outline with a margin in pixels can reach; None if it lies outside the picture."""
    left, top = np.floor(outline.min(0) - margin).astype(int)
    right, bottom = np.ceil(outline.max(0) + margin).astype(int)
    rows, columns = slice(max(0, top), min(shape[0], bottom)), slice(max(0, left), min(shape[1], right))
    return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None


def fill(scene: Scene, outline: Curve, colour: Colour, soft: float = 0.0, strength: float = 1.0,
         within: Cover | None = None, multiply: bool = False) -> None:  # fmt: skip
    """Paint a shape onto the scene, only where `within` allows.

    Args:
        scene: painted in place.
        outline: the shape, in pixels.
        colour: 0..255; with `multiply`, 255 leaves a channel as it is (a shadow keeps what it falls on).
        soft: the blur of its edge, in pixels.
        strength: opacity, 0..1.
        within: cover of the whole scene that clips the shape; None for everywhere.
        multiply: darken instead of covering.
    """
    window = window_of(scene.shape, outline, 3 * soft + 2)
    if window is None:
        return
    rows, columns = window
    part = scene[window]
    cover = cover_of((part.shape[0], part.shape[1]), outline - (columns.start, rows.start), soft) * np.float32(strength)
    if within is not None:
        cover = cover * within[window]
    paint = ink(colour)
    target = part * (paint / 255) if multiply else paint
    part += cover[..., None] * (target - part)


def stroke(scene: Scene, curve: Curve, widths: Sequence[float], colour: Colour, soft: float = 0.0,
           strength: float = 1.0, within: Cover | None = None, multiply: bool = False) -> None:  # fmt: skip
    """Paint a tapered stroke; the arguments are those of `fill` and `ribbon`."""
    fill(scene, ribbon(curve, widths), colour, soft, strength, within, multiply)
