"""Mattes from an exported LiteRT file, as a phone makes them. Imports no TensorFlow: the app uses it for Try-on."""

import os
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from db.errors import WinnowError
from trainer import pictures
from trainer.quiet import quiet


class LiteRt:
    """A loaded `.tflite` file. One thread at a time: LiteRT's interpreter keeps its tensors between the calls."""

    def __init__(self, file: Path, threads: int | None = None) -> None:
        """Raises WinnowError for a file that is missing or isn't a hair matte model of ours."""
        if not file.is_file():
            raise WinnowError(f"The exported file {file} is gone. Export the run again.")
        try:
            with quiet():
                self._interpreter = Interpreter(model_path=str(file), num_threads=threads or min(4, os.cpu_count() or 1))
                self._interpreter.allocate_tensors()
            [taken], [given] = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except (ValueError, RuntimeError) as error:
            raise WinnowError(f"{file} cannot be read as a LiteRT model. Export the run again.") from error
        self._input, self._output = taken["index"], given["index"]
        self.size = int(taken["shape"][1])

    def alpha(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The matte of uint8 (size, size, 3) RGB: float32 (size, size), 0 to 1."""
        self._interpreter.set_tensor(self._input, image[None].astype(np.float32))
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output)[0], np.float32)

    def matte(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The matte of a photo of any shape: uint8 (H, W, 3) RGB to float32 (H, W), 0 to 1."""
        return pictures.matte(image, self.size, self.alpha)


def matte(file: Path, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The matte of one photo by an exported file: uint8 (H, W, 3) RGB to float32 (H, W), 0 to 1.

    Raises WinnowError for a file that is missing or isn't a hair matte model of ours.
    """
    return LiteRt(file).matte(image)
