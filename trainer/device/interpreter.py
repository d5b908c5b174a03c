"""Run a *saved* Core ML program off the device, operation by operation, because Core ML itself only predicts on a Mac.

It computes in float32 with the weights as saved (float32, float16 or quantised), and rounds at the program's casts. It does not
imitate how the Neural Engine accumulates sums, which is not documented.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from db.errors import WinnowError
from trainer.arrays import Image
from trainer.device.saved import StoredArray, StoredConvolution, Trace, stored_float, stored_int8
from trainer.quiet import quiet

with quiet():
    import coremltools as ct
    from coremltools.converters.mil.frontend.milproto import load as milproto

Inputs = dict[str, Any]  # an operation's inputs by name: tensors, arrays, numbers, strings


class CoreMlProgram:
    """A Core ML package loaded from disk."""

    def __init__(self, package: Path) -> None:
        """Raises WinnowError for a package that is not a Core ML program, or has an operation that is not in OPERATIONS."""
        try:
            with quiet():
                model = ct.models.MLModel(str(package), skip_model_load=True)
                spec = model.get_spec()
                program = milproto.load(
                    spec, specification_version=spec.specificationVersion, file_weights_dir=model.weights_dir
                )
        except Exception as error:  # protobuf and coremltools raise all kinds of errors for damaged packages
            raise WinnowError(f"{package.name} cannot be read as a Core ML program. Export the run again.") from error
        self._function = program.functions["main"]
        # Constants are not run: operations that use one read its value.
        self._operations = [op for op in self._function.operations if op.op_type != "const"]
        missing = {op.op_type for op in self._operations} - set(OPERATIONS)
        if missing:
            raise WinnowError(f"{package.name} has operations that cannot be checked here: {', '.join(sorted(missing))}.")
        image = spec.description.input[0].type.imageType
        self.size, self.output = int(image.width), spec.description.output[0].name

    def convolutions(self) -> dict[str, StoredConvolution]:
        """The weights of every convolution, by the operation's name, in the program's order."""
        return {op.name: _stored(op) for op in self._operations if op.op_type == "conv"}

    def trace(self, image: Image) -> Trace:
        """Run the program on an image uint8 (size, size, 3) RGB. Both its mattes are the same."""
        [name] = self._function.inputs
        known = {name: tf.constant(image.transpose(2, 0, 1)[None].astype(np.float32))}
        channels_last: set[str] = set()
        results = {}
        for op in self._operations:
            result = op.outputs[0].name
            known[result] = OPERATIONS[op.op_type](self._inputs(op, known))
            if op.op_type == "transpose":
                turned = [int(n) for n in op.inputs["perm"].val] == [0, 2, 3, 1]
            else:
                turned = any(getattr(var, "name", "") in channels_last for var in op.inputs.values())
            if turned:
                channels_last.add(result)
            if op.op_type not in CONSTANT and len(known[result].shape) == 4:
                tensor = np.asarray(known[result], np.float32)[0]
                results[op.name] = tensor if turned else tensor.transpose(1, 2, 0)
        matte = np.asarray(known[self._function.outputs[0].name], np.float32)[0, 0] / np.float32(255)
        first = next(op for op in self._operations if op.op_type in FIRST_LAYERS)
        entering = np.asarray(known[first.inputs["x"].name], np.float32)[0]
        if first.inputs["x"].name not in channels_last:
            entering = entering.transpose(1, 2, 0)
        return Trace(alpha=matte, float_alpha=matte, network_input=entering, tensors=results)

    @staticmethod
    def _inputs(op: Any, known: dict[str, Any]) -> Inputs:
        def value(var: Any) -> Any:
            if isinstance(var, list | tuple):
                return [value(each) for each in var]
            return known.get(var.name, var.val)

        return {name: value(var) for name, var in op.inputs.items() if var is not None}


def _stored(op: Any) -> StoredConvolution:
    """A convolution's weights, turned from (out, in, h, w) to Keras' (h, w, in, out), or depthwise (h, w, C, 1)."""
    kernel = _stored_array(op.inputs["weight"])
    depthwise = int(op.inputs["groups"].val) > 1
    bias = op.inputs.get("bias")
    channels = kernel.values.shape[0]
    return StoredConvolution(
        kernel.transposed((2, 3, 0, 1) if depthwise else (2, 3, 1, 0)),
        stored_float(np.zeros(channels, np.float32)) if bias is None else _stored_array(bias),
    )


def _stored_array(var: Any) -> StoredArray:
    if var.op is not None and var.op.op_type == "constexpr_affine_dequantize":
        kept = {name: one.val for name, one in var.op.inputs.items()}
        if np.any(kept["zero_point"]):
            raise WinnowError("Weights with a zero point other than 0 cannot be checked here.")
        return stored_int8(np.asarray(kept["quantized_data"]), np.asarray(kept["scale"]), int(kept["axis"]))
    return stored_float(np.asarray(var.val))


def _conv(v: Inputs) -> tf.Tensor:
    """Convolution, (B, C, H, W) to the same layout; computed as (B, H, W, C), which TensorFlow supports on CPUs.

    Groups are 1, or as many as channels. Raises WinnowError for others.
    """
    x, weight = tf.transpose(_float(v["x"]), (0, 2, 3, 1)), _float(v["weight"])
    strides, dilations = [int(n) for n in v["strides"]], [int(n) for n in v["dilations"]]
    x = tf.pad(x, [[0, 0], *_padding(v, x.shape[1:3], weight.shape[2:]), [0, 0]])
    groups = int(v["groups"])
    if groups == 1:
        x = tf.nn.conv2d(x, tf.transpose(weight, (2, 3, 1, 0)), strides, "VALID", dilations=dilations)
    elif groups == x.shape[-1]:
        kernel = tf.transpose(weight, (2, 3, 0, 1))  # (h, w, C, 1)
        x = tf.nn.depthwise_conv2d(x, kernel, [1, *strides, 1], "VALID", dilations=dilations)
    else:
        raise WinnowError(f"A convolution with {groups} groups cannot be checked here.")
    if v.get("bias") is not None:
        x += _float(v["bias"])
    return tf.transpose(x, (0, 3, 1, 2))


def _padding(v: Inputs, shape: Any, kernel: Any) -> list[list[int]]:
    """Pixels of padding [[top, bottom], [left, right]] for an input of `shape` (H, W) and a `kernel` (h, w)."""
    if v["pad_type"] == "valid":
        return [[0, 0], [0, 0]]
    if v["pad_type"] == "custom":
        pad = [int(n) for n in v["pad"]]
        return [pad[:2], pad[2:]]
    if v["pad_type"] not in ("same", "same_lower"):
        raise WinnowError(f"Padding of type {v['pad_type']} cannot be checked here.")
    sides = []
    for length, size, stride, dilation in zip(shape, kernel, v["strides"], v["dilations"], strict=True):
        total = max((-(-length // stride) - 1) * stride + (size - 1) * dilation + 1 - length, 0)
        small, large = int(total // 2), int(total - total // 2)
        sides.append([large, small] if v["pad_type"] == "same_lower" else [small, large])
    return sides


def _pad(v: Inputs) -> tf.Tensor:
    if v["mode"] != "constant":
        raise WinnowError(f"Padding of type {v['mode']} cannot be checked here.")
    x, pad = _float(v["x"]), np.reshape(v["pad"], (-1, 2))
    before = np.zeros((len(x.shape) - len(pad), 2), int)
    return tf.pad(x, np.concatenate([before, pad]), constant_values=float(v["constant_val"]))


def _slice(v: Inputs) -> tf.Tensor:
    x = v["x"]
    rank = len(x.shape)

    def per_axis(name: str, default: Any) -> Any:
        return [default] * rank if v.get(name) is None else v[name]

    steps, squeeze = per_axis("stride", 1), per_axis("squeeze_mask", False)
    begin_mask, end_mask = per_axis("begin_mask", False), per_axis("end_mask", False)
    parts: list[Any] = []
    for at in range(rank):
        begin, end = int(v["begin"][at]), int(v["end"][at])
        if squeeze[at]:
            parts.append(begin)
        else:
            parts.append(slice(None if begin_mask[at] else begin, None if end_mask[at] else end, int(steps[at])))
    return x[tuple(parts)]


def _upsample(v: Inputs) -> tf.Tensor:
    across, down = int(v["scale_factor_width"]), int(v["scale_factor_height"])
    return tf.repeat(tf.repeat(v["x"], down, axis=2), across, axis=3)


def _upsample_bilinear(v: Inputs) -> tf.Tensor:
    """Bilinear upsampling with half-pixel centres, as in Keras; Core ML says `align_corners` false. (B, C, H, W)."""
    if v["align_corners"] or v.get("half_pixel_centers") is False:
        raise WinnowError("Bilinear upsampling without half-pixel centres cannot be checked here.")
    x = tf.transpose(_float(v["x"]), (0, 2, 3, 1))
    size = [round(x.shape[1] * float(v["scale_factor_height"])), round(x.shape[2] * float(v["scale_factor_width"]))]
    return tf.transpose(tf.image.resize(x, size, "bilinear"), (0, 3, 1, 2))


def _max_pool(v: Inputs) -> tf.Tensor:
    if v["pad_type"] != "valid" or v["ceil_mode"]:
        raise WinnowError("Pooling with padding cannot be checked here.")
    x = tf.transpose(_float(v["x"]), (0, 2, 3, 1))
    x = tf.nn.max_pool2d(x, [int(n) for n in v["kernel_sizes"]], [int(n) for n in v["strides"]], "VALID")
    return tf.transpose(x, (0, 3, 1, 2))


def _cast(v: Inputs) -> tf.Tensor:
    kinds = {"fp16": tf.float16, "fp32": tf.float32}
    if v["dtype"] not in kinds:
        raise WinnowError(f"A cast to {v['dtype']} cannot be checked here.")
    return tf.cast(v["x"], kinds[v["dtype"]])


def _dequantize(v: Inputs) -> NDArray[np.float32]:
    """(data - zero point) * scale, with one scale and zero point for each channel of `axis`."""
    data = np.asarray(v["quantized_data"], np.float32)
    shape = [1] * data.ndim
    shape[int(v["axis"])] = -1
    zero, scale = (np.asarray(v[name], np.float32) for name in ("zero_point", "scale"))
    if zero.ndim:
        zero = zero.reshape(shape)
    if scale.ndim:
        scale = scale.reshape(shape)
    return np.asarray((data - zero) * scale, np.float32)


def _float(x: Any) -> tf.Tensor:
    return tf.cast(x, tf.float32)


OPERATIONS: dict[str, Callable[[Inputs], Any]] = {
    "conv": _conv,
    "add": lambda v: _float(v["x"]) + _float(v["y"]),
    "sub": lambda v: _float(v["x"]) - _float(v["y"]),
    "mul": lambda v: _float(v["x"]) * _float(v["y"]),
    "relu": lambda v: tf.nn.relu(v["x"]),
    "relu6": lambda v: tf.nn.relu6(v["x"]),
    "clip": lambda v: tf.clip_by_value(_float(v["x"]), float(v["alpha"]), float(v["beta"])),
    "pad": _pad,
    "transpose": lambda v: tf.transpose(v["x"], [int(n) for n in v["perm"]]),
    "softmax": lambda v: tf.nn.softmax(_float(v["x"]), int(v["axis"])),
    "slice_by_index": _slice,
    "upsample_nearest_neighbor": _upsample,
    "upsample_bilinear": _upsample_bilinear,
    "max_pool": _max_pool,
    "expand_dims": lambda v: tf.expand_dims(v["x"], int(v["axes"][0])),
    "cast": _cast,
    "constexpr_affine_dequantize": _dequantize,
}
CONSTANT = ("constexpr_affine_dequantize",)
FIRST_LAYERS = ("conv", "pad", "max_pool")  # what precedes them scales the picture
