"""`python -m tests.tiny_trainer fit ...`: the trainer's commands, with five layers under HairMatteNet's name.

For tests of how a training runs rather than what it learns.
"""

import keras
from keras import layers

from trainer import encoder, fit, models


class Tiny(models.Network):
    """A network that takes no ImageNet weights."""

    def start_from(self, weights: encoder.Weights) -> None:
        pass


def build(size: int, depth: int, channels: int) -> models.Network:
    """The network, with the parameters of the builders in `models.MODELS`."""
    image = keras.Input((size, size, 3), name="image")
    x = layers.Conv2D(depth, 3, strides=2, padding="same", name="conv")(image)
    x = layers.BatchNormalization(name="bn")(x)
    backbone = keras.Model(image, x)
    x = layers.UpSampling2D(2, name="up")(x)
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.Softmax(name="matte", dtype="float32")(layers.Conv2D(channels, 1, name=models.LAST)(x))
    return Tiny(keras.Model(image, x, name="hairmattenet"), backbone, encoder.MOBILENET)


if __name__ == "__main__":
    from trainer.__main__ import app

    models.MODELS["hairmattenet"] = build
    fit.imagenet = lambda _application, _file: []
    app()
