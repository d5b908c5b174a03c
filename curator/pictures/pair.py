"""An upload's bytes to a photo and its masks, upright and of one size.

Photo: uint8 (H, W, 3) sRGB. Mask: uint8 (H, W), 0 or 255. `opening` says what of a stranger's file is decoded at all, and
how its refusals are worded; `colours`, `masks` and `orientation` say what the pixels mean.
"""

from dataclasses import dataclass, field

from curator.pictures.arrays import Mask, Photo
from curator.pictures.colours import to_srgb
from curator.pictures.masks import Labels, fit_mask, orient_labels, parse_labels
from curator.pictures.opening import DecodedImage, decode_image
from curator.pictures.orientation import Size, apply_orientation, mask_orientation
from db.errors import WinnowError
from db.settings import Limits

SMALL_PHOTO_SIDE = 200  # pixels: a crop of 512 out of a smaller photo is mostly made up


@dataclass(frozen=True)
class Pair:
    """A photo and its masks, upright and of one size, with what was odd about the two files, in words."""

    photo: Photo
    hair: Mask
    skin: Mask | None = None
    remarks: list[str] = field(default_factory=list)


def read_photo(data: bytes, limits: Limits) -> Photo:
    """The photo upright by its EXIF orientation, in sRGB by its colour profile; what is transparent shows white.

    Raises WinnowError for what is no picture, damaged, cut off, animated or beyond the limits.
    """
    return _decode_photo(data, limits)[0]


def read_pair(photo: bytes, mask: bytes, limits: Limits) -> Pair:
    """A photo as `read_photo` gives it, with its masks upright and at its size.

    Each is turned by its own EXIF orientation; if only one of the two has one, their sizes decide (`mask_orientation`).
    Raises WinnowError like `read_photo`. The text starts with "its mask: " if the mask can't be read, has another shape than
    the photo, or marks every pixel as hair.
    """
    upright, orientation, remarks = _decode_photo(photo, limits)
    try:
        found, more = _fit_labels(upright.shape[:2], orientation, decode_image(mask, limits))
    except WinnowError as error:
        raise WinnowError(f"its mask: {error}") from None
    return Pair(upright, found.hair, found.skin, remarks + more)


def _decode_photo(data: bytes, limits: Limits) -> tuple[Photo, int, list[str]]:
    """The upright photo, the orientation that its file states, and what is odd about it, in words."""
    picture = decode_image(data, limits)
    pixels, remarks = to_srgb(picture.image)
    upright = apply_orientation(pixels, picture.orientation)
    height, width = upright.shape[:2]
    if min(height, width) < SMALL_PHOTO_SIDE:
        remarks.append(f"the photo is small: {width} x {height} pixels.")
    return upright, picture.orientation, remarks


def _fit_labels(size: Size, photo_says: int, mask: DecodedImage) -> tuple[Labels, list[str]]:
    """A mask's labels, upright and at the photo's upright size (H, W), and what was odd about that, in words."""
    stored = parse_labels(mask.image)
    orientation, odd = mask_orientation(size, photo_says, stored.hair.shape, mask.orientation)
    lying = orient_labels(stored, orientation)
    skin = None if lying.skin is None else fit_mask(lying.skin, size)
    found = Labels(fit_mask(lying.hair, size), skin)
    if found.hair.all():
        raise WinnowError("all of it is hair. Send one with the hair white and everything else black.")
    remarks = [odd] if odd else []
    (mh, mw), (ph, pw) = lying.hair.shape, size
    if (mh, mw) != (ph, pw):
        remarks.append(f"the mask was resized from {mw} x {mh} to the photo's {pw} x {ph}.")
    if not found.hair.any():
        remarks.append("the mask shows no hair.")
    return found, remarks
