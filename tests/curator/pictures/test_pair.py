"""An upload's two files to a photo and its masks; and our own pictures there and back."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curator.pictures.pair import read_pair, read_photo
from db.errors import WinnowError
from db.settings import Limits
from tests.curator.encoded import DISPLAY_P3, as_stored, exif, grey, heic, png_header, saved

LIMITS = Limits()
BROKEN = "the picture is damaged or cut off; it can't be decoded."
REAL = os.environ.get("WINNOW_REAL_DATA", "")


def photo(height: int = 300, width: int = 240) -> np.ndarray:
    """A photo of a white square at the left of its top, uint8 (height, width, 3)."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 3, : width // 3] = 255
    return pixels


def mask(height: int = 300, width: int = 240) -> np.ndarray:
    """The mask of that square."""
    return photo(height, width)[:, :, 0]


# --- photos ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "HEIC", "AVIF", "TIFF"])
def test_a_photo_stands_upright_whatever_way_the_camera_was_held(format: str, orientation: int) -> None:
    stored = as_stored(photo(), orientation)
    data = heic(stored, orientation=orientation) if format == "HEIC" else saved(stored, format, exif=exif(orientation))
    read = read_photo(data, LIMITS)
    assert read.shape == photo().shape
    assert np.abs(read.astype(int) - photo()).mean() < 1  # the coding's loss; an ill-turned photo has 56 at least


@pytest.mark.parametrize(
    ("format", "how"),
    [
        ("JPEG", {"progressive": True, "quality": 95}),
        ("WEBP", {"lossless": True}),
        ("HEIF", {"quality": -1}),
        ("AVIF", {"quality": 95}),
        ("GIF", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("PPM", {}),
    ],
)
def test_every_common_kind_of_photo_comes_out_as_rgb(format: str, how: dict[str, object]) -> None:
    read = read_photo(saved(Image.new("RGB", (80, 60), (200, 10, 10)), format, **how), LIMITS)
    assert read.shape == (60, 80, 3)
    assert read.dtype == np.uint8
    assert np.abs(read.astype(int) - (200, 10, 10)).max() <= 6


def test_a_palette_and_a_grey_photo_come_out_as_rgb() -> None:
    palette = Image.new("RGB", (8, 6), (200, 10, 10)).convert("P", palette=Image.Palette.ADAPTIVE)
    assert (read_photo(saved(palette), LIMITS) == (200, 10, 10)).all()
    assert read_photo(grey([[7]]), LIMITS).tolist() == [[[7, 7, 7]]]


# --- a photo and its mask --------------------------------------------------------------------------------------------


def test_a_pair_that_fits_comes_without_a_remark() -> None:
    pair = read_pair(saved(photo()), saved(mask()), LIMITS)
    assert (pair.photo == photo()).all()
    assert (pair.hair == mask()).all()
    assert pair.skin is None
    assert pair.remarks == []


def test_class_colours_bring_the_skin_along_turned_and_resized_like_the_hair() -> None:
    classes = np.zeros((150, 120, 3), np.uint8)
    classes[:, :60] = (255, 0, 0)
    classes[:, 60:] = (0, 255, 0)
    pair = read_pair(saved(photo()), saved(as_stored(classes, 6), exif=exif(6)), LIMITS)
    assert pair.skin is not None
    assert (pair.hair[:, :118] == 255).all()
    assert (pair.skin[:, 122:] == 255).all()
    assert not (pair.skin & pair.hair).any()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photo_and_mask_each_stand_upright_by_their_own_word(orientation: int) -> None:
    held, painted = exif(orientation), exif(9 - orientation)
    pair = read_pair(
        saved(as_stored(photo(), orientation), exif=held),
        saved(as_stored(mask(), 9 - orientation), exif=painted),
        LIMITS,
    )
    assert (pair.hair == pair.photo[:, :, 0]).all()
    assert (pair.hair == mask()).all()


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize(("scale", "resized"), [(1, False), (2, True)])
def test_a_sideways_photo_with_a_silent_mask_is_matched_by_their_sizes(orientation: int, scale: int, resized: bool) -> None:
    held = saved(as_stored(photo(300 * scale, 240 * scale), orientation), exif=exif(orientation))
    upright = read_pair(held, saved(mask()), LIMITS)
    stored = read_pair(held, saved(as_stored(mask(), orientation)), LIMITS)
    wanted = mask(300 * scale, 240 * scale)
    for pair, done in ((upright, "was left as it is"), (stored, "was turned like the photo")):
        assert (pair.hair != wanted).mean() < 0.01
        assert pair.remarks[0] == f"only the photo has an EXIF orientation. By their sizes, the mask {done}."
        assert pair.remarks[1:] == (["the mask was resized from 240 x 300 to the photo's 480 x 600."] if resized else [])


def test_a_sideways_iphone_heic_with_a_mask_painted_upright_needs_no_guess() -> None:
    pair = read_pair(heic(as_stored(photo(), 6), orientation=6), saved(mask()), LIMITS)
    assert pair.remarks == []
    assert (pair.hair == mask()).all()
    assert np.abs(pair.photo.astype(int) - photo()).max() <= 8


def test_a_mask_that_is_no_picture_is_refused_as_the_mask() -> None:
    with pytest.raises(WinnowError, match=r"^its mask: the file is not a picture that can be read here"):
        read_pair(saved(photo()), b"a text called mask.png", LIMITS)
    with pytest.raises(WinnowError, match=r"^the file is not a picture that can be read here"):
        read_pair(b"a text called photo.jpg", saved(mask()), LIMITS)


def test_a_mask_whose_header_promises_too_many_pixels_is_refused_as_the_mask() -> None:
    with pytest.raises(WinnowError, match=r"^its mask: the picture .* more than the 80,000,000 pixels that are allowed\.$"):
        read_pair(saved(photo()), png_header(30_000, 30_000), LIMITS)


def test_a_mask_of_another_photo_is_refused_by_its_shape() -> None:
    said = r"^its mask: the mask is 240 x 240, the photo 240 x 300\. Send a mask of the photo's size or shape\.$"
    with pytest.raises(WinnowError, match=said):
        read_pair(saved(photo()), saved(mask(240, 240)), LIMITS)


@pytest.mark.parametrize("white", [1, 255], ids=["all 1", "all 255"])
def test_an_all_white_mask_says_nothing_and_is_refused(white: int) -> None:
    said = r"^its mask: every pixel is marked as hair\. Send a mask with hair white and everything else black\.$"
    with pytest.raises(WinnowError, match=said):
        read_pair(saved(photo()), saved(np.full((300, 240), white, np.uint8)), LIMITS)


def test_a_soft_mask_that_is_nowhere_quite_black_is_no_mask_of_hair_only() -> None:
    values = np.tile(np.linspace(5, 250, 240).astype(np.uint8), (300, 1))
    pair = read_pair(saved(photo()), saved(values), LIMITS)
    assert (pair.hair == values).all()
    assert pair.remarks == []


def test_a_mask_without_hair_comes_in_with_a_remark() -> None:
    pair = read_pair(saved(photo()), saved(np.zeros((300, 240), np.uint8)), LIMITS)
    assert not pair.hair.any()
    assert pair.remarks == ["the mask shows no hair."]


def test_a_small_photo_comes_in_with_a_remark() -> None:
    assert read_pair(saved(photo(300, 199)), saved(mask(300, 199)), LIMITS).remarks == ["the photo is small: 199 x 300 pixels."]
    assert read_pair(saved(photo(200, 200)), saved(mask(200, 200)), LIMITS).remarks == []


def test_what_is_odd_about_the_photo_and_about_its_mask_is_all_told() -> None:
    data = saved(as_stored(photo(), 6), exif=exif(6), icc_profile=DISPLAY_P3[:150])
    pair = read_pair(data, saved(np.zeros((150, 120), np.uint8)), LIMITS)
    assert pair.remarks == [
        "the photo's colour profile can't be read; its colours were taken as sRGB.",
        "only the photo has an EXIF orientation. By their sizes, the mask was left as it is.",
        "the mask was resized from 120 x 150 to the photo's 240 x 300.",
        "the mask shows no hair.",
    ]


@pytest.mark.skipif(not REAL, reason="WINNOW_REAL_DATA is not set")
@pytest.mark.parametrize("source", ["street", "figaro1k", "lfw-parts"])
def test_real_photos_come_in_with_their_masks_and_nothing_odd_but_bald_heads(source: str) -> None:
    folder = Path(REAL) / "data" / source
    masks = {file.stem: file for file in (folder / "masks").iterdir()}
    photos = [file for file in sorted((folder / "images").iterdir()) if file.stem in masks][:50]
    pairs = [read_pair(file.read_bytes(), masks[file.stem].read_bytes(), LIMITS) for file in photos]
    assert len(pairs) == 50
    for pair in pairs:
        assert pair.remarks == ([] if pair.hair.any() else ["the mask shows no hair."])


# --- our own files ---------------------------------------------------------------------------------------------------


def test_a_mask_that_says_nothing_at_all_is_refused() -> None:
    files = (saved(photo(), "PNG"), saved(mask(), "PNG"))
    with pytest.raises(WinnowError, match=r"^its mask: it says of no pixel whether it is hair; all are unknown\.$"):
        read_pair(*files, LIMITS, unknown=saved(np.full((300, 240), 255, np.uint8), "PNG"))
