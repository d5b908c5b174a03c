"""Photos, masks and mattes as arrays and as bytes. OpenCV's BGR order stays inside this module."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from db.errors import WinnowError
from trainer.arrays import Alpha, Image, Mask, Picture


def read(file: Path) -> Image:
    """A photo file as uint8 (H, W, 3) RGB, upright. Raises WinnowError for a file that is missing or not a picture."""
    if not file.is_file():
        raise WinnowError(f"{file} does not exist. Name a photo, such as portrait.jpg.")
    return image_from(file.read_bytes(), str(file))


def image_from(data: bytes, name: str) -> Image:
    """A photo's bytes as uint8 (H, W, 3) RGB, upright. Raises WinnowError with `name` if they are not a picture."""
    return np.asarray(cv2.cvtColor(_decoded(data, cv2.IMREAD_COLOR, name), cv2.COLOR_BGR2RGB), np.uint8)


def mask_from(data: bytes, name: str) -> Mask:
    """A mask's bytes as uint8 (H, W), 0 to 255. Raises WinnowError with `name` if they are not a picture."""
    return _decoded(data, cv2.IMREAD_GRAYSCALE, name)


def _decoded(data: bytes, how: int, name: str) -> Picture:
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    except cv2.error:  # no bytes at all, or a size beyond OpenCV's limit
        picture = None
    if picture is None:
        raise WinnowError(f"{name} cannot be read as a picture. Use a JPEG or PNG file.")
    return np.asarray(picture, np.uint8)


def png(picture: Picture) -> bytes:
    """uint8 (H, W, 3) RGB or (H, W) grey as the bytes of a PNG file."""
    turned = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) if picture.ndim == 3 else picture
    return bytes(cv2.imencode(".png", turned)[1])


def grey(alpha: Alpha) -> Mask:
    """A matte float32 (H, W), 0 to 1, as uint8 (H, W), 0 to 255, rounded."""
    return np.asarray(np.rint(np.clip(alpha, 0, 1) * 255), np.uint8)


def resized(picture: Picture, size: int) -> Picture:
    """A square picture, uint8 (S, S) or (S, S, 3), at another size, (size, size) or (size, size, 3).

    Shrinking averages areas, so that no strand of hair is skipped.
    """
    if picture.shape[:2] == (size, size):
        return picture
    how = cv2.INTER_AREA if picture.shape[0] > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (size, size), interpolation=how), np.uint8)


def overlaps(marked: Mask, size: int) -> Mask:
    """A square mask, uint8 (S, S), 0 or 255, at another size: 255 for each pixel that overlaps one of 255 at all, else 0."""
    how = cv2.INTER_AREA if marked.shape[0] > size else cv2.INTER_LINEAR
    share = cv2.resize(marked.astype(np.float32), (size, size), interpolation=how)  # bytes would round a small overlap to 0
    return np.where(share > 0, np.uint8(255), np.uint8(0))


def matte_of_photo(image: Image, size: int, alpha_of: Callable[[Image], Alpha]) -> Alpha:
    """The matte of a photo of any shape, from a model that takes square ones: float32 (H, W), 0 to 1.

    The photo is padded to a square by repeating its border pixels, not squashed, and the matte is cropped back. `image`
    uint8 (H, W, 3) RGB; `alpha_of` maps uint8 (size, size, 3) RGB to float32 (size, size), 0 to 1.
    """
    height, width = image.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    square = cv2.copyMakeBorder(image, top, side - height - top, left, side - width - left, borderType=cv2.BORDER_REPLICATE)
    alpha = alpha_of(resized(np.asarray(square, np.uint8), size))
    return np.clip(rescaled(alpha, side)[top : top + height, left : left + width], 0, 1)


def rescaled(alpha: Alpha, side: int) -> Alpha:
    """A square matte at another size, float32 (side, side): what an app shows of it over a photo of that size."""
    return np.asarray(cv2.resize(alpha, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)
