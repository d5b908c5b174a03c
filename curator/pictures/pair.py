"""Decode an upload into a photo and its masks, upright and of one size.

Photo: uint8 (H, W, 3) sRGB. Mask: uint8 (H, W), 0 to 255. `opening` decides which files are decoded at all; `colours`,
`masks` and `orientation` interpret the pixels.
"""

from dataclasses import dataclass, field

from curator.pictures.arrays import Mask, Photo
from curator.pictures.colours import to_srgb
from curator.pictures.masks import Labels, fit_mask, hard, orient_labels, parse_labels
from curator.pictures.opening import DecodedImage, decode_image
from curator.pictures.orientation import Size, apply_orientation, mask_orientation
from db.errors import WinnowError
from db.settings import Limits

SMALL_PHOTO_SIDE = 200  # pixels: a crop of 512 x 512 from a smaller photo is mostly interpolated


@dataclass(frozen=True)
class Pair:
    """A photo and its masks, upright and of one size, with remarks about the two files; skin is None unless it was painted."""

    photo: Photo
    hair: Mask
    skin: Mask | None = None
    remarks: list[str] = field(default_factory=list)


def read_photo(data: bytes, limits: Limits) -> Photo:
    """A photo, uint8 (H, W, 3): upright by its EXIF orientation, in sRGB by its colour profile, transparent parts white.

    Raises WinnowError if it is no picture, damaged, cut off, animated or beyond the limits.
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
    """The upright photo, the orientation in its file (1 to 8), and remarks."""
    picture = decode_image(data, limits)
    pixels, remarks = to_srgb(picture.image)
    upright = apply_orientation(pixels, picture.orientation)
    height, width = upright.shape[:2]
    if min(height, width) < SMALL_PHOTO_SIDE:
        remarks.append(f"the photo is small: {width} x {height} pixels.")
    return upright, picture.orientation, remarks


def _fit_labels(size: Size, photo_tag: int, mask: DecodedImage) -> tuple[Labels, list[str]]:
    """A mask's labels, upright and at the upright photo's size (H, W), and remarks."""
    stored = parse_labels(mask.image)
    orientation, guess = mask_orientation(size, photo_tag, stored.hair.shape, mask.orientation)
    upright = orient_labels(stored, orientation)
    skin = None if upright.skin is None else fit_mask(upright.skin, size)
    found = Labels(fit_mask(upright.hair, size), skin)
    painted = hard(found.hair)
    if painted.all():
        raise WinnowError("every pixel is marked as hair. Send a mask with hair white and everything else black.")
    remarks = [guess] if guess else []
    (mh, mw), (ph, pw) = upright.hair.shape, size
    if (mh, mw) != (ph, pw):
        remarks.append(f"the mask was resized from {mw} x {mh} to the photo's {pw} x {ph}.")
    if not painted.any():
        remarks.append("the mask shows no hair.")
    return found, remarks
