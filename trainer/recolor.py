"""Change the hair colour of a photo, with its matte. Imports no TensorFlow, because the app uses it too."""

import re

import cv2
import numpy as np
from numpy.typing import NDArray

from db.errors import WinnowError
from trainer.arrays import Alpha, Image, Picture

# How far the hair's mean lightness moves towards the target's, 0 to 1: dark hair dyed lilac stays darkish, as real hair does.
LIGHTNESS_SHIFT = 0.55
HUE_VARIATION = 0.25  # the share of the strands' own variation in hue that is kept: dyed hair does not have a single hue either


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


def recolor(image: Image, alpha: Alpha, target: str) -> Image:
    """The photo with its hair in the target colour, uint8 (H, W, 3) RGB.

    In CIE Lab the hair takes the target's hue, and its mean lightness moves part of the way to the target's. Each strand
    keeps its distance from that mean, so highlights and shadows remain. `image` uint8 (H, W, 3) RGB; `alpha` float32 (H, W),
    0 to 1; `target` '#rrggbb'. Pixels with alpha 0 do not change. Raises WinnowError for a matte of another shape than the
    photo, and for a target that is not a colour.
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
    dyed[..., 0] = np.clip(lab[..., 0] + LIGHTNESS_SHIFT * (wanted[0] - mean[0]), 0, 100)
    strength = _strength(dyed[..., 0], float(wanted[0]))[..., None]
    dyed[..., 1:] = wanted[1:] * strength + HUE_VARIATION * (lab[..., 1:] - mean[1:])
    rgb = np.clip(cv2.cvtColor(dyed, cv2.COLOR_Lab2RGB), 0, 1)
    mixed = image + alpha[..., None] * (rgb * 255 - image)
    return np.asarray(np.rint(np.clip(mixed, 0, 255)), np.uint8)


def _lab(image: Image) -> NDArray[np.float32]:
    """uint8 (H, W, 3) RGB to CIE Lab, float32 (H, W, 3): L 0 to 100, a and b about -127 to 127."""
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), np.float32)


def _strength(lightness: NDArray[np.float32], wanted: float) -> NDArray[np.float32]:
    """The share of the target's chroma to use at each lightness, float32 (H, W), 0 to 1: all at the target's own lightness.

    `lightness` float32 (H, W) and `wanted` are CIE L, 0 to 100. Without this, deep shadows glow and highlights look flat,
    because screens cannot show full chroma near black and white.
    """
    dark = lightness / max(wanted, 1.0)
    light = (100.0 - lightness) / max(100.0 - wanted, 1.0)
    return np.asarray(np.sqrt(np.clip(np.minimum(dark, light), 0, 1)), np.float32)


def _shape(picture: Picture | Alpha) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]}"
