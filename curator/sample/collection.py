"""The built-in sample set: which pictures it has, with which masks, and how it is written to a folder."""

import csv
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from curator.sample.crowd import BAD_KINDS, crowd_mask, scribble
from curator.sample.non_face import SUBJECTS, draw_non_face
from curator.sample.person import STYLES, Person, draw_person
from curator.sample.portrait import Portrait, draw_portrait

LICENCE = "CC0-1.0 (drawn)"
COLUMNS = ["image", "mask", "contributor", "split", "licence", "drawn", "kind"]
SIZES = [(800, 640), (820, 640), (800, 600), (780, 660)]  # (height, width): phones differ
JPEG_QUALITY = 92
GOOD_SHARE = 0.7  # of all pictures
NON_FACES_IN_72, BALD_IN_72 = 8, 2

Progress = Callable[[int, int], None]  # (drawn so far, all)


@dataclass(frozen=True)
class Plan:
    """What one picture of the set will be. Drawing needs nothing else, so that any picture can be drawn alone."""

    name: str
    contributor: str
    kind: str  # good, one of BAD_KINDS, or non_face
    person: Person | None  # None for a non-face
    subject: str  # of a non-face, else ""
    seed: tuple[int, int]


@dataclass(frozen=True)
class Sample:
    """One drawn picture with its crowd mask."""

    plan: Plan
    photo: NDArray[np.uint8]  # (H, W, 3) RGB
    mask: NDArray[np.uint8]  # (H, W), 0 or 255
    alpha: NDArray[np.float32]  # (H, W), 0..1; all 0 for a non-face
    portrait: Portrait | None


def plan_samples(count: int = 72, seed: int = 0) -> list[Plan]:
    """The plans of all pictures: 70 % good masks, 11 % non-faces, two bald heads in 72; 1 to 4 pictures per person."""
    rng = np.random.default_rng([seed, 0])
    non_faces, bald = round(count * NON_FACES_IN_72 / 72), round(count * BALD_IN_72 / 72)
    cast = _cast(rng, count - non_faces, bald)
    kinds = _kinds(rng, [person.style == "bald" for _, person in cast], round(count * GOOD_SHARE))
    subjects = list(SUBJECTS)
    people = sorted({contributor for contributor, _ in cast}) or ["drawn-01"]
    rows: list[tuple[str, str, Person | None, str]] = [
        (contributor, kind, person, "") for (contributor, person), kind in zip(cast, kinds, strict=True)
    ]
    rows += [(str(rng.choice(people)), "non_face", None, subjects[i % len(subjects)]) for i in range(non_faces)]
    order = rng.permutation(len(rows))
    return [Plan(f"sample-{place:03d}", *rows[int(which)], seed=(seed, place)) for place, which in enumerate(order, start=1)]


def _cast(rng: np.random.Generator, portraits: int, bald: int) -> list[tuple[str, Person]]:
    """The contributor and person of each portrait: every style in turn, bald people once each."""
    cast: list[tuple[str, Person]] = []
    number = 0
    while len(cast) < portraits:
        number += 1
        style = "bald" if number <= bald else STYLES[(number - bald - 1) % len(STYLES)]
        person = draw_person(rng, style)
        sittings = 1 if style == "bald" else int(rng.integers(1, 5))
        cast += [(f"drawn-{number:02d}", person)] * sittings
    return cast[:portraits]


def _kinds(rng: np.random.Generator, bald: list[bool], good: int) -> list[str]:
    """A kind of mask for each portrait. Bald heads are good (there is nothing to paint); the bad kinds alternate."""
    kinds = ["good"] * len(bald)
    haired = rng.permutation([i for i, is_bald in enumerate(bald) if not is_bald])
    for turn, i in enumerate(haired[: max(0, len(bald) - good)]):
        kinds[int(i)] = BAD_KINDS[turn % len(BAD_KINDS)]
    return kinds


def draw_sample(plan: Plan) -> Sample:
    """Draw one picture of a plan; the same plan gives the same picture."""
    rng = np.random.default_rng([*plan.seed, 1])
    if plan.person is None:
        photo = draw_non_face(rng, plan.subject)
        size = (photo.shape[0], photo.shape[1])
        return Sample(plan, photo, scribble(size, rng), np.zeros(size, np.float32), None)
    portrait = draw_portrait(rng, SIZES[int(rng.integers(len(SIZES)))], plan.person)
    mask = crowd_mask(plan.kind, portrait.alpha, portrait.face, rng)
    return Sample(plan, portrait.photo, mask, portrait.alpha, portrait)


def draw_samples(count: int = 72, seed: int = 0) -> Iterator[Sample]:
    """The whole set, one picture at a time."""
    return map(draw_sample, plan_samples(count, seed))


def write_sample(folder: Path, count: int = 72, seed: int = 0, progress: Progress | None = None) -> None:
    """Draw the sample set into a folder.

    The folder gets `images/*.jpg`, `masks/*.png`, `alphas/*.png` (the exact alpha, for measuring against the truth) and
    `manifest.csv` with COLUMNS: paths relative to the manifest, an empty split (ingest decides it), and `kind`, which tests
    and benchmarks compare with a reviewer's verdicts. The manifest is written last, so that a folder with a manifest is
    complete. Raises ValueError for a count below 1.

    Args:
        folder: created if needed; files with the same names are replaced.
        count: number of pictures, 1 or more.
        seed: the random seed; the same seed gives the same bytes.
        progress: called after each picture with (drawn so far, count); an exception from it stops the drawing.
    """
    if count < 1:
        raise ValueError(f"The sample set needs at least 1 picture, not {count}.")
    for part in ("images", "masks", "alphas"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    rows = []
    executor = ThreadPoolExecutor(os.cpu_count())  # NumPy and OpenCV draw without Python's lock
    try:
        drawn = executor.map(lambda plan: _write(folder, draw_sample(plan)), plan_samples(count, seed))
        for done, row in enumerate(drawn, start=1):
            rows.append(row)
            if progress is not None:
                progress(done, count)
    finally:
        executor.shutdown(cancel_futures=True)  # if `progress` raises, pictures that are not begun are dropped
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _write(folder: Path, sample: Sample) -> dict[str, str]:
    """Write one picture's three files. Returns its row of the manifest."""
    plan = sample.plan
    image, mask = f"images/{plan.name}.jpg", f"masks/{plan.name}.png"
    alpha = np.rint(sample.alpha * 255).astype(np.uint8)
    bgr = np.ascontiguousarray(sample.photo[..., ::-1])
    (folder / image).write_bytes(_encoded(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]))
    (folder / mask).write_bytes(_encoded(".png", sample.mask, []))
    (folder / f"alphas/{plan.name}.png").write_bytes(_encoded(".png", alpha, []))
    return {
        "image": image,
        "mask": mask,
        "contributor": plan.contributor,
        "split": "",
        "licence": LICENCE,
        "drawn": "yes",
        "kind": plan.kind,
    }


def _encoded(kind: str, picture: NDArray[np.uint8], options: list[int]) -> bytes:
    done, data = cv2.imencode(kind, picture, options)
    if not done:
        raise RuntimeError(f"OpenCV could not encode a {kind} of {picture.shape}.")
    return data.tobytes()
