"""Another hair colour on a photo, through its matte. NumPy and OpenCV alone: the app uses it too."""

import re

import cv2
import numpy as np
from numpy.typing import NDArray

from db.errors import WinnowError

LIGHTNESS = (
    0.55  # how far the hair's mean lightness moves to the colour's: dark hair dyed lilac stays darkish, as real hair does
)
OWN_TINT = 0.25  # how much of the strands' own variation of hue is kept: dyed hair isn't of one hue either


def colour(text: str) -> tuple[int, int, int]:
    """'#rrggbb' as (red, green, blue), 0 to 255. Raises WinnowError for anything else.

    >>> colour("#8a2be2")
    (138, 43, 226)
    """
    found = re.fullmatch(r"#?([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", text.strip())
    if found is None:
        raise WinnowError(f"{text!r} is not a colour. Write it as six hexadecimal digits, such as '#8a2be2'.")
    red, green, blue = (int(part, 16) for part in found.groups())
    return red, green, blue


def recolor(image: NDArray[np.uint8], alpha: NDArray[np.float32], target: str) -> NDArray[np.uint8]:
    """The photo with its hair in the target colour.

    In CIE Lab the hair takes the target's hue, and its mean lightness moves part of the way to the target's; each strand
    keeps its distance from that mean, so highlights and shadows stay. `image` uint8 (H, W, 3) RGB; `alpha` float32 (H, W),
    0 to 1; `target` '#rrggbb'. Where alpha is 0 not a pixel changes. Raises WinnowError for a matte of another shape and
    for what is no colour.
    """
    wanted = _lab(np.array([[colour(target)]], np.uint8))[0, 0]
    if alpha.shape != image.shape[:2]:
        raise WinnowError(f"The matte is {_shape(alpha)}, the photo {_shape(image)}. Use the matte of this photo.")
    lab = _lab(image)
    weight = float(alpha.sum())
    if weight <= 0:
        return image.copy()
    mean = np.tensordot(alpha, lab, axes=((0, 1), (0, 1))) / weight  # (3,) of the hair
    dyed = np.empty_like(lab)
    dyed[..., 0] = np.clip(lab[..., 0] + LIGHTNESS * (wanted[0] - mean[0]), 0, 100)
    strength = _strength(dyed[..., 0], float(wanted[0]))[..., None]
    dyed[..., 1:] = wanted[1:] * strength + OWN_TINT * (lab[..., 1:] - mean[1:])
    rgb = np.clip(cv2.cvtColor(dyed, cv2.COLOR_Lab2RGB), 0, 1)
    mixed = image + alpha[..., None] * (rgb * 255 - image)
    return np.asarray(np.rint(np.clip(mixed, 0, 255)), np.uint8)


def _lab(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), np.float32)


def _strength(lightness: NDArray[np.float32], wanted: float) -> NDArray[np.float32]:
    """How much of the target's chroma a lightness can carry: all at its own, less toward black and white.

    Without it deep shadows glow and highlights turn flat, because no screen shows full colour there.
    """
    dark = lightness / max(wanted, 1.0)
    light = (100.0 - lightness) / max(100.0 - wanted, 1.0)
    return np.asarray(np.sqrt(np.clip(np.minimum(dark, light), 0, 1)), np.float32)


def _shape(picture: NDArray[np.generic]) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]}"
