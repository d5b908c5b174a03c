"""Export a run to a LiteRT file (`.tflite`), for Android, the web and this app's Try-on page.

Its input `image` is float32 (1, S, S, 3) RGB, 0 to 255; its output `matte` is float32 (1, S, S), 0 to 1. float16 and int8 refer
to the stored weights. With int8 the activations are quantised at run time (dynamic range), so that no calibration photos are
needed.
"""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from trainer.arrays import HAIR
from trainer.device.copy import for_device
from trainer.device.formats import ExportPrecision
from trainer.quiet import quiet
from trainer.runs import TrainedRun, network_input


class _Matte(tf.Module):  # type: ignore[misc] # TensorFlow has no types
    """What is converted. It holds the variables, without which the converter writes a broken file without an error."""

    def __init__(self, model: keras.Model, size: int) -> None:
        super().__init__()
        self.model = model
        self.held = [variable.value for variable in model.variables]
        self.size = size

    @tf.function  # type: ignore[untyped-decorator]
    def matte(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"matte": self.model(network_input(image), training=False)[..., HAIR]}

    def concrete(self) -> Any:
        return self.matte.get_concrete_function(tf.TensorSpec((1, self.size, self.size, 3), tf.float32, name="image"))


def export(trained: TrainedRun, precision: ExportPrecision, folder: Path) -> Path:
    """Write `<network>.tflite` into the folder; returns its path."""
    module = _Matte(for_device(trained.model), trained.size)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.concrete()], module)
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    file = folder / f"{trained.network}.tflite"
    with quiet():
        file.write_bytes(converter.convert())
    return file
