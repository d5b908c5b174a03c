"""What a run saves after each epoch: a row of results, the best weights, and preview mattes."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import keras
import tensorflow as tf
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from upath import UPath

from db.blobs import delete_unnamed
from db.files import disk_full_errors, write
from db.session import reading, transact
from db.store import Store
from db.tables import Epoch, Preview
from db.workspaces import outside, workspace
from trainer.arrays import HAIR
from trainer.inputs import Subset, existing
from trainer.pictures import grey, png
from trainer.recipe import FitSettings
from trainer.runs import BEST, predict
from trainer.step import Losses, Validation

PREVIEWS = 8  # validation examples whose mattes are saved for every epoch


@dataclass(frozen=True)
class EpochRow:
    """The results of one epoch, as stored in the table `epoch` and in the checkpoint; fields as in `trainer.step`."""

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


def epoch_row(
    number: int, train: Losses, validation: Validation, settings: FitSettings, highest: float, seconds: float, now: datetime
) -> EpochRow:
    """The row of an epoch that has just ended, after `seconds`; `highest` is the best `score` before it."""
    row = EpochRow(
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


def score(row: EpochRow | Epoch, settings: FitSettings) -> float:
    """How well an epoch performs on validation, higher is better: its F1, 0 to 1, or minus its loss L.

    The paper selects "the best performing epoch using validation data" (section IV), and F1 is the first of its measures. L is
    less telling: on coarse masks the cross entropy of a sharp matte rises while its outline still improves. An epoch without an
    F1, from a run older than this choice, ranks below all that have one.
    """
    return row.validation_f1 if settings.best_by == "f1" and row.validation_f1 is not None else -row.validation_loss


SCALARS = {  # what TensorBoard shows, by its tags
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


def write_scalars(writer: tf.summary.SummaryWriter, row: EpochRow) -> None:
    """Write an epoch's numbers for TensorBoard. No pictures: erasing a contributor does not search the logs."""
    scalars = tf.compat.v1.SummaryMetadata()  # like tf.summary.scalar, which works only where TensorBoard is installed
    scalars.plugin_data.plugin_name = "scalars"
    with writer.as_default():
        for tag, name in SCALARS.items():
            if (value := getattr(row, name)) is not None:
                tf.summary.write(tag, value, step=row.number, metadata=scalars)
    writer.flush()


def epochs(engine: Engine, run: int) -> list[Epoch]:
    """A run's epochs so far, oldest first."""
    with reading(engine) as session:
        return list(session.scalars(select(Epoch).where(Epoch.run_id == run).order_by(Epoch.number)))


def record(
    engine: Engine, store: Store, folder: UPath, run: int, row: EpochRow, model: keras.Model, validation: Subset
) -> None:
    """Save an epoch: its weights if it is the best so far, its previews, its row.

    The checkpoint is written before this. If the process is killed in between, the resumed run repeats this.
    Raises DiskFullError, and DatabaseBusyError if another process keeps the database locked for minutes.
    """
    if row.best:
        with workspace(outside()) as scratch:
            file = scratch / BEST  # Keras writes to local disks only
            with disk_full_errors(file):
                model.save_weights(file)
            write(folder / BEST, file.read_bytes())
    shown = validation.examples[:PREVIEWS]
    alphas = predict(model, validation.images[:PREVIEWS])[..., HAIR]
    with reading(engine) as session:
        # A contributor may have been erased during training: save no new pictures of them.
        there = existing(session, [example.id for example in shown])
    mattes = {
        example.id: store.put(png(grey(alpha))) for example, alpha in zip(shown, alphas, strict=True) if example.id in there
    }
    values: dict[str, Any] = asdict(row) | {"at": datetime.fromisoformat(row.at)}

    def add(session: Session) -> None:
        session.add(Epoch(run_id=run, **values))
        session.flush()
        for number in existing(session, list(mattes)):
            session.add(Preview(run_id=run, epoch=row.number, example_id=number, matte_sha256=mattes[number]))

    transact(engine, add)
    delete_unnamed(engine, store, mattes.values(), None)  # of an example that was erased meanwhile
