"""HairSegNet and HairMatteNet (Levinshtein et al. 2018, sections III-A and III-B), and the FCN that they tried first.

Channel 0 of the softmax is background, 1 hair and, in three-class networks, 2 skin.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers

from db.errors import WinnowError
from trainer.encoder import MOBILENET, VGG16, Application, Weights, encoder, vgg16
from trainer.recipe import NETWORKS, NetworkName

# The deepest encoder layer of each resolution, by its stride, for the skip connections (section III-B).
SKIPS = {16: "conv_pw_11_relu", 8: "conv_pw_5_relu", 4: "conv_pw_3_relu", 2: "conv_pw_1_relu"}


@dataclass(frozen=True)
class Network:
    """A network for training, its encoder, and the Keras application whose ImageNet weights fit the encoder."""

    model: keras.Model
    encoder: keras.Model
    application: Application

    @property
    def parameters(self) -> int:
        """The number of trainable parameters."""
        return sum(math.prod(variable.shape) for variable in self.model.trainable_variables)

    def start_from(self, weights: Weights) -> None:
        """Load ImageNet weights into the encoder's trainable layers. Raises ValueError for a different number of arrays."""
        trainable = [variable for layer in self.encoder.layers if layer.trainable for variable in layer.variables]
        for variable, value in zip(trainable, weights, strict=True):
            variable.assign(value)


def hairsegnet(size: int, decoder_depth: int, channels: int) -> Network:
    """HairSegNet, section III-A: dilated encoder, three decoder blocks; 3.29 M parameters at depth 64 with 2 channels.

    Maps `image` float32 (B, size, size, 3), RGB in [-1, 1], to a softmax float32 (B, size, size, channels). Raises WinnowError
    unless size is a multiple of 32.
    """
    backbone = encoder(size, dilated=True)
    x = backbone.output  # (B, 28, 28, 1024) at size 224
    for stride in (4, 2, 1):
        x = _upsample(x, stride)
        x = _separable(x, stride, decoder_depth)  # (B, 56, 56, 64), then 112, then 224
    return Network(keras.Model(backbone.input, _softmax(x, channels), name="hairsegnet"), backbone, MOBILENET)


def hairmattenet(size: int, decoder_depth: int, channels: int) -> Network:
    """HairMatteNet, section III-B: MobileNet, five decoder blocks, four skip connections; 3.86 M parameters at depth 64.

    Maps `image` float32 (B, size, size, 3), RGB in [-1, 1], to a softmax float32 (B, size, size, channels). Raises WinnowError
    unless size is a multiple of 32.
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
    """FCN-8s on VGG16, which the paper tried first (section III-A) and Qin et al. use; 134.3 M parameters.

    Long, Shelhamer and Darrell, "Fully convolutional networks for semantic segmentation", CVPR 2015,
    DOI 10.1109/CVPR.2015.7298965: VGG16's dense layers become convolutions, and scores of strides 32, 16 and 8 are added with
    bilinear upsampling in between. `decoder_depth` is not used. Maps `image` float32 (B, size, size, 3), RGB in [-1, 1], to a
    softmax float32 (B, size, size, channels). Raises WinnowError unless size is a multiple of 32.
    """
    backbone = vgg16(size)
    x = backbone.output  # (B, 7, 7, 512) at size 224
    for name, kernel in (("fc6", 7), ("fc7", 1)):
        # He's initialisation keeps the signal's variance through ReLUs; Keras' default, Glorot's, halves it at each.
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


# Decoder layers are named by the stride of their output, which is the same for every input size.


def _upsample(x: keras.KerasTensor, stride: int) -> keras.KerasTensor:
    return layers.UpSampling2D(2, interpolation="nearest", name=f"up_{stride}")(x)


def _separable(x: keras.KerasTensor, stride: int, depth: int) -> keras.KerasTensor:
    # A depthwise kernel has 9 inputs, but Keras' default initialisation counts those of all channels. Five such blocks then
    # pass only 1/20,000 of the deep signal: the matte first becomes a copy of the image, and small sets never get beyond that.
    initializer = keras.initializers.RandomNormal(stddev=1 / 3)
    # One bias after both convolutions, as in a separable convolution.
    x = layers.DepthwiseConv2D(
        3, padding="same", use_bias=False, depthwise_initializer=initializer, name=f"up_{stride}_depthwise"
    )(x)
    x = layers.Conv2D(depth, 1, name=f"up_{stride}_pointwise")(x)
    return layers.ReLU(name=f"up_{stride}_relu")(x)


def _softmax(x: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    x = layers.Conv2D(channels, 1, name=LAST)(x)  # (B, 224, 224, 2)
    return layers.Softmax(name="matte", dtype="float32")(x)  # float32 whatever the precision of the layers before


LAST = "last_conv"
UNREGULARIZED = {LAST, "score_32", "score_16", "score_8"}  # the last convolutions have no weight penalty (section IV)
MODELS: dict[NetworkName, Callable[[int, int, int], Network]] = {
    "hairmattenet": hairmattenet,
    "hairsegnet": hairsegnet,
    "fcn-vgg16": fcn_vgg16,
}


def build(name: str, size: int, decoder_depth: int, classes: int = 1) -> Network:
    """The network of that name with random weights. With `classes` 3 it also distinguishes skin from background.

    Raises WinnowError for an unknown name, a size that is not a multiple of 32, a depth below 1, or classes other than 1 and 3.
    """
    if name not in NETWORKS:
        raise WinnowError(f"There is no model {name}. Choose one of: {', '.join(NETWORKS)}.")
    if decoder_depth < 1:
        raise WinnowError(f"Decoder depth is {decoder_depth}: it must be 1 or more.")
    if classes not in (1, 3):
        raise WinnowError(f"Classes is {classes}: choose 1, hair, or 3, hair, skin and background.")
    return MODELS[name](size, decoder_depth, max(classes, 2))


def regularized(model: keras.Model) -> list[keras.Variable]:
    """The kernels with a weight penalty: of trainable plain convolutions, not depthwise ones, not the last (section IV)."""
    convolutions = [layer for layer in model.layers if type(layer) is layers.Conv2D and layer.trainable]
    return [layer.kernel for layer in convolutions if layer.name not in UNREGULARIZED]
