"""The file formats and precisions of an export, and what its proof allows. Imports nothing, so the app lists them at once."""

from typing import Literal, get_args

FormatName = Literal["coreml", "litert"]
ExportPrecision = Literal["float32", "float16", "int8"]  # of the weights in the file

FORMATS: tuple[FormatName, ...] = get_args(FormatName)
EXPORT_PRECISIONS: tuple[ExportPrecision, ...] = get_args(ExportPrecision)
FORMAT_TITLES: dict[str, str] = {"coreml": "Core ML", "litert": "LiteRT"}
DEFAULT_PRECISION: dict[FormatName, ExportPrecision] = {"coreml": "float16", "litert": "float32"}

# The largest difference of alpha, 0 to 1, between a file's program and the run's network with the same rounded weights. Both
# compute in float32 there, whatever the precision, so this is room for sums in another order. 37 crops of a run of 4 epochs on
# 157 photos showed 1.8e-5 at most, in six files; the weakest of the wrong files in tests/trainer/device/test_mutations.py is
# caught by its weights, which have to be the run's own.
TOLERANCE = 1e-4
# The largest difference of a colour, -1 to 1, where the picture enters the network. Core ML rounds it to float16 there.
INPUT_TOLERANCE: dict[ExportPrecision, float] = {"float32": 1e-6, "float16": 2.0**-11, "int8": 2.0**-11}
MOST_F1_LOST = 0.002  # by a precision; a file that costs more says so
