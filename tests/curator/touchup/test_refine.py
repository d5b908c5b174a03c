"""Refine: what is solved, what stays, and what becomes of masks that there is nothing to solve in."""

import cv2
import numpy as np
import pytest

from curator.sample.collection import draw_sample, plan_samples
from curator.touchup import refine
from curator.touchup.matting import Matting
from curator.touchup.refine import BAND, HAIR, MAX_UNKNOWN, NOT_HAIR, UNKNOWN, Grey, band
from db.errors import WinnowError
from tests.examples import drawn_mask, drawn_photo
from trainer.alpha_errors import sad
from trainer.measures import gradient_consistency

NOTHING = np.zeros((512, 512), np.uint8)
RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (512, 512, 3), np.uint8)


def disc(radius: int, at: tuple[int, int] = (256, 256)) -> Grey:
    return np.asarray(cv2.circle(np.zeros((512, 512), np.uint8), at, radius, 255, -1), np.uint8)


def test_the_band_reaches_eight_pixels_to_each_side_of_the_edge() -> None:
    mask = NOTHING.copy()
    mask[:, 256:] = 255
    assert np.flatnonzero(band(mask)[100]).tolist() == list(range(248, 264))
    assert not band(NOTHING).any()
    assert not band(NOTHING + 255).any()


def test_half_and_more_of_a_soft_mask_is_hair() -> None:
    ramp = np.tile(np.minimum(np.arange(512) // 2, 255).astype(np.uint8), (512, 1))
    assert np.array_equal(band(ramp), band(np.where(ramp >= 128, 255, 0).astype(np.uint8)))


def test_hair_thinner_than_the_band_stays_as_it_is_painted(matting: Matting) -> None:
    strand = np.asarray(cv2.line(disc(80), (256, 256), (500, 500), 255, 6), np.uint8)
    far = strand.astype(bool) & (np.hypot(*(np.mgrid[:512, :512] - 256)) > 100)
    assert far.sum() > 500
    assert not band(strand)[far].any()
    refined = matting.refine(drawn_photo(1), strand).alpha
    assert np.array_equal(refined[far], strand[far])


def test_outside_the_band_every_byte_stays_and_inside_the_photo_decides(matting: Matting) -> None:
    photo = np.full((512, 512, 3), 200, np.uint8)
    photo[disc(150) > 0] = (60, 40, 30)
    painted = disc(150, (260, 252))
    painted[:40, :40] = 77  # a soft value far from any edge
    refined = matting.refine(photo, painted)
    changed = refined.alpha != painted
    assert changed.any()
    assert not changed[~band(painted)].any()
    assert refined.box is not None
    top, left, bottom, right = refined.box
    assert np.argwhere(band(painted)).min(0).tolist() == [top, left]
    assert (np.argwhere(band(painted)).max(0) + 1).tolist() == [bottom, right]
    before, after = ((one >= 128) != (disc(150) > 0) for one in (painted, refined.alpha))
    assert after.sum() < before.sum() / 20


def test_the_traces_of_shading_noise_and_jpeg_make_no_edge(matting: Matting) -> None:
    rng, edge = np.random.default_rng(0), 96
    photo = np.full((192, 192, 3), 100.0)
    photo[:, edge:] += 10  # a faint edge
    photo = cv2.GaussianBlur(photo, (0, 0), 1.5) + 21 * cv2.GaussianBlur(rng.normal(0, 1, photo.shape), (0, 0), 4)
    photo = np.rint(photo + rng.normal(0, 1, photo.shape)).astype(np.uint8)
    _, jpeg = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 95])
    photo = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)
    painted = np.zeros((192, 192), np.uint8)
    painted[:, edge + 3 :] = 255
    alpha = matting.refine(photo, painted).alpha
    consistency = gradient_consistency(photo, np.asarray(alpha / 255, np.float32))
    assert consistency is not None
    assert consistency < 0.08  # .06; with an epsilon of 1e-7 .15, with 1e-4 .12
    assert ((alpha >= 128) != (np.arange(192) >= edge)).sum() < 30  # 20, and 576 before; with 1e-7 103


@pytest.mark.slow
def test_a_drawn_portraits_coarse_mask_comes_nearer_to_its_exact_alpha(matting: Matting) -> None:
    plans = [plan for plan in plan_samples(24, 5) if plan.kind == "good" and plan.person and plan.person.style != "bald"][:3]
    for plan in plans:
        sample = draw_sample(plan)
        photo, exact = (cv2.resize(one, (512, 512), interpolation=cv2.INTER_AREA) for one in (sample.photo, sample.alpha))
        mask = cv2.resize(sample.mask, (512, 512), interpolation=cv2.INTER_NEAREST)
        refined = matting.refine(np.asarray(photo, np.uint8), np.asarray(mask, np.uint8)).alpha
        before, after = sad(exact, mask / 255), sad(exact, refined / 255)
        assert before is not None
        assert after is not None
        assert after < 0.7 * before


@pytest.mark.parametrize(
    ("photo", "mask"),
    [
        (NOISE, NOTHING),
        (NOISE, NOTHING + 255),
        (np.full((512, 512, 3), 90, np.uint8), disc(150)),
    ],
    ids=["empty", "full", "a flat photo"],
)
def test_a_mask_without_anything_to_solve_comes_back_unchanged(matting: Matting, photo: Grey, mask: Grey) -> None:
    refined = matting.refine(photo, mask)
    assert refined.box is None
    assert np.array_equal(refined.alpha, mask)


def test_a_band_over_the_whole_crop_is_refused_with_what_to_do(matting: Matting) -> None:
    spots = cv2.resize((RNG.random((40, 40)) < 0.5).astype(np.uint8) * 255, (512, 512), interpolation=cv2.INTER_NEAREST)
    assert band(spots).mean() > MAX_UNKNOWN
    with pytest.raises(WinnowError, match=r"^\d\d% of the crop lies near .* at most\. Clean the mask up first: .*\.$"):
        matting.refine(NOISE, spots)


def test_hints_override_mask_and_band(matting: Matting) -> None:
    mask, hints = disc(150), NOTHING.copy()
    hints[250:262, 400:404] = HAIR
    hints[250:262, 110:114] = NOT_HAIR
    refined = matting.refine(drawn_photo(2), mask, hints).alpha
    assert (refined[hints == HAIR] == 255).all()
    assert (refined[hints == NOT_HAIR] == 0).all()


def test_what_is_marked_as_unknown_is_solved_also_deep_inside_the_hair(matting: Matting) -> None:
    photo = np.full((512, 512, 3), (60, 40, 30), np.uint8)
    photo[disc(170) == 0] = 200
    photo[disc(30) > 0] = 200  # a hole in the hair, through which the background shows
    mask, hints = disc(170), NOTHING.copy()
    hints[disc(45) > 0] = UNKNOWN
    hints[disc(4) > 0] = NOT_HAIR
    assert not band(mask)[disc(45) > 0].any()
    alpha = matting.refine(photo, mask, hints).alpha
    assert (alpha[disc(26) > 0] < 30).all()
    assert (alpha[(disc(40) > 0) & (disc(34) == 0)] > 225).all()


def test_without_hair_painted_nearby_the_unknown_is_background(matting: Matting) -> None:
    hints = NOTHING.copy()
    hints[100:150, 100:150] = UNKNOWN
    assert np.array_equal(matting.refine(NOISE, NOTHING, hints).alpha, NOTHING)


def test_only_the_box_is_solved(matting: Matting) -> None:
    photo, mask = drawn_photo(3), drawn_mask(3)
    box = (40, 100, 200, 180)
    whole, part = matting.refine(photo, mask), matting.refine(photo, mask, None, box)
    outside = np.ones((512, 512), bool)
    outside[40:200, 100:180] = False
    assert np.array_equal(part.alpha[outside], mask[outside])
    assert not np.array_equal(part.alpha, mask)
    assert not np.array_equal(whole.alpha[outside], mask[outside])


def test_arrays_of_different_sizes_and_unknown_hints_raise() -> None:
    for mask, hints in ((NOTHING[:100], None), (NOTHING, NOTHING[:100]), (NOTHING, NOTHING + 4)):
        with pytest.raises(ValueError, match="different sizes, or there is a hint above 3"):
            refine.refine(NOISE, mask, hints)


def test_the_foreground_has_none_of_the_background(matting: Matting) -> None:
    alpha = cv2.GaussianBlur(disc(150), (0, 0), 6)
    share = alpha[..., None] / 255
    photo = np.rint(share * (200, 30, 30) + (1 - share) * (20, 220, 20)).astype(np.uint8)
    colours = matting.foreground(photo, np.asarray(alpha, np.uint8))
    half = (alpha > 90) & (alpha < 160)
    assert half.sum() > 1000
    assert np.abs(colours[half].astype(int) - (200, 30, 30)).mean() < 12
    assert np.abs(photo[half].astype(int) - (200, 30, 30)).mean() > 60


# --- pixels that are left out --------------------------------------------------------------------------------------------


def test_hair_that_ends_at_what_is_left_out_has_no_edge_there(matting: Matting) -> None:
    hair, rest = NOTHING.copy(), NOTHING.copy()
    hair[:, 256:], rest[:, :256] = 255, 255
    refined = matting.refine(NOISE, hair, left_out=rest)
    assert refined.box is None
    assert np.array_equal(refined.alpha, hair)
    assert matting.refine(NOISE, hair).box is not None


def test_what_is_left_out_is_no_background_for_the_edge_beside_it(matting: Matting) -> None:
    photo, hair, left_out = np.full((512, 512, 3), 60, np.uint8), NOTHING.copy(), NOTHING.copy()
    photo[:256, 260:] = 200  # background; below it the hair goes on, and nobody says so
    hair[:, :256] = 255
    left_out[256:, 256:] = 255
    alpha = matting.refine(photo, hair, left_out=left_out).alpha
    assert alpha[256 + 2 * BAND :, :256].min() >= 250
    assert alpha[256 : 256 + 2 * BAND, :256].min() >= 200  # within the reach of the edge above
    assert alpha[20:240, 256:259].min() >= 200  # the edge above is solved as ever
    assert alpha[20:240, 262:].max() <= 55
    assert not alpha[left_out > 0].any()


def test_a_rim_that_is_left_out_stays_so_and_both_its_sides_keep_what_is_known(matting: Matting) -> None:
    photo = np.full((512, 512, 3), 200, np.uint8)
    photo[disc(150) > 0] = (60, 40, 30)
    inner, outer = disc(147), disc(153)
    alpha = matting.refine(photo, inner, left_out=outer - inner).alpha
    assert not alpha[outer > inner].any()
    assert alpha[inner > 0].min() >= 200
    assert alpha[outer == 0].max() <= 55
    hinted = np.where(outer > inner, np.uint8(HAIR), np.uint8(0))
    assert not matting.refine(photo, inner, hinted, left_out=outer - inner).alpha[outer > inner].any()


def test_where_nothing_is_left_out_or_everything_nothing_is_different(matting: Matting) -> None:
    photo, mask = drawn_photo(1), drawn_mask(1)
    plain, none = matting.refine(photo, mask), matting.refine(photo, mask, left_out=NOTHING)
    assert (none.box, none.alpha.tobytes()) == (plain.box, plain.alpha.tobytes())
    assert matting.refine(photo, NOTHING, left_out=NOTHING + 255).box is None
