"""Where a face is in the picture, and the face units in which everything about a head is drawn.

Face units: (0, 0) lies between the eyes, x points to the picture's right, y down, and 1 is half the width of the face.
The chin is near y = 1.4, the top of the skull near y = -1.35.
"""

from dataclasses import dataclass

import numpy as np

from curator.sample.canvas import Curve, Points


@dataclass(frozen=True)
class Pose:
    """A face's position, size and orientation."""

    x: float  # pixels, of the point between the eyes
    y: float  # pixels
    unit: float  # pixels in one face unit
    tilt: float  # radians, clockwise
    turn: float  # face units that the features shift sideways, as when a head is turned slightly
    light: tuple[float, float, float]  # unit vector towards the light: right, down, towards the viewer

    def pixels(self, points: Points | Curve, scale: float = 1.0) -> Curve:
        """Face units to pixels of a picture `scale` times as large; float64 of the same shape (..., 2)."""
        p = np.asarray(points, np.float64)
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        turned = np.stack([p[..., 0] * cos - p[..., 1] * sin, p[..., 0] * sin + p[..., 1] * cos], -1)
        # OpenCV's pixel centres are whole numbers, so a larger canvas is also half a pixel off.
        return np.asarray((turned * self.unit + (self.x, self.y)) * scale + (scale - 1) / 2)

    def grid(self, rows: int, columns: int, step: int = 1) -> tuple[Curve, Curve]:
        """Face units x and y at every `step`-th pixel of a rows x columns picture: two arrays (rows/step, columns/step)."""
        y, x = np.mgrid[0:rows:step, 0:columns:step].astype(np.float32)
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        dx, dy = (x - self.x) / self.unit, (y - self.y) / self.unit
        return dx * cos + dy * sin, dy * cos - dx * sin

    def box(self) -> tuple[int, int, int, int]:
        """The face from brows to chin as (top, left, bottom, right) in pixels, ends exclusive."""
        corners = self.pixels([(-0.95, -0.45), (0.95, -0.45), (0.95, 1.4), (-0.95, 1.4)])
        (left, top), (right, bottom) = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int)
        return int(top), int(left), int(bottom), int(right)


def draw_pose(rng: np.random.Generator, size: tuple[int, int], headroom: float) -> Pose:
    """A random selfie framing of `size` (height, width): slightly off-centre and tilted; hair has `headroom` face units."""
    height, width = size
    unit = float(rng.uniform(0.165, 0.215)) * width
    eyes = max(float(rng.uniform(0.37, 0.45)) * height, (headroom + 0.12) * unit)
    light = np.array([rng.choice([-1, 1]) * rng.uniform(0.25, 0.75), -rng.uniform(0.35, 0.6), 0.85])
    right, down, near = (float(part) for part in light / np.linalg.norm(light))
    return Pose(
        x=width / 2 + float(rng.uniform(-0.06, 0.06)) * width,
        y=eyes,
        unit=unit,
        tilt=float(np.clip(rng.normal(0, 0.045), -0.1, 0.1)),
        turn=float(rng.uniform(-0.06, 0.06)),
        light=(right, down, near),
    )
