"""What a mask's values mean, and how it comes to lie on its photo."""

import io
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from curator.pictures.masks import fit_mask, hard, is_soft
from db.errors import WinnowError
from db.settings import Limits
from tests.curator.encoded import exif, gamma_curve, grey, grey_profile, noise, read_labels, saved

LIMITS = Limits()
REAL = os.environ.get("WINNOW_REAL_DATA", "")
COLOUR_PICTURE = r"^the mask is a colour picture\. Send black and white, one colour on black, or red"


def read_mask(data: bytes, limits: Limits) -> np.ndarray:
    return read_labels(data, limits).hair


@pytest.mark.parametrize(
    "values",
    [[[0, 1], [1, 0]], [[0, 255], [255, 0]], [[127, 128], [200, 3]]],
    ids=["0 and 1", "0 and 255", "a few levels, cut at half"],
)
def test_grey_masks_mean_hair_where_they_are_bright(values: list[list[int]]) -> None:
    assert read_mask(grey(values), LIMITS).tolist() == [[0, 255], [255, 0]]


def test_a_black_mask_is_no_hair_and_a_white_one_is_all_hair() -> None:
    assert read_mask(grey([[0, 0]]), LIMITS).tolist() == [[0, 0]]
    assert read_mask(grey([[255, 255]]), LIMITS).tolist() == [[255, 255]]


@pytest.mark.parametrize("bright", [1, 255, 65535])
def test_sixteen_bit_masks_are_read(bright: int) -> None:
    assert read_mask(grey([[0, bright]], np.uint16), LIMITS).tolist() == [[0, 255]]


@pytest.mark.parametrize("kind", ["8 bits", "8 bits stored with 16", "colours", "transparency"])
def test_half_and_more_is_hair_however_the_grey_is_stored(kind: str) -> None:
    values = [[0, 127, 128, 255]]
    white = np.full((1, 4, 3), 255, np.uint8)
    stored = {
        "8 bits": grey(values),
        "8 bits stored with 16": grey(values, np.uint16),
        "colours": saved(np.array([[[value] * 3 for value in values[0]]], np.uint8)),
        "transparency": saved(np.dstack([white, np.array(values, np.uint8)])),
    }
    assert read_mask(stored[kind], LIMITS).tolist() == [[0, 0, 255, 255]]


def test_a_one_bit_mask_is_read() -> None:
    assert read_mask(saved(Image.fromarray(np.array([[False, True]]))), LIMITS).tolist() == [[0, 255]]


def test_somebodys_grey_on_black_is_hair() -> None:
    assert read_mask(grey([[0, 100, 0]]), LIMITS).tolist() == [[0, 255, 0]]
    assert read_mask(grey([[0, 16, 0]]), LIMITS).tolist() == [[0, 255, 0]]  # darker may be the number of a class
    assert read_mask(grey([[0, 127, 0]]), LIMITS).tolist() == [[0, 255, 0]]  # just below half
    assert read_mask(grey([[0, 128, 0]]), LIMITS).tolist() == [[0, 255, 0]]
    assert read_mask(grey([[0, 32767, 0]], np.uint16), LIMITS).tolist() == [[0, 255, 0]]
    assert read_mask(grey([[0, 4095, 0]], np.uint16), LIMITS).tolist() == [[0, 255, 0]]


@pytest.mark.parametrize(
    ("values", "dtype", "said"),
    [
        ([0, 1, 2], np.uint8, "the mask's values go from 0 to 2. Send 0 and 1, or 0 and 255."),
        ([0, 15], np.uint8, "the mask's values go from 0 to 15. Send 0 and 1, or 0 and 255."),
        ([0, 5, 18], np.uint8, "the mask's values go from 0 to 18. Send 0 and 1, or 0 and 255."),
        ([0, 60, 120], np.uint8, "the mask's values go from 0 to 120. Send 0 and 1, or 0 and 255."),
        ([0, 60, 127], np.uint8, "the mask's values go from 0 to 127. Send 0 and 1, or 0 and 255."),
        ([0, 9, 4095], np.uint16, "the mask's values go from 0 to 4095. Send 0 and 1, or 0 and 65535."),
    ],
    ids=[
        "three classes",
        "one of a list of classes",
        "nineteen classes",
        "a brush that never came to half",
        "one just below half",
        "twelve bits",
    ],
)
def test_values_that_would_come_out_as_no_hair_are_refused(values: list[int], dtype: type, said: str) -> None:
    with pytest.raises(WinnowError) as refusal:
        read_mask(grey([values], dtype), LIMITS)
    assert str(refusal.value) == said


@pytest.mark.parametrize("format", ["PNG", "PPM"])
def test_in_class_colours_red_is_hair_and_green_and_blue_are_not(format: str) -> None:
    rgb = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]]], np.uint8)
    assert read_mask(saved(rgb, format), LIMITS).tolist() == [[255, 0, 0, 0]]


def test_in_class_colours_green_is_skin_and_other_masks_say_nothing_of_skin() -> None:
    rgb = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]]], np.uint8)
    skin = read_labels(saved(rgb), LIMITS).skin
    assert skin is not None
    assert skin.tolist() == [[0, 255, 0, 0]]
    assert read_labels(grey([[0, 255]]), LIMITS).skin is None


def test_class_colours_without_green_say_nothing_of_skin() -> None:
    labels = read_labels(saved(np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)), LIMITS)
    assert labels.hair.tolist() == [[255, 0]]
    assert labels.skin is None


@pytest.mark.parametrize("fourth", [(255, 255, 0), (255, 0, 255), (0, 255, 255), (255, 255, 255)])
def test_class_colours_with_one_that_is_none_are_refused(fourth: tuple[int, int, int]) -> None:
    with pytest.raises(WinnowError, match=COLOUR_PICTURE):
        read_mask(saved(np.array([[(255, 0, 0), (0, 255, 0), (0, 0, 0), fourth]], np.uint8)), LIMITS)


def test_up_to_three_in_a_hundred_pixels_may_lie_between_the_class_colours() -> None:
    rgb = np.zeros((10, 10, 3), np.uint8)
    rgb[:5], rgb[5:] = (255, 0, 0), (0, 255, 0)
    rgb[0, :3] = (140, 120, 0)
    assert read_mask(saved(rgb), LIMITS)[:5].all()
    rgb[0, 3] = (140, 120, 0)
    with pytest.raises(WinnowError, match=COLOUR_PICTURE):
        read_mask(saved(rgb), LIMITS)


def test_class_colours_without_red_are_somebody_without_hair() -> None:
    rgb = np.array([[[0, 255, 0], [0, 0, 255]]], np.uint8)
    assert read_mask(saved(rgb), LIMITS).tolist() == [[0, 0]]


def test_one_class_colour_all_over_is_that_class_and_no_painted_hair() -> None:
    hair = [read_mask(saved(Image.new("RGB", (1, 1), colour)), LIMITS).item() for colour in ("red", "lime", "blue")]
    assert hair == [255, 0, 0]


@pytest.mark.parametrize(
    "colour", [(128, 0, 200), (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 128, 0), (30, 0, 0), (255, 255, 0)]
)
def test_one_colour_on_black_is_hair_whichever_it_is(colour: tuple[int, int, int]) -> None:
    labels = read_labels(saved(np.array([[(0, 0, 0), colour]], np.uint8)), LIMITS)
    assert labels.hair.tolist() == [[0, 255]]
    assert labels.skin is None


def test_green_on_black_is_hair_through_a_jpeg_too() -> None:
    rgb = np.zeros((64, 64, 3), np.uint8)
    rgb[:32] = (0, 255, 0)
    hair = read_mask(saved(rgb, "JPEG", quality=90), LIMITS)
    assert np.abs(hair.astype(int) - rgb[:, :, 1]).mean() < 255 * 0.02


def test_a_few_strengths_of_one_colour_are_cut_at_half() -> None:
    strength = np.array([0, 0.2, 0.45, 0.55, 0.8, 1])
    rgb = (strength[None, :, None] * (60, 180, 120)).astype(np.uint8)
    assert read_mask(saved(rgb), LIMITS).tolist() == [[0, 0, 0, 255, 255, 255]]


@pytest.mark.parametrize(("strongest", "half"), [(180, 90), (181, 91)])
def test_exactly_half_the_strength_of_the_colour_is_hair(strongest: int, half: int) -> None:
    rgb = np.zeros((1, 4, 3), np.uint8)
    rgb[0, :, 1] = [0, half - 1, half, strongest]
    assert read_mask(saved(rgb), LIMITS).tolist() == [[0, 0, 255, 255]]


def test_a_little_red_beside_green_on_black_is_hair_and_the_green_is_skin() -> None:
    rgb = np.zeros((20, 20, 3), np.uint8)
    rgb[5:] = (0, 255, 0)
    rgb[0, 0] = (255, 0, 0)
    labels = read_labels(saved(rgb), LIMITS)
    assert (labels.hair > 0).sum() == 1
    assert labels.skin is not None
    assert (labels.skin > 0).sum() == 300


@pytest.mark.parametrize("second", [(0, 128, 0), (0, 200, 128), (255, 255, 255)])
def test_several_colours_that_are_no_class_colours_are_refused(second: tuple[int, int, int]) -> None:
    with pytest.raises(WinnowError, match=COLOUR_PICTURE):
        read_mask(saved(np.array([[(0, 0, 0), (128, 0, 200), second]], np.uint8)), LIMITS)


@pytest.mark.parametrize("other", [(255, 255, 255), (64, 0, 100)])
def test_one_colour_without_black_is_refused(other: tuple[int, int, int]) -> None:
    with pytest.raises(WinnowError, match=COLOUR_PICTURE):
        read_mask(saved(np.array([[other, (128, 0, 200)]], np.uint8)), LIMITS)


def test_a_grey_mask_that_went_through_a_colour_jpeg_is_read() -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[:32] = 255
    data = saved(Image.fromarray(mask).convert("RGB"), "JPEG", quality=75)
    assert (read_mask(data, LIMITS) == mask).all()


def test_where_transparency_varies_the_opaque_part_is_hair() -> None:
    rgba = np.full((1, 3, 4), 255, np.uint8)
    rgba[0, :, 3] = [0, 255, 90]
    assert read_mask(saved(rgba), LIMITS).tolist() == [[0, 255, 0]]


def test_where_all_is_opaque_the_colours_count() -> None:
    rgba = np.full((1, 2, 4), 255, np.uint8)
    rgba[0, 0, :3] = 0
    assert read_mask(saved(rgba), LIMITS).tolist() == [[0, 255]]


def test_a_wholly_transparent_layer_is_no_hair() -> None:
    assert not read_mask(saved(Image.new("RGBA", (3, 2), (255, 0, 0, 0))), LIMITS).any()


def test_a_palette_of_one_colour_on_black_is_hair_whatever_its_numbers() -> None:
    image = Image.fromarray(np.array([[7, 9, 9]], np.uint8), "P")
    image.putpalette([0] * 27 + [0, 128, 0])  # the eighth colour is black, the tenth green
    assert read_mask(saved(image), LIMITS).tolist() == [[0, 255, 255]]


def test_a_masks_values_are_data_and_no_colour_profile_changes_them() -> None:
    values = np.array([[0, 127, 128, 255]], np.uint8)
    assert read_mask(saved(values, icc_profile=grey_profile(gamma_curve(1.0))), LIMITS).tolist() == [[0, 0, 255, 255]]


def test_a_palette_counts_by_its_colours() -> None:
    image = Image.fromarray(np.array([[0, 1, 1]], np.uint8), "P")
    image.putpalette([0, 0, 0, 255, 255, 255])
    assert read_mask(saved(image), LIMITS).tolist() == [[0, 255, 255]]


def test_a_photo_sent_as_a_mask_is_refused() -> None:
    with pytest.raises(WinnowError, match=COLOUR_PICTURE):
        read_mask(saved(noise()), LIMITS)


def test_a_mask_is_turned_by_its_own_orientation() -> None:
    data = saved(np.array([[0, 255]], np.uint8), exif=exif(6))  # the camera was held upright: turn a quarter clockwise
    assert read_mask(data, LIMITS).tolist() == [[0], [255]]


# --- soft or hard ----------------------------------------------------------------------------------------------------


def blob(seed: int, side: int = 240) -> np.ndarray:
    """A hard mask of hair-like shapes: a disc without a smaller one, and a few strands. uint8 (side, side), 0 or 255."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((side, side), np.uint8)
    cv2.circle(mask, (side // 2, side // 2), int(rng.integers(side // 4, side // 2 - 12)), 255, -1)
    cv2.circle(mask, (side // 2, side // 2 + side // 10), side // 6, 0, -1)
    for _ in range(int(rng.integers(0, 6))):
        start, end = rng.integers(side // 8, side * 7 // 8, (2, 2)).tolist()
        cv2.line(mask, start, end, 255, int(rng.integers(2, 6)))
    return mask


def softened(mask: np.ndarray, sigma: float) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma), np.uint8)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), sigma=st.floats(1.5, 25))
def test_a_gradient_comes_in_as_it_is(seed: int, sigma: float) -> None:
    values = softened(blob(seed), sigma)
    assert (read_mask(saved(values), LIMITS) == values).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), quality=st.integers(30, 100))
def test_a_hard_mask_that_went_through_a_jpeg_is_hard(seed: int, quality: int) -> None:
    """And as it was, but for a pixel here and there along the outline."""
    mask = blob(seed)
    read = read_mask(saved(mask, "JPEG", quality=quality), LIMITS)
    assert not is_soft(read)
    assert (read != mask).mean() < 0.005


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), quality=st.integers(30, 90), scale=st.floats(0.4, 2))
def test_a_hard_mask_that_went_through_a_jpeg_and_was_resized_since_is_hard(seed: int, quality: int, scale: float) -> None:
    jpeg = np.asarray(Image.open(io.BytesIO(saved(blob(seed), "JPEG", quality=quality))).convert("L"))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    assert not is_soft(read_mask(saved(np.asarray(cv2.resize(jpeg, None, fx=scale, fy=scale, interpolation=how))), LIMITS))


def test_a_matte_with_faint_hair_all_around_is_soft() -> None:
    """Most of its values are near black, as a JPEG's noise is, but its rim is wide."""
    values = np.maximum(softened(blob(3), 3), np.random.default_rng(0).integers(0, 30, (240, 240), np.uint8))
    assert (read_mask(saved(values), LIMITS) == values).all()


@pytest.mark.parametrize("sigma", [2, 4, 8])
def test_a_soft_mask_that_went_through_a_jpeg_is_soft(sigma: float) -> None:
    values = softened(blob(5), sigma)
    read = read_mask(saved(values, "JPEG", quality=85), LIMITS)
    assert is_soft(read)
    assert np.abs(read.astype(int) - values).mean() < 1.5


@pytest.mark.parametrize("how", ["grey", "16 bits", "transparency", "one colour"])
def test_soft_masks_of_every_kind_keep_their_values(how: str) -> None:
    values = softened(blob(7), 3)
    shaded = np.rint(values[..., None] / 255 * (60, 180, 120)).astype(np.uint8)
    clear = np.dstack([np.full_like(values, 255)] * 3 + [values])
    data = {"grey": values, "16 bits": values.astype(np.uint16) * 257, "transparency": clear, "one colour": shaded}[how]
    lost = 1 if how == "one colour" else 0  # its strongest channel has 180 steps
    assert np.abs(read_mask(saved(data), LIMITS).astype(int) - values).max() <= lost


def test_a_soft_edge_of_pure_red_on_black_stays_soft() -> None:
    values = softened(blob(9, 600), 1.5)
    red = np.dstack([values, np.zeros_like(values), np.zeros_like(values)])
    assert ((values > 40) & (values < 215)).mean() < 0.03  # few enough for class colours
    assert (read_mask(saved(red), LIMITS) == values).all()


def test_trimaps_class_numbers_and_flat_strokes_are_cut_at_half_as_ever() -> None:
    mask = blob(11)
    trimap = np.where(cv2.dilate(mask, np.ones((15, 15), np.uint8)) > cv2.erode(mask, np.ones((15, 15), np.uint8)), 128, mask)
    resized = cv2.resize(trimap.astype(np.uint8), None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    classes = np.random.default_rng(0).integers(0, 16, (6, 6), np.uint8).repeat(40, axis=0).repeat(40, axis=1) * 17
    stroke = softened(np.where(mask > 0, 180, 0).astype(np.uint8), 1)
    for values in (trimap, resized, classes, stroke):
        values = np.asarray(values, np.uint8)
        assert (read_mask(saved(values), LIMITS) == hard(values)).all()


@pytest.mark.skipif(not REAL, reason="WINNOW_REAL_DATA is not set")
@pytest.mark.parametrize("source", ["street", "figaro1k"])
def test_real_masks_are_hard_through_any_jpeg_and_soft_when_they_are_blurred(source: str) -> None:
    files = sorted((Path(REAL) / "data" / source / "masks").iterdir())[::20]
    masks = [hard(mask) for file in files if (mask := np.asarray(Image.open(file).convert("L"))).any()]
    assert len(masks) > 5
    for mask in masks:
        for quality in (30, 60, 75, 95):
            assert not is_soft(read_mask(saved(mask, "JPEG", quality=quality), LIMITS))
        for sigma in (1.5, 3, 8):
            assert (read_mask(saved(softened(mask, sigma)), LIMITS) == softened(mask, sigma)).all()


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
    assert fitted[:48].all()
    assert not fitted[52:].any()


def test_a_pixel_is_hair_where_a_larger_mask_covers_half_of_it() -> None:
    more, less = np.zeros((2, 15 * 15), np.uint8)
    more[:105] = more[-8:] = 255  # 113 of 225, but not the one in the middle
    less[60:172] = 255  # 112, and the one in the middle
    mask = np.zeros((30, 30), np.uint8)
    mask[:15, :15], mask[15:, 15:] = more.reshape(15, 15), less.reshape(15, 15)
    assert fit_mask(mask, (2, 2)).tolist() == [[255, 0], [0, 0]]


def test_a_smaller_mask_gets_a_straight_outline_and_no_steps() -> None:
    mask = np.tril(np.full((4, 4), 255, np.uint8))
    fitted = fit_mask(mask, (32, 32))
    wrong = (np.tril(np.full((32, 32), 255, np.uint8), k=4) != fitted).mean()
    assert wrong < 0.03  # 0.053 with steps as large as the small mask's pixels


@pytest.mark.parametrize("scale", [0.5, 2])
def test_a_soft_mask_is_resized_and_stays_soft(scale: float) -> None:
    values = softened(blob(13), 6)
    large = np.asarray(cv2.resize(values, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)
    fitted = fit_mask(large, values.shape)
    assert np.abs(fitted.astype(int) - values).max() <= 8


def test_a_mask_of_another_shape_is_refused_with_both_sizes() -> None:
    with pytest.raises(
        WinnowError, match=r"^the mask is 30 x 20, the photo 550 x 831\. Send a mask of the photo's size or shape\.$"
    ):
        fit_mask(np.zeros((20, 30), np.uint8), (831, 550, 3))


def test_sizes_that_differ_by_more_than_rounding_are_another_shape() -> None:
    with pytest.raises(
        WinnowError, match=r"^the mask is 100 x 102, the photo 100 x 100\. Send a mask of the photo's size or shape"
    ):
        fit_mask(np.zeros((102, 100), np.uint8), (100, 100))


def test_a_mask_of_an_eighth_of_the_photos_size_is_large_enough() -> None:
    assert fit_mask(np.zeros((10, 10), np.uint8), (80, 80)).shape == (80, 80)
    with pytest.raises(WinnowError, match="at least of an eighth of it"):
        fit_mask(np.zeros((10, 10), np.uint8), (81, 81))


def test_a_mask_too_small_to_tell_hair_is_refused() -> None:
    wanted = r"^the mask is 20 x 30, the photo 550 x 831\. Send a mask of the photo's size, or at least of an eighth of it\.$"
    with pytest.raises(WinnowError, match=wanted):
        fit_mask(np.zeros((30, 20), np.uint8), (831, 550, 3))
