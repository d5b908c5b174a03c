"""HairSegNet and HairMatteNet (sections III-A and III-B of the paper). Channel 1 of their softmax is hair."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers

from db.errors import WinnowError
from trainer.encoder import Weights, encoder

HAIR = 1  # channel of the softmax

# The deepest encoder layer of each resolution, for the skip connections: stride 16, 8, 4, 2 (section III-B).
SKIPS = {16: "conv_pw_11_relu", 8: "conv_pw_5_relu", 4: "conv_pw_3_relu", 2: "conv_pw_1_relu"}


@dataclass(frozen=True)
class Network:
    """A network for training, and the part of it that ImageNet weights go into."""

    model: keras.Model
    encoder: keras.Model

    @property
    def parameters(self) -> int:
        """How many trainable numbers it has."""
        return sum(math.prod(variable.shape) for variable in self.model.trainable_variables)

    def start_from(self, weights: Weights) -> None:
        """Put ImageNet weights into the encoder."""
        self.encoder.set_weights(weights)


def hairsegnet(size: int = 224, decoder_depth: int = 64) -> Network:
    """HairSegNet, section III-A: dilated encoder, three decoder blocks; 3.29 M parameters at depth 64.

    `image` float32 (B, size, size, 3), RGB in [-1, 1], to (B, size, size, 2), softmax. Raises WinnowError unless size is
    a multiple of 32.
    """
    backbone = encoder(size, dilated=True)
    x = backbone.output  # (B, 28, 28, 1024) at size 224
    for stride in (4, 2, 1):
        x = _upsample(x, stride)
        x = _separable(x, stride, decoder_depth)  # (B, 56, 56, 64), then 112, then 224
    return Network(keras.Model(backbone.input, _softmax(x), name="hairsegnet"), backbone)


def hairmattenet(size: int = 224, decoder_depth: int = 64) -> Network:
    """HairMatteNet, section III-B: MobileNet untouched, five decoder blocks, four skips added; 3.86 M parameters.

    `image` float32 (B, size, size, 3), RGB in [-1, 1], to (B, size, size, 2), softmax. Raises WinnowError unless size is
    a multiple of 32.
    """
    backbone = encoder(size, dilated=False)
    x = backbone.output  # (B, 7, 7, 1024) at size 224
    for stride in (16, 8, 4, 2, 1):
        x = _upsample(x, stride)  # (B, 14, 14, 1024), then 28, 56, 112, 224 with 64 channels
        if stride in SKIPS:
            skip = backbone.get_layer(SKIPS[stride]).output
            skip = layers.Conv2D(x.shape[-1], 1, name=f"skip_{stride}_conv")(skip)
            x = layers.Add(name=f"skip_{stride}_add")([x, skip])
        x = _separable(x, stride, decoder_depth)  # (B, 14, 14, 64), then 28, 56, 112, 224
    return Network(keras.Model(backbone.input, _softmax(x), name="hairmattenet"), backbone)


# Decoder layers are named by the stride of what they make, which holds at every input size.


def _upsample(x: keras.KerasTensor, stride: int) -> keras.KerasTensor:
    return layers.UpSampling2D(2, interpolation="nearest", name=f"up_{stride}")(x)


def _separable(x: keras.KerasTensor, stride: int, depth: int) -> keras.KerasTensor:
    # A depthwise kernel has 9 inputs. Keras' usual draw counts those of all channels: five such blocks then let a 20,000th of
    # the deep signal through, the matte first becomes a copy of the image, and small sets never get beyond it.
    drawn = keras.initializers.RandomNormal(stddev=1 / 3)
    # One bias after both, as a separable convolution has.
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, depthwise_initializer=drawn, name=f"up_{stride}_depthwise")(x)
    x = layers.Conv2D(depth, 1, name=f"up_{stride}_pointwise")(x)
    return layers.ReLU(name=f"up_{stride}_relu")(x)


def _softmax(x: keras.KerasTensor) -> keras.KerasTensor:
    x = layers.Conv2D(2, 1, name=LAST)(x)  # (B, 224, 224, 2)
    return layers.Softmax(name="matte")(x)


LAST = "last_conv"  # the one plain convolution without a weight penalty (section IV)
MODELS: dict[str, Callable[[int, int], Network]] = {"hairmattenet": hairmattenet, "hairsegnet": hairsegnet}


def build(name: str, size: int, decoder_depth: int) -> Network:
    """The network of that name, weights drawn at random. Raises WinnowError for a name or size there is none for."""
    if name not in MODELS:
        raise WinnowError(f"There is no model {name}. Choose one of: {', '.join(MODELS)}.")
    return MODELS[name](size, decoder_depth)


def regularized(model: keras.Model) -> list[keras.Variable]:
    """The kernels with a weight penalty: plain convolutions, not depthwise ones, not the last (section IV)."""
    return [layer.kernel for layer in model.layers if type(layer) is layers.Conv2D and layer.name != LAST]
