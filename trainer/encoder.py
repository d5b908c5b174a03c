"""The MobileNet v1 that both networks stand on, plain or dilated, and its ImageNet weights."""

import warnings
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from db.errors import WinnowError

Weights = list[np.ndarray[Any, Any]]
Origin = Literal["imagenet", "scratch"]

# HairSegNet (section III-A). The last two strides of 2, in blocks 6 and 12, become 1. A kernel is dilated by the factor
# its *input* grew by: block 6 still reads the original 28 x 28, so 7 to 12 are dilated by 2, and 13 by 4.
UNSTRIDED = (6, 12)
DILATION = {f"conv_dw_{block}": 1 if block == 6 else 4 if block == 13 else 2 for block in range(6, 14)}


def encoder(size: int, *, dilated: bool) -> keras.Model:
    """MobileNet v1 without its last three layers, weights not loaded.

    `image` float32 (B, size, size, 3), RGB in [-1, 1], to features (B, size / 32, size / 32, 1024), or with `dilated`
    (B, size / 8, size / 8, 1024). Layers have Keras' own names and shapes, so that ImageNet weights fit both. The dilated
    output at rows and columns 3, 7, 11, ... is the plain output. Raises WinnowError unless size is a multiple of 32.
    """
    if size < 32 or size % 32:
        raise WinnowError(f"The size is {size}: the networks need a multiple of 32 pixels, such as 224 or 480.")
    image = keras.Input((size, size, 3), name="image")
    plain = keras.applications.MobileNet(input_tensor=image, include_top=False, weights=None)
    if not dilated:
        return keras.Model(image, plain.output, name="mobilenet")  # Keras' own takes a list of one image
    return keras.Model(image, _dilated(image, plain), name="mobilenet_dilated")


def _dilated(image: keras.KerasTensor, plain: keras.Model) -> keras.KerasTensor:
    x = image
    for layer in plain.layers[1:]:
        if layer.name in {f"conv_pad_{block}" for block in UNSTRIDED}:
            continue  # served the stride alone; "same" padding takes its place
        config = layer.get_config()
        if layer.name in DILATION:
            config |= {"strides": (1, 1), "padding": "same", "dilation_rate": (DILATION[layer.name],) * 2}
        x = type(layer).from_config(config)(x)
    return x


def imagenet(file: Path | None) -> Weights | None:
    """The encoder's ImageNet weights, in the order of its variables; None where they cannot be downloaded.

    With a file (`WINNOW_ENCODER_WEIGHTS`), from there; else by Keras' own download, kept in Keras' cache. Raises
    WinnowError for a file that is missing or holds something else: then a person meant it, and scratch would surprise.
    """
    if file is None:
        return _downloaded()
    if not file.is_file():
        raise WinnowError(f"WINNOW_ENCODER_WEIGHTS names {file}, which is not there. Correct it, or unset it to download.")
    plain = encoder(224, dilated=False)
    try:
        with warnings.catch_warnings(action="ignore"):  # one for each layer that does not fit; the error says it once
            plain.load_weights(file)
    except (OSError, ValueError, KeyError) as error:
        raise WinnowError(
            f"{file.name} does not hold the weights of keras.applications.MobileNet(include_top=False) at alpha 1.0. "
            "Correct WINNOW_ENCODER_WEIGHTS, or unset it to download them."
        ) from error
    return list(plain.get_weights())


def _downloaded() -> Weights | None:
    try:
        model = keras.applications.MobileNet(input_shape=(224, 224, 3), include_top=False, weights="imagenet")
    except Exception:  # Keras raises a bare Exception for whatever went wrong on the way
        return None
    return list(model.get_weights())
