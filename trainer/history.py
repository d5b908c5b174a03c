"""What a run leaves behind after each epoch: its row, its best weights, and mattes to watch."""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import keras
from sqlalchemy import Engine, select

from db.session import reading, writing
from db.store import Store
from db.tables import Epoch, Example, Preview
from trainer.inputs import Subset
from trainer.pictures import grey, png
from trainer.runs import BEST, predict
from trainer.step import FitSettings, Losses

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


def row_of(
    number: int, train: Losses, validation: Losses, settings: FitSettings, lowest: float, seconds: float, now: datetime
) -> Row:
    """The row of an epoch that has just ended; `lowest` is the best validation loss before it.

    The best epoch is the one with the lowest validation loss, all of L: the paper says only "using validation data", and L
    is what the training seeks; accuracy alone would prefer the coarse mattes that L_C is there to prevent.
    """
    validation_loss = validation.total(settings)
    return Row(
        number=number,
        loss=train.total(settings),
        mask_loss=train.mask,
        consistency_loss=train.consistency,
        validation_loss=validation_loss,
        validation_mask_loss=validation.mask,
        validation_consistency_loss=validation.consistency,
        best=validation_loss < lowest,
        seconds=seconds,
        at=now.isoformat(),
    )


def rows(engine: Engine, run: int) -> list[Epoch]:
    """The run's epochs so far, oldest first."""
    with reading(engine) as session:
        return list(session.scalars(select(Epoch).where(Epoch.run_id == run).order_by(Epoch.number)))


def record(engine: Engine, store: Store, folder: Path, run: int, row: Row, model: keras.Model, validation: Subset) -> None:
    """Keep an epoch: its weights when it is the best so far, its previews, its row.

    The checkpoint is written before; whatever a kill leaves undone of this, a resumed run does again from there.
    """
    if row.best:
        part = folder / f".part-{BEST}"
        model.save_weights(part)
        part.replace(folder / BEST)
    shown = validation.members[:PREVIEWS]
    alphas = predict(model, validation.images[:PREVIEWS])
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
