"""A run's network with its weights rounded as a file stores them: what the file's program has to compute.

Rounding moves a matte by up to .1 (float16) or .4 (int8) at a pixel, so a comparison with the run itself would have to allow
that much, and damage of that size would pass. Here each stored weight is first compared with the run's own: it has to be as
near as its storage allows. Then the run's network takes over the stored weights, and all that is left between it and the
program is the order of float32 sums.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from trainer.arrays import HAIR
from trainer.device.formats import ExportPrecision
from trainer.device.saved import StoredArray, StoredConvolution

FOLDING = 1e-5  # relative error of folding a batch normalisation in float32: coremltools lets some pass an epsilon of 1e-5
SMALLEST = float(np.finfo(np.float16).smallest_subnormal)  # the float16 next to 0: 6e-8
BATCH = 8  # images at a time
ALWAYS_INT8 = 4096  # weights: smaller kernels are worth so little that exporters leave them as they are

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Folded:
    """A convolution's weights with the batch normalisation after it, if any, folded in."""

    kernel: Array  # (h, w, in, out), depthwise (h, w, C, 1)
    bias: Array  # (out,) or (C,)
    bias_terms: Array  # the sum of the absolute values of what was added up to the bias; rounding is relative to this


def folded(model: keras.Model) -> dict[str, Folded]:
    """The network's convolutions by the layer's name, in its order, computed in float64.

    Batch normalisation after convolution: gamma (x * W + b - mean) / sqrt(variance + epsilon) + beta is a convolution too
    (Ioffe and Szegedy 2015, arXiv:1502.03167, section 3).
    """
    normalisations = {_input_of(each).name: each for each in model.layers if isinstance(each, layers.BatchNormalization)}
    return {layer.name: _folded(layer, normalisations.get(layer.name)) for layer in _convolutions(model)}


def _convolutions(model: keras.Model) -> list[layers.Layer]:
    return [layer for layer in model.layers if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D)]


def _input_of(layer: layers.Layer) -> layers.Layer:
    return layer.input._keras_history.operation


def _folded(layer: layers.Layer, normalisation: layers.BatchNormalization | None) -> Folded:
    kernel = np.asarray(layer.kernel, np.float64)
    depthwise = isinstance(layer, layers.DepthwiseConv2D)
    channels = kernel.shape[2] if depthwise else kernel.shape[3]
    bias = np.asarray(layer.bias, np.float64) if layer.use_bias else np.zeros(channels)
    if normalisation is None:
        return Folded(kernel, bias, np.abs(bias))
    mean, variance = np.asarray(normalisation.moving_mean, np.float64), np.asarray(normalisation.moving_variance, np.float64)
    gain = 1 / np.sqrt(variance + normalisation.epsilon)
    if normalisation.scale:
        gain = gain * np.asarray(normalisation.gamma, np.float64)
    beta = np.asarray(normalisation.beta, np.float64) if normalisation.center else np.zeros(channels)
    wide = gain[None, None, :, None] if depthwise else gain
    return Folded(kernel * wide, beta + (bias - mean) * gain, np.abs(beta) + (np.abs(bias) + np.abs(mean)) * np.abs(gain))


# --- the file's weights and the run's ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rounded:
    """The run's network with the file's weights where they are the run's own, rounded; `wrong` names the layers where not."""

    model: keras.Model
    wrong: list[str]  # in the network's order

    def alpha(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """The mattes of network inputs float32 (N, S, S, 3): float32 (N, S, S), 0 to 1."""
        chunks = [inputs[at : at + BATCH] for at in range(0, len(inputs), BATCH)]
        return np.concatenate([self.model(tf.constant(chunk), training=False)[..., HAIR].numpy() for chunk in chunks])

    def tensors(self, network_input: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """The output (H, W, C) of every layer by its name, in order, for one network input float32 (S, S, 3)."""
        known = [layer for layer in self.model.layers if not isinstance(layer, layers.InputLayer)]
        outputs = keras.Model(self.model.input, [layer.output for layer in known])(network_input[None], training=False)
        return {layer.name: np.asarray(output[0]) for layer, output in zip(known, outputs, strict=True)}


def rounded(model: keras.Model, stored: Mapping[str, StoredConvolution], precision: ExportPrecision) -> Rounded:
    """The network with the weights that a file stores, by the names of its operations.

    A weight that is not the run's own, as near as its storage allows, is left as it is in the run, and its layer is wrong. So
    is a layer that the file lacks, has twice, or stores in other numbers than those of `precision`.
    """
    own = folded(model)
    found = _by_layer(list(own), layer_finder(model), stored)
    weights, wrong = {}, []
    for name, run in own.items():
        right, weights[name] = _nearest(run, found[name], precision)
        if not right:
            wrong.append(name)
    return Rounded(_with_weights(model, weights), wrong)


def _by_layer(
    own: Sequence[str], layer_of: Callable[..., str | None], stored: Mapping[str, StoredConvolution]
) -> dict[str, list[StoredConvolution]]:
    found: dict[str, list[StoredConvolution]] = {name: [] for name in own}
    unnamed: list[StoredConvolution] = []
    for operation, convolution in stored.items():
        layer = layer_of(operation, among=own)
        (unnamed if layer is None else found[layer]).append(convolution)
    # coremltools renames a convolution that it fuses with a bias ("conv_0"): those stand for the layers that no name contains.
    missing = [name for name, convolutions in found.items() if not convolutions]
    for name, convolution in zip(missing, unnamed, strict=False):
        found[name].append(convolution)
    return found


def _nearest(run: Folded, found: Sequence[StoredConvolution], precision: ExportPrecision) -> tuple[bool, tuple[Array, Array]]:
    """Whether the file has this convolution once and with the run's weights, and those weights, kernel and bias."""
    if len(found) != 1 or found[0].kernel.values.shape != run.kernel.shape or found[0].bias.values.shape != run.bias.shape:
        return False, (run.kernel, run.bias)
    [file] = found
    kernel = _is_nearest(run.kernel, file.kernel, np.abs(run.kernel))
    bias = _is_nearest(run.bias, file.bias, run.bias_terms)
    right = bool(kernel.all() and bias.all()) and _stored_as(file, precision)
    return right, (np.where(kernel, file.kernel.values, run.kernel), np.where(bias, file.bias.values, run.bias))


def _is_nearest(run: Array, file: StoredArray, terms: Array) -> NDArray[np.bool_]:
    # A tie may fall either way once folding has moved the last digit, hence the first factor.
    allowed = 1.001 * file.rounding + FOLDING * terms + 1e-12
    nearest = np.abs(file.values - run) <= allowed
    if file.storage != "float16":
        return nearest
    # In arrays of less than 400 numbers, coremltools lets nothing become 0 that was not: `_check_underflow_to_zero` in its
    # converters/mil/mil/passes/defs/quantization.py.
    raised = np.where((run != 0) & (np.abs(run) < SMALLEST), np.copysign(SMALLEST, run), run)
    return nearest | (np.abs(file.values - raised) <= allowed)


def _stored_as(file: StoredConvolution, precision: ExportPrecision) -> bool:
    if precision == "int8":
        return file.kernel.storage == "int8" or file.kernel.values.size < ALWAYS_INT8
    return file.kernel.storage == precision


def _with_weights(model: keras.Model, weights: Mapping[str, tuple[Array, Array]]) -> keras.Model:
    """A copy of the network whose convolutions have these kernels and biases, and whose batch normalisations change nothing."""

    def copied(layer: layers.Layer) -> layers.Layer:
        config = layer.get_config()
        return type(layer).from_config(config | {"use_bias": True} if layer.name in weights else config)

    copy = keras.models.clone_model(model, clone_function=copied)
    for layer in copy.layers:
        if layer.name in weights:
            layer.set_weights(weights[layer.name])
        elif isinstance(layer, layers.BatchNormalization):
            layer.moving_mean.assign(tf.zeros_like(layer.moving_mean))
            layer.moving_variance.assign(tf.ones_like(layer.moving_variance) - layer.epsilon)
            if layer.scale:
                layer.gamma.assign(tf.ones_like(layer.gamma))
            if layer.center:
                layer.beta.assign(tf.zeros_like(layer.beta))
        elif layer.weights:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return copy


# --- which layer ------------------------------------------------------------------------------------------------------


def layer_finder(model: keras.Model) -> Callable[..., str | None]:
    """A function from an operation's name to the last of the network's layers that it contains, or None.

    Exporters join the names of a network and its layers by "/" or "_", add "_1" to each, and name a fused operation after all
    its layers: "hairmattenet_1/conv1_relu_1/Relu6;hairmattenet_1/conv1_1/convolution". With `among`, only these are looked for;
    a batch normalisation counts as the convolution before it.
    """
    order = {layer.name: at for at, layer in enumerate(model.layers)}
    before = {each.name: _input_of(each).name for each in model.layers if isinstance(each, layers.BatchNormalization)}
    names = "|".join(re.escape(name) for name in sorted(order, key=len, reverse=True))
    network = re.sub(r"\W", r"\\W", model.name).replace(r"\W", r"[\W_]")
    pattern = re.compile(rf"(?:^|;|/){network}_\d+[/_]({names})_\d+(?=[/_;]|$)")

    def find(operation: str, among: Collection[str] | None = None) -> str | None:
        found = pattern.findall(operation)
        if among is not None:
            found = [name for each in found if (name := before.get(each, each)) in among]
        return max(found, key=lambda name: order[name], default=None)

    return find


def first_difference(
    expected: Mapping[str, NDArray[np.float32]],
    found: Mapping[str, NDArray[np.float32]],
    layer_of: Callable[..., str | None],
    allowed: float,
) -> str | None:
    """The first layer, in the network's order, whose output the program computes differently; None if none does.

    `expected` are the layers' outputs, `found` the program's tensors by the names of its operations. A difference is one of
    more than `allowed` of the largest number that the layer gives.
    """
    computed = {layer: tensor for operation, tensor in found.items() if (layer := layer_of(operation)) is not None}
    for layer, output in expected.items():
        tensor = computed.get(layer)
        if tensor is None:
            continue  # fused into the next one
        largest = max(float(np.abs(output).max()), 1e-6)
        if tensor.shape != output.shape or not np.abs(tensor - output).max() <= allowed * largest:
            return layer
    return None
