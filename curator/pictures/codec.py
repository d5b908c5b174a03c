"""Encode and decode our own pictures: photos as JPEG, masks and mattes as PNG, previews as WebP. BGR stays in this module."""

import io
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curator.pictures.arrays import Photo
from db.errors import WinnowError


def encode_photo(photo: Photo) -> bytes:
    """A photo, uint8 (H, W, 3) RGB, as JPEG of quality 95. No chroma subsampling, so that dyed strands keep their colour."""
    bgr = np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), dtype=np.uint8)
    options = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return _encode(".jpg", bgr, options)


def encode_mask(mask: NDArray[np.uint8]) -> bytes:
    """A mask or matte, uint8 (H, W) with any values, as an 8-bit grey PNG."""
    return _encode(".png", mask, [])


def encode_colours(rgb: Photo) -> bytes:
    """Class colours, uint8 (H, W, 3) RGB, as PNG."""
    return _encode(".png", np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), dtype=np.uint8), [])


def encode_palette(numbers: NDArray[np.uint8], colours: Mapping[int, tuple[int, int, int]]) -> bytes:
    """Class numbers, uint8 (H, W), as a PNG with a palette that shows them in RGB colours; other numbers are black."""
    palette = [channel for number in range(256) for channel in colours.get(number, (0, 0, 0))]
    image = Image.frombytes("P", numbers.shape[::-1], numbers.tobytes())
    image.putpalette(palette)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def thumbnail(data: bytes, side: int) -> bytes:
    """A stored photo or mask, resized to `side` x `side` pixels, as WebP of quality 85. Raises WinnowError if it is damaged."""
    small = cv2.resize(_decode(data, cv2.IMREAD_UNCHANGED), (side, side), interpolation=cv2.INTER_AREA)
    return _encode(".webp", np.asarray(small, np.uint8), [cv2.IMWRITE_WEBP_QUALITY, 85])


def encode_preview(photo: Photo) -> bytes:
    """A photo, uint8 (H, W, 3) RGB, as WebP of quality 85: to be looked at, not trained on."""
    return _encode(".webp", np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), dtype=np.uint8), [cv2.IMWRITE_WEBP_QUALITY, 85])


def decode_photo(data: bytes) -> Photo:
    """A photo that we encoded, uint8 (H, W, 3) RGB; its EXIF orientation is ignored. Raises WinnowError if it is damaged."""
    bgr = _decode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def decode_mask(data: bytes) -> NDArray[np.uint8]:
    """A mask or matte that we encoded, uint8 (H, W), 0 to 255. Raises WinnowError if it is damaged."""
    return _decode(data, cv2.IMREAD_GRAYSCALE)


def _encode(suffix: str, pixels: NDArray[np.uint8], options: list[int]) -> bytes:
    done, data = cv2.imencode(suffix, pixels, options)
    if not done:
        raise ValueError(f"{pixels.shape} {pixels.dtype} can't be written as {suffix}")
    return data.tobytes()


def _decode(data: bytes, flags: int) -> NDArray[np.uint8]:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error:
        pixels = None
    if pixels is None:
        raise WinnowError("the picture is damaged or cut off; it can't be decoded.")
    return np.asarray(pixels, dtype=np.uint8)
