"""Bytes to pictures: what a mask's values mean, which way is up, and everything that a stranger may send."""

import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from curator.pictures import (
    Limits,
    decode_mask,
    decode_photo,
    encode_mask,
    encode_photo,
    fit_mask,
    read_bytes,
    read_labels,
    read_photo,
)
from db.errors import WinnowError

LIMITS = Limits()
ORIENTATION = 0x0112
BROKEN = "the picture is damaged or cut off; it can't be decoded."


def saved(image: Image.Image, format: str = "PNG", **how: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **how)
    return out.getvalue()


def read_mask(data: bytes, limits: Limits) -> np.ndarray:
    return read_labels(data, limits).hair


def grey(values: list[list[int]], dtype: type = np.uint8) -> bytes:
    return saved(Image.fromarray(np.array(values, dtype)))


def noise(height: int = 40, width: int = 30) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


# --- masks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [[[0, 1], [1, 0]], [[0, 255], [255, 0]], [[127, 128], [200, 3]]],
    ids=["0 and 1", "0 and 255", "soft, cut at half"],
)
def test_grey_masks_mean_hair_where_they_are_bright(values: list[list[int]]) -> None:
    assert read_mask(grey(values), LIMITS).tolist() == [[0, 255], [255, 0]]


def test_a_black_mask_is_no_hair_and_a_white_one_is_all_hair() -> None:
    assert read_mask(grey([[0, 0]]), LIMITS).tolist() == [[0, 0]]
    assert read_mask(grey([[255, 255]]), LIMITS).tolist() == [[255, 255]]


@pytest.mark.parametrize("bright", [1, 255, 65535])
def test_sixteen_bit_masks_are_read(bright: int) -> None:
    assert read_mask(grey([[0, bright]], np.uint16), LIMITS).tolist() == [[0, 255]]


def test_a_one_bit_mask_is_read() -> None:
    assert read_mask(saved(Image.fromarray(np.array([[False, True]]))), LIMITS).tolist() == [[0, 255]]


def test_class_numbers_are_refused_rather_than_read_as_no_hair() -> None:
    with pytest.raises(WinnowError, match=r"^the mask's values go from 0 to 2\. Send 0 and 1, or 0 and 255\.$"):
        read_mask(grey([[0, 1, 2]]), LIMITS)


@pytest.mark.parametrize("format", ["PNG", "PPM"])
def test_in_class_colours_red_is_hair_and_green_and_blue_are_not(format: str) -> None:
    rgb = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]]], np.uint8)
    assert read_mask(saved(Image.fromarray(rgb), format), LIMITS).tolist() == [[255, 0, 0, 0]]


def test_in_class_colours_green_is_skin_and_other_masks_say_nothing_of_skin() -> None:
    rgb = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]]], np.uint8)
    skin = read_labels(saved(Image.fromarray(rgb)), LIMITS).skin
    assert skin is not None
    assert skin.tolist() == [[0, 255, 0, 0]]
    assert read_labels(grey([[0, 255]]), LIMITS).skin is None


def test_class_colours_without_red_are_somebody_without_hair() -> None:
    rgb = np.array([[[0, 255, 0], [0, 0, 255]]], np.uint8)
    assert read_mask(saved(Image.fromarray(rgb)), LIMITS).tolist() == [[0, 0]]


def test_one_colour_on_black_is_hair() -> None:
    rgb = np.array([[[0, 0, 0], [128, 0, 200]]], np.uint8)
    assert read_mask(saved(Image.fromarray(rgb)), LIMITS).tolist() == [[0, 255]]


def test_a_grey_mask_that_went_through_a_colour_jpeg_is_read() -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[:32] = 255
    data = saved(Image.fromarray(mask).convert("RGB"), "JPEG", quality=75)
    assert (read_mask(data, LIMITS) == mask).all()


def test_where_transparency_varies_the_opaque_part_is_hair() -> None:
    rgba = np.full((1, 3, 4), 255, np.uint8)
    rgba[0, :, 3] = [0, 255, 90]
    assert read_mask(saved(Image.fromarray(rgba)), LIMITS).tolist() == [[0, 255, 0]]


def test_where_all_is_opaque_the_colours_count() -> None:
    rgba = np.full((1, 2, 4), 255, np.uint8)
    rgba[0, 0, :3] = 0
    assert read_mask(saved(Image.fromarray(rgba)), LIMITS).tolist() == [[0, 255]]


def test_a_wholly_transparent_layer_is_no_hair() -> None:
    assert not read_mask(saved(Image.new("RGBA", (3, 2), (255, 0, 0, 0))), LIMITS).any()


def test_a_palette_counts_by_its_colours() -> None:
    image = Image.fromarray(np.array([[0, 1, 1]], np.uint8), "P")
    image.putpalette([0, 0, 0, 255, 255, 255])
    assert read_mask(saved(image), LIMITS).tolist() == [[0, 255, 255]]


def test_a_photo_sent_as_a_mask_is_refused() -> None:
    with pytest.raises(WinnowError, match=r"^the mask is a colour picture\. Send black and white, one colour on black, or red"):
        read_mask(saved(Image.fromarray(noise())), LIMITS)


def test_a_mask_is_turned_by_its_own_orientation() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # the camera was held upright: turn a quarter clockwise
    data = saved(Image.fromarray(np.array([[0, 255]], np.uint8)), "PNG", exif=exif)
    assert read_mask(data, LIMITS).tolist() == [[0], [255]]


# --- fitting ---------------------------------------------------------------------------------------------------------


def test_a_mask_of_the_photos_size_is_kept_as_it_is() -> None:
    mask = np.zeros((4, 5), np.uint8)
    assert fit_mask(mask, (4, 5, 3)) is mask


@pytest.mark.parametrize("shape", [(50, 40), (200, 160), (101, 80)])
def test_a_mask_of_the_photos_shape_is_resized_and_stays_black_and_white(shape: tuple[int, int]) -> None:
    mask = np.zeros(shape, np.uint8)
    mask[: shape[0] // 2] = 255
    fitted = fit_mask(mask, (100, 80, 3))
    assert fitted.shape == (100, 80)
    assert set(np.unique(fitted)) == {0, 255}
    assert abs(fitted.mean() / 255 - 0.5) < 0.02


def test_a_mask_of_another_shape_is_refused_with_both_sizes() -> None:
    with pytest.raises(
        WinnowError, match=r"^the mask is 30 x 20, the photo 550 x 831\. Send a mask of the photo's size or shape\.$"
    ):
        fit_mask(np.zeros((20, 30), np.uint8), (831, 550, 3))


def test_a_mask_too_small_to_tell_hair_is_refused() -> None:
    wanted = r"^the mask is 20 x 30, the photo 550 x 831\. Send a mask of the photo's size, or at least of an eighth of it\.$"
    with pytest.raises(WinnowError, match=wanted):
        fit_mask(np.zeros((30, 20), np.uint8), (831, 550, 3))


# --- photos ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_stands_upright_whatever_way_the_camera_was_held(orientation: int) -> None:
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8, :8] = (255, 0, 0)
    upright[:8, 16:] = (0, 255, 0)
    turned = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.transpose(1, 0, 2), 6: np.rot90(upright),
            7: upright[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = saved(Image.fromarray(np.ascontiguousarray(turned)), "PNG", exif=exif)
    assert (read_photo(data, LIMITS) == upright).all()


def test_every_common_kind_of_photo_comes_out_as_rgb() -> None:
    red = Image.new("RGB", (8, 6), (200, 10, 10))
    kinds = {
        "progressive JPEG": saved(red, "JPEG", progressive=True, quality=95),
        "CMYK JPEG": saved(red.convert("CMYK"), "JPEG", quality=95),
        "WebP": saved(red, "WEBP", lossless=True),
        "palette": saved(red.convert("P", palette=Image.Palette.ADAPTIVE)),
        "BMP": saved(red, "BMP"),
        "TIFF": saved(red, "TIFF"),
    }
    for name, data in kinds.items():
        photo = read_photo(data, LIMITS)
        assert photo.shape == (6, 8, 3), name
        assert photo.dtype == np.uint8, name
        assert np.abs(photo.astype(int) - (200, 10, 10)).max() <= 6, name


def test_a_grey_photo_of_sixteen_bits_keeps_its_brightness() -> None:
    assert read_photo(grey([[0, 0x8000, 0xFFFF]], np.uint16), LIMITS)[0, :, 1].tolist() == [0, 0x80, 0xFF]


def test_what_is_transparent_in_a_photo_shows_white() -> None:
    assert read_photo(saved(Image.new("RGBA", (1, 1), (9, 9, 9, 0))), LIMITS).tolist() == [[[255, 255, 255]]]


def test_a_phone_portrait_with_a_depth_map_behind_it_is_a_photo() -> None:
    photo, depth = Image.new("RGB", (8, 6), "red"), Image.new("RGB", (8, 6), "blue")
    read = read_photo(saved(photo, "MPO", save_all=True, append_images=[depth]), LIMITS)
    assert read[0, 0, 0] > 200 > 60 > read[0, 0, 2]


# --- attacks ---------------------------------------------------------------------------------------------------------


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size, and has next to no pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("read", [read_photo, read_mask])
@pytest.mark.parametrize("side", [9_000, 30_000], ids=["beyond ours", "beyond Pillow's"])
def test_a_header_that_promises_too_many_pixels_is_refused_before_decoding(read, side: int) -> None:
    with pytest.raises(WinnowError, match=r"^the picture .* more than the 80,000,000 pixels that are allowed\.$"):
        read(png_header(side, side), LIMITS)


def test_a_header_that_promises_more_than_there_is_is_refused() -> None:
    with pytest.raises(WinnowError, match=f"^{BROKEN}$"):
        read_photo(png_header(40, 40), LIMITS)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_picture_that_is_cut_off_is_refused(format: str, share: float) -> None:
    whole = saved(Image.fromarray(noise(200, 200)), format)
    with pytest.raises(WinnowError, match=f"^{BROKEN}$|^the file is not a picture"):
        read_photo(whole[: int(len(whole) * share)], LIMITS)


@pytest.mark.parametrize(
    "data", [b"hello, I am a text", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"<svg/>", b"PK\3\4"]
)
def test_what_is_no_picture_is_refused_whatever_it_is_called(data: bytes) -> None:
    with pytest.raises(
        WinnowError, match=r"^the file is not a picture that can be read here \(JPEG, PNG, WebP, AVIF, BMP, TIFF, PPM\)\.$"
    ):
        read_photo(data, LIMITS)


def test_heic_is_refused_with_what_to_do() -> None:
    with pytest.raises(WinnowError, match=r"^HEIC pictures can't be read yet\. Send it as JPEG or PNG\.$"):
        read_photo(b"\0\0\0\x18ftypheic" + bytes(40), LIMITS)


def test_a_gif_with_500_frames_is_refused() -> None:
    frames = [Image.fromarray(np.full((2, 2), at % 256, np.uint8)) for at in range(500)]
    with pytest.raises(WinnowError, match=r"^the picture has \d+ frames\. Send a still one\.$"):
        read_photo(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]), LIMITS)


def test_random_damage_is_refused_or_read_but_never_anything_else() -> None:
    rng = np.random.default_rng(0)
    for format in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM"):
        whole = np.frombuffer(saved(Image.fromarray(noise()), format), np.uint8)
        for _ in range(40):
            data = whole.copy()
            data[rng.integers(0, len(data), 8)] = rng.integers(0, 256, 8)
            with suppress(WinnowError):
                assert read_photo(data.tobytes(), Limits(pixels=100_000)).dtype == np.uint8


def test_a_file_that_is_too_large_or_empty_or_missing_is_refused(tmp_path: Path) -> None:
    limits = Limits(file_bytes=10)
    (tmp_path / "large").write_bytes(bytes(11))
    (tmp_path / "empty").touch()
    with pytest.raises(WinnowError, match=r"^the file has 11 bytes; 10 are allowed\.$"):
        read_bytes(tmp_path / "large", limits)
    with pytest.raises(WinnowError, match=r"^the file is empty\.$"):
        read_bytes(tmp_path / "empty", limits)
    with pytest.raises(WinnowError, match=r"^the file can't be read \(No such file or directory\)\.$"):
        read_bytes(tmp_path / "missing", limits)


# --- our own files ---------------------------------------------------------------------------------------------------


def test_our_own_masks_come_back_bit_for_bit() -> None:
    matte = noise()[:, :, 0]
    assert (decode_mask(encode_mask(matte)) == matte).all()


def test_our_own_photos_come_back_nearly_and_in_rgb_order() -> None:
    photo = np.full((32, 32, 3), (220, 120, 20), np.uint8)
    assert np.abs(decode_photo(encode_photo(photo)).astype(int) - photo).max() <= 3
    assert (read_photo(encode_photo(photo), LIMITS) == decode_photo(encode_photo(photo))).all()


def test_our_own_photos_keep_the_colour_of_single_strands() -> None:
    strands = np.zeros((32, 32, 3), np.uint8)
    strands[:, ::2] = (200, 0, 0)
    assert np.abs(decode_photo(encode_photo(strands)).astype(int) - strands).mean() < 5  # 4:2:0 would give about 34
    image = Image.open(io.BytesIO(encode_photo(strands)))
    assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3


@pytest.mark.parametrize("decode", [decode_mask, decode_photo])
@pytest.mark.parametrize("data", [b"", b"not ours"])
def test_a_damaged_file_of_our_own_is_said_to_be(decode, data: bytes) -> None:
    with pytest.raises(WinnowError, match=f"^{BROKEN}$"):
        decode(data)


def test_opencv_and_pillow_agree_about_our_masks() -> None:
    mask = np.where(noise()[:, :, 0] > 127, 255, 0).astype(np.uint8)
    assert (read_mask(encode_mask(mask), LIMITS) == mask).all()
    assert cv2.imdecode(np.frombuffer(encode_mask(mask), np.uint8), cv2.IMREAD_UNCHANGED).ndim == 2
