"""The drawn sample set: the same for a seed, true to its alpha, seen by the real detector, and bad where it says so."""

import csv
import os
from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
from numpy.typing import NDArray

from curator.sample import (
    BAD_KINDS,
    STYLES,
    SUBJECTS,
    Sample,
    crowd_mask,
    draw_non_face,
    draw_person,
    draw_portrait,
    draw_sample,
    draw_samples,
    plan_samples,
    scribble,
    write_sample,
)

pytestmark = pytest.mark.slow

COUNT = 14
SEED = 5
DETECTOR = dlib.get_frontal_face_detector()


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return list(draw_samples(COUNT, SEED))


def boxes(photo: NDArray[np.uint8]) -> list[tuple[int, int, int, int]]:
    """What dlib finds without enlarging, as (top, left, bottom, right)."""
    return [(r.top(), r.left(), r.bottom() + 1, r.right() + 1) for r in DETECTOR(photo, 0)]


def box_iou(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> float:
    rows, columns = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0, rows) * max(0, columns)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def mask_iou(mask: NDArray[np.uint8], alpha: NDArray[np.float32]) -> float:
    painted, hair = mask > 127, alpha > 0.5
    return float((painted & hair).sum() / max(1, (painted | hair).sum()))


def test_every_portrait_is_found_once_and_where_it_was_drawn(samples: list[Sample]) -> None:
    portraits = [sample.portrait for sample in samples if sample.portrait is not None]
    assert len(portraits) > 10
    for portrait in portraits:
        found = boxes(portrait.photo)
        assert len(found) == 1, f"{portrait.person.style}: {len(found)} faces found"
        assert box_iou(found[0], portrait.face) > 0.4


@pytest.mark.parametrize("style", [*STYLES, "bald"])
def test_every_style_is_found_by_the_detector(style: str) -> None:
    rng = np.random.default_rng(11)
    assert len(boxes(draw_portrait(rng, person=draw_person(rng, style)).photo)) == 1


@pytest.mark.parametrize("subject", list(SUBJECTS))
def test_no_face_is_found_where_none_was_drawn(subject: str) -> None:
    assert boxes(draw_non_face(np.random.default_rng(3), subject)) == []


def test_the_alpha_is_exact_the_layers_composite_to_the_photo(samples: list[Sample]) -> None:
    for sample in samples:
        if sample.portrait is None:
            continue
        portrait, alpha = sample.portrait, sample.portrait.alpha[..., None]
        composite = alpha * portrait.hair + (1 - alpha) * portrait.behind
        assert np.abs(composite - portrait.photo).max() <= 0.51  # rounding to whole numbers costs a half
        assert alpha.dtype == np.float32
        assert alpha.min() >= 0
        assert alpha.max() <= 1


def test_hair_has_single_strands_and_a_bald_head_has_none() -> None:
    rng = np.random.default_rng(2)
    long, bald = (draw_portrait(rng, person=draw_person(rng, style)) for style in ("long", "bald"))
    thin = ((long.alpha > 0.05) & (long.alpha < 0.95)).sum()
    assert long.alpha.max() == 1.0
    assert thin > 5000
    assert bald.alpha.max() == 0.0


@pytest.mark.parametrize("kind", BAD_KINDS)
def test_a_bad_mask_is_worse_than_a_good_one_of_the_same_portrait(kind: str, samples: list[Sample]) -> None:
    for number, sample in enumerate(samples):
        if sample.portrait is None or sample.portrait.person.style == "bald":
            continue
        alpha, face = sample.portrait.alpha, sample.portrait.face
        good = crowd_mask("good", alpha, face, np.random.default_rng(number))
        bad = crowd_mask(kind, alpha, face, np.random.default_rng(number))
        assert mask_iou(good, alpha) > 0.55
        assert mask_iou(bad, alpha) < mask_iou(good, alpha) - 0.1, f"{sample.plan.name}, {sample.portrait.person.style}"


def test_a_good_mask_of_a_bald_head_is_empty() -> None:
    nothing = np.zeros((80, 64), np.float32)
    for kind in ("good", "sparse", "shifted", "empty"):
        assert not crowd_mask(kind, nothing, (20, 20, 60, 50), np.random.default_rng(1)).any()


def test_masks_are_black_or_white_and_of_the_photos_size(samples: list[Sample]) -> None:
    for sample in samples:
        assert sample.mask.dtype == np.uint8
        assert sample.mask.shape == sample.photo.shape[:2] == sample.alpha.shape
        assert set(np.unique(sample.mask)) <= {0, 255}


def test_a_scribble_paints_something() -> None:
    assert scribble((800, 640), np.random.default_rng(0)).any()


def test_an_unknown_kind_or_subject_is_named_with_the_known_ones() -> None:
    nothing = np.zeros((8, 8), np.float32)
    with pytest.raises(ValueError, match=r"^There is no kind of mask 'neat'\. Choose one of good, sparse, .*spills_over\.$"):
        crowd_mask("neat", nothing, (0, 0, 8, 8), np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"^There is no subject 'dragon'\. Choose one of cat, .*balloons\.$"):
        draw_non_face(np.random.default_rng(0), "dragon")


def test_the_default_set_is_mostly_good_with_non_faces_bald_heads_and_every_bad_kind() -> None:
    plans = plan_samples()
    kinds = [plan.kind for plan in plans]
    assert len({plan.name for plan in plans}) == len(plans) == 72
    assert kinds.count("non_face") == 8
    assert 0.65 <= kinds.count("good") / 72 <= 0.75
    assert set(BAD_KINDS) <= set(kinds)
    bald = [plan for plan in plans if plan.person is not None and plan.person.style == "bald"]
    assert len(bald) == 2
    assert {plan.kind for plan in bald} == {"good"}


def test_portraits_of_one_contributor_show_one_person() -> None:
    person_of: dict[str, object] = {}
    for plan in plan_samples():
        if plan.person is not None:
            assert person_of.setdefault(plan.contributor, plan.person) == plan.person
    assert 15 < len(person_of) < 40


def test_a_picture_can_be_drawn_alone_and_is_the_same(samples: list[Sample]) -> None:
    again = draw_sample(plan_samples(COUNT, SEED)[3])
    assert np.array_equal(again.photo, samples[3].photo)
    assert np.array_equal(again.mask, samples[3].mask)


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for folder, seed in (("one", 1), ("same", 1), ("other", 2)):
        write_sample(tmp_path / folder, 2, seed)
    one, same, other = (
        {file.relative_to(tmp_path / folder): file.read_bytes() for file in sorted((tmp_path / folder).rglob("*.*"))}
        for folder in ("one", "same", "other")
    )
    assert len(one) == 2 * 3 + 1
    assert one == same
    assert one != other


def test_the_folder_holds_what_the_manifest_says_and_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    write_sample(tmp_path, 3, 0, lambda done, whole: told.append((done, whole)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    with (tmp_path / "manifest.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    for row in rows:
        photo = cv2.imread(str(tmp_path / row["image"]))
        mask = cv2.imread(str(tmp_path / row["mask"]), cv2.IMREAD_GRAYSCALE)
        alpha = cv2.imread(str(tmp_path / "alphas" / Path(row["mask"]).name), cv2.IMREAD_GRAYSCALE)
        assert photo is not None
        assert mask is not None
        assert alpha is not None
        assert photo.shape[:2] == mask.shape == alpha.shape
        assert row["contributor"].startswith("drawn-")
        assert row["split"] == ""
        assert row["drawn"] == "yes"
        assert row["licence"] == "CC0-1.0 (drawn)"


def test_who_stops_it_waits_for_no_more_than_what_is_being_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_done: int, _whole: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path, 40, 0, stop)
    assert 1 <= len(list((tmp_path / "images").iterdir())) < 40
    assert not (tmp_path / "manifest.csv").exists()


def test_a_set_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^The sample set needs at least 1 picture, not 0\.$"):
        write_sample(tmp_path, 0)
