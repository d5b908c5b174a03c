"""Mattes from an exported LiteRT file, computed as on a phone. Imports no TensorFlow, because the app uses it for Try-on."""

import os
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from db.errors import WinnowError
from trainer import pictures
from trainer.arrays import Alpha, Image
from trainer.quiet import quiet


class LiteRt:
    """A loaded `.tflite` file. Not thread-safe: LiteRT's interpreter keeps its tensors between calls."""

    def __init__(self, file: Path, threads: int | None = None) -> None:
        """Load the file, to run in `threads` threads, by default up to four.

        Raises WinnowError for a file that is missing or is not one of Winnow's LiteRT exports.
        """
        if not file.is_file():
            raise WinnowError(f"The exported file {file} is gone. Export the run again.")
        try:
            with quiet():
                self._interpreter = Interpreter(model_path=str(file), num_threads=threads or min(4, os.cpu_count() or 1))
                self._interpreter.allocate_tensors()
            [image], [matte] = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except (ValueError, RuntimeError) as error:
            raise WinnowError(f"{file} cannot be read as a LiteRT model. Export the run again.") from error
        self._input, self._output = image["index"], matte["index"]
        self.size = int(image["shape"][1])  # pixels, of the input's side

    def alpha(self, image: Image) -> Alpha:
        """The matte of an image uint8 (size, size, 3) RGB: float32 (size, size), 0 to 1."""
        self._interpreter.set_tensor(self._input, image[None].astype(np.float32))
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output)[0], np.float32)

    def matte(self, image: Image) -> Alpha:
        """The matte of a photo of any shape: uint8 (H, W, 3) RGB to float32 (H, W), 0 to 1."""
        return pictures.matte_of_photo(image, self.size, self.alpha)


def matte_from_file(file: Path, image: Image) -> Alpha:
    """The matte of one photo by an exported file: uint8 (H, W, 3) RGB to float32 (H, W), 0 to 1.

    Raises WinnowError for a file that is missing or is not one of Winnow's LiteRT exports.
    """
    return LiteRt(file).matte(image)
