"""Decode an upload into a photo and its masks, upright and of one size.

Photo: uint8 (H, W, 3) sRGB. Mask: uint8 (H, W), 0 to 255. `opening` decides which files are decoded at all; `colours`,
`masks` and `orientation` interpret the pixels.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

from curator.pictures.arrays import Mask, Photo
from curator.pictures.colours import to_srgb
from curator.pictures.masks import Labels, fit_mask, hard, orient_labels, parse_labels
from curator.pictures.meaning import Meaning, read_labels
from curator.pictures.opening import DecodedImage, decode_image
from curator.pictures.orientation import Size, apply_orientation, mask_orientation
from db.errors import WinnowError
from db.settings import Limits

SMALL_PHOTO_SIDE = 200  # pixels: a crop of 512 x 512 from a smaller photo is mostly interpolated


@dataclass(frozen=True)
class Pair:
    """A photo and its masks, upright and of one size, with remarks about the files.

    Skin is None unless it was painted; unknown, 0 or 255, is None unless the source says nothing of some pixels: hair is 0
    there.
    """

    photo: Photo
    hair: Mask
    skin: Mask | None = None
    unknown: Mask | None = None
    remarks: list[str] = field(default_factory=list)


def read_photo(data: bytes, limits: Limits) -> Photo:
    """A photo, uint8 (H, W, 3): upright by its EXIF orientation, in sRGB by its colour profile, transparent parts white.

    Raises WinnowError if it is no picture, damaged, cut off, animated or beyond the limits.
    """
    return _decode_photo(data, limits)[0]


def read_pair(
    photo: bytes,
    mask: bytes,
    limits: Limits,
    meaning: Meaning | None = None,
    *,
    skin: bytes | None = None,
    unknown: bytes | None = None,
) -> Pair:
    """A photo as `read_photo` gives it, with its masks upright and at its size.

    `meaning` is what the values of the mask's source mean; `skin` and `unknown` are files of masks beside the hair's. Each
    is turned by its own EXIF orientation; if only one of the two has one, their sizes decide (`mask_orientation`). Raises
    WinnowError like `read_photo`. The text starts with "its mask: " if the mask can't be read, has another shape than the
    photo, or marks every pixel as hair, or as unknown.
    """
    upright, orientation, remarks = _decode_photo(photo, limits)
    try:
        found, more = _fit_labels(upright.shape[:2], orientation, decode_image(mask, limits), meaning)
    except WinnowError as error:
        raise WinnowError(f"its mask: {error}") from None
    others = [
        None if file is None else _mask_beside(name, file, upright.shape[:2], orientation, limits)
        for name, file in (("skin", skin), ("unknown", unknown))
    ]
    not_known = _union(found.unknown, others[1])
    if not_known is not None and not_known.all():
        raise WinnowError("its mask: it says of no pixel whether it is hair; all are unknown.")
    hair = found.hair if not_known is None else cv2.bitwise_and(found.hair, cv2.bitwise_not(not_known))
    return Pair(upright, np.asarray(hair, np.uint8), found.skin if others[0] is None else others[0], not_known, remarks + more)


def _mask_beside(name: str, file: bytes, size: Size, photo_tag: int, limits: Limits) -> Mask:
    """Another mask than the hair's, uint8 (H, W), 0 or 255. Raises WinnowError whose text begins with its name."""
    try:
        picture = decode_image(file, limits)
        stored = parse_labels(picture.image)
        orientation, _ = mask_orientation(size, photo_tag, stored.hair.shape, picture.orientation)
        return hard(fit_mask(orient_labels(stored, orientation).hair, size))
    except WinnowError as error:
        raise WinnowError(f"its mask of {name}: {error}") from None


def _union(one: Mask | None, other: Mask | None) -> Mask | None:
    """All that either marks; None if nothing is marked."""
    marked = [mask for mask in (one, other) if mask is not None and mask.any()]
    return np.maximum.reduce(marked) if marked else None


def _decode_photo(data: bytes, limits: Limits) -> tuple[Photo, int, list[str]]:
    """The upright photo, the orientation in its file (1 to 8), and remarks."""
    picture = decode_image(data, limits)
    pixels, remarks = to_srgb(picture.image)
    upright = apply_orientation(pixels, picture.orientation)
    height, width = upright.shape[:2]
    if min(height, width) < SMALL_PHOTO_SIDE:
        remarks.append(f"the photo is small: {width} x {height} pixels.")
    return upright, picture.orientation, remarks


def _fit_labels(size: Size, photo_tag: int, mask: DecodedImage, meaning: Meaning | None) -> tuple[Labels, list[str]]:
    """A mask's labels, upright and at the upright photo's size (H, W), and remarks."""
    stored = read_labels(mask.image, meaning)
    orientation, guess = mask_orientation(size, photo_tag, stored.hair.shape, mask.orientation)
    upright = orient_labels(stored, orientation)
    skin, unknown = (None if one is None else fit_mask(one, size) for one in (upright.skin, upright.unknown))
    found = Labels(fit_mask(upright.hair, size), skin, unknown)
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
