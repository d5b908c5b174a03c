"""What a run leaves behind after each epoch: its row, its best weights, and mattes to watch."""

import tempfile
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from sqlalchemy import Engine, select
from upath import UPath

from db.files import disk_full_errors, write
from db.session import reading, writing
from db.store import Store
from db.tables import Epoch, Example, Preview
from trainer.inputs import Subset
from trainer.models import HAIR
from trainer.pictures import grey, png
from trainer.recipe import FitSettings
from trainer.runs import BEST, predict
from trainer.step import Losses, Validation

PREVIEWS = 8  # validation examples whose mattes are kept for every epoch


@dataclass(frozen=True)
class Row:
    """One epoch, as the table `epoch` and the checkpoint hold it."""

    number: int
    loss: float
    mask_loss: float
    consistency_loss: float
    validation_loss: float
    validation_mask_loss: float
    validation_consistency_loss: float
    best: bool
    seconds: float
    at: str  # ISO 8601
    validation_f1: float | None = None
    validation_accuracy: float | None = None


def row_of(
    number: int, train: Losses, validation: Validation, settings: FitSettings, highest: float, seconds: float, now: datetime
) -> Row:
    """The row of an epoch that has just ended; `highest` is the best `score` before it."""
    row = Row(
        number=number,
        loss=train.total(settings),
        mask_loss=train.mask,
        consistency_loss=train.consistency,
        validation_loss=validation.losses.total(settings),
        validation_mask_loss=validation.losses.mask,
        validation_consistency_loss=validation.losses.consistency,
        best=False,
        seconds=seconds,
        at=now.isoformat(),
        validation_f1=validation.f1,
        validation_accuracy=validation.accuracy,
    )
    return replace(row, best=score(row, settings) > highest)


def score(row: Row | Epoch, settings: FitSettings) -> float:
    """How well an epoch performs on validation; higher is better.

    The paper selects "the best performing epoch using validation data", and F1 is the first of its measures. L, the other
    choice, tells less: on coarse masks the cross entropy of a sharp matte rises while its outline still gets better. An epoch
    without an F1, of a run that is older than this choice, comes after all that have one.
    """
    return row.validation_f1 if settings.best_by == "f1" and row.validation_f1 is not None else -row.validation_loss


CHARTED = {
    "loss/training": "loss",
    "loss/validation": "validation_loss",
    "mask_loss/training": "mask_loss",
    "mask_loss/validation": "validation_mask_loss",
    "consistency_loss/training": "consistency_loss",
    "consistency_loss/validation": "validation_consistency_loss",
    "f1/validation": "validation_f1",
    "accuracy/validation": "validation_accuracy",
    "seconds": "seconds",
}


def chart(writer: tf.summary.SummaryWriter, row: Row) -> None:
    """Write an epoch's numbers for TensorBoard. No picture: what lies in logs is not found when somebody is erased."""
    scalars = tf.compat.v1.SummaryMetadata()  # what tf.summary.scalar says too, but only where TensorBoard is installed
    scalars.plugin_data.plugin_name = "scalars"
    with writer.as_default():
        for tag, name in CHARTED.items():
            if (value := getattr(row, name)) is not None:
                tf.summary.write(tag, value, step=row.number, metadata=scalars)
    writer.flush()


def rows(engine: Engine, run: int) -> list[Epoch]:
    """The run's epochs so far, oldest first."""
    with reading(engine) as session:
        return list(session.scalars(select(Epoch).where(Epoch.run_id == run).order_by(Epoch.number)))


def record(engine: Engine, store: Store, folder: UPath, run: int, row: Row, model: keras.Model, validation: Subset) -> None:
    """Keep an epoch: its weights when it is the best so far, its previews, its row.

    The checkpoint is written before; whatever a kill leaves undone of this, a resumed run does again from there.
    Raises DiskFullError.
    """
    if row.best:
        with tempfile.TemporaryDirectory(prefix="winnow-") as scratch:
            file = Path(scratch) / BEST  # Keras writes to this machine's disks alone
            with disk_full_errors(file):
                model.save_weights(file)
            write(folder / BEST, file.read_bytes())
    shown = validation.members[:PREVIEWS]
    alphas = predict(model, validation.images[:PREVIEWS])[..., HAIR]
    with reading(engine) as session:
        # Somebody may have been erased while we trained: of them, no new picture.
        there = set(session.scalars(select(Example.id).where(Example.id.in_([member.example for member in shown]))))
    mattes = {
        member.example: store.put(png(grey(alpha)))
        for member, alpha in zip(shown, alphas, strict=True)
        if member.example in there
    }
    values: dict[str, Any] = asdict(row) | {"at": datetime.fromisoformat(row.at)}
    with writing(engine) as session:
        session.add(Epoch(run_id=run, **values))
        session.flush()
        for example, sha256 in mattes.items():
            session.add(Preview(run_id=run, epoch=row.number, example_id=example, matte_sha256=sha256))
