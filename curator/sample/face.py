"""Head, features, neck and clothes, painted over a backdrop. Everything is placed in face units (see pose.py)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from curator.sample.canvas import (
    Colour,
    Cover,
    Curve,
    Points,
    Scene,
    blend,
    blurred,
    cover_of,
    fill,
    ink,
    mirrored,
    moved,
    oval,
    ribbon,
    smooth,
    window_of,
)
from curator.sample.person import HAIR, Person, Tone
from curator.sample.pose import Pose

CLOTH: list[Colour] = [(46, 58, 84), (206, 196, 182), (142, 62, 58), (70, 98, 86), (232, 230, 226), (52, 50, 54),
                       (204, 150, 84), (128, 134, 158), (176, 120, 130), (94, 122, 150), (226, 188, 176)]  # fmt: skip
NECKLINES = ["crew", "v", "scoop", "collar", "turtle"]
SHAPE_STEP = 2  # the relief is computed at half size: it has no fine lines


@dataclass(frozen=True)
class Easel:
    """Paints shapes given in face units onto a scene in pixels."""

    scene: Scene
    pose: Pose

    def shape(self, outline: Points | Curve, colour: Colour, soft: float = 0.0, strength: float = 1.0,
              within: Cover | None = None, multiply: bool = False) -> None:  # fmt: skip
        """`canvas.fill` in face units."""
        fill(self.scene, self.pose.pixels(outline), colour, soft * self.pose.unit, strength, within, multiply)

    def line(self, points: Points | Curve, widths: Sequence[float], colour: Colour, soft: float = 0.0,
             strength: float = 1.0, within: Cover | None = None, multiply: bool = False) -> None:  # fmt: skip
        """`canvas.stroke` in face units, through a smooth curve."""
        self.shape(ribbon(smooth(points), widths), colour, soft, strength, within, multiply)

    def cover(self, outline: Points | Curve, soft: float = 0.0) -> Cover:
        """`canvas.cover_of` in face units."""
        height, width = self.scene.shape[:2]
        return cover_of((height, width), self.pose.pixels(outline), soft * self.pose.unit)


def head_outline(person: Person) -> Curve:
    """The head without ears, in face units."""
    jaw, chin = person.jaw, 1.42 + person.chin
    right: Points = [(0, -1.34), (0.45, -1.25), (0.8, -0.95), (0.96, -0.45), (0.985, 0.1), (0.93 * (0.5 + jaw / 2), 0.55),
                     (0.77 * jaw, 0.95), (0.47 * jaw, chin - 0.13), (0.2 * jaw, chin - 0.01)]  # fmt: skip
    return smooth(np.concatenate([right, [(0, chin)], mirrored(right[1:])[::-1]]), 120, closed=True)


def paint_body(scene: Scene, pose: Pose, person: Person, rng: np.random.Generator) -> Cover:
    """Paint neck, shoulders and clothes onto the scene, in place. Returns what they cover, float32 (H, W), 0..1."""
    easel = Easel(scene, pose)
    skin, cloth = person.skin, CLOTH[int(rng.integers(len(CLOTH)))]
    broad = 2.15 + 2.2 * (person.jaw - 0.95)
    neck = _both([(0.0, 0.6), (0.5, 0.7), (0.5, 1.4), (0.55, 1.75), (0.82, 1.97), (1.5, 2.2), (1.6, 3.2), (0, 3.4)])
    shoulders = _both([(0, 1.9), (0.66, 1.84), (1.15, 2.02), (broad - 0.35, 2.24), (broad, 2.7), (broad + 0.15, 5.2), (0, 5.4)])
    easel.shape(neck, blend(skin.mid, skin.dark, 0.28))
    neck_cover = easel.cover(neck)
    side = np.sign(pose.light[0])
    easel.shape(oval(-side * 0.55, 1.55, 0.4, 0.8), skin.dark, 0.14, 0.7, neck_cover)
    easel.shape(oval(side * 0.5, 1.75, 0.18, 0.5), skin.light, 0.16, 0.35, neck_cover)
    easel.line([(-0.5, 2.12), (-0.25, 2.2), (-0.06, 2.27)], [0.0, 0.05, 0.0], skin.dark, 0.02, 0.5)
    easel.line([(0.5, 2.12), (0.25, 2.2), (0.06, 2.27)], [0.0, 0.05, 0.0], skin.dark, 0.02, 0.5)
    easel.shape(oval(-side * 0.1, 1.3, 0.7, 0.42), blend(skin.dark, (40, 16, 16), 0.22), 0.09, 0.9, neck_cover)
    clothes = _clothes(easel, shoulders, cloth, str(rng.choice(NECKLINES)), skin)
    return np.maximum(neck_cover, clothes)


def _clothes(easel: Easel, shoulders: Curve, cloth: Colour, neckline: str, skin: Tone) -> Cover:
    """Paint the garment with its opening, in place. Returns what it covers, float32 (H, W), 0..1."""
    dark, light = blend(cloth, (18, 14, 26), 0.45), blend(cloth, (255, 250, 240), 0.3)
    opening = {
        "crew": oval(0, 1.83, 0.66, 0.34),
        "v": smooth([(-0.62, 1.78), (0, 1.5), (0.62, 1.78), (0.3, 2.35), (0, 2.72), (-0.3, 2.35)], 60, closed=True),
        "scoop": oval(0, 1.85, 0.84, 0.62),
        "collar": smooth([(-0.6, 1.75), (0, 1.5), (0.6, 1.75), (0.2, 2.2), (0, 2.42), (-0.2, 2.2)], 60, closed=True),
        "turtle": oval(0, 1.2, 0.5, 0.1),
    }[neckline]
    cover = easel.cover(shoulders) * (1 - easel.cover(opening))
    if neckline == "turtle":
        cover = np.maximum(cover, easel.cover([(-0.64, 1.5), (0.64, 1.5), (0.74, 2.1), (-0.74, 2.1)]))
    easel.shape(shoulders * (1, 1.0) + (0, 0.06), skin.dark, 0.06, 0.4)
    easel.shape(_everywhere(), cloth, within=cover)
    side = np.sign(easel.pose.light[0])
    easel.shape(oval(-side * 1.9, 3.2, 1.2, 1.9), dark, 0.4, 0.75, cover)
    easel.shape(oval(side * 1.35, 2.35, 0.7, 0.25), light, 0.22, 0.7, cover)
    _neckline(easel, neckline, opening, cloth, cover)
    return np.asarray(cover, np.float32)


def _neckline(easel: Easel, neckline: str, opening: Curve, cloth: Colour, cover: Cover) -> None:
    dark, light = blend(cloth, (18, 14, 26), 0.5), blend(cloth, (255, 250, 240), 0.35)
    if neckline in ("crew", "scoop", "v"):
        rim = np.concatenate([opening, opening[:1]])
        easel.shape(ribbon(rim, [0.16]), dark, 0.01, 0.35, cover)
        easel.shape(ribbon(rim, [0.11]), light, 0.005, 0.4, cover)
    elif neckline == "collar":
        flap = [(0.54, 1.58), (0.74, 1.84), (0.42, 2.44), (0.02, 2.4)]
        for points in (moved(flap, 0, 0), mirrored(flap)):
            easel.shape(moved(points, 0, 0.05), dark, 0.03, 0.6, cover)
            easel.shape(points, light)
        easel.line([(0, 2.45), (0, 3.2), (0, 4.4)], [0.025], dark, 0.005, 0.7, cover)
        for y in (2.75, 3.25):
            easel.shape(oval(0.07, y, 0.04, 0.04), dark, 0.004, 0.8, cover)
    else:
        easel.line([(-0.66, 1.62), (0, 1.8), (0.66, 1.62)], [0.03, 0.05, 0.03], dark, 0.02, 0.5, cover)
        easel.line([(-0.72, 2.06), (0, 2.26), (0.72, 2.06)], [0.04, 0.09, 0.04], dark, 0.03, 0.6, cover)
        for x in np.linspace(-0.5, 0.5, 7):
            easel.line([(x, 1.6), (x * 1.06, 1.85), (x * 1.1, 2.1)], [0.02], dark, 0.008, 0.25, cover)


def paint_head(scene: Scene, pose: Pose, person: Person, rng: np.random.Generator) -> Cover:
    """Paint ears, head and features onto the scene, in place. Returns what the head covers, float32 (H, W), 0..1."""
    easel = Easel(scene, pose)
    ears = _ears(easel, person)
    outline = head_outline(person)
    cover = easel.cover(outline)
    _skin(easel, person, cover)
    easel.shape(ribbon(np.concatenate([outline, outline[:1]]), [0.08]), person.skin.dark, 0.04, 0.35, cover)
    smile, mouth_open = float(rng.uniform(0.25, 1.0)), bool(rng.random() < 0.4)
    _blush(easel, person, cover, rng)
    _nose(easel, person)
    _mouth(easel, person, smile, mouth_open)
    gaze = float(rng.uniform(-0.04, 0.04))
    for side in (-1, 1):
        _eye(easel, person, side, gaze, smile)
        _brow(easel, person, side, rng)
    if person.age > 0.5:
        _lines(easel, person)
    if person.glasses:
        _glasses(easel, rng)
    return np.maximum(cover, ears)


def _skin(easel: Easel, person: Person, cover: Cover) -> None:
    """Light on the relief of a face: dark, mid and light tones by how much each spot faces the light."""
    skin, outline = person.skin, easel.pose.pixels(head_outline(person))
    window = window_of(easel.scene.shape, outline, easel.pose.unit * 0.1)
    if window is None:
        return
    part, cover = easel.scene[window], cover[window]
    pose = replace(easel.pose, x=easel.pose.x - window[1].start, y=easel.pose.y - window[0].start)
    height, width = part.shape[:2]
    x, y = pose.grid(height, width, SHAPE_STEP)
    relief = _relief(x, y, pose.turn, person)
    down, right = np.gradient(relief, SHAPE_STEP / pose.unit)
    facing = (pose.light[2] - pose.light[0] * right - pose.light[1] * down) / np.sqrt(1 + right**2 + down**2)
    facing = cv2.resize(blurred(facing.astype(np.float32), pose.unit * 0.02), (width, height))[..., None]
    lit = np.clip((facing - 0.1) / 0.72, 0, 1)
    shine = np.clip((facing - 0.86) / 0.14, 0, 1) * 0.55
    tone = ink(skin.dark) * (1 - lit) + ink(skin.mid) * lit
    tone += (ink(skin.light) - tone) * shine
    part += cover[..., None] * (tone - part)


def _relief(x: Curve, y: Curve, turn: float, person: Person) -> Curve:
    """Height of the face towards the viewer, in face units, at coordinates in face units; same shape as x and y."""

    def bump(cx: float, cy: float, rx: float, ry: float) -> Curve:
        return np.asarray(np.exp(-(((x - cx) / rx) ** 2) - ((y - cy) / ry) ** 2))

    both = (-1, 1)
    relief = 0.85 * np.sqrt(np.clip(1.12 - (x / 1.05) ** 2 - ((y - 0.05) / 1.52) ** 2, 0.02, None))
    ridge = (
        np.exp(-(((x - turn) / (0.12 * person.nose)) ** 2)) / (1 + np.exp(-(y - 0.12) / 0.1)) / (1 + np.exp((y - 0.6) / 0.035))
    )
    relief += 0.1 * ridge + 0.12 * bump(turn, 0.54, 0.17 * person.nose, 0.12)
    for side in both:
        relief += 0.045 * bump(turn + side * 0.17 * person.nose, 0.6, 0.08, 0.075)
        relief -= 0.075 * bump(turn + side * 0.43, 0.02, 0.26, 0.17)
        relief += 0.03 * bump(turn + side * 0.45, -0.26, 0.3, 0.1)
        relief += 0.055 * bump(turn + side * 0.56, 0.45, 0.26, 0.22)
    relief += 0.05 * bump(turn, 0.93, 0.3, 0.14) - 0.04 * bump(turn, 1.13, 0.2, 0.06) + 0.05 * bump(turn, 1.27, 0.22, 0.12)
    return np.asarray(relief)


def _ears(easel: Easel, person: Person) -> Cover:
    skin, cover = person.skin, np.zeros(easel.scene.shape[:2], np.float32)
    for side in (-1, 1):
        lit = 0.35 if side * easel.pose.light[0] > 0 else 0.75
        flip = (side, 1)
        ear = smooth(
            np.array([(0.93, -0.12), (1.06, -0.22), (1.15, -0.08), (1.12, 0.2), (1.04, 0.42), (0.92, 0.44)]) * flip, 40, True
        )
        easel.shape(ear, blend(skin.mid, skin.dark, lit))
        easel.line(
            np.array([(0.98, -0.08), (1.07, -0.1), (1.07, 0.1), (1.0, 0.28)]) * flip, [0.02, 0.06, 0.02], skin.dark, 0.02, 0.7
        )
        cover = np.maximum(cover, easel.cover(ear))
    return cover


def _blush(easel: Easel, person: Person, cover: Cover, rng: np.random.Generator) -> None:
    """Warm cheeks and nose, freckles, the shadow of a beard."""
    skin, turn = person.skin, easel.pose.turn
    rose = blend(skin.mid, (226, 84, 78), 0.55)
    for side in (-1, 1):
        easel.shape(oval(turn + side * 0.56, 0.46, 0.2, 0.15), rose, 0.12, 0.22 + 0.25 * person.makeup, cover)
    easel.shape(oval(turn, 0.56, 0.13, 0.09), rose, 0.07, 0.22, cover)
    if person.stubble:
        jaw = smooth(_both([(0, 0.76), (0.35, 0.78), (0.62, 0.62), (0.98, 0.3), (0.98, 1.6), (0, 1.7)]), 80, True)
        easel.shape(jaw, blend(person.tone.dark, (120, 120, 130), 0.5), 0.12, 0.3 * person.stubble, cover)
    if person.freckles:
        for _ in range(60):
            x, y = turn + rng.normal(0, 0.42), rng.normal(0.42, 0.13)
            size = float(rng.uniform(0.008, 0.018))
            easel.shape(oval(x, y, size, size, 8), blend(skin.dark, (150, 84, 50), 0.5), 0.004, 0.5, cover)


def _nose(easel: Easel, person: Person) -> None:
    skin, turn, wide = person.skin, easel.pose.turn, person.nose
    deep = blend(skin.dark, (60, 20, 20), 0.35)
    side = -np.sign(easel.pose.light[0])
    easel.shape(oval(turn, 0.71, 0.19 * wide, 0.035), skin.dark, 0.03, 0.6)
    easel.line(
        [(turn + side * 0.15, -0.12), (turn + side * 0.1, 0.15), (turn + side * 0.11, 0.42)],
        [0.0, 0.06, 0.03],
        skin.dark,
        0.04,
        0.4,
    )
    for flip in (-1, 1):
        wing = [(turn + flip * 0.19 * wide, 0.51), (turn + flip * 0.235 * wide, 0.6), (turn + flip * 0.17 * wide, 0.67)]
        easel.line(wing, [0.0, 0.028, 0.01], deep, 0.012, 0.6)
        hole = [(turn + flip * 0.05 * wide, 0.655), (turn + flip * 0.1 * wide, 0.63), (turn + flip * 0.155 * wide, 0.655)]
        easel.line(hole, [0.015, 0.045, 0.015], deep, 0.01, 0.9)
    easel.shape(oval(turn - side * 0.03, 0.5, 0.045, 0.05), blend(skin.light, (255, 255, 255), 0.4), 0.03, 0.55)
    easel.line([(turn - side * 0.02, -0.05), (turn - side * 0.02, 0.4)], [0.0, 0.05, 0.02], skin.light, 0.03, 0.4)


def _mouth(easel: Easel, person: Person, smile: float, opened: bool) -> None:
    skin, turn, full = person.skin, easel.pose.turn, person.lips
    lip = blend(blend(skin.mid, (176, 70, 72), 0.42), blend((192, 48, 68), skin.dark, 0.35), 0.5 * person.makeup)
    deep, glow = blend(lip, (50, 10, 16), 0.6), blend(lip, (255, 232, 226), 0.55)
    wide, lift = 0.3 + 0.06 * smile, 0.055 * smile
    part = 0.09 * smile + 0.03 if opened else 0.0
    y = 0.95

    def lips(*right: tuple[float, float]) -> Curve:
        """A line from corner to corner, given from the middle (x = 0) to the right, y from the seam downwards."""
        half = moved([*right, (wide, -lift)], 0, y)
        return smooth(moved(np.concatenate([mirrored(half)[:0:-1], half]), turn, 0))

    seam_top = lips((0, 0.015), (0.14, 0.005))
    seam_low = lips((0, 0.015 + part), (0.16, 0.01 + part * 0.8))
    top = lips((0, -0.08 * full), (0.06, -0.105 * full), (0.16, -0.075 * full))
    low = lips((0, part + 0.15 * full), (0.17, part + 0.105 * full))
    easel.shape(oval(turn, y + part + 0.2 * full, 0.17, 0.035), skin.dark, 0.04, 0.5)
    if opened:
        gap = np.concatenate([seam_top, seam_low[::-1]])
        inside = easel.cover(gap)
        easel.shape(gap, (74, 24, 28))
        easel.shape(oval(turn, y - 0.01, wide * 0.78, 0.02 + part * 0.72), (248, 243, 236), 0.012, 0.97, inside)
        easel.shape(seam_top, (74, 24, 28), 0.02, 0.25, inside)
    easel.shape(np.concatenate([top, seam_top[::-1]]), blend(lip, deep, 0.22), 0.008)
    easel.shape(np.concatenate([seam_low, low[::-1]]), lip, 0.008)
    easel.shape(oval(turn + 0.05 * np.sign(easel.pose.light[0]), y + part + 0.072 * full, 0.11, 0.022), glow, 0.02, 0.6)
    if not opened:
        easel.shape(ribbon(seam_top, [0.008, 0.028, 0.02, 0.028, 0.008]), deep, 0.004, 0.9)
    for side in (-1, 1):
        corner = (turn + side * (wide + 0.01), y - lift)
        easel.shape(oval(corner[0], corner[1], 0.03, 0.03), deep, 0.02, 0.5)
        if smile > 0.4:
            fold = [(turn + side * 0.3, 0.62), (turn + side * (wide + 0.1), 0.78), (turn + side * (wide + 0.11), 0.95)]
            easel.line(fold, [0.0, 0.03, 0.0], skin.dark, 0.02, 0.35 * smile)


def _eye(easel: Easel, person: Person, side: int, gaze: float, smile: float) -> None:
    skin, size = person.skin, person.eyes
    middle_x = easel.pose.turn + side * 0.43
    flip = np.array((side, 1.0)) * size
    lower_lift = 0.02 * smile

    def placed(points: Points) -> Curve:
        return moved(np.asarray(points, np.float64) * flip, middle_x, 0)

    upper = smooth(placed([(-0.215, 0.045), (-0.13, -0.07), (0.01, -0.12), (0.14, -0.075), (0.23, 0.005)]))
    lower = smooth(
        placed(
            [(-0.215, 0.045), (-0.1, 0.085 - lower_lift), (0.03, 0.1 - lower_lift), (0.15, 0.07 - lower_lift), (0.23, 0.005)]
        )
    )
    almond = np.concatenate([upper, lower[::-1]])
    lash = blend(skin.dark, (20, 14, 16), 0.85)
    shadow = blend(skin.dark, (96, 58, 76), 0.35 + 0.35 * person.makeup)
    easel.shape(moved(upper, 0, -0.05), shadow, 0.06, 0.45 + 0.25 * person.makeup)
    inside = easel.cover(almond, 0.004)
    easel.shape(almond, (243, 239, 235))
    iris_x, iris_y, radius = middle_x + gaze, -0.012, 0.112 * size
    easel.shape(oval(iris_x, iris_y, radius, radius), blend(person.iris, (12, 10, 14), 0.65), 0.006, 1, inside)
    easel.shape(oval(iris_x, iris_y + 0.006, radius * 0.85, radius * 0.85), person.iris, 0.012, 1, inside)
    easel.shape(
        oval(iris_x, iris_y + 0.045, radius * 0.55, radius * 0.4), blend(person.iris, (255, 236, 190), 0.5), 0.02, 0.75, inside
    )
    easel.shape(oval(iris_x, iris_y, radius * 0.45, radius * 0.45), (10, 8, 10), 0.006, 1, inside)
    easel.shape(moved(upper, 0, 0.015), (64, 48, 56), 0.03, 0.6, inside)
    glint = np.sign(easel.pose.light[0]) * 0.038
    easel.shape(oval(iris_x + glint, iris_y - 0.04, 0.026, 0.028), (255, 255, 255), 0.004, 1, inside)
    easel.shape(oval(iris_x - glint * 0.8, iris_y + 0.04, 0.014, 0.014), (255, 255, 255), 0.004, 0.5, inside)
    easel.shape(ribbon(lower, [0.01, 0.014, 0.018]), blend(skin.dark, (120, 50, 50), 0.3), 0.006, 0.75)
    easel.shape(ribbon(upper, [0.012, 0.034, 0.04 + 0.012 * person.makeup, 0.045, 0.02]), lash, 0.003)
    easel.line(upper[::12] * (1, 1) + (0, -0.075), [0.0, 0.016, 0.02, 0.008], blend(skin.dark, (50, 20, 20), 0.3), 0.008, 0.75)
    _lashes(easel, person, upper, side, lash)


def _lashes(easel: Easel, person: Person, upper: Curve, side: int, lash: Colour) -> None:
    if person.makeup < 0.25:
        return
    for at in np.linspace(0.45, 1.0, 8):
        root = upper[int(at * (len(upper) - 1))]
        reach = 0.03 + 0.04 * at
        tip = moved(root, side * (at - 0.4) * reach * 1.3, -reach * (1.15 - 0.5 * at))
        middle = moved((root + tip) / 2, side * 0.012, 0.006)
        easel.line(np.stack([root, middle, tip]), [0.014, 0.01, 0.003], lash, 0.002, 0.9)


def _brow(easel: Easel, person: Person, side: int, rng: np.random.Generator) -> None:
    thick = 0.075 * person.brows
    arch = -0.03 * person.makeup
    grown = HAIR["dark brown"] if person.dyed else person.tone
    colour = blend(blend(grown.dark, grown.mid, 0.25), (54, 40, 36), 0.45)
    spine = smooth(
        np.array([(0.19, -0.225), (0.34, -0.29 + arch * 0.4), (0.53, -0.315 + arch), (0.73, -0.235)]) * (side, 1)
        + (easel.pose.turn, 0)
    )
    easel.shape(ribbon(spine, [thick * 0.75, thick, thick * 0.85, thick * 0.1]), colour, 0.014, 0.8)
    for at in np.linspace(0.02, 0.9, 16):
        root = spine[int(at * (len(spine) - 1))] + (0, rng.uniform(-0.2, 0.45) * thick)
        lean = np.array((side * (0.02 + 0.07 * at), -0.07 + 0.075 * at)) * (0.8 + 0.4 * rng.random())
        easel.line(np.stack([root, root + lean]), [0.013, 0.004], blend(colour, (20, 14, 12), 0.3), 0.003, 0.65)


def _lines(easel: Easel, person: Person) -> None:
    """A few faint wrinkles."""
    skin, turn = person.skin, easel.pose.turn
    strength = 0.5 * (person.age - 0.3)
    for y in (-0.62, -0.74):
        easel.line([(turn - 0.42, y + 0.03), (turn, y), (turn + 0.42, y + 0.03)], [0.0, 0.022, 0.0], skin.dark, 0.012, strength)
    for side in (-1, 1):
        easel.line(
            [(turn + side * 0.2, 0.16), (turn + side * 0.38, 0.22), (turn + side * 0.58, 0.17)],
            [0.0, 0.03, 0.0],
            skin.dark,
            0.015,
            strength * 1.4,
        )
        for lift in (-0.05, 0.03):
            crow = [(turn + side * 0.71, 0.0 + lift / 2), (turn + side * 0.8, lift)]
            easel.line(crow, [0.012, 0.002], skin.dark, 0.006, strength * 1.3)


def _glasses(easel: Easel, rng: np.random.Generator) -> None:
    frame: Colour = [(34, 28, 30), (128, 84, 50), (170, 140, 84)][int(rng.integers(3))]
    turn = easel.pose.turn
    for side in (-1, 1):
        lens = oval(turn + side * 0.44, 0.04, 0.33, 0.29)
        easel.shape(lens, (255, 255, 255), 0.01, 0.06)
        rim = np.concatenate([lens, lens[:1]])
        easel.shape(ribbon(moved(rim, 0, 0.03), [0.05]), (120, 80, 70), 0.03, 0.3, multiply=True)
        easel.shape(ribbon(rim, [0.032]), frame, 0.003)
        easel.line([(turn + side * 0.76, -0.02), (side * 1.0, -0.05)], [0.034, 0.03], frame, 0.003)
    easel.line([(turn - 0.12, 0.02), (turn, -0.03), (turn + 0.12, 0.02)], [0.032], frame, 0.003)


def _both(right: Points) -> Curve:
    """A closed outline from its right half, top to bottom."""
    half = np.asarray(right, np.float64)
    return smooth(np.concatenate([half, mirrored(half)[::-1][1:-1]]), 100, closed=True)


def _everywhere() -> Curve:
    return np.array([(-20, -20), (20, -20), (20, 20), (-20, 20)], np.float64)
