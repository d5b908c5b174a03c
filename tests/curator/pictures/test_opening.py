"""Everything that a stranger may send as a picture, and what is decoded of it."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from curator.pictures.opening import decode_image, read_bytes
from db.errors import WinnowError
from db.settings import Limits
from tests.curator.encoded import as_stored, exif, heic, noise, png_header, saved

LIMITS = Limits()
BROKEN = "the picture is damaged or cut off; it can't be decoded."
NO_PICTURE = (
    r"^the file is not a picture that can be read here \(JPEG, PNG, HEIC, WebP, AVIF, BMP, TIFF, PPM\), "
    r"or its beginning is damaged\.$"
)


@pytest.mark.parametrize("side", [9_000, 30_000], ids=["beyond ours", "beyond Pillow's"])
def test_a_header_that_promises_too_many_pixels_is_refused(side: int) -> None:
    with pytest.raises(WinnowError, match=r"^the picture .* more than the 80,000,000 pixels that are allowed\.$"):
        decode_image(png_header(side, side), LIMITS)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "BMP", "TIFF", "PPM", "GIF"])
def test_too_many_pixels_are_refused_by_the_header_before_one_is_decoded(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(noise(64, 64), format)

    def decode(image: ImageFile.ImageFile) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    with pytest.raises(WinnowError, match=r"^the picture is 64 x 64 pixels: more than the 4,095 pixels that are allowed\.$"):
        decode_image(data, Limits(pixels=4095))


@pytest.mark.parametrize("format", ["HEIF", "AVIF"])
def test_a_small_file_whose_boxes_promise_too_many_pixels_is_refused(format: str) -> None:
    data = saved(noise(64, 64), format)
    at = data.index(b"ispe") + 8  # the box of the picture's size: name, version and flags, width, height
    assert data[at : at + 8] == struct.pack(">II", 64, 64)
    with pytest.raises(WinnowError, match=r"^the picture is 12,000 x 12,000 pixels: more than the 80,000,000 pixels"):
        decode_image(data[:at] + struct.pack(">II", 12_000, 12_000) + data[at + 8 :], LIMITS)


def test_a_header_that_promises_more_than_there_is_is_refused() -> None:
    with pytest.raises(WinnowError, match=f"^{BROKEN}$"):
        decode_image(png_header(40, 40), LIMITS)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
def test_a_picture_that_is_cut_off_is_refused(format: str, share: float) -> None:
    whole = saved(noise(200, 200), format)
    with pytest.raises(WinnowError, match=f"^{BROKEN}$|^the file is not a picture"):
        decode_image(whole[: int(len(whole) * share)], LIMITS)


@pytest.mark.parametrize(
    "data", [b"hello, I am a text", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"<svg/>", b"PK\3\4"]
)
def test_what_is_no_picture_is_refused_whatever_it_is_called(data: bytes) -> None:
    with pytest.raises(WinnowError, match=NO_PICTURE):
        decode_image(data, LIMITS)


def test_a_gif_with_500_frames_is_refused() -> None:
    frames = [Image.fromarray(np.full((2, 2), at % 256, np.uint8)) for at in range(500)]
    with pytest.raises(WinnowError, match=r"^the picture has 500 frames\. Send a still picture\.$"):
        decode_image(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]), LIMITS)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF"])
def test_moving_pictures_of_every_kind_are_refused(format: str) -> None:
    red, blue = Image.new("RGB", (64, 64), "red"), Image.new("RGB", (64, 64), "blue")
    with pytest.raises(WinnowError, match=r"^the picture has 2 frames\. Send a still picture\.$"):
        decode_image(saved(red, format, save_all=True, append_images=[blue]), LIMITS)


@pytest.mark.parametrize("format", ["MPO", "HEIF"])
def test_of_a_phones_photo_with_more_behind_it_the_photo_is_opened(format: str) -> None:
    photo, depth = Image.new("RGB", (64, 64), "red"), Image.new("RGB", (64, 64), "blue")
    red, _, blue = decode_image(saved(photo, format, save_all=True, append_images=[depth]), LIMITS).image.getpixel((0, 0))
    assert red > 200 > 60 > blue


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_the_orientation_is_what_the_file_states(format: str) -> None:
    assert decode_image(saved(noise(), format, exif=exif(6)), LIMITS).orientation == 6
    assert decode_image(saved(noise(), format), LIMITS).orientation == 1


def test_a_heic_is_turned_once_though_it_states_its_orientation_twice() -> None:
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:32, :32] = 255
    picture = decode_image(heic(pixels, orientation=6), LIMITS)
    assert picture.orientation == 1
    assert picture.image.size == (64, 96)
    assert (np.asarray(picture.image)[:32, 32:] == 255).all()  # what was at the left is on top, as if turned clockwise


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_which_its_decoder_turns_is_not_to_be_turned_again(orientation: int) -> None:
    picture = decode_image(saved(as_stored(noise(), orientation), "TIFF", exif=exif(orientation)), LIMITS)
    assert picture.orientation == 1
    assert (np.asarray(picture.image) == noise()).all()


def test_a_heic_in_tiles_as_iphones_write_it_is_opened_whole() -> None:
    rows, columns = np.mgrid[:700, :1000]
    pixels = np.dstack([columns * 255 // 999, rows * 255 // 699, np.full((700, 1000), 90)]).astype(np.uint8)
    data = heic(pixels, tile_size=512)
    assert b"grid" in data
    assert np.abs(np.asarray(decode_image(data, LIMITS).image).astype(int) - pixels).max() <= 3


@pytest.mark.parametrize(
    "notes", [b"Exif\0\0no TIFF at all", b"Exif\0\0MM\0\x2a\xff\xff\xff\xff", exif(0).tobytes(), exif(99).tobytes()]
)
def test_notes_of_a_camera_that_say_nothing_of_use_do_not_cost_the_photo(notes: bytes) -> None:
    assert decode_image(saved(noise(), "JPEG", exif=notes), LIMITS).orientation == 1


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "GIF", "BMP", "PPM"])
def test_random_damage_is_refused_or_read_but_never_anything_else(format: str) -> None:
    rng = np.random.default_rng(0)
    whole = np.frombuffer(saved(noise(), format), np.uint8)
    outcomes = set()
    for _ in range(40):
        data = whole.copy()
        data[rng.integers(0, len(data), 8)] = rng.integers(0, 256, 8)
        try:
            outcomes.add(type(decode_image(data.tobytes(), Limits(pixels=100_000)).image.getpixel((0, 0))))
        except WinnowError as refusal:
            outcomes.add(str(refusal).split()[0])
    assert outcomes <= {tuple, int, "the"}


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
