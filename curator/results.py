"""What runs came to, as rows for pages: history, reports, exports. Only reads."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from curator.status import best_epoch
from db.tables import Example, Export, Measure, Preview, Run, SetMember, Split
from trainer.measures import MEASURES


@dataclass(frozen=True)
class Seen:
    """One example of a report: photo, the mask it was measured against, the run's matte, and its measures."""

    example: int
    photo: str
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


def history(run: Run) -> list[dict[str, float]]:
    """The losses of a run, an epoch a row."""
    return [
        {
            "epoch": epoch.number,
            "training": epoch.loss,
            "validation": epoch.validation_loss,
            "mask": epoch.validation_mask_loss,
            "consistency": epoch.validation_consistency_loss,
            "seconds": epoch.seconds,
        }
        for epoch in run.epochs
    ]


def previews(session: Session, run: int) -> tuple[int, list[tuple[Preview, Example]]]:
    """The validation mattes of the newest epoch that has some, with their examples; epoch 0 where there is none."""
    newest = session.scalar(select(func.max(Preview.epoch)).where(Preview.run_id == run)) or 0
    wanted = select(Preview, Example).join(Example, Example.id == Preview.example_id)
    rows = session.execute(wanted.where(Preview.run_id == run, Preview.epoch == newest).order_by(Preview.example_id))
    return newest, [(preview, example) for preview, example in rows]


def summary(session: Session, run: int) -> list[dict[str, Any]]:
    """The measures of a run's reports, averaged over images: a row for each split and refinement."""
    averages = [func.avg(getattr(Measure, measure.name)).label(measure.name) for measure in MEASURES]
    rows = session.execute(
        select(Measure.split, Measure.refine, func.count().label("images"), *averages)
        .where(Measure.run_id == run)
        .group_by(Measure.split, Measure.refine)
    )
    found = [{**row, "split": row["split"].value} for row in rows.mappings()]
    order = [split.value for split in Split]
    return sorted(found, key=lambda row: (order.index(row["split"]), row["refine"]))


def examples(session: Session, run: int, split: Split) -> list[Seen]:
    """The examples of a run's plain report on a split, the best F1 first; those without an F1 (no hair at all) last."""
    wanted = (
        select(Measure, Example)
        .join(Example, Example.id == Measure.example_id)
        .options(joinedload(Example.submission))
        .where(Measure.run_id == run, Measure.split == split, Measure.refine == "none")
        .order_by(Measure.f1.desc().nulls_last(), Measure.example_id)
    )
    return [
        Seen(
            example=example.id,
            photo=example.submission.photo_name,
            image=example.image_sha256,
            mask=row.mask_sha256,
            matte=row.matte_sha256,
            values={measure.name: getattr(row, measure.name) for measure in MEASURES},
        )
        for row, example in session.execute(wanted)
    ]


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
