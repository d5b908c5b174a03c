"""What a saved program of either format shows of itself: how it computes, and its weights as they are stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from trainer.arrays import Alpha, Image

Storage = Literal["float32", "float16", "int8"]


@dataclass(frozen=True)
class StoredArray:
    """Numbers as a file stores them, and the most that storing can have changed each of them by."""

    values: NDArray[np.float32]
    rounding: NDArray[np.float32]  # of the same shape, at least 0
    storage: Storage

    def transposed(self, axes: tuple[int, ...]) -> "StoredArray":
        """The same with its axes in another order."""
        return StoredArray(self.values.transpose(axes), self.rounding.transpose(axes), self.storage)


def stored_float(values: NDArray[Any]) -> StoredArray:
    """Floating-point numbers, stored as the nearest float16, or as float32, whose rounding counts as none."""
    storage: Storage = "float16" if values.dtype == np.float16 else "float32"
    return StoredArray(values.astype(np.float32), _half_spacing(values), storage)


def stored_int8(quantised: NDArray[np.int8], scale: NDArray[Any], axis: int) -> StoredArray:
    """Whole numbers times one scale for each channel of `axis`, or one for all: half a scale is rounding.

    Where the scale is a float16, so were the weights, and their quotient was rounded to float16 before it became whole.
    """
    shape = [1] * quantised.ndim
    if scale.size > 1:
        shape[axis] = -1
    steps = np.broadcast_to(scale.astype(np.float32).reshape(shape), quantised.shape)
    values = quantised.astype(np.float32) * steps
    # The quotient and the weight were a little larger than what they became, perhaps where the next spacing begins.
    quotients = np.abs(quantised.astype(np.float32)) + 1
    rounding = steps * (0.5 + _half_spacing(quotients.astype(scale.dtype)))
    rounding += _half_spacing((quotients * steps).astype(scale.dtype))
    return StoredArray(values, rounding.astype(np.float32), "int8")


def _half_spacing(values: NDArray[Any]) -> NDArray[np.float32]:
    """Half the distance between a float16 and the next one; 0 for float32."""
    if values.dtype != np.float16:
        return np.zeros(values.shape, np.float32)
    return np.asarray(np.spacing(np.abs(values)), np.float32) / np.float32(2)  # half the smallest is no float16


@dataclass(frozen=True)
class StoredConvolution:
    """A convolution's weights in Keras' shapes: kernel (h, w, in, out), depthwise (h, w, C, 1); bias (out,) or (C,)."""

    kernel: StoredArray
    bias: StoredArray


@dataclass(frozen=True)
class Trace:
    """What a program computes from one image of side S."""

    alpha: Alpha  # (S, S), as a device computes it
    float_alpha: Alpha  # the same, but nothing between the stored weights and the matte is rounded to less than float32
    network_input: NDArray[np.float32]  # (S, S, 3), what enters the first layer
    tensors: Mapping[str, NDArray[np.float32]]  # (H, W, C), the float results of the operations by their names, in order


class SavedProgram(Protocol):
    """A file's program. Operations have the names that the exporter gave them, which contain those of the network's layers."""

    size: int  # pixels, of the input's side

    def convolutions(self) -> Mapping[str, StoredConvolution]:
        """The weights of every convolution, by the operation's name, in the program's order."""

    def trace(self, image: Image) -> Trace:
        """Run the program on an image uint8 (size, size, 3) RGB."""
