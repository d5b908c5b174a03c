"""Pictures without a person, which a crowd sends too: pets, things and places. Drawn in pixels of a 640 x 800 picture."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from curator.sample.backdrop import PAIRS, gradient
from curator.sample.canvas import Colour, Curve, Scene, blend, blurred, box, fill, moved, oval, smooth, stroke

WIDTH, HEIGHT = 640, 800


def draw_non_face(rng: np.random.Generator, subject: str | None = None) -> NDArray[np.uint8]:
    """A photo, uint8 (800, 640, 3) RGB, of one of SUBJECTS, at random if none is given. Raises ValueError for any other."""
    subject = subject or str(rng.choice(list(SUBJECTS)))
    if subject not in SUBJECTS:
        raise ValueError(f"There is no subject {subject!r}. Choose one of {', '.join(SUBJECTS)}.")
    light, deep = PAIRS[int(rng.integers(len(PAIRS)))]
    scene = gradient((HEIGHT, WIDTH), light, deep, float(rng.uniform(-0.4, 0.4)))
    SUBJECTS[subject](rng, scene)
    scene += rng.normal(0, 1.1, (HEIGHT, WIDTH, 1)).astype(np.float32)
    return np.rint(np.clip(scene, 0, 255)).astype(np.uint8)


def _ball(scene: Scene, x: float, y: float, radius: float, colour: Colour, flat: float = 1.0, aloft: bool = False) -> None:
    """A round thing lit from the upper left, with a shadow unless it is aloft."""
    outline = oval(x, y, radius, radius * flat)
    if not aloft:
        fill(scene, oval(x + radius * 0.2, y + radius * flat * 0.98, radius, radius * 0.22), (60, 40, 50), radius * 0.12, 0.35)
    fill(scene, outline, blend(colour, (30, 10, 20), 0.3))
    fill(scene, oval(x - radius * 0.14, y - radius * 0.14, radius * 0.72, radius * flat * 0.72), colour, radius * 0.16)
    fill(
        scene,
        oval(x - radius * 0.36, y - radius * flat * 0.4, radius * 0.2, radius * 0.14),
        (255, 255, 250),
        radius * 0.07,
        0.6,
    )


def _table(scene: Scene, y: float, colour: Colour) -> None:
    fill(scene, box(-9, y, WIDTH + 9, HEIGHT + 9), colour)
    fill(scene, box(-9, y - 4, WIDTH + 9, y + 30), blend(colour, (255, 250, 240), 0.4), 12, 0.6)


def _cat(rng: np.random.Generator, scene: Scene) -> None:
    """A cat from behind, looking out of the window."""
    coat: Colour = [(206, 132, 72), (74, 72, 80), (226, 214, 198), (120, 100, 84)][int(rng.integers(4))]
    dark = blend(coat, (20, 12, 16), 0.5)
    fill(scene, box(60, 40, 580, 560), (250, 248, 244))
    for left, right in ((80, 310), (330, 560)):
        scene[60:540, left:right] = gradient((480, right - left), (178, 214, 240), (240, 226, 206))
        fill(scene, oval((left + right) / 2, 560, 130, 90), (126, 160, 118), 10, 0.9, _inside(box(left, 60, right, 540)))
    _table(scene, 590, (216, 190, 160))
    tail = smooth([(400, 600), (500, 640), (545, 580), (520, 500), (548, 450)])
    stroke(scene, tail, [46, 40, 34, 18], dark)
    stroke(scene, tail - (4, 3), [34, 30, 26, 10], coat, 4)
    body = smooth(
        [
            (320, 300),
            (385, 350),
            (420, 470),
            (430, 590),
            (395, 640),
            (320, 650),
            (245, 640),
            (210, 590),
            (220, 470),
            (255, 350),
        ],
        80,
        True,
    )
    for outline in (body, oval(320, 270, 88, 78), *_ears(320, 215)):
        fill(scene, outline, dark, 2)
        fill(scene, (outline - outline.mean(0)) * 0.86 + outline.mean(0) - (7, 6), coat, 9)
    _fur(rng, scene, body, coat, dark)
    for y in (380, 430, 480):
        stroke(scene, smooth([(265, y + 14), (320, y - 4), (375, y + 14)]), [0, 13, 0], dark, 5, 0.55)


def _ears(x: float, y: float) -> list[Curve]:
    return [np.array([(x + s * 84, y + 42), (x + s * 72, y - 60), (x + s * 20, y - 8)], np.float64) for s in (-1, 1)]


def _fur(rng: np.random.Generator, scene: Scene, body: Curve, coat: Colour, dark: Colour) -> None:
    for root in body[rng.integers(8, len(body) - 8, 160)]:  # the ends of the outline lie under the head
        tip = root + (root - (320, 470)) * 0.05 + rng.normal(0, 5, 2) + (0, 9)
        stroke(scene, np.stack([root, tip]), [3, 0.5], coat if rng.random() < 0.5 else dark, 0.4, 0.8)


def _inside(outline: Curve) -> NDArray[np.float32]:
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 1.0)
    return mask


def _fruit(rng: np.random.Generator, scene: Scene) -> None:
    _table(scene, 560, (186, 132, 92))
    colours: list[Colour] = [(214, 62, 52), (238, 156, 48), (168, 196, 74), (232, 196, 72), (150, 50, 84)]
    order = rng.permutation(5)
    for place, (x, y) in enumerate([(230, 430), (410, 430), (320, 360), (270, 480), (380, 485)]):
        _ball(scene, x, y, rng.uniform(68, 84), colours[order[place]], float(rng.uniform(0.9, 1.0)))
        stroke(scene, smooth([(x, y - 66), (x + 6, y - 88), (x + 16, y - 98)]), [7, 4], (86, 60, 40))
    stroke(scene, smooth([(110, 400), (180, 300), (320, 270), (420, 290)]), [8, 40, 46, 10], (240, 206, 80))
    bowl = np.concatenate(
        [smooth([(120, 500), (160, 630), (320, 680), (480, 630), (520, 500)]), smooth([(520, 500), (320, 528), (120, 500)])]
    )
    fill(scene, moved(bowl, 10, 14), (60, 30, 20), 14, 0.4)
    fill(scene, bowl, (84, 128, 150))
    stroke(scene, smooth([(150, 540), (185, 620), (300, 664)]), [4, 26, 4], (170, 206, 218), 8, 0.8)


def _house(rng: np.random.Generator, scene: Scene) -> None:
    scene[:] = gradient((HEIGHT, WIDTH), (134, 188, 228), (244, 232, 214))
    _hills(rng, scene, 470, (140, 178, 120), 2)
    wall: Colour = [(240, 226, 204), (222, 160, 130), (196, 212, 220)][int(rng.integers(3))]
    fill(scene, oval(330, 650, 260, 30), (60, 80, 50), 12, 0.5)
    fill(scene, box(170, 390, 490, 650), wall)
    fill(scene, box(400, 390, 490, 650), blend(wall, (60, 50, 80), 0.3))
    fill(scene, np.array([(140, 400), (330, 240), (520, 400)], np.float64), (164, 78, 64))
    fill(scene, box(415, 250, 455, 350), (150, 96, 84))
    for x in (205, 300):
        fill(scene, box(x, 440, x + 66, 520), (255, 252, 246))
        fill(scene, box(x + 6, 446, x + 60, 514), (110, 150, 176))
    fill(scene, box(415, 510, 470, 650), (104, 70, 58))
    for x in (70, 560):
        stroke(scene, smooth([(x, 660), (x, 560)]), [16], (96, 70, 52))
        _ball(scene, x, 500, 74, (96, 146, 84), aloft=True)


def _hills(rng: np.random.Generator, scene: Scene, top: float, colour: Colour, count: int) -> None:
    for row in range(count):
        y = top + row * (HEIGHT - top) / (count + 1)
        ridge = smooth([(x, y + rng.uniform(-36, 36)) for x in range(-40, WIDTH + 120, 120)], 90)
        outline = np.concatenate([ridge, [(WIDTH + 80, HEIGHT + 9), (-40, HEIGHT + 9)]])
        fill(scene, outline, blend(colour, (30, 60, 50), 0.16 * row))


def _mountains(rng: np.random.Generator, scene: Scene) -> None:
    scene[:] = gradient((HEIGHT, WIDTH), (92, 108, 168), (252, 190, 150))
    fill(scene, oval(rng.uniform(180, 460), 300, 60, 60), (255, 236, 200), 4)
    for row in range(4):
        y = 360 + row * 100
        x = np.arange(-20, WIDTH + 60, 40.0)
        ridge = np.stack([x, y + np.cumsum(rng.normal(0, 26, len(x))) * (1 - row * 0.2)], 1)
        fill(
            scene,
            np.concatenate([ridge, [(WIDTH + 60, 900), (-20, 900)]]),
            blend((196, 150, 170), (38, 44, 78), 0.25 + 0.24 * row),
        )
        fill(scene, box(0, y + 90, WIDTH, y + 150), (255, 224, 210), 30, 0.22)


def _plant(rng: np.random.Generator, scene: Scene) -> None:
    _table(scene, 640, (226, 208, 188))
    for angle in np.linspace(-1.25, 1.25, 13) + rng.normal(0, 0.05, 13):
        reach = rng.uniform(250, 340)
        stem = smooth(
            [
                (320, 540),
                (320 + np.sin(angle) * reach * 0.5, 540 - reach * 0.65),
                (320 + np.sin(angle) * reach, 560 - np.cos(angle) * reach),
            ]
        )
        leaf = blend((62, 120, 84), (150, 190, 110), float(rng.random()))
        stroke(scene, stem, [6, 40, 52, 34, 0], blend(leaf, (16, 40, 30), 0.3))
        stroke(scene, stem - (3, 3), [2, 24, 32, 18, 0], leaf, 4)
        stroke(scene, stem, [3, 2, 1], blend(leaf, (240, 250, 200), 0.5), 0.6, 0.8)
    pot = np.array([(235, 530), (405, 530), (380, 690), (260, 690)], np.float64)
    fill(scene, moved(pot, 14, 12), (60, 40, 30), 14, 0.4)
    fill(scene, pot, (198, 112, 84))
    fill(scene, box(345, 530, 392, 690), (130, 64, 54), 16, 0.6, _inside(pot))
    fill(scene, box(226, 510, 414, 548), (214, 130, 100))


def _mug(rng: np.random.Generator, scene: Scene) -> None:
    _table(scene, 560, (120, 90, 74))
    glaze: Colour = [(226, 222, 214), (86, 118, 140), (206, 110, 92)][int(rng.integers(3))]
    stroke(scene, smooth([(430, 420), (540, 410), (540, 540), (425, 560)]), [34], blend(glaze, (20, 20, 40), 0.25))
    body = np.concatenate([smooth([(210, 360), (215, 600), (240, 640), (320, 652), (400, 640), (425, 600), (430, 360)], 60)])
    fill(scene, oval(340, 648, 180, 26), (40, 24, 20), 12, 0.5)
    fill(scene, body, glaze)
    fill(scene, box(365, 340, 440, 660), (30, 24, 44), 26, 0.45, _inside(body))
    fill(scene, box(235, 400, 262, 610), (255, 255, 255), 9, 0.5, _inside(body))
    fill(scene, oval(320, 360, 110, 30), blend(glaze, (255, 255, 255), 0.4))
    fill(scene, oval(320, 364, 98, 23), (82, 50, 34))
    for x in (280, 320, 360):
        steam = smooth([(x, 330), (x + 22, 270), (x - 18, 200), (x + 12, 130)])
        stroke(scene, steam, [4, 22, 14, 0], (255, 255, 255), 9, 0.45)


def _boat(rng: np.random.Generator, scene: Scene) -> None:
    scene[:] = gradient((HEIGHT, WIDTH), (150, 204, 236), (250, 236, 214))
    scene[470:] = gradient((HEIGHT - 470, WIDTH), (96, 166, 186), (24, 84, 122))
    for _ in range(70):
        x, y = rng.uniform(0, WIDTH), 480 + 320 * rng.random() ** 1.4
        stroke(scene, smooth([(x, y), (x + 30, y - 3), (x + 70, y)]), [0, 4, 0], (226, 244, 248), 1, 0.5)
    sail: Colour = [(250, 246, 238), (232, 120, 96), (250, 210, 120)][int(rng.integers(3))]
    fill(scene, np.array([(330, 150), (330, 520), (520, 520)], np.float64), sail)
    fill(scene, np.array([(316, 200), (316, 520), (190, 520)], np.float64), blend(sail, (60, 70, 110), 0.25))
    fill(scene, box(319, 140, 327, 550), (100, 74, 58))
    hull = np.concatenate([smooth([(150, 540), (210, 600), (430, 604), (530, 540)], 40)])
    fill(scene, hull, (140, 70, 58))
    fill(scene, box(140, 540, 540, 556), (240, 232, 220), 1)
    fill(scene, oval(335, 622, 200, 12), (10, 50, 80), 6, 0.5)


def _balloons(rng: np.random.Generator, scene: Scene) -> None:
    scene[:] = blurred(gradient((HEIGHT, WIDTH), (166, 206, 238), (250, 230, 222)), 2)
    _hills(rng, scene, 640, (150, 180, 140), 2)
    for x, y, radius in ((220, 260, 120), (460, 190, 70), (450, 470, 90)):
        tint: Colour = [(222, 92, 82), (240, 176, 80), (92, 140, 176), (150, 110, 170)][int(rng.integers(4))]
        for rope in (-0.28, 0.28):
            stroke(
                scene,
                np.array([(x + rope * radius, y + radius * 0.9), (x + rope * radius * 0.5, y + radius * 1.5)]),
                [2],
                (90, 70, 60),
            )
        _ball(scene, x, y, radius, tint, 1.08, aloft=True)
        for share in (-0.5, 0.0, 0.5):
            seam = smooth(
                [(x, y - radius * 1.06), (x + share * radius * 1.3, y), (x + share * radius * 0.4, y + radius * 1.04)]
            )
            stroke(scene, seam, [2, radius * 0.22, 2], (255, 246, 232), 1, 0.45)
        fill(scene, box(x - radius * 0.16, y + radius * 1.48, x + radius * 0.16, y + radius * 1.72), (134, 96, 66))


SUBJECTS: dict[str, Callable[[np.random.Generator, Scene], None]] = {
    "cat": _cat, "fruit": _fruit, "house": _house, "mountains": _mountains, "plant": _plant, "mug": _mug, "boat": _boat,
    "balloons": _balloons,
}  # fmt: skip
