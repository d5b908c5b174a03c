"""Bytes to an upright RGB photo or a mask, and back; every limit on hostile input lives here.

Photo: uint8 (H, W, 3) RGB. Mask: uint8 (H, W), 0 or 255. What is wrong with a picture is raised as a WinnowError whose
text goes on from the file's name: the caller, who knows the name, puts it and a colon in front.
"""

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from db.errors import WinnowError

Photo = NDArray[np.uint8]  # (H, W, 3) RGB
Mask = NDArray[np.uint8]  # (H, W), 0 or 255

# A list of our own: Pillow would also start Ghostscript on a PostScript file that calls itself a photo.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF", "PPM", "GIF")
GREYS_16_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")
HALF = 128
# What decoders raise on hostile bytes. Not MemoryError or ImportError: those are our trouble, not the picture's.
BROKEN = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError, EOFError,
    struct.error, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class Labels:
    """What a mask's file says: the hair, and the skin too where it has class colours with some green."""

    hair: Mask
    skin: Mask | None = None


@dataclass(frozen=True)
class Limits:
    """What one upload may cost us, at most."""

    file_bytes: int = 64 * 2**20  # the largest phone photos (48 megapixels) are 15 to 25 MB as JPEG
    pixels: int = 80_000_000  # 240 MB decoded; above 179 million Pillow refuses by itself
    zip_members: int = 200_000
    zip_bytes: int = 20 * 2**30  # unpacked, all members together
    zip_ratio: int = 200  # photos hardly shrink, flat masks do: held against members above `zip_small` only
    zip_small: int = 2**20


def read_bytes(path: Path, limits: Limits) -> bytes:
    """A file's bytes. Raises WinnowError for a file that is too large, empty, not there or not to be read."""
    try:
        size = path.stat().st_size
        if size > limits.file_bytes:
            raise WinnowError(f"the file has {size:,} bytes; {limits.file_bytes:,} are allowed.")
        with path.open("rb") as file:
            data = file.read(limits.file_bytes + 1)  # it may grow while we read
    except OSError as error:
        raise WinnowError(f"the file can't be read ({error.strerror or type(error).__name__}).") from None
    _check_size(data, limits)
    return data


def read_photo(data: bytes, limits: Limits) -> Photo:
    """The photo upright (its EXIF orientation applied), uint8 (H, W, 3) RGB; what is transparent shows white.

    Raises WinnowError for what is no picture, damaged, cut off, animated or beyond the limits.
    """
    image = _upright(data, limits)
    if image.mode in GREYS_16_BIT:
        grey = (np.asarray(image).astype(np.int64).clip(0, 65535) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(_converted(image, "RGB"))


def read_labels(data: bytes, limits: Limits) -> Labels:
    """The masks of hair and skin, uint8 (H, W), 255 where it is and 0 elsewhere, upright by their own EXIF orientation.

    Understood: grey 0/1, 0/255 or soft (hair from half on), 8 or 16 bit; transparency that varies (the opaque part is
    hair); one colour on black (the coloured part is hair); class colours: red is hair, green skin, blue and black neither.
    A palette counts by its colours. Raises WinnowError like `read_photo`, and for a picture that is no mask.
    """
    image = _upright(data, limits)
    if image.mode in GREYS_16_BIT:
        return Labels(_from_deep_grey(np.asarray(image)))
    if image.mode == "F":
        raise WinnowError("the mask has floating-point values. Send it with 8 bits, black and white.")
    if "A" in image.getbands() or "transparency" in image.info:
        pixels = np.asarray(image.convert("RGBA"))  # (H, W, 4)
        alpha = pixels[:, :, 3]
        if alpha.min() != alpha.max() or alpha.max() == 0:
            return Labels(_from_grey(alpha))
        return _from_colours(pixels[:, :, :3])
    if image.mode in ("1", "L"):
        return Labels(_from_grey(np.asarray(image.convert("L"))))
    return _from_colours(np.asarray(_converted(image, "RGB")))


def fit_mask(mask: Mask, photo_shape: tuple[int, ...]) -> Mask:
    """The mask at the photo's size: as it is, or resized where both have the same shape within 1 %.

    `photo_shape` is (H, W) or (H, W, 3). Raises WinnowError where the shapes differ, or where the mask is so small that
    it could not tell hair from face.
    """
    (mh, mw), (ph, pw) = mask.shape, photo_shape[:2]
    if (mh, mw) == (ph, pw):
        return mask
    sizes = f"the mask is {mw} x {mh}, the photo {pw} x {ph}."
    if abs(mw * ph - mh * pw) > 0.01 * mh * pw:
        raise WinnowError(f"{sizes} Send a mask of the photo's size or shape.")
    if mw * 8 < pw:
        raise WinnowError(f"{sizes} Send a mask of the photo's size, or at least of an eighth of it.")
    how = cv2.INTER_AREA if mw > pw else cv2.INTER_LINEAR
    resized = cv2.resize(mask, (pw, ph), interpolation=how)
    return np.where(resized >= HALF, 255, 0).astype(np.uint8)


def encode_photo(photo: Photo) -> bytes:
    """A JPEG of quality 95 without chroma subsampling, so that strands of dyed hair keep their colour."""
    bgr = np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), dtype=np.uint8)
    how = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return _encoded(".jpg", bgr, how)


def encode_mask(mask: NDArray[np.uint8]) -> bytes:
    """A PNG of one 8-bit grey channel; any values, so that it serves for mattes too."""
    return _encoded(".png", mask, [])


def encode_colours(rgb: Photo) -> bytes:
    """A PNG of class colours, uint8 (H, W, 3) RGB."""
    return _encoded(".png", np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), dtype=np.uint8), [])


def thumbnail(data: bytes, side: int) -> bytes:
    """A stored picture, photo or mask, shrunk to `side` x `side` pixels, as WebP."""
    small = cv2.resize(_decoded(data, cv2.IMREAD_UNCHANGED), (side, side), interpolation=cv2.INTER_AREA)
    return _encoded(".webp", np.asarray(small, np.uint8), [cv2.IMWRITE_WEBP_QUALITY, 85])


def decode_photo(data: bytes) -> Photo:
    """A photo that we encoded ourselves, uint8 (H, W, 3) RGB. Raises WinnowError where it is damaged."""
    bgr = _decoded(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def decode_mask(data: bytes) -> NDArray[np.uint8]:
    """A mask or matte that we encoded ourselves, uint8 (H, W). Raises WinnowError where it is damaged."""
    return _decoded(data, cv2.IMREAD_GRAYSCALE)


# --- opening ---------------------------------------------------------------------------------------------------------


def _upright(data: bytes, limits: Limits) -> Image.Image:
    """A decoded picture, turned by its EXIF orientation; the header is judged before a pixel is decoded."""
    _check_size(data, limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of sizes and odd tags; the limits are ours
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            _check_header(image, limits)
            image.load()
            return ImageOps.exif_transpose(image)
    except WinnowError:
        raise
    except Image.DecompressionBombError:
        raise _too_many_pixels(limits) from None
    except UnidentifiedImageError:
        raise WinnowError(_not_a_picture(data)) from None
    except BROKEN:
        raise WinnowError("the picture is damaged or cut off; it can't be decoded.") from None


def _check_size(data: bytes, limits: Limits) -> None:
    if not data:
        raise WinnowError("the file is empty.")
    if len(data) > limits.file_bytes:
        raise WinnowError(f"the file has more than the {limits.file_bytes:,} bytes that are allowed.")


def _check_header(image: Image.Image, limits: Limits) -> None:
    if image.width * image.height > limits.pixels:
        raise _too_many_pixels(limits, image.size)
    # Phones write portraits as MPO: a JPEG with its depth map as a second frame. The first frame is the photo.
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise WinnowError(f"the picture has {getattr(image, 'n_frames', 2)} frames. Send a still one.")


def _too_many_pixels(limits: Limits, size: tuple[int, int] | None = None) -> WinnowError:
    shown = f"is {size[0]:,} x {size[1]:,} pixels: more than" if size else "has more than"
    return WinnowError(f"the picture {shown} the {limits.pixels:,} pixels that are allowed.")


def _not_a_picture(data: bytes) -> str:
    if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc"):
        return "HEIC pictures can't be read yet. Send it as JPEG or PNG."
    return "the file is not a picture that can be read here (JPEG, PNG, WebP, AVIF, BMP, TIFF, PPM)."


def _converted(image: Image.Image, mode: str) -> Image.Image:
    try:
        return image.convert(mode)
    except ValueError:
        raise WinnowError(f"the picture's colours ({image.mode}) can't be read. Send it as RGB.") from None


# --- what a mask's values mean ---------------------------------------------------------------------------------------


def _from_grey(grey: NDArray[np.uint8]) -> Mask:
    brightest = int(grey.max())
    if brightest == 1:
        return (grey * 255).astype(np.uint8)
    if 1 < brightest < 16:  # class numbers: thresholding would make an empty mask of them without a word
        raise WinnowError(f"the mask's values go from 0 to {brightest}. Send 0 and 1, or 0 and 255.")
    return np.where(grey >= HALF, 255, 0).astype(np.uint8)


def _from_deep_grey(grey: NDArray[Any]) -> Mask:
    if grey.max() <= 255:  # 8-bit values kept in 16 bits
        return _from_grey(grey.clip(0, 255).astype(np.uint8))
    return np.where(grey >= 32768, 255, 0).astype(np.uint8)


def _from_colours(rgb: NDArray[np.uint8]) -> Labels:
    """Masks from uint8 (H, W, 3); see `read_labels` for the rules."""
    high, low = rgb.max(axis=2), rgb.min(axis=2)
    if int((high - low).max()) <= 16:  # grey, or grey that went through a JPEG
        return Labels(_from_grey(rgb[:, :, 1]))
    # JPEG and soft brushes leave a few pixels between the colours; 3 % may be anything.
    between = (rgb > 40) & (rgb < 215)
    bits = (rgb >= HALF) @ np.array([4, 2, 1], np.uint8)  # (H, W): 4 red, 2 green, 1 blue, 0 black
    shares = np.bincount(bits.ravel(), minlength=8) / bits.size
    pure = between.any(axis=2).mean() <= 0.03
    if pure and shares[[0, 1, 2, 4]].sum() >= 0.97:
        return Labels(_where(bits == 4), _where(bits == 2) if shares[2] > 0 else None)
    coloured = rgb[high > 0]
    if (high == 0).any() and (coloured == coloured[0]).all():
        return Labels(_where(high > 0))
    raise WinnowError(
        "the mask is a colour picture. Send black and white, one colour on black, or red for hair, green for skin and blue "
        "for background."
    )


def _where(there: NDArray[np.bool_]) -> Mask:
    return np.where(there, 255, 0).astype(np.uint8)


# --- OpenCV's side ---------------------------------------------------------------------------------------------------


def _encoded(suffix: str, pixels: NDArray[np.uint8], how: list[int]) -> bytes:
    done, data = cv2.imencode(suffix, pixels, how)
    if not done:
        raise ValueError(f"{pixels.shape} {pixels.dtype} can't be written as {suffix}")
    return data.tobytes()


def _decoded(data: bytes, flags: int) -> NDArray[np.uint8]:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    if pixels is None:
        raise WinnowError("the picture is damaged or cut off; it can't be decoded.")
    return np.asarray(pixels, dtype=np.uint8)
