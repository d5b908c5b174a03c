"""A portrait: background, body and face below, hair above, with the hair's exact alpha.

At every pixel, photo = alpha * hair + (1 - alpha) * behind, within rounding. Whatever changes the picture after compositing
(light, grain) is applied to both layers before it, so that the equation still holds.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curator.pictures.arrays import Box
from curator.sample.backdrop import draw_backdrop
from curator.sample.canvas import Cover, Scene, blurred, ink
from curator.sample.face import paint_body, paint_head
from curator.sample.hairstyle import HEADROOM, PLAIN_HEADROOM, draw_hair
from curator.sample.person import Person, draw_person
from curator.sample.pose import Pose, draw_pose
from curator.sample.strands import Hair

LIGHT_STEP = 8  # pixels; light changes so slowly over the hair that every 8th pixel is enough


@dataclass(frozen=True)
class Portrait:
    """A drawn picture with everything known about it."""

    photo: NDArray[np.uint8]  # (H, W, 3) RGB
    alpha: NDArray[np.float32]  # (H, W), 0..1: how much of each pixel is hair
    hair: NDArray[np.float32]  # (H, W, 3), 0..255: the hair's own colour; means nothing where alpha is 0
    behind: NDArray[np.float32]  # (H, W, 3), 0..255: the picture without hair
    face: Box  # from brows to chin
    person: Person


def draw_portrait(rng: np.random.Generator, size: tuple[int, int] = (800, 640), person: Person | None = None) -> Portrait:
    """Draw a selfie of `size` (height, width), of a random person if none is given."""
    person = person or draw_person(rng)
    pose = draw_pose(rng, size, HEADROOM.get(person.style, PLAIN_HEADROOM + person.volume))
    back_hair, front_hair = draw_hair(pose, person, size, rng)
    back, back_cover = _layer(back_hair, size)
    front, front_cover = _layer(front_hair, size)
    scene = draw_backdrop(rng, size)
    below = scene.copy()
    body = paint_body(below, pose, person, rng)
    _cast_shadow(below, body, front_cover, pose, 0.12)
    head = paint_head(below, pose, person, rng)
    _cast_shadow(below, head, front_cover, pose, 0.045)
    solid = np.maximum(body, head)
    alpha = front_cover + (1 - front_cover) * (1 - solid) * back_cover
    hair = front + ((1 - front_cover) * (1 - solid))[..., None] * back  # times alpha, as the layers come
    hair /= np.maximum(alpha, 1e-6)[..., None]
    _finish(hair, below, pose, rng)
    photo = np.rint(below + alpha[..., None] * (hair - below)).astype(np.uint8)
    return Portrait(photo, alpha, hair, below, pose.box(), person)


def _layer(hair: Hair, size: tuple[int, int]) -> tuple[Scene, Cover]:
    """A layer at the photo's size: colour times cover, 0..255, and cover, 0..1."""
    small = cv2.resize(hair.canvas, size[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.ascontiguousarray(small[..., :3]), np.asarray(small[..., 3] / np.float32(255))


def _cast_shadow(scene: Scene, on: Cover, hair: Cover, pose: Pose, distance: float) -> None:
    """Darken where the hair casts a shadow, `distance` face units away, so that it seems to lie on the skin. In place."""
    shift = np.array([(1, 0, -pose.light[0] * pose.unit * distance * 1.6), (0, 1, pose.unit * distance)], np.float32)
    shade = cv2.warpAffine(blurred(hair, pose.unit * distance * 0.8), shift, hair.shape[::-1])
    shade = np.asarray(shade * on * np.float32(0.5), np.float32)
    scene *= 1 - shade[..., None] * ink((0.8, 1.0, 1.0))  # a little red stays: light passes through skin


def _finish(hair: Scene, below: Scene, pose: Pose, rng: np.random.Generator) -> None:
    """Light across the hair, then one warmth and one grain for both layers, in place."""
    height, width = hair.shape[:2]
    x, y = pose.grid(height, width, LIGHT_STEP)
    across = np.tanh((x * pose.light[0] + (y + 0.4) * pose.light[1]) * 0.9)
    inner = np.exp(-((x / 1.0) ** 2) - ((y - 1.25) / 0.55) ** 2)  # hair beside the neck is in the shade
    light = (1 + 0.2 * across - 0.28 * inner).astype(np.float32)
    hair *= cv2.resize(light, (width, height))[..., None]
    warmth = float(rng.normal(0, 0.02))
    gain = ink((1 + warmth, 1, 1 - warmth)) * np.float32(rng.uniform(0.94, 1.03))
    grain = rng.normal(0, 1.1, (*hair.shape[:2], 1)).astype(np.float32)
    for layer in (hair, below):
        layer *= gain
        layer += grain
        np.clip(layer, 0, 255, out=layer)
