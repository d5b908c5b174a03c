"""The encoders of the networks and their ImageNet weights: MobileNet v1, plain or dilated, and VGG16."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from db.errors import WinnowError

Weights = list[np.ndarray[Any, Any]]  # in the order of an encoder's variables


@dataclass(frozen=True)
class Application:
    """A model of keras.applications, and its name."""

    name: str
    make: Callable[..., keras.Model]


MOBILENET = Application("MobileNet", keras.applications.MobileNet)
VGG16 = Application("VGG16", keras.applications.VGG16)

# HairSegNet (Levinshtein et al. 2018, section III-A). The last two strides of 2, in blocks 6 and 12, become 1. A kernel is
# dilated by the factor by which its *input* grew: block 6 still reads the original 28 x 28, so 7 to 12 are dilated by 2, and 13
# by 4.
UNSTRIDED = (6, 12)
DILATION = {f"conv_dw_{block}": 1 if block == 6 else 4 if block == 13 else 2 for block in range(6, 14)}


def encoder(size: int, *, dilated: bool) -> keras.Model:
    """MobileNet v1 (Howard et al. 2017, arXiv:1704.04861) without its last three layers, with random weights.

    Maps `image` float32 (B, size, size, 3), RGB in [-1, 1], to features (B, size / 32, size / 32, 1024), or with `dilated`
    (B, size / 8, size / 8, 1024). Layers have Keras' own names and shapes, so that ImageNet weights fit both. The dilated
    output at rows and columns 3, 7, 11, ... equals the plain output. Raises WinnowError unless size is a multiple of 32.
    """
    image = _input(size)
    plain = keras.applications.MobileNet(input_tensor=image, include_top=False, weights=None)
    if not dilated:
        return keras.Model(image, plain.output, name="mobilenet")  # Keras' own takes a list of one image
    return keras.Model(image, _dilated(image, plain), name="mobilenet_dilated")


def vgg16(size: int) -> keras.Model:
    """VGG16 (Simonyan and Zisserman 2014, arXiv:1409.1556) without its dense layers, with random weights.

    Maps `image` float32 (B, size, size, 3), RGB in [-1, 1], to features (B, size / 32, size / 32, 512). Raises WinnowError
    unless size is a multiple of 32.
    """
    image = _input(size)
    # Its ImageNet weights expect BGR of 0 to 255 minus its mean: a fixed 1 x 1 convolution, which every exporter supports.
    turn = layers.Conv2D(3, 1, trainable=False, name="caffe_input")
    x = turn(image)
    turn.set_weights([127.5 * np.eye(3, dtype=np.float32)[::-1][None, None], 127.5 - np.array(CAFFE_MEAN, np.float32)])
    features = keras.applications.VGG16(include_top=False, weights=None, input_shape=(size, size, 3))
    for layer in features.layers[1:]:
        config = layer.get_config()
        if isinstance(layer, layers.Conv2D):  # Keras' default initialisation would halve the variance at each of the 13
            config["kernel_initializer"] = keras.initializers.HeNormal()
        x = type(layer).from_config(config)(x)
    return keras.Model(image, x, name="vgg16")


CAFFE_MEAN = (103.939, 116.779, 123.68)  # of blue, green and red over ImageNet, as in keras.applications


def _input(size: int) -> keras.KerasTensor:
    if size < 32 or size % 32:
        raise WinnowError(f"The size is {size}: the networks need a multiple of 32 pixels, such as 224 or 480.")
    return keras.Input((size, size, 3), name="image")


def _dilated(image: keras.KerasTensor, plain: keras.Model) -> keras.KerasTensor:
    x = image
    for layer in plain.layers[1:]:
        if layer.name in {f"conv_pad_{block}" for block in UNSTRIDED}:
            continue  # only the stride needs it; "same" padding replaces it
        config = layer.get_config()
        if layer.name in DILATION:
            config |= {"strides": (1, 1), "padding": "same", "dilation_rate": (DILATION[layer.name],) * 2}
        x = type(layer).from_config(config)(x)
    return x


def imagenet(application: Application, file: Path | None) -> Weights | None:
    """An encoder's ImageNet weights, float32, in the order of its variables; None if they cannot be downloaded.

    They come from the file (`WINNOW_ENCODER_WEIGHTS`), or without one from Keras' own download, which Keras caches. Only
    numbers are read from a file, never code. Raises WinnowError for a file that is missing or holds something else, because
    somebody who names a file does not expect to start from scratch.
    """
    if file is None:
        return _downloaded(application)
    if not file.is_file():
        raise WinnowError(
            f"WINNOW_ENCODER_WEIGHTS names {file}, which does not exist. Correct it, or unset it to download the weights."
        )
    if file.suffix != ".h5":  # a .keras file may hold code
        raise WinnowError(
            f"{file.name} is not an .h5 file of weights. Correct WINNOW_ENCODER_WEIGHTS, or unset it to download them."
        )
    plain = application.make(input_shape=(224, 224, 3), include_top=False, weights=None)
    try:
        with warnings.catch_warnings(action="ignore"):  # Keras warns for each layer that does not fit; one error is enough
            plain.load_weights(file)
    except (OSError, ValueError, KeyError) as error:
        raise WinnowError(
            f"{file.name} does not hold the weights of keras.applications.{application.name}(include_top=False). "
            "Correct WINNOW_ENCODER_WEIGHTS, or unset it to download them."
        ) from error
    return list(plain.get_weights())


def _downloaded(application: Application) -> Weights | None:
    try:
        model = application.make(input_shape=(224, 224, 3), include_top=False, weights="imagenet")
    except Exception:  # Keras raises a bare Exception for any failed download
        return None
    return list(model.get_weights())
