"""Decode uploaded pictures. Every limit on hostile pictures is enforced here.

A problem with a picture is raised as a WinnowError. Its text starts in lower case, because the caller, who knows the file's
name, puts the name and a colon in front of it.
"""

import io
import os
import stat
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError
from pillow_heif import register_heif_opener
from upath import UPath

from db.errors import WinnowError
from db.settings import Limits

# Pillow's full list includes formats that start other programs: it would run Ghostscript on a PostScript file.
IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "BMP", "TIFF", "PPM", "GIF")
PICTURE_ENDINGS = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".heic", ".heif", ".avif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm",
    ".pbm", ".gif",
)  # fmt: skip
# Phones append a depth map or the other shots of a burst; the first frame (HEIF: the primary image) is the photo.
PHOTO_IN_FIRST_FRAME = ("MPO", "HEIF")
# What decoders raise on hostile bytes. MemoryError and ImportError are left out: they are no fault of the picture.
DECODER_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError, EOFError,
    struct.error, zlib.error,
)  # fmt: skip
ORIENTATION_TAG = 0x0112  # EXIF's tag Orientation, CIPA DC-008

register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


@dataclass(frozen=True)
class DecodedImage:
    """A decoded picture as stored, and the EXIF orientation, 1 to 8, that still has to be applied to it.

    The orientation is 1 if the file has none or an invalid one. The HEIC and TIFF decoders apply theirs, which leaves 1.
    """

    image: Image.Image
    orientation: int


def open_regular(path: Path | UPath) -> BinaryIO:
    """A file, open for reading. Raises OSError, and WinnowError for a folder, a pipe, a socket or a device.

    Opening a pipe never waits for somebody who writes there, even if it has taken a file's place a moment ago.
    """
    if not isinstance(path, Path):
        behind_url: BinaryIO = path.open("rb")
        return behind_url
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise WinnowError("it is not a file, but a folder, a pipe, a socket or a device.")
    return os.fdopen(handle, "rb")


def read_bytes(path: Path | UPath, limits: Limits) -> bytes:
    """A file's bytes, 1 to `limits.file_bytes` of them.

    Raises WinnowError if it is larger, empty, missing, unreadable, or not a regular file.
    """
    try:
        size = path.stat().st_size
        if size > limits.file_bytes:
            raise WinnowError(f"the file has {size:,} bytes; {limits.file_bytes:,} are allowed.")
        with open_regular(path) as file:
            data = file.read(limits.file_bytes + 1)  # it may grow while we read
    except OSError as error:
        raise WinnowError(f"the file can't be read ({error.strerror or type(error).__name__}).") from None
    _check_size(data, limits)
    return data


def decode_image(data: bytes, limits: Limits) -> DecodedImage:
    """Decode a picture's bytes. The header is checked against the limits before any pixel is decoded.

    Raises WinnowError if they are no picture of IMAGE_FORMATS, or if it is damaged, cut off, animated or beyond the limits.
    """
    _check_size(data, limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about sizes and odd tags; we check our own limits
            image = Image.open(io.BytesIO(data), formats=IMAGE_FORMATS)
            _check_header(image, limits)
            image.load()
            _check_palette(image)
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
        raise WinnowError(f"the picture has {getattr(image, 'n_frames', 2)} frames. Send a still picture.")


def _check_palette(image: Image.Image) -> None:
    if image.mode in ("P", "PA") and image.palette is None:
        raise WinnowError("the picture's pixels are numbers of a palette's colours, but it has no palette. Save it as RGB.")


def _too_many_pixels(limits: Limits, size: tuple[int, int] | None = None) -> WinnowError:
    shown = f"is {size[0]:,} x {size[1]:,} pixels: more than" if size else "has more than"
    return WinnowError(f"the picture {shown} the {limits.pixels:,} pixels that are allowed.")


def _orientation(image: Image.Image) -> int:
    try:
        orientation = image.getexif().get(ORIENTATION_TAG, 1)
    except DECODER_ERRORS:
        return 1  # EXIF data that can't be parsed does not make the pixels any worse
    return orientation if orientation in range(1, 9) else 1
