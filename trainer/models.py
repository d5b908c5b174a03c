"""HairSegNet and HairMatteNet (sections III-A and III-B of the paper), and the FCN that was there before them.

Channel 0 of their softmax is background, 1 hair, and 2, in three-class networks, skin.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers

from db.errors import WinnowError
from trainer.encoder import MOBILENET, VGG16, Application, Weights, encoder, vgg16

HAIR, SKIN = 1, 2  # channels of the softmax

# The deepest encoder layer of each resolution, for the skip connections: stride 16, 8, 4, 2 (section III-B).
SKIPS = {16: "conv_pw_11_relu", 8: "conv_pw_5_relu", 4: "conv_pw_3_relu", 2: "conv_pw_1_relu"}


@dataclass(frozen=True)
class Network:
    """A network for training, the part of it that ImageNet weights go into, and whose weights those are."""

    model: keras.Model
    encoder: keras.Model
    application: Application

    @property
    def parameters(self) -> int:
        """How many trainable numbers it has."""
        return sum(math.prod(variable.shape) for variable in self.model.trainable_variables)

    def start_from(self, weights: Weights) -> None:
        """Put ImageNet weights into the encoder; what is fixed in it stays."""
        learnt = [variable for layer in self.encoder.layers if layer.trainable for variable in layer.variables]
        for variable, value in zip(learnt, weights, strict=True):
            variable.assign(value)


def hairsegnet(size: int, decoder_depth: int, channels: int) -> Network:
    """HairSegNet, section III-A: dilated encoder, three decoder blocks; 3.29 M parameters at depth 64 with 2 channels.

    `image` float32 (B, size, size, 3), RGB in [-1, 1], to (B, size, size, channels), softmax. Raises WinnowError unless
    size is a multiple of 32.
    """
    backbone = encoder(size, dilated=True)
    x = backbone.output  # (B, 28, 28, 1024) at size 224
    for stride in (4, 2, 1):
        x = _upsample(x, stride)
        x = _separable(x, stride, decoder_depth)  # (B, 56, 56, 64), then 112, then 224
    return Network(keras.Model(backbone.input, _softmax(x, channels), name="hairsegnet"), backbone, MOBILENET)


def hairmattenet(size: int, decoder_depth: int, channels: int) -> Network:
    """HairMatteNet, section III-B: MobileNet untouched, five decoder blocks, four skips added; 3.86 M parameters at depth 64.

    `image` float32 (B, size, size, 3), RGB in [-1, 1], to (B, size, size, channels), softmax. Raises WinnowError unless
    size is a multiple of 32.
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
    return Network(keras.Model(backbone.input, _softmax(x, channels), name="hairmattenet"), backbone, MOBILENET)


def fcn_vgg16(size: int, decoder_depth: int, channels: int) -> Network:
    """FCN-8s on VGG16: what the paper tried first (section III-A) and Qin et al. use; 134.3 M parameters.

    After Long et al., CVPR 2015: VGG16's dense layers as convolutions, scores of strides 32, 16 and 8 added on the way up,
    bilinearly. `decoder_depth` has no part in it. `image` float32 (B, size, size, 3), RGB in [-1, 1], to (B, size, size,
    channels), softmax. Raises WinnowError unless size is a multiple of 32.
    """
    backbone = vgg16(size)
    x = backbone.output  # (B, 7, 7, 512) at size 224
    for name, kernel in (("fc6", 7), ("fc7", 1)):
        # VGG's own way to start: He's draw keeps the signal's strength through ReLUs, Glorot's halves it at each.
        x = layers.Conv2D(4096, kernel, padding="same", activation="relu", kernel_initializer="he_normal", name=name)(x)
        x = layers.Dropout(0.5, name=f"{name}_dropout")(x)
    x = layers.Conv2D(channels, 1, name="score_32")(x)
    for stride, pool in ((16, "block4_pool"), (8, "block3_pool")):
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"up_{stride}")(x)
        skip = layers.Conv2D(channels, 1, kernel_initializer="zeros", name=f"score_{stride}")(backbone.get_layer(pool).output)
        x = layers.Add(name=f"add_{stride}")([x, skip])
    x = layers.UpSampling2D(8, interpolation="bilinear", name="up_1")(x)
    x = layers.Softmax(name="matte", dtype="float32")(x)
    return Network(keras.Model(backbone.input, x, name="fcn-vgg16"), backbone, VGG16)


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


def _softmax(x: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    x = layers.Conv2D(channels, 1, name=LAST)(x)  # (B, 224, 224, 2)
    return layers.Softmax(name="matte", dtype="float32")(x)  # of whatever precision the layers before are


LAST = "last_conv"
UNREGULARIZED = {LAST, "score_32", "score_16", "score_8"}  # the last convolutions have no weight penalty (section IV)
MODELS: dict[str, Callable[[int, int, int], Network]] = {
    "hairmattenet": hairmattenet,
    "hairsegnet": hairsegnet,
    "fcn-vgg16": fcn_vgg16,
}


def build(name: str, size: int, decoder_depth: int, classes: int = 1) -> Network:
    """The network of that name, weights drawn at random; with `classes` 3 it tells skin from background too.

    Raises WinnowError for a name, size, depth or number of classes there is none for.
    """
    if name not in MODELS:
        raise WinnowError(f"There is no model {name}. Choose one of: {', '.join(MODELS)}.")
    if decoder_depth < 1:
        raise WinnowError(f"Decoder depth is {decoder_depth}: it must be 1 or more.")
    if classes not in (1, 3):
        raise WinnowError(f"Classes is {classes}: choose 1, hair, or 3, hair, skin and background.")
    return MODELS[name](size, decoder_depth, max(classes, 2))


def regularized(model: keras.Model) -> list[keras.Variable]:
    """The kernels with a weight penalty: plain convolutions that learn, not depthwise ones, not the last (section IV)."""
    convolutions = [layer for layer in model.layers if type(layer) is layers.Conv2D and layer.trainable]
    return [layer.kernel for layer in convolutions if layer.name not in UNREGULARIZED]
