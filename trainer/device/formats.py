"""The file formats and precisions of an export, and what its proof allows. Imports nothing, so the app lists them at once."""

from typing import Literal, get_args

FormatName = Literal["coreml", "litert"]
ExportPrecision = Literal["float32", "float16", "int8"]  # of the weights in the file

FORMATS: tuple[FormatName, ...] = get_args(FormatName)
EXPORT_PRECISIONS: tuple[ExportPrecision, ...] = get_args(ExportPrecision)
FORMAT_TITLES: dict[str, str] = {"coreml": "Core ML", "litert": "LiteRT"}
DEFAULT_PRECISION: dict[FormatName, ExportPrecision] = {"coreml": "float16", "litert": "float32"}

# The largest difference of alpha (0 to 1) that passes. Chosen between the differences that right and wrong files showed, on 16
# crops and the network with the steepest mattes at hand (8 epochs on 20 photos):
#   float32: 1e-5 at most, which is rounding.
#   float16: .066 at most, .0009 on average. The run itself with its weights rounded to float16: .118 and .0008.
#   int8:    .373 at most, .007 on average. Rounding weights to 8 bits changes pixels on the border between hair and
#            background most.
#   wrong:   one tensor's channels reversed .97 and .11, colours in the wrong order .89 and .08, shifted by one pixel .82 and
#            .025.
TOLERANCE: dict[str, float] = {"float32": 1e-4, "float16": 0.2, "int8": 0.5}
MEAN_TOLERANCE = 1 / 20  # of TOLERANCE: the largest mean difference that passes
