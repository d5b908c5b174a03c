"""Invented people: the features that stay the same in all portraits of one person."""

from dataclasses import dataclass

import numpy as np

from curator.sample.canvas import Colour


@dataclass(frozen=True)
class Tone:
    """One material in three lights."""

    dark: Colour
    mid: Colour
    light: Colour


HAIR: dict[str, Tone] = {
    "black": Tone((16, 14, 18), (40, 36, 42), (104, 100, 114)),
    "dark brown": Tone((34, 21, 15), (72, 46, 33), (142, 98, 68)),
    "chestnut": Tone((58, 28, 17), (114, 62, 36), (188, 120, 74)),
    "auburn": Tone((76, 24, 15), (142, 56, 29), (214, 116, 66)),
    "copper": Tone((118, 42, 16), (194, 86, 38), (248, 160, 94)),
    "dark blonde": Tone((92, 66, 38), (158, 122, 76), (220, 188, 134)),
    "golden": Tone((134, 94, 46), (206, 164, 94), (252, 226, 164)),
    "platinum": Tone((150, 136, 116), (220, 209, 190), (255, 251, 242)),
    "grey": Tone((70, 72, 77), (136, 138, 145), (208, 210, 216)),
    "silver": Tone((118, 122, 130), (194, 198, 206), (248, 250, 253)),
    "blue": Tone((18, 34, 88), (44, 92, 176), (128, 184, 244)),
    "pink": Tone((132, 36, 84), (222, 100, 154), (255, 184, 212)),
    "violet": Tone((52, 24, 84), (112, 66, 164), (186, 148, 230)),
    "teal": Tone((8, 62, 66), (28, 136, 138), (124, 214, 204)),
}
NATURAL = ["black", "dark brown", "chestnut", "auburn", "copper", "dark blonde", "golden", "platinum"]
DYED = ["blue", "pink", "violet", "teal"]

SKIN: list[Tone] = [
    Tone((203, 143, 122), (247, 214, 194), (255, 240, 228)),
    Tone((190, 128, 102), (241, 201, 173), (255, 232, 212)),
    Tone((172, 110, 82), (229, 181, 145), (253, 217, 186)),
    Tone((146, 90, 62), (210, 157, 116), (241, 197, 158)),
    Tone((118, 70, 47), (184, 130, 91), (222, 171, 130)),
    Tone((90, 52, 36), (153, 102, 70), (199, 146, 108)),
    Tone((66, 38, 29), (120, 77, 54), (171, 121, 91)),
    Tone((48, 28, 23), (94, 60, 45), (148, 104, 82)),
]
IRIS: list[Colour] = [(92, 58, 34), (62, 38, 24), (112, 84, 44), (84, 112, 74), (86, 124, 158), (112, 130, 142)]

STYLES = ["long", "bob", "short", "quiff", "bun", "afro", "buzz", "receding", "layered", "fringe"]
MASCULINE = {"short", "quiff", "buzz", "receding", "bald"}  # mostly: affects lips, lashes and stubble


@dataclass(frozen=True)
class Person:
    """Features shared by all of a contributor's portraits. Lengths are in face units (pose.py), shares 0..1."""

    style: str  # one of STYLES, or "bald"
    texture: str  # straight, wavy or curly
    tone: Tone
    skin: Tone
    iris: Colour
    makeup: float  # share
    jaw: float  # width of the jaw, about 1
    chin: float  # how much longer or shorter than usual
    lips: float  # fullness, about 1
    nose: float  # width, about 1
    eyes: float  # size, about 1
    brows: float  # thickness, about 1
    part: float  # where the hair parts, -1 left to 1 right
    volume: float  # how far the hair stands off the skull
    freckles: bool
    stubble: float  # share
    glasses: bool
    age: float  # 0 young to 1 old

    @property
    def dyed(self) -> bool:
        """Whether the hair has an unnatural colour."""
        return any(self.tone is HAIR[name] for name in DYED)


def draw_person(rng: np.random.Generator, style: str | None = None) -> Person:
    """An invented person, with a random style of STYLES if none is given."""
    style = style or str(rng.choice(STYLES))
    age = float(rng.uniform(0.6, 1.0) if style in ("receding", "bald") else rng.uniform(0, 0.7) ** 1.6)
    masculine = style in MASCULINE and rng.random() < 0.9
    skin = SKIN[_skin_index(rng, style)]
    return Person(
        style=style,
        texture="curly" if style == "afro" else str(rng.choice(["straight", "wavy", "curly"], p=[0.42, 0.36, 0.22])),
        tone=HAIR[_hair_name(rng, style, age, skin)],
        skin=skin,
        iris=IRIS[int(rng.integers(0, 6 if skin in SKIN[:4] else 3))],
        makeup=float(rng.uniform(0.0, 0.2) if masculine else rng.uniform(0.3, 1.0)),
        jaw=float(rng.uniform(1.0, 1.09) if masculine else rng.uniform(0.92, 1.02)),
        chin=float(rng.uniform(-0.02, 0.09)),
        lips=float(rng.uniform(0.7, 0.95) if masculine else rng.uniform(0.95, 1.25)),
        nose=float(rng.uniform(0.95, 1.2) if masculine else rng.uniform(0.82, 1.05)),
        eyes=float(rng.uniform(0.88, 1.0) if masculine else rng.uniform(0.98, 1.12)),
        brows=float(rng.uniform(1.1, 1.5) if masculine else rng.uniform(0.7, 1.05)),
        part=float(rng.uniform(-0.5, 0.5)),
        volume=float(rng.uniform(0.02, 0.2)),
        freckles=bool(rng.random() < 0.25 and skin in SKIN[:4]),
        stubble=float(rng.uniform(0.1, 0.6)) if masculine else 0.0,
        glasses=bool(rng.random() < 0.16),
        age=age,
    )


def _skin_index(rng: np.random.Generator, style: str) -> int:
    return int(rng.integers(3, len(SKIN))) if style == "afro" else int(rng.integers(0, len(SKIN)))


def _hair_name(rng: np.random.Generator, style: str, age: float, skin: Tone) -> str:
    if age > 0.55:
        return str(rng.choice(["grey", "silver", "grey", "dark brown"]))
    if style == "afro":
        return str(rng.choice(["black", "dark brown", "chestnut", "copper", "pink"], p=[0.35, 0.25, 0.2, 0.1, 0.1]))
    if rng.random() < 0.16 and style != "buzz":
        return str(rng.choice(DYED))
    if skin in SKIN[4:] and rng.random() < 0.7:
        return str(rng.choice(NATURAL[:3]))
    return str(rng.choice(NATURAL))
