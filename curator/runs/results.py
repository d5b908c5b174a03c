"""The results of runs, as rows for pages: history, reports, exports. Nothing here writes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import Float, select
from sqlalchemy.orm import Session, joinedload, selectinload

from db.jobs import job_state
from db.tables import CROP_SIDE, Epoch, Example, Export, Measure, Run, SetMember, Source, Split
from trainer.measures import ALPHA_ERRORS
from trainer.measures import Measure as Measuring
from trainer.recipe import REFINEMENTS

# All columns with numbers: the measures, and the properties that slices are made by.
VALUE_COLUMNS = tuple(column.name for column in Measure.__table__.columns if isinstance(column.type, Float))


@dataclass(frozen=True)
class ReportRow:
    """One example of a report. `image`, `mask` (that it was measured against) and `matte` are hashes of pictures.

    `alpha_side` is the side, in pixels, of the square at which its errors of alpha were taken.
    """

    example: int
    photo: str
    source: str
    split: Split
    refine: str
    image: str
    mask: str
    matte: str
    values: dict[str, float | None]
    alpha_side: int = CROP_SIDE
    drawn: bool = False  # by Winnow


def runs(session: Session) -> list[Run]:
    """All runs that were not deleted, with their epochs and jobs, newest first."""
    wanted = select(Run).options(selectinload(Run.epochs), joinedload(Run.job)).where(Run.deleted_at.is_(None))
    return list(session.scalars(wanted.order_by(Run.id.desc())))


def title(run: Run) -> str:
    """A run as one line, for selection lists."""
    best = best_epoch(run.epochs)
    epochs = f"{len(run.epochs)} epochs" if len(run.epochs) != 1 else "1 epoch"
    scratch = "" if run.encoder == "imagenet" else " · from scratch, without ImageNet weights"
    name = f" · {run.name}" if run.name else ""
    return f"Run {run.id}{name} · {run.model} · set {run.set_id} · {epochs}" + (f", best {best}" if best else "") + scratch


def curve(run: Run, what: str) -> list[dict[str, Any]]:
    """The values of "loss", "mask_loss", "consistency_loss" or "f1" (`what`), two rows for each epoch: training and validation.

    F1 is recorded on validation only, and older runs don't have it; missing values have no row.
    """
    return [
        {"run": f"Run {run.id}", "epoch": epoch.number, "examples": examples, "value": value}
        for epoch in run.epochs
        for examples, column in (("training", what), ("validation", f"validation_{what}"))
        if (value := getattr(epoch, column, None)) is not None
    ]


def reports(session: Session, run: int) -> dict[Split, list[str]]:
    """The reports of a run: the refinements ("none" first) by split, for the splits that were measured."""
    found = session.execute(select(Measure.split, Measure.refine).where(Measure.run_id == run).distinct()).all()
    there = {(split, refine) for split, refine in found}
    return {
        split: [refine for refine in REFINEMENTS if (split, refine) in there]
        for split in Split
        if any((split, refine) in there for refine in REFINEMENTS)
    }


def held_out_splits(session: Session, run: int) -> list[Split]:
    """The splits that a run can be measured on: all but training, if they have an example that was not erased."""
    wanted = (
        select(SetMember.split)
        .join(Run, Run.set_id == SetMember.set_id)
        .where(Run.id == run, SetMember.split != Split.train, SetMember.example_id.is_not(None))
        .distinct()
    )
    there = set(session.scalars(wanted))
    return [split for split in Split if split in there]


def examples(session: Session, run: int, split: Split | None = None, refine: str | None = None) -> list[ReportRow]:
    """The rows of a run's reports (of one split or refinement, if given), by split, refinement and number; no erased ones."""
    wanted = (
        select(Measure, Example)
        .join(Example, Example.id == Measure.example_id)
        .options(joinedload(Example.submission))
        .where(Measure.run_id == run)
    )
    if split is not None:
        wanted = wanted.where(Measure.split == split)
    if refine is not None:
        wanted = wanted.where(Measure.refine == refine)
    sources = source_names(session)
    found = [
        ReportRow(
            example=example.id,
            photo=example.submission.photo_name,
            source=sources[example.submission.source_id],
            split=row.split,
            refine=row.refine,
            image=example.image_sha256,
            mask=row.mask_sha256,
            matte=row.matte_sha256,
            values={name: getattr(row, name) for name in VALUE_COLUMNS},
            alpha_side=row.alpha_side,
            drawn=example.submission.drawn,
        )
        for row, example in session.execute(wanted)
    ]
    splits = list(Split)
    return sorted(found, key=lambda one: (splits.index(one.split), REFINEMENTS.index(one.refine), one.example))


def headline_rows(found: Iterable[ReportRow]) -> list[ReportRow]:
    """The rows of the report that stands for a run: without refinement, on the test split, or else on validation."""
    plain = [one for one in found if one.refine == "none"]
    return [one for one in plain if one.split is plain[-1].split]


def is_old(found: Iterable[ReportRow]) -> bool:
    """Whether a report was made by an older version: without errors of alpha, or with those of its run's own size.

    Measuring the run again replaces it. An empty report is not old.
    """
    rows = list(found)
    lacking = bool(rows) and all(one.values[ALPHA_ERRORS[0].name] is None for one in rows)  # every image has this one today
    return lacking or any(one.alpha_side != CROP_SIDE for one in rows)


def source_names(session: Session) -> dict[int, str]:
    """A name for each source by its number: the last part of its location, without the folders of anybody's machine.

    If two names are the same, the number is added to both.
    """
    locations = session.execute(select(Source.id, Source.location)).all()
    short = {number: PurePosixPath(location.replace("\\", "/")).name or location for number, location in locations}
    shared = Counter(short.values())
    return {number: name if shared[name] == 1 else f"{name} (source {number})" for number, name in short.items()}


def best_first(found: Iterable[ReportRow], measure: Measuring) -> list[ReportRow]:
    """The rows that have a value for a measure, best first; equal ones by number."""
    sign = -1 if measure.better == "higher" else 1
    keyed = [(sign * value, one.example, one) for one in found if (value := one.values[measure.name]) is not None]
    return [one for _, _, one in sorted(keyed, key=lambda each: each[:2])]


def exports(session: Session) -> list[Export]:
    """All exports with their runs and proofs, newest first."""
    wanted = select(Export).options(joinedload(Export.run), selectinload(Export.proofs)).order_by(Export.id.desc())
    return list(session.scalars(wanted))


def is_proven(export: Export) -> bool:
    """Whether the export's newest proof passed. A proof from before files had hashes does not count."""
    return export.file_hash is not None and bool(export.proofs) and export.proofs[-1].passed


def tryon_examples(session: Session, run: int, count: int = 30) -> list[Example]:
    """Up to `count` test and validation examples of a run's set, test first: faces that the run has never learned from."""
    wanted = (
        select(Example)
        .join(SetMember, SetMember.example_id == Example.id)
        .join(Run, Run.set_id == SetMember.set_id)
        .options(joinedload(Example.submission))
        .where(Run.id == run, SetMember.split != Split.train)
        .order_by(SetMember.split != Split.test, SetMember.position)
    )
    return list(session.scalars(wanted.limit(count)))


def list_runs(session: Session, now: datetime) -> list[dict[str, Any]]:
    """A row for each run, newest first: number, set, model, encoder, state of its job at `now`, epochs done, the best epoch,
    and the name and note that a person gave it."""
    return [
        {
            "run": run.id,
            "set": run.set_id,
            "model": run.model,
            "encoder": run.encoder,
            "state": job_state(run.job, now).value,
            "epochs": len(run.epochs),
            "best_epoch": best_epoch(run.epochs),
            "name": run.name,
            "note": run.note,
        }
        for run in runs(session)
    ]


def best_epoch(epochs: list[Epoch]) -> int | None:
    """The number of the best epoch so far; None before the first epoch."""
    return max((epoch.number for epoch in epochs if epoch.best), default=None)
