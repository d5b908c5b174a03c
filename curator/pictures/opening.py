"""Bytes to a decoded picture; every limit on hostile pictures lives here.

What is wrong with a picture is raised as a WinnowError whose text goes on from the file's name: the caller, who knows the
name, puts it and a colon in front.
"""

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from pillow_heif import register_heif_opener
from upath import UPath

from db.errors import WinnowError
from db.settings import Limits

# A list of our own: Pillow would also start Ghostscript on a PostScript file that calls itself a photo.
IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "BMP", "TIFF", "PPM", "GIF")
# Phones put a depth map or the other shots of a burst behind the photo; the first frame (HEIF: the primary) is the photo.
PHOTO_IN_FIRST_FRAME = ("MPO", "HEIF")
# What decoders raise on hostile bytes. Not MemoryError or ImportError: those are our trouble, not the picture's.
DECODER_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError, EOFError,
    struct.error, zlib.error,
)  # fmt: skip
ORIENTATION_TAG = 0x0112

register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


@dataclass(frozen=True)
class DecodedImage:
    """A decoded picture, with the EXIF orientation it is still to be turned by: 2 to 8; 1 where nothing is said or left to do.

    The decoders of HEIC and TIFF turn a picture by themselves, and leave 1.
    """

    image: Image.Image
    orientation: int


def read_bytes(path: Path | UPath, limits: Limits) -> bytes:
    """A file's bytes. Raises WinnowError for a file that is too large, empty, not there or not to be read."""
    try:
        size = path.stat().st_size
        if size > limits.file_bytes:
            raise WinnowError(f"the file has {size:,} bytes; {limits.file_bytes:,} are allowed.")
        with path.open("rb") as file:
            data: bytes = file.read(limits.file_bytes + 1)  # it may grow while we read
    except OSError as error:
        raise WinnowError(f"the file can't be read ({error.strerror or type(error).__name__}).") from None
    _check_size(data, limits)
    return data


def decode_image(data: bytes, limits: Limits) -> DecodedImage:
    """A decoded picture; its header is judged before a pixel is decoded.

    Raises WinnowError for what is no picture, damaged, cut off, animated or beyond the limits.
    """
    _check_size(data, limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of sizes and odd tags; the limits are ours
            image = Image.open(io.BytesIO(data), formats=IMAGE_FORMATS)
            _check_header(image, limits)
            image.load()
            return DecodedImage(image, _orientation(image))
    except WinnowError:
        raise
    except Image.DecompressionBombError:
        raise _too_many_pixels(limits) from None
    except UnidentifiedImageError:
        raise WinnowError(
            "the file is not a picture that can be read here (JPEG, PNG, HEIC, WebP, AVIF, BMP, TIFF, PPM), or its "
            "beginning is damaged."
        ) from None
    except DECODER_ERRORS:
        raise WinnowError("the picture is damaged or cut off; it can't be decoded.") from None


def _check_size(data: bytes, limits: Limits) -> None:
    if not data:
        raise WinnowError("the file is empty.")
    if len(data) > limits.file_bytes:
        raise WinnowError(f"the file has more than the {limits.file_bytes:,} bytes that are allowed.")


def _check_header(image: Image.Image, limits: Limits) -> None:
    if image.width * image.height > limits.pixels:
        raise _too_many_pixels(limits, image.size)
    if getattr(image, "is_animated", False) and image.format not in PHOTO_IN_FIRST_FRAME:
        raise WinnowError(f"the picture has {getattr(image, 'n_frames', 2)} frames. Send a still one.")


def _too_many_pixels(limits: Limits, size: tuple[int, int] | None = None) -> WinnowError:
    shown = f"is {size[0]:,} x {size[1]:,} pixels: more than" if size else "has more than"
    return WinnowError(f"the picture {shown} the {limits.pixels:,} pixels that are allowed.")


def _orientation(image: Image.Image) -> int:
    try:
        said = image.getexif().get(ORIENTATION_TAG, 1)
    except DECODER_ERRORS:
        return 1  # a camera's notes that can't be read say nothing; the pixels are as good as ever
    return said if said in range(1, 9) else 1
