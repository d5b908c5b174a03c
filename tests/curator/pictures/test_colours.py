"""Colours to sRGB, against the published matrices and curves, which know nothing of profiles."""

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from curator.pictures.colours import to_srgb
from curator.pictures.opening import decode_image
from db.errors import WinnowError
from db.settings import Limits
from tests.curator.encoded import (
    ADOBE_RGB,
    DISPLAY_P3,
    SRGB_CURVE,
    cmyk_profile,
    gamma_curve,
    grey,
    grey_profile,
    heic,
    saved,
)

LIMITS = Limits()
# Linear light to linear light, both under D65: CSS Color Module Level 4, section 18.
P3_TO_SRGB = [[1.2249401763, -0.2249401763, 0], [-0.0420569547, 1.0420569547, 0], [-0.0196375546, -0.0786360456, 1.0982736002]]
ADOBE_TO_SRGB = [[1.3983557440, -0.3983557440, 0], [0, 1, 0], [0, -0.0429289893, 1.0429289893]]

UNREADABLE = "the photo's colour profile can't be read; its colours were taken as sRGB."


def colours() -> np.ndarray:
    """Every 51st level of each channel, uint8 (6, 36, 3)."""
    steps = np.arange(0, 256, 51, np.uint8)
    return np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(6, 36, 3)


def srgb_curve(light: np.ndarray) -> np.ndarray:
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def light_of_srgb(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def read(data: bytes) -> tuple[np.ndarray, list[str]]:
    return to_srgb(decode_image(data, LIMITS).image)


def test_display_p3_as_iphones_write_it_becomes_srgb() -> None:
    pixels, remarks = read(saved(colours(), icc_profile=DISPLAY_P3))
    expected = 255 * srgb_curve(light_of_srgb(colours() / 255) @ np.transpose(P3_TO_SRGB))
    assert np.abs(pixels - expected).max() <= 2
    assert np.abs(pixels.astype(int) - colours()).max() > 30  # it was no sRGB
    assert remarks == []


def test_adobe_rgb_becomes_srgb() -> None:
    pixels, remarks = read(saved(colours(), "TIFF", icc_profile=ADOBE_RGB))
    expected = 255 * srgb_curve((colours() / 255) ** (563 / 256) @ np.transpose(ADOBE_TO_SRGB))
    assert np.abs(pixels - expected).max() <= 2
    assert remarks == []


@pytest.mark.parametrize("format", ["HEIF", "AVIF", "WEBP", "JPEG"])
def test_a_profile_counts_in_every_format_that_has_one(format: str) -> None:
    image = Image.new("RGB", (64, 64), (200, 100, 50))
    pixels, _ = read(saved(image, format, icc_profile=DISPLAY_P3, quality=95))
    light = light_of_srgb(np.array([200, 100, 50]) / 255) @ np.transpose(P3_TO_SRGB)
    assert np.abs(pixels[32, 32] - 255 * srgb_curve(light)).max() <= 4  # two levels, and the coding's own loss


def test_a_profile_of_srgb_leaves_every_value_as_it_is() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert (read(saved(colours(), icc_profile=profile))[0] == colours()).all()


def test_a_transparent_photo_with_a_profile_is_converted_and_then_shown_on_white() -> None:
    rgba = np.dstack([colours(), np.full(colours().shape[:2], 255, np.uint8)])
    rgba[0, 0, 3] = 0
    pixels, _ = read(saved(rgba, icc_profile=DISPLAY_P3))
    assert (pixels[1:] == read(saved(colours(), icc_profile=DISPLAY_P3))[0][1:]).all()
    assert pixels[0, 0].tolist() == [255, 255, 255]


def test_a_palette_with_a_profile_is_converted() -> None:
    image = Image.new("P", (1, 1))
    image.putpalette([200, 100, 50])
    alone, _ = read(saved(np.array([[[200, 100, 50]]], np.uint8), icc_profile=DISPLAY_P3))
    assert (read(saved(image, icc_profile=DISPLAY_P3))[0] == alone).all()


def test_grey_with_a_profile_of_its_own_becomes_srgb() -> None:
    pixels, remarks = read(saved(np.array([[0, 64, 128, 255]], np.uint8), icc_profile=grey_profile(gamma_curve(1.0))))
    expected = 255 * srgb_curve(np.array([0, 64, 128, 255]) / 255)  # light itself was stored: 128 looks like 188
    assert np.abs(pixels[0, :, 1] - expected).max() <= 2
    assert remarks == []


def test_grey_with_transparency_is_read_by_its_grey_profile_too() -> None:
    image = Image.fromarray(np.array([[[128, 255], [128, 0]]], np.uint8), "LA")
    pixels, remarks = read(saved(image, icc_profile=grey_profile(gamma_curve(1.0))))
    assert np.abs(pixels[0, :, 1].astype(int) - (188, 255)).max() <= 2
    assert remarks == []


def test_grey_that_kept_a_profile_of_colours_is_read_by_it() -> None:
    linear = DISPLAY_P3.replace(SRGB_CURVE, gamma_curve(1.0).ljust(len(SRGB_CURVE), b"\0"))
    pixels, remarks = read(saved(np.array([[128]], np.uint8), icc_profile=linear))
    assert np.abs(pixels.astype(int) - 188).max() <= 2
    assert remarks == []


def test_cmyk_is_read_by_its_profile() -> None:
    ink = np.zeros((16, 16, 4), np.uint8)
    ink[:, 8:, 0] = 255
    profile = cmyk_profile({(0, 0, 0, 0): 100, (1, 0, 0, 0): 50})  # its cyan prints as a middle grey
    pixels, remarks = read(saved(Image.fromarray(ink, "CMYK"), "TIFF", icc_profile=profile))
    assert np.abs(pixels[:, :8].astype(int) - 255).max() <= 2
    assert np.abs(pixels[:, 8:].astype(int) - 119).max() <= 2  # L* 50 is 18.4 % of the light: 1.055 * 0.184^(1/2.4) - 0.055
    assert remarks == []


def test_cmyk_without_a_profile_is_guessed_and_said_to_be() -> None:
    red = Image.new("RGB", (16, 16), (200, 10, 10)).convert("CMYK")
    pixels, remarks = read(saved(red, "JPEG", quality=95))
    assert np.abs(pixels.astype(int) - (200, 10, 10)).max() <= 6
    assert remarks == ["the photo has CMYK colours but no colour profile; its colours were guessed."]


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile at all",
        DISPLAY_P3[:200],
        DISPLAY_P3[:128] + bytes(len(DISPLAY_P3) - 128),
        cmyk_profile({}),
        bytes(5 * 2**20),
    ],
    ids=["text", "cut off", "without content", "of CMYK", "too long"],
)
def test_a_broken_profile_is_left_out_and_said_to_be(profile: bytes) -> None:
    pixels, remarks = read(saved(colours(), "TIFF", icc_profile=profile))
    assert (pixels == colours()).all()
    assert remarks == [UNREADABLE]


def test_sixteen_bits_and_ten_keep_their_colours() -> None:
    deep = np.full((64, 64, 3), (51400, 2570, 30840), np.uint16)  # 257 times (200, 10, 120)
    ten = heic(deep, "RGB;16")
    assert pillow_heif.open_heif(ten, convert_hdr_to_8bit=False).info["bit_depth"] == 10
    for data in (cv2.imencode(".png", deep[:, :, ::-1])[1].tobytes(), ten):
        pixels, remarks = read(data)
        assert np.abs(pixels.astype(int) - (200, 10, 120)).max() <= 3
        assert remarks == []


def test_a_grey_photo_of_sixteen_bits_keeps_its_brightness() -> None:
    assert read(grey([[0, 0x8000, 0xFFFF]], np.uint16))[0][0, :, 1].tolist() == [0, 0x80, 0xFF]


def test_what_is_transparent_shows_white_and_what_is_half_shows_half() -> None:
    rgba = np.array([[[9, 9, 9, 0], [0, 0, 0, 128], [9, 9, 9, 255]]], np.uint8)
    assert read(saved(rgba))[0][0, :, 0].tolist() == [255, 127, 9]
    assert read(saved(Image.new("LA", (1, 1), (9, 0))))[0].tolist() == [[[255, 255, 255]]]


def test_a_photo_of_floating_point_values_is_refused_with_what_to_do() -> None:
    with pytest.raises(WinnowError, match=r"^the picture has floating-point values\. Send it with 8 bits\.$"):
        read(saved(Image.new("F", (2, 2), 0.5), "TIFF"))
