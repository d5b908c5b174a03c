"""Reports: the measures of a run's best epoch on a split, one row per example (Levinshtein et al. 2018, section IV-A).

As in the paper, a subset consists of its images and their mirror images. Both are measured, and an example's row is their mean,
so that the average over rows is the average over the subset. The matte saved for viewing is the unmirrored one.

The errors of alpha are sums over pixels and depend on the scale, so they are taken at the crop's own size, with the matte
enlarged to it: those of two runs can be compared, whatever the sizes of their inputs. All else is measured at the input's size.
"""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from db.blobs import delete_unnamed
from db.session import reading, transact
from db.settings import Settings
from db.store import Store
from db.tables import CROP_SIDE, Measure, SetMember, Split
from trainer import inputs, runs
from trainer.arrays import HAIR, SKIN, Alpha, BoolMask, Classes, FloatBox
from trainer.course import Done, OnProgress, measuring
from trainer.intervals import bootstrap
from trainer.measures import ALL, ALPHA_ERRORS, EXAMPLE_PROPERTIES, NAMES, REACH, Case, Values, average, measure
from trainer.pictures import grey, png, rescaled
from trainer.refine import refinement, superpixel_means
from trainer.runs import TrainedRun

CHUNK = 8  # examples predicted at a time
AT_INPUT_SIZE = tuple(each for each in ALL if each not in ALPHA_ERRORS)


class Prediction(NamedTuple):
    """The prediction for one image of side S, by a run or by another model."""

    alpha: Alpha  # (S, S), refined
    classes: Classes | None = None  # (S, S), from a three-class network


def report(
    engine: Engine,
    store: Store,
    settings: Settings,
    run: int,
    split: Split = Split.test,
    refine: str = "none",
    say: OnProgress = lambda done, words: None,
) -> dict[str, Any]:
    """Measure a run on one split of its curated set, and save the rows and mattes, replacing those of an older report.

    `say` is told how many are done, and a line for people. Returns what `python -m trainer report --json` prints: the mean
    of each measure, and under `intervals` its 95 % interval over images, [low, high]; None if no image has a value, or too few
    for an interval. `alpha_side` is the side, in pixels, of the square at which the errors of alpha were taken.
    Raises WinnowError for a run that does not exist or has no model yet, an unknown refinement, and a set without examples in
    that split.
    """
    refinement(refine)  # raises for an unknown name before the run is loaded
    with reading(engine) as session:
        run_row = runs.find(session, run)
        examples = inputs.set_examples(session, run_row.set_id, split)
        trained = runs.load(session, settings, run)
    rows: list[Measure] = []
    values: list[Values] = []
    for at in range(0, len(examples), CHUNK):
        subset = inputs.load(store, examples[at : at + CHUNK], trained.size, skins=True)
        predictions = _predictions(trained, subset, refine)
        values += measured(subset, inputs.load(store, subset.examples, CROP_SIDE), predictions)
        for item, example in enumerate(subset.examples):
            rows.append(
                Measure(
                    run_id=run,
                    split=split,
                    refine=refine,
                    example_id=example.id,
                    mask_sha256=example.mask_sha256,
                    matte_sha256=store.put(png(grey(predictions[item].alpha))),
                    alpha_side=CROP_SIDE,
                    **values[at + item],
                )
            )
        say(Done(measuring(split), len(rows), len(examples)), f"{measuring(split)}: {len(rows)} of {len(examples)} examples")
    mattes = {row.matte_sha256 for row in rows} | _replace(engine, run, split, refine, rows)
    delete_unnamed(engine, store, mattes, None)
    return {"run": run, "split": str(split), "refine": refine, "images": len(rows), **summary(values), "alpha_side": CROP_SIDE}


def measured(subset: inputs.Subset, whole: inputs.Subset, predictions: Sequence[Prediction]) -> list[Values]:
    """The measures of each example, the mean of its image's and its mirror image's. `predictions` are one per item.

    `whole` has the same examples as `subset`, at the size at which the errors of alpha are taken.
    """
    count, side = len(subset.examples), whole.images.shape[1]

    def values(at: int) -> Values:
        large = case(whole, at, Prediction(rescaled(predictions[at].alpha, side)))
        errors = {each.name: each.compute(large) for each in ALPHA_ERRORS}
        return measure(case(subset, at, predictions[at]), AT_INPUT_SIZE) | errors

    with ThreadPoolExecutor(os.cpu_count()) as executor:  # OpenCV measures without Python's global lock
        found = list(executor.map(values, range(2 * count)))
    return [average([found[item], found[item + count]], (*NAMES, *EXAMPLE_PROPERTIES)) for item in range(count)]


def summary(values: Sequence[Values]) -> dict[str, Any]:
    """The mean of each measure, and under `intervals` its 95 % interval over images, [low, high] or None."""
    intervals = {name: bootstrap(row[name] for row in values) for name in NAMES}
    kept = {name: interval and list(interval) for name, interval in intervals.items()}
    return {**average(values, (*NAMES, *EXAMPLE_PROPERTIES)), "intervals": kept}


def splits(session: Session, run: int) -> list[Split]:
    """The splits of a run's set to report on: validation and test, as far as they have examples."""
    found = session.scalars(
        select(SetMember.split)
        .where(SetMember.set_id == runs.find(session, run).set_id, SetMember.example_id.is_not(None))
        .distinct()
    )
    there = set(found)
    return [split for split in (Split.validation, Split.test) if split in there]


def _predictions(trained: TrainedRun, subset: inputs.Subset, refine: str) -> list[Prediction]:
    """One for each item of the subset, images and mirror images."""
    images = subset.batch(np.arange(len(subset))).images
    probabilities = trained.probabilities(images)
    mattes = map(refinement(refine), images, probabilities[..., HAIR])
    classes: Iterable[Classes | None] = [None] * len(images)  # a matte filtered for one class says nothing about the others
    if probabilities.shape[-1] > SKIN and refine in ("none", "superpixel"):
        refined = probabilities if refine == "none" else map(superpixel_means, images, probabilities)
        classes = (each.argmax(axis=-1) for each in refined)
    return [Prediction(*each) for each in zip(mattes, classes, strict=True)]


def case(subset: inputs.Subset, number: int, prediction: Prediction) -> Case:
    """An item and its prediction, cropped to the part that shows the photo; `known` is None where all pixels of it are."""
    batch = subset.batch(np.array([number]))
    example, size = subset.examples[number % len(subset.examples)], batch.images.shape[1]
    top, left, bottom, right = batch.inside[0]
    part = np.s_[top:bottom, left:right]
    skin = None if batch.skins is None or example.skin_sha256 is None else batch.skins[0] >= 128
    known = None if batch.unknown is None or example.unknown_sha256 is None else batch.unknown[0] == 0
    face = None if example.face is None else _filled(example.face, size)
    if face is not None and number >= len(subset.examples):
        face = face[:, ::-1]
    return Case(
        image=batch.images[0][part],
        mask=batch.masks[0][part],
        alpha=prediction.alpha[part],
        reach=REACH * size,
        skin=None if skin is None else skin[part],
        face=None if face is None else face[part],
        classes=None if prediction.classes is None else prediction.classes[part],
        known=None if known is None else known[part],
    )


def _filled(box: FloatBox, size: int) -> BoolMask:
    """A box of the 512 x 512 crop as a bool mask (size, size): True for the pixels whose centre lies in it."""
    top, left, bottom, right = (edge * size / CROP_SIDE for edge in box)
    centres = np.arange(size) + 0.5
    return np.outer((centres >= top) & (centres < bottom), (centres >= left) & (centres < right))


def _replace(engine: Engine, run: int, split: Split, refine: str, rows: list[Measure]) -> set[str]:
    """Save the rows of a report; returns the mattes (sha256) of the older one that they replace."""
    old = (Measure.run_id == run, Measure.split == split, Measure.refine == refine)

    def replace(session: Session) -> set[str]:
        replaced = set(session.scalars(select(Measure.matte_sha256).where(*old)))
        session.execute(delete(Measure).where(*old))
        # A contributor may have been erased during measuring.
        there = inputs.existing(session, [row.example_id for row in rows])
        session.add_all(row for row in rows if row.example_id in there)
        return replaced

    return transact(engine, replace)
