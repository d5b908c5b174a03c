"""Convert a decoded picture's colours to sRGB, whatever colour space they are stored in."""

import io
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from curator.pictures.opening import DECODER_ERRORS
from db.errors import WinnowError

GREYS_16_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")
LARGEST_PROFILE = (
    4 * 2**20
)  # bytes; printers' profiles are the largest, about 2.5 MB. The cache below keeps profiles of up to this size
PILLOW_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # a profile's colour space, and Pillow's name for it

SRGB = ImageCms.createProfile("sRGB")


def to_srgb(image: Image.Image) -> tuple[NDArray[np.uint8], list[str]]:
    """The pixels, uint8 (H, W, 3), converted to sRGB by the picture's ICC profile, and remarks about them.

    Without a profile they are taken as sRGB. Transparent parts are laid on white. 16-bit grey keeps its upper 8 bits. Raises
    WinnowError for a colour mode that can't be converted.
    """
    profile = image.info.get("icc_profile")
    alpha = None
    if image.mode in GREYS_16_BIT:
        image = Image.fromarray((np.asarray(image).astype(np.int64).clip(0, 65535) >> 8).astype(np.uint8))
    elif image.has_transparency_data:
        layered = image.convert("RGBA")
        alpha = layered.getchannel("A")
        image = image.convert("L") if image.mode in ("L", "LA") else layered.convert("RGB")  # grey may have a grey profile
    image, remark = _apply_profile(image, profile)
    if alpha is not None:
        image = Image.composite(image, Image.new("RGB", image.size, "white"), alpha)
    return np.asarray(image), [remark] if remark else []


def to_rgb(image: Image.Image) -> Image.Image:
    """The picture in Pillow's mode RGB, without applying a profile. Raises WinnowError for a mode that can't be converted."""
    if image.mode == "F":
        raise WinnowError("the picture has floating-point values. Send it with 8 bits.")
    try:
        return image.convert("RGB")
    except ValueError:
        raise WinnowError(f"the picture's colours ({image.mode}) can't be read. Send it as RGB.") from None


def _apply_profile(image: Image.Image, profile: object) -> tuple[Image.Image, str | None]:
    if not isinstance(profile, bytes) or not profile:
        guessed = "the photo has CMYK colours but no colour profile; its colours were guessed."
        return to_rgb(image), guessed if image.mode == "CMYK" else None
    try:
        mode, transform = _profile_transform(profile)
        if mode != image.mode and mode != "RGB":
            raise ValueError(f"a profile of {mode} on a picture of {image.mode}")
        rgb = image if mode == image.mode else to_rgb(image)
        return (rgb if transform is None else transform.apply(rgb)), None
    except (ImageCms.PyCMSError, *DECODER_ERRORS):
        return to_rgb(image), "the photo's colour profile can't be read; its colours were taken as sRGB."


@lru_cache(maxsize=16)
def _profile_transform(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform | None]:
    """The Pillow mode that a profile applies to, and its transform to sRGB; None if the profile is sRGB itself, as most are.

    A profile counts as sRGB if it changes no value of a grid of 18 levels a channel by more than 1. Raises PyCMSError,
    OSError, ValueError or KeyError for a profile that is damaged, larger than LARGEST_PROFILE or of another colour space.
    """
    if len(profile) > LARGEST_PROFILE:
        raise ValueError(f"a profile of {len(profile):,} bytes")
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    mode = PILLOW_MODES[opened.profile.xcolor_space.strip()]
    transform = ImageCms.buildTransform(opened, SRGB, mode, "RGB", ImageCms.Intent.PERCEPTUAL)
    if mode == "RGB":
        steps = np.linspace(0, 255, 18).astype(np.uint8)  # every fifteenth level of each channel
        grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
        changed = np.asarray(transform.apply(Image.fromarray(grid)))
        if np.abs(changed.astype(int) - grid).max() <= 1:
            return mode, None
    return mode, transform
