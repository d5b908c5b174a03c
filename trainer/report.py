"""How good a run's best epoch is on a split: the paper's five measures, an example a row (section IV-A).

As in the paper, a subset is its images and their mirror images. Both are measured, and their mean is the example's row, so
that the average over the rows is the average over the subset. The matte kept for looking at is the unmirrored one.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from db.session import reading, writing
from db.settings import Settings
from db.store import Store
from db.tables import Example, Measure, SetMember, Split
from trainer import inputs, runs
from trainer.measures import Values, average, measure
from trainer.pictures import grey, png
from trainer.refine import refinement
from trainer.runs import TrainedRun

CHUNK = 8  # examples predicted at a time


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

    Returns what `python -m trainer report --json` prints; a measure that no image has a value for is None. Raises
    WinnowError for a run that is not there or has no model yet, a refinement there is none for, and a set without examples
    in that split.
    """
    refined = refinement(refine)
    with reading(engine) as session:
        run_row = runs.find(session, run)
        members = inputs.members(session, run_row.set_id, split)
        trained = runs.load(session, settings, run)
    rows: list[Measure] = []
    values: list[Values] = []
    for at in range(0, len(members), CHUNK):
        subset = inputs.load(store, members[at : at + CHUNK], trained.size)
        mattes = _mattes(trained, subset, refined)
        for item, member in enumerate(subset.members):
            values.append(_pair(subset, mattes, item))
            rows.append(
                Measure(
                    run_id=run,
                    split=split,
                    refine=refine,
                    example_id=member.example,
                    mask_sha256=member.mask_sha256,
                    matte_sha256=store.put(png(grey(mattes[item]))),
                    **values[-1],
                )
            )
        say(len(rows) / len(members), f"Measured {len(rows)} of {len(members)} {split} examples")
    _replace(engine, run, split, refine, rows)
    return {"run": run, "split": str(split), "refine": refine, "images": len(rows), **average(values)}


def splits(session: Session, run: int) -> list[Split]:
    """The splits that a run is reported on: validation, and test where its set has test examples."""
    found = session.scalars(
        select(SetMember.split)
        .where(SetMember.set_id == runs.find(session, run).set_id, SetMember.example_id.is_not(None))
        .distinct()
    )
    there = set(found)
    return [split for split in (Split.validation, Split.test) if split in there]


def _mattes(
    trained: TrainedRun, subset: inputs.Subset, refined: Callable[[NDArray[np.uint8], NDArray[np.float32]], NDArray[np.float32]]
) -> list[NDArray[np.float32]]:
    images = subset.batch(np.arange(len(subset))).images
    return [refined(image, alpha) for image, alpha in zip(images, trained.alpha(images), strict=True)]


def _pair(subset: inputs.Subset, mattes: list[NDArray[np.float32]], item: int) -> Values:
    """The measures of an example: the mean of its image's and its mirror image's."""
    pair = np.array([item, item + len(subset.members)])
    batch = subset.batch(pair)
    measured = []
    for image, mask, (top, left, bottom, right), number in zip(batch.images, batch.masks, batch.inside, pair, strict=True):
        part = np.s_[top:bottom, left:right]
        measured.append(measure(image[part], mask[part] >= 128, mattes[number][part]))
    return average(measured)


def _replace(engine: Engine, run: int, split: Split, refine: str, rows: list[Measure]) -> None:
    with writing(engine) as session:
        old = (Measure.run_id == run, Measure.split == split, Measure.refine == refine)
        session.execute(delete(Measure).where(*old))
        # Somebody may have been erased while we measured.
        there = set(session.scalars(select(Example.id).where(Example.id.in_([row.example_id for row in rows]))))
        session.add_all(row for row in rows if row.example_id in there)
