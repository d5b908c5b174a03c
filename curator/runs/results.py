"""What runs came to, as rows for pages: history, reports, exports. Only reads."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from statistics import median
from typing import Any

from sqlalchemy import Float, select
from sqlalchemy.orm import Session, joinedload, selectinload

from db.jobs import ACTIVE, job_state
from db.tables import Epoch, Example, Export, Measure, Run, SetMember, Source, Split
from trainer.measures import Measure as Measuring
from trainer.recipe import REFINEMENTS

SOME_OF_THE_BAR = 0.002  # full before it says how fast the rest will come: a first step is slower than those after it
# Everything that the table holds a number of: the measures, and what examples are sliced by.
VALUES = tuple(column.name for column in Measure.__table__.columns if isinstance(column.type, Float))


@dataclass(frozen=True)
class ReportRow:
    """One example of a report: photo, the mask it was measured against, the run's matte, and all that was measured."""

    example: int
    photo: str
    source: str
    split: Split
    refine: str
    image: str
    mask: str
    matte: str
    values: dict[str, float | None]


def runs(session: Session) -> list[Run]:
    """Every run with its epochs and its job, newest first."""
    wanted = select(Run).options(selectinload(Run.epochs), joinedload(Run.job)).order_by(Run.id.desc())
    return list(session.scalars(wanted))


def title(run: Run) -> str:
    """A run in one line, for lists to choose from."""
    best = best_epoch(run.epochs)
    epochs = f"{len(run.epochs)} epochs" if len(run.epochs) != 1 else "1 epoch"
    scratch = "" if run.encoder == "imagenet" else " · from scratch, without ImageNet weights"
    return f"Run {run.id} · {run.model} · set {run.set_id} · {epochs}" + (f", best {best}" if best else "") + scratch


def curve(run: Run, what: str) -> list[dict[str, Any]]:
    """A run's "loss", "mask_loss", "consistency_loss" or "f1", two rows an epoch: training, and validation.

    F1 is known of validation alone, and of no epoch from before it was kept.
    """
    return [
        {"run": f"Run {run.id}", "epoch": epoch.number, "examples": examples, "value": value}
        for epoch in run.epochs
        for examples, column in (("training", what), ("validation", f"validation_{what}"))
        if (value := getattr(epoch, column, None)) is not None
    ]


def time_left(run: Run, now: datetime) -> timedelta | None:
    """How long a run's last epochs will take, from the seconds that its newest five took; what follows them is not in it.

    Before the first has ended, from the share of the bar that is full. None where nothing can be said: nobody trains it, the
    last epoch is done, or the first has just begun.
    """
    if job_state(run.job, now) not in ACTIVE:
        return None
    coming = int(run.settings.get("epochs", 0)) - len(run.epochs)
    if not run.epochs:
        spent = now - max(run.created_at, run.job.created_at)
        return spent * (1 / run.job.progress - 1) if run.job.progress >= SOME_OF_THE_BAR else None
    if coming < 1:
        return None
    each = timedelta(seconds=float(median(epoch.seconds for epoch in run.epochs[-5:])))
    # One that takes longer than those before it may be over at any moment, not in the past.
    spent = min(now - max(run.epochs[-1].at, run.job.created_at), each)
    return each * coming - spent


def reports(session: Session, run: int) -> dict[Split, list[str]]:
    """Which reports a run has: for each split that it was measured on, in order, by which refinements, "none" first."""
    found = session.execute(select(Measure.split, Measure.refine).where(Measure.run_id == run).distinct()).all()
    there = {(split, refine) for split, refine in found}
    return {
        split: [refine for refine in REFINEMENTS if (split, refine) in there]
        for split in Split
        if any((split, refine) in there for refine in REFINEMENTS)
    }


def unseen(session: Session, run: int) -> list[Split]:
    """The splits of a run's set that it did not learn from, and that have an example: what it can be measured on."""
    wanted = (
        select(SetMember.split)
        .join(Run, Run.set_id == SetMember.set_id)
        .where(Run.id == run, SetMember.split != Split.train, SetMember.example_id.is_not(None))
        .distinct()
    )
    there = set(session.scalars(wanted))
    return [split for split in Split if split in there]


def examples(session: Session, run: int, split: Split | None = None, refine: str | None = None) -> list[ReportRow]:
    """The examples of a run's reports, by split, refinement and number; of one report or all. Who was erased is in none."""
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
            values={name: getattr(row, name) for name in VALUES},
        )
        for row, example in session.execute(wanted)
    ]
    splits = list(Split)
    return sorted(found, key=lambda one: (splits.index(one.split), REFINEMENTS.index(one.refine), one.example))


def headline(found: Iterable[ReportRow]) -> list[ReportRow]:
    """The report that speaks for a run: its mattes as they are, on test examples, else on validation ones."""
    plain = [one for one in found if one.refine == "none"]
    return [one for one in plain if one.split is plain[-1].split]


def source_names(session: Session) -> dict[int, str]:
    """What to call each source, by its number: the last part of where it lies, without the folders of somebody's machine.

    Where two would be called alike, their numbers tell them apart.
    """
    places = session.execute(select(Source.id, Source.location)).all()
    short = {number: PurePosixPath(location.replace("\\", "/")).name or location for number, location in places}
    shared = Counter(short.values())
    return {number: name if shared[name] == 1 else f"{name} (source {number})" for number, name in short.items()}


def best_first(found: Iterable[ReportRow], measure: Measuring) -> list[ReportRow]:
    """The examples that have a value for a measure, by its direction; equal ones by their numbers."""
    sign = -1 if measure.better == "higher" else 1
    keyed = [(sign * value, one.example, one) for one in found if (value := one.values[measure.name]) is not None]
    return [one for _, _, one in sorted(keyed, key=lambda each: each[:2])]


def exports(session: Session) -> list[Export]:
    """Every export with its run and its proofs, newest first."""
    wanted = select(Export).options(joinedload(Export.run), selectinload(Export.proofs)).order_by(Export.id.desc())
    return list(session.scalars(wanted))


def tryon_examples(session: Session, run: int, count: int = 30) -> list[Example]:
    """Validation and test examples of a run's set: faces that the run never learned from."""
    wanted = (
        select(Example)
        .join(SetMember, SetMember.example_id == Example.id)
        .join(Run, Run.set_id == SetMember.set_id)
        .options(joinedload(Example.submission))
        .where(Run.id == run, SetMember.split != Split.train)
        .order_by(SetMember.position)
    )
    return list(session.scalars(wanted.limit(count)))


def list_runs(session: Session) -> list[dict[str, Any]]:
    """Every run, newest first: number, set, model, state of its newest job, epochs done and the best of them."""
    runs = session.scalars(select(Run).options(selectinload(Run.epochs), selectinload(Run.job)).order_by(Run.id.desc()))
    return [
        {
            "run": run.id,
            "set": run.set_id,
            "model": run.model,
            "encoder": run.encoder,
            "state": run.job.state.value,
            "epochs": len(run.epochs),
            "best_epoch": best_epoch(run.epochs),
        }
        for run in runs
    ]


def best_epoch(epochs: list[Epoch]) -> int | None:
    """The number of the best epoch so far; None before the first."""
    return max((epoch.number for epoch in epochs if epoch.best), default=None)
