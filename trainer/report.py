"""How good a run's best epoch is on a split: the paper's five measures and those beside them, an example a row (section IV-A).

As in the paper, a subset is its images and their mirror images. Both are measured, and their mean is the example's row, so
that the average over the rows is the average over the subset. The matte kept for looking at is the unmirrored one.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from db.session import reading, writing
from db.settings import Settings
from db.store import Store
from db.tables import CROP_SIDE, Example, Measure, SetMember, Split
from trainer import inputs, runs
from trainer.intervals import bootstrap
from trainer.measures import HAIR, NAMES, REACH, SKIN, TRAITS, Case, Classes, Values, average, measure
from trainer.pictures import grey, png
from trainer.refine import refinement, voted
from trainer.runs import TrainedRun

CHUNK = 8  # examples predicted at a time


class Guess(NamedTuple):
    """What is said of one image, by a run or by anybody else."""

    alpha: NDArray[np.float32]  # (S, S), refined
    classes: Classes | None = None  # (S, S), of a three-class network


def report(
    engine: Engine,
    store: Store,
    settings: Settings,
    run: int,
    split: Split = Split.test,
    refine: str = "none",
    say: Callable[[float, str], None] = lambda share, words: None,
) -> dict[str, Any]:
    """Measure a run on one split of its curated set, and keep the rows in place of an older report's.

    Returns what `python -m trainer report --json` prints: the mean of each measure, and under `intervals` the 95 % interval of
    that mean over images, [low, high]; None where no image has a value, or too few to tell. Raises WinnowError for a run that
    is not there or has no model yet, a refinement there is none for, and a set without examples in that split.
    """
    refinement(refine)  # there is one of that name
    with reading(engine) as session:
        run_row = runs.find(session, run)
        members = inputs.members(session, run_row.set_id, split)
        trained = runs.load(session, settings, run)
    rows: list[Measure] = []
    values: list[Values] = []
    for at in range(0, len(members), CHUNK):
        subset = inputs.load(store, members[at : at + CHUNK], trained.size, skins=True)
        guesses = _guesses(trained, subset, refine)
        values += measured(subset, guesses)
        for item, member in enumerate(subset.members):
            rows.append(
                Measure(
                    run_id=run,
                    split=split,
                    refine=refine,
                    example_id=member.example,
                    mask_sha256=member.mask_sha256,
                    matte_sha256=store.put(png(grey(guesses[item].alpha))),
                    **values[at + item],
                )
            )
        say(len(rows) / len(members), f"Measured {len(rows)} of {len(members)} {split} examples")
    _replace(engine, run, split, refine, rows)
    return {"run": run, "split": str(split), "refine": refine, "images": len(rows), **summary(values)}


def measured(subset: inputs.Subset, guesses: Sequence[Guess]) -> list[Values]:
    """The measures of each example: the mean of its image's and its mirror image's, for which there is a guess each."""
    count = len(subset.members)
    pairs = [(item, item + count) for item in range(count)]
    return [average([measure(_case(subset, at, guesses[at])) for at in pair], (*NAMES, *TRAITS)) for pair in pairs]


def summary(values: Sequence[Values]) -> dict[str, Any]:
    """The mean of each measure, and under `intervals` the 95 % interval of that mean over images, [low, high] or None."""
    intervals = {name: bootstrap(row[name] for row in values) for name in NAMES}
    kept = {name: interval and list(interval) for name, interval in intervals.items()}
    return {**average(values, (*NAMES, *TRAITS)), "intervals": kept}


def splits(session: Session, run: int) -> list[Split]:
    """The splits that a run is reported on: validation, and test where its set has test examples."""
    found = session.scalars(
        select(SetMember.split)
        .where(SetMember.set_id == runs.find(session, run).set_id, SetMember.example_id.is_not(None))
        .distinct()
    )
    there = set(found)
    return [split for split in (Split.validation, Split.test) if split in there]


def _guesses(trained: TrainedRun, subset: inputs.Subset, refine: str) -> list[Guess]:
    """One for each image and mirror image."""
    images = subset.batch(np.arange(len(subset))).images
    probabilities = trained.probabilities(images)
    mattes = map(refinement(refine), images, probabilities[..., HAIR])
    classes: Iterable[Classes | None] = [None] * len(images)  # a guided filter's word on one class says nothing of others
    if probabilities.shape[-1] > SKIN and refine in ("none", "superpixel"):
        told = probabilities if refine == "none" else map(voted, images, probabilities)
        classes = (each.argmax(axis=-1) for each in told)
    return [Guess(*guess) for guess in zip(mattes, classes, strict=True)]


def _case(subset: inputs.Subset, number: int, guess: Guess) -> Case:
    """What an image or mirror image is measured by, of the part of it that shows the photo."""
    batch = subset.batch(np.array([number]))
    member, size = subset.members[number % len(subset.members)], batch.images.shape[1]
    top, left, bottom, right = batch.inside[0]
    part = np.s_[top:bottom, left:right]
    skin = None if batch.skins is None or member.skin_sha256 is None else batch.skins[0] >= 128
    face = None if member.face is None else _filled(member.face, size)
    if face is not None and number >= len(subset.members):
        face = face[:, ::-1]
    return Case(
        image=batch.images[0][part],
        mask=batch.masks[0][part],
        alpha=guess.alpha[part],
        reach=REACH * size,
        skin=None if skin is None else skin[part],
        face=None if face is None else face[part],
        classes=None if guess.classes is None else guess.classes[part],
    )


def _filled(box: tuple[float, float, float, float], size: int) -> NDArray[np.bool_]:
    """A box of the 512 crop as a mask (S, S): True for the pixels whose middle lies in it."""
    top, left, bottom, right = (edge * size / CROP_SIDE for edge in box)
    middles = np.arange(size) + 0.5
    return np.outer((middles >= top) & (middles < bottom), (middles >= left) & (middles < right))


def _replace(engine: Engine, run: int, split: Split, refine: str, rows: list[Measure]) -> None:
    with writing(engine) as session:
        old = (Measure.run_id == run, Measure.split == split, Measure.refine == refine)
        session.execute(delete(Measure).where(*old))
        # Somebody may have been erased while we measured.
        there = set(session.scalars(select(Example.id).where(Example.id.in_([row.example_id for row in rows]))))
        session.add_all(row for row in rows if row.example_id in there)
