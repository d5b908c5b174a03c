"""What is behind the person: gradients, lights out of focus, rooms, gardens and posters."""

from collections.abc import Callable

import numpy as np

from curator.sample.canvas import Colour, Scene, blend, blurred, box, fill, ink, moved, oval, smooth

PAIRS: list[tuple[Colour, Colour]] = [
    ((238, 214, 196), (196, 150, 134)), ((206, 222, 228), (128, 156, 172)), ((226, 220, 236), (150, 140, 178)),
    ((220, 228, 206), (140, 160, 126)), ((248, 226, 178), (226, 164, 108)), ((188, 198, 216), (70, 82, 112)),
    ((240, 206, 206), (190, 120, 132)), ((108, 120, 134), (38, 44, 56)), ((198, 224, 216), (84, 138, 136)),
]  # fmt: skip


def draw_backdrop(rng: np.random.Generator, size: tuple[int, int]) -> Scene:
    """A backdrop of `size` (height, width), slightly out of focus: float32 (H, W, 3) RGB, 0 to 255."""
    kinds: list[Callable[[np.random.Generator, Scene], Scene]] = [_studio, _bokeh, _room, _garden, _poster, _window_light]
    light, deep = PAIRS[int(rng.integers(len(PAIRS)))]
    paint = kinds[int(rng.integers(len(kinds)))]
    return paint(rng, gradient(size, light, deep, float(rng.uniform(-0.6, 0.6))))


def gradient(size: tuple[int, int], top: Colour, bottom: Colour, lean: float = 0.0) -> Scene:
    """A gradient from top to bottom, float32 (H, W, 3), 0 to 255; `lean` is how much further the right edge is, -1 to 1."""
    height, width = size
    down = (
        np.linspace(0, 1, height, dtype=np.float32)[:, None] + np.linspace(-lean / 2, lean / 2, width, dtype=np.float32)[None]
    )
    share = np.clip(down, 0, 1)[..., None]
    return np.asarray(ink(top) * (1 - share) + ink(bottom) * share, np.float32)


def _studio(rng: np.random.Generator, scene: Scene) -> Scene:
    height, width = scene.shape[:2]
    x, y = rng.uniform(0.25, 0.75) * width, rng.uniform(0.25, 0.5) * height
    fill(scene, oval(x, y, width * 0.42, width * 0.46), (255, 250, 240), soft=90, strength=0.55)
    return scene


def _bokeh(rng: np.random.Generator, scene: Scene) -> Scene:
    height, width = scene.shape[:2]
    scene *= np.float32(rng.uniform(0.35, 0.75))
    warm = blend((255, 206, 130), (180, 210, 255), float(rng.random()))
    for _ in range(26):
        x, y, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.02, 0.085) * width
        colour = blend(warm, (255, 240, 225), float(rng.random()))
        strength = float(rng.uniform(0.12, 0.5))
        fill(scene, oval(x, y, radius, radius), colour, soft=2.5, strength=strength)
        fill(scene, oval(x, y, radius * 0.86, radius * 0.86), blend(colour, (90, 70, 70), 0.3), soft=5, strength=strength * 0.3)
    return blurred(scene, 1.5)


def _room(rng: np.random.Generator, scene: Scene) -> Scene:
    height, width = scene.shape[:2]
    mood = scene[height // 2, width // 2].copy()
    wall: Colour = (float(mood[0]), float(mood[1]), float(mood[2]))
    side = -1 if rng.random() < 0.5 else 1

    def across(share: float) -> float:
        return float(width * (0.5 + side * (share - 0.5)))

    fill(scene, box(0, height * 0.78, width, height + 9), blend(wall, (70, 50, 40), 0.45))
    left, right = sorted((across(0.02), across(0.3)))
    for shelf in range(3):
        y = height * (0.2 + 0.2 * shelf)
        x = left
        while x < right - 12:
            wide, tall = rng.uniform(9, 22), rng.uniform(0.07, 0.14) * height
            fill(scene, box(x, y - tall, x + wide, y), _cheerful(rng, wall))
            x += wide + 1
        fill(scene, box(left - 12, y, right + 12, y + 9), blend(wall, (80, 54, 38), 0.7))
    left, right = sorted((across(0.7), across(0.97)))
    top = height * rng.uniform(0.08, 0.16)
    bottom = top + (right - left) * 1.25
    fill(scene, box(left, top, right, bottom), (250, 246, 238))
    fill(scene, box(left + 9, top + 9, right - 9, bottom - 9), _cheerful(rng, wall))
    fill(scene, oval((left + right) / 2, bottom - 40, 34, 34), _cheerful(rng, wall))
    return blurred(scene, float(rng.uniform(4, 8)))


def _garden(rng: np.random.Generator, scene: Scene) -> Scene:
    height, width = scene.shape[:2]
    fill(scene, box(0, 0, width, height * 0.5), (214, 232, 244), soft=60)
    green = blend((58, 92, 52), (130, 150, 70), float(rng.random()))
    for row in range(70):
        low = row / 70
        x, y = rng.uniform(-20, width + 20), height * (0.2 + 0.85 * low) + rng.uniform(-40, 40)
        radius = rng.uniform(20, 70)
        leaf = blend(green, (214, 226, 150) if rng.random() < 0.45 else (24, 48, 34), float(rng.uniform(0, 0.75)))
        fill(scene, oval(x, y, radius, radius * rng.uniform(0.6, 1)), leaf, soft=6, strength=0.8)
    return blurred(scene, 9)


def _poster(rng: np.random.Generator, scene: Scene) -> Scene:
    height, width = scene.shape[:2]
    mood = scene[height // 3, width // 2].copy()
    base: Colour = (float(mood[0]), float(mood[1]), float(mood[2]))
    x, y = rng.uniform(0.3, 0.7) * width, rng.uniform(0.3, 0.5) * height
    fill(scene, oval(x, y, width * 0.44, width * 0.44), blend(base, (255, 250, 242), 0.5))
    for _ in range(3):
        start, wave = rng.uniform(0.55, 0.95) * height, rng.uniform(20, 70)
        hill = smooth([(-20, start), (width * 0.3, start - wave), (width * 0.65, start + wave), (width + 20, start - wave / 2)])
        outline = np.concatenate([hill, [(width + 20, height + 20), (-20, height + 20)]])
        fill(scene, outline, blend(base, _cheerful(rng, base), 0.6), strength=0.8)
    return scene


def _window_light(rng: np.random.Generator, scene: Scene) -> Scene:
    height, width = scene.shape[:2]
    scene *= np.float32(0.86)
    shift, slant = rng.uniform(-0.1, 0.3) * width, rng.uniform(60, 160)
    for column in range(2):
        for row in range(3):
            x, y = shift + column * width * 0.3, height * (0.04 + row * 0.23)
            pane = np.array([(x, y), (x + width * 0.26, y - slant * 0.2), (x + width * 0.26, y + height * 0.19 - slant * 0.2),
                             (x, y + height * 0.19)])  # fmt: skip
            fill(scene, moved(pane, slant * row * 0.15, 0), (255, 240, 208), soft=7, strength=0.5)
    return scene


def _cheerful(rng: np.random.Generator, base: Colour) -> Colour:
    """A colour that goes well with the wall's."""
    pick = [(196, 92, 74), (226, 170, 92), (92, 128, 122), (70, 88, 122), (222, 206, 186), (150, 108, 120), (112, 134, 96)]
    return blend(pick[int(rng.integers(len(pick)))], base, float(rng.uniform(0.15, 0.5)))
