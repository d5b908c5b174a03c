"""Hairstyles: guide curves for a person's hair, and the layers painted from them.

Each style paints two layers: `behind` the head and body, and `before` them. Left means the picture's left.
"""

from collections.abc import Callable

import numpy as np

from curator.sample.canvas import Curve, Points, mirrored, oval, smooth
from curator.sample.person import Person
from curator.sample.pose import Pose
from curator.sample.strands import Bundle, Hair, Texture, sheet, texture_of

HEADROOM = {"afro": 2.2, "bun": 2.15, "quiff": 1.85}  # face units that a style needs above the eyes
PLAIN_HEADROOM = 1.65
LOOSE = Texture(wave=0.05, turns=1.3, clump=0.5, locks=3, stray=0.03)
SHORT = {
    "straight": Texture(wave=0.02, turns=0.8, clump=0.45, locks=22, stray=0.025),
    "wavy": Texture(wave=0.06, turns=1.6, clump=0.6, locks=18, stray=0.03, points=36),
    "curly": Texture(wave=0.075, turns=4, coil=0.8, clump=0.6, locks=20, stray=0.04, points=60),
}


def draw_hair(pose: Pose, person: Person, size: tuple[int, int], rng: np.random.Generator) -> tuple[Hair, Hair]:
    """The person's hair as two layers, behind and before the head; both are empty for a bald person."""
    behind, before = Hair(size, pose, person.tone, rng), Hair(size, pose, person.tone, rng)
    if person.style != "bald":
        STYLE[person.style](behind, before, person, rng)
    return behind, before


def _falling(behind: Hair, before: Hair, person: Person, rng: np.random.Generator, length: float, count: int = 1300) -> None:
    """Hair that parts on top and falls on both sides to y = `length` in face units, in front of the shoulders."""
    texture = texture_of(person.texture, length, rng)
    full = person.volume + {"straight": 0.0, "wavy": 0.05, "curly": 0.16}[person.texture]
    part = person.part * 0.7
    wide = 1.16 + full
    drape = [
        [(x * 0.8, -0.9), (x, 0.0), (x * 1.02, 0.8), (x * 0.98, max(length - 0.1, 0.9))] for x in np.linspace(-wide, wide, 5)
    ]
    right: Points = [(wide * 0.9, length * 0.85), (wide, 0.4), (wide * 0.9, -0.7)]
    behind.patch(smooth(np.concatenate([mirrored(right)[::-1], right]), 60, True), -0.95)
    behind.comb(sheet(drape, count // 3, texture, rng, 0.2), depth=-0.5, body=0.1, shine=None)
    for side in (-1, 1):
        before.comb(sheet(_curtain(side, part, full, length), count, texture, rng, 0.22), body=0.12, shine=(0.22, 0.42))
    _crown_line(before, part)


def _curtain(side: int, part: float, full: float, length: float) -> list[Curve]:
    """Guides from the parting over one temple down to the tips, from the face outwards."""
    p, reach = part * side, max(0.0, length - 1.0)
    tip = 0.76 - 0.1 * min(reach, 1)
    guides: list[Points] = [
        [(p, -0.98), ((p + 0.8) / 2, -0.86), (0.84, -0.42), (0.97, 0.2), (0.96, 0.75), (tip, length)],
        [(p, -1.12), ((p + 0.85) / 2, -1.06), (0.98, -0.6), (1.09, 0.1), (1.06, 0.8), (tip + 0.17, length + 0.08)],
        [
            (p, -1.28),
            ((p + 0.85) / 2, -1.27 - full / 3),
            (1.06 + full / 2, -0.75),
            (1.17 + full / 2, 0.1),
            (1.16 + full / 2, 0.85),
            (tip + 0.36, length + 0.04),
        ],
        [
            (p, -1.4 - full),
            ((p + 0.8) / 2, -1.42 - full),
            (1.08 + full, -0.9),
            (1.24 + full, 0.05),
            (1.26 + full, 0.9),
            (tip + 0.54, length - 0.06),
        ],
    ]
    return [np.asarray(guide, np.float64) * (side, 1) for guide in guides]


def _crown_line(before: Hair, part: float) -> None:
    """The parting: a short line where strands of both sides start."""
    line = smooth([(part, -0.97), (part * 0.95, -1.2), (part * 0.9, -1.34)], 12)[None]
    before.lines(line, before.shade(-0.85), 0.012)


def _long(behind: Hair, before: Hair, person: Person, rng: np.random.Generator) -> None:
    _falling(behind, before, person, rng, float(rng.uniform(2.1, 3.0)), 1600)


def _layered(behind: Hair, before: Hair, person: Person, rng: np.random.Generator) -> None:
    _falling(behind, before, person, rng, float(rng.uniform(1.5, 1.95)), 1500)


def _bob(behind: Hair, before: Hair, person: Person, rng: np.random.Generator) -> None:
    _falling(behind, before, person, rng, float(rng.uniform(1.05, 1.35)))
    if rng.random() < 0.5:
        _bangs(before, person, rng)


def _fringe(behind: Hair, before: Hair, person: Person, rng: np.random.Generator) -> None:
    _falling(behind, before, person, rng, float(rng.uniform(1.1, 2.6)), 1500)
    _bangs(before, person, rng)


def _bangs(before: Hair, person: Person, rng: np.random.Generator) -> None:
    texture = texture_of("straight" if person.texture == "straight" else "wavy", 0.8, rng)
    full = person.volume
    guides = [[(0.3 * x, -1.36 - full), (0.72 * x, -1.22 - full / 2), (0.95 * x, -0.85), (x, -0.4 + 0.22 * x * x)]
              for x in np.linspace(-0.86, 0.86, 7)]  # fmt: skip
    before.comb(sheet(guides, 1100, texture, rng, 0.14), body=0.1, shine=(0.35, 0.6))


def _clipped(before: Hair, rng: np.random.Generator, count: int, top: float, length: float, bulge: float = 0.0) -> None:
    """Hair of a few millimetres to a centimetre as short strokes that leave the crown, below y = `top` at the sides only."""
    spots = np.stack([rng.uniform(-1.1, 1.1, count), rng.uniform(-1.42, 0.14, count)], 1)
    x, y = np.abs(spots[:, 0]), spots[:, 1]
    skull = (x / (0.985 + bulge)) ** 2.4 + (np.abs(y + 0.1) / (1.25 + bulge)) ** 2.4 < 1
    edge = np.interp(x, [0, 0.5, 0.74, 0.82, 0.89, 1.0], [-0.84, -0.8, -0.6, -0.3, -0.02, 0.14]) + rng.normal(
        0, 0.025, len(spots)
    )
    spots = spots[skull & (y < edge) & ((y < top) | (x > 0.5))]
    away = spots - (0, -1.9) + rng.normal(0, 0.25, spots.shape)
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    strokes = np.stack([spots, spots + away * rng.uniform(0.5, 1.1, (len(spots), 1)) * length], 1)
    lit = (spots * np.array(before.pose.light[:2])).sum(1) * 0.6 - 0.55 + rng.normal(0, 0.25, len(spots))
    for part in np.array_split(np.argsort(lit + rng.normal(0, 0.4, len(spots))), 20):
        before.lines(strokes[part], before.shade(float(np.clip(lit[part].mean(), -1, 0.6))), 0.01)


def _short(behind: Hair, before: Hair, person: Person, rng: np.random.Generator) -> None:
    full, side = 0.08 + person.volume, -1 if person.part < 0 else 1
    _clipped(before, rng, 20000, -1.0, 0.13, 0.05)
    curl = SHORT[person.texture]
    sweep = [
        [(-0.62, -0.93), (-0.2, -0.98), (0.35, -0.86), (0.78, -0.62)],
        [(-0.64, -1.02), (-0.15, -1.14), (0.45, -1.05), (0.92, -0.6)],
        [(-0.64, -1.12), (-0.1, -1.36 - full / 2), (0.55, -1.24 - full / 2), (1.0, -0.66)],
        [(-0.62, -1.22), (-0.1, -1.48 - full), (0.62, -1.38 - full), (1.06, -0.72)],
    ]
    before.comb(sheet([np.array(guide) * (side, 1) for guide in sweep], 1900, curl, rng, 0.2), body=0.12, shine=(0.3, 0.55))


def _quiff(behind: Hair, before: Hair, person: Person, rng: np.random.Generator) -> None:
    _clipped(before, rng, 20000, -1.0, 0.1, 0.03)
    high, lean = 1.5 + person.volume, 0.5 * float(np.sign(person.part))
    texture = texture_of("wavy" if person.texture == "curly" else person.texture, 0.9, rng)

    def back(x: float) -> Points:
        top = -high + 0.3 * x * x
        return [
            (x * 0.95, -1.05),
            (x * 1.08 + lean * 0.1, -1.28),
            (x * 1.05 + lean * 0.35, top),
            (x * 0.95 + lean * 0.7, top + 0.05),
        ]

    def front(x: float) -> Points:
        top = -high + 0.12 + 0.42 * x * x
        return [
            (x * 1.04, -0.84 + 0.4 * x**4),
            (x * 1.04, -1.06),
            (x * 1.02 + lean * 0.3, top),
            (x * 0.9 + lean * 0.75, top + 0.1),
        ]

    places = [float(x) for x in np.linspace(-0.75, 0.75, 7)]
    before.comb(sheet([back(x) for x in places], 1200, texture, rng, 0.3), depth=-0.2, body=0.1, shine=(0.4, 0.7))
    before.comb(sheet([front(x) for x in places], 1300, texture, rng, 0.4), body=0.09, shine=(0.35, 0.7))


def _bun(behind: Hair, before: Hair, person: Person, rng: np.random.Generator) -> None:
    """Hair drawn up to a bun on the crown, with a few loose strands at the temples."""
    radius, top = float(rng.uniform(0.34, 0.46)), 1.34
    centre = np.array((person.part * 0.25, -top - radius * 0.72))
    behind.patch(oval(float(centre[0]), float(centre[1]), radius * 0.94, radius * 0.86), -0.7)
    coils = []
    for tilt in rng.uniform(0, np.pi, 260):
        turn = np.linspace(0, np.pi * 1.25, 30) + rng.uniform(0, 2 * np.pi)
        squeeze, size = rng.uniform(0.25, 1.0), radius * np.sqrt(rng.uniform(0.35, 1.06))
        ring = np.stack([np.cos(turn) * size, np.sin(turn) * size * squeeze], 1)
        cos, sin = np.cos(tilt), np.sin(tilt)
        coils.append(ring @ np.array([(cos, sin), (-sin, cos)]) * (1, 0.92) + centre)
    behind.comb(np.repeat(np.stack(coils), 3, 0) + rng.normal(0, 0.012, (780, 1, 2)), body=0.05, shine=(0.35, 0.65))
    texture = Texture(wave=0.015, turns=1, clump=0.25, locks=40, stray=0.014, points=24)
    right: list[Points] = [
        [(0.0, -0.86), (0.01, -1.08), (0.0, -top - 0.05)],
        [(0.42, -0.8), (0.36, -1.1), (0.07, -top - 0.05)],
        [(0.74, -0.6), (0.7, -1.02), (0.4, -1.3), (0.12, -top - 0.05)],
        [(0.91, -0.25), (0.92, -0.8), (0.58, -1.32), (0.18, -top - 0.05)],
        [(0.97, 0.1), (1.03, -0.62), (0.7, -1.3), (0.22, -top - 0.05)],
    ]
    guides = [smooth(np.array(guide) * (-1, 1), 12) for guide in right[:0:-1]] + [smooth(guide, 12) for guide in right]
    to_knot = np.linspace(0, 1, 12)[:, None] ** 2 * (centre[0], 0)
    before.comb(sheet([guide + to_knot for guide in guides], 2400, texture, rng, 0.03), body=0.1, shine=(0.3, 0.6))
    for side in (-1, 1):
        loose = [
            np.array([(0.8, -0.5), (0.93, -0.1), (0.92, 0.35), (0.98, 0.85)]) * (side, 1),
            np.array([(0.86, -0.45), (0.99, -0.1), (1.0, 0.35), (1.02, 0.95)]) * (side, 1),
        ]
        before.comb(sheet(loose, 45, LOOSE, rng, 0.4), body=0.0, shine=None)


def _afro(behind: Hair, before: Hair, person: Person, rng: np.random.Generator) -> None:
    """A round cloud of small coils."""
    wide, tall = float(rng.uniform(1.4, 1.6)), float(rng.uniform(1.25, 1.45))
    wobble = smooth(oval(0, -0.5, wide * 0.93, tall * 0.93, 14) + rng.normal(0, 0.035, (14, 2)), 120, True)
    behind.patch(wobble, -0.85)
    cap: Points = [(0, -1.6), (0.9, -1.3), (1.25, -0.4), (0.98, 0.1), (0.86, -0.45), (0.6, -0.78), (0, -0.88)]
    before.patch(smooth(np.concatenate([cap, mirrored(cap)[-2:0:-1]]), 100, True), -0.8)
    for layer, count in ((behind, 2600), (before, 2100)):
        centres = _spots(count, wide, tall, rng, face=layer is before)
        coils = _coils(centres, rng)
        light = np.array(layer.pose.light[:2])
        shade = centres @ light + 0.3 * light[1] + rng.normal(0, 0.25, len(centres))
        order = np.argsort(shade)
        for part in np.array_split(order, 14):
            place = float(np.clip(shade[part].mean() * 0.75 - 0.05, -0.9, 0.9))
            layer.lines(coils[part], layer.shade(place), 0.014)
            layer.lines(coils[part[::2]] + 0.02, layer.shade(place + 0.25))


def _spots(count: int, wide: float, tall: float, rng: np.random.Generator, face: bool) -> Curve:
    """Random points within the cloud, (N, 2); with `face`, only those that leave the face free."""
    turn, out = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.uniform(0, 1.0, count))
    spots = np.stack([np.cos(turn) * out * wide, -0.5 + np.sin(turn) * out * tall], 1)
    if not face:
        return spots
    brow = (spots[:, 0] / 0.92) ** 2 + ((spots[:, 1] - 0.4) / 1.3) ** 2 > 1
    return spots[brow & (spots[:, 1] < 0.2) & ((np.abs(spots[:, 0]) > 1.02) | (spots[:, 1] < -0.2))]


def _coils(centres: Curve, rng: np.random.Generator) -> Bundle:
    count = len(centres)
    turn = np.linspace(0, 2 * np.pi * 1.4, 16)[None] + rng.uniform(0, 2 * np.pi, (count, 1))
    radius = rng.uniform(0.03, 0.085, (count, 1)) * np.linspace(1, 0.45, 16)[None]
    drift = rng.normal(0, 0.05, (count, 1, 2)) * np.linspace(0, 1, 16)[None, :, None]
    return np.asarray(centres[:, None] + np.stack([np.cos(turn), np.sin(turn)], 2) * radius[..., None] + drift)


def _buzz(behind: Hair, before: Hair, person: Person, rng: np.random.Generator) -> None:
    _clipped(before, rng, 26000, 9, 0.06)


def _receding(behind: Hair, before: Hair, person: Person, rng: np.random.Generator) -> None:
    """A high forehead: full sides, some strands combed over the top."""
    _clipped(before, rng, 20000, -9, 0.11, 0.04)
    texture = Texture(wave=0.02, turns=0.8, clump=0.4, locks=16, stray=0.03)
    side = -1 if person.part < 0 else 1
    combed = [
        np.array([(-0.68, -1.02), (-0.2, -1.2), (0.3, -1.2), (0.72, -1.0)]) * (side, 1),
        np.array([(-0.68, -1.1), (-0.15, -1.4), (0.4, -1.38), (0.84, -1.02)]) * (side, 1),
    ]
    before.comb(sheet(combed, int(rng.integers(900, 1400)), texture, rng, 0.3), body=0.05, shine=(0.3, 0.6))


STYLE: dict[str, Callable[[Hair, Hair, Person, np.random.Generator], None]] = {
    "long": _long,
    "layered": _layered,
    "bob": _bob,
    "fringe": _fringe,
    "short": _short,
    "quiff": _quiff,
    "bun": _bun,
    "afro": _afro,
    "buzz": _buzz,
    "receding": _receding,
}
