"""Runs in the database and on disk, and their best model, ready to make mattes."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session
from upath import UPath

from db.errors import WinnowError
from db.files import local
from db.settings import Settings
from db.tables import Epoch, Run
from trainer.arrays import HAIR
from trainer.models import build
from trainer.recipe import FitSettings

BEST = "best.weights.h5"
CHECKPOINT = "last.ckpt"


@dataclass(frozen=True)
class TrainedRun:
    """The model of a run's best epoch."""

    number: int
    set_number: int
    network: str  # one of NETWORKS
    size: int  # pixels, of the input's side
    epoch: int
    encoder: str  # where its weights started: "imagenet" or "scratch"
    model: keras.Model

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The softmax of images uint8 (N, size, size, 3) RGB: float32 (N, size, size, C), 0 to 1; C is 2 or 3."""
        return predict(self.model, images)

    def alpha(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The mattes of images uint8 (N, size, size, 3) RGB: float32 (N, size, size), 0 to 1."""
        return predict(self.model, images)[..., HAIR]


def predict(model: keras.Model, images: NDArray[np.uint8], batch: int = 8) -> NDArray[np.float32]:
    """The softmax of images uint8 (N, S, S, 3) RGB, `batch` at a time: float32 (N, S, S, C), 0 to 1.

    Raises ValueError for N = 0.
    """
    chunks = [tf.constant(images[at : at + batch]) for at in range(0, len(images), batch)]
    return np.concatenate([model(network_input(chunk), training=False).numpy() for chunk in chunks])


def network_input(images: tf.Tensor) -> tf.Tensor:
    """RGB of 0 to 255, of any shape and number type, as the networks take it: float32 in [-1, 1]."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def folder(settings: Settings, number: int) -> UPath:
    """The folder of a run's checkpoint, best weights and exports."""
    return settings.runs / str(number)


def find(session: Session, number: int) -> Run:
    """A run by its number. Raises WinnowError if it does not exist or was deleted."""
    run = session.get(Run, number)
    if run is None or run.deleted_at is not None:
        newest = session.scalar(select(Run.id).where(Run.deleted_at.is_(None)).order_by(Run.id.desc()).limit(1))
        known = f"The newest is run {newest}" if newest is not None else "Start one with `python -m trainer fit`"
        raise WinnowError(f"There is no run {number}. {known}.")
    return run


def best_epoch(session: Session, number: int) -> int | None:
    """The newest epoch that was better than all before it; None before the first epoch has ended."""
    return session.scalar(select(Epoch.number).where(Epoch.run_id == number, Epoch.best).order_by(Epoch.number.desc()).limit(1))


def load(session: Session, settings: Settings, number: int) -> TrainedRun:
    """The best model of a run.

    Raises WinnowError for a run that does not exist or has not finished an epoch, and for weights that cannot be read.
    """
    run = find(session, number)
    epoch, file = best_epoch(session, number), folder(settings, number) / BEST
    if epoch is None or not file.is_file():
        raise WinnowError(f"Run {number} has no model yet. Let it finish an epoch: `python -m trainer fit --resume {number}`.")
    made = FitSettings(**run.settings)
    model = build(made.model, made.size, made.decoder_depth, made.classes).model
    try:
        with local(file) as here:
            model.load_weights(here)
    except (OSError, ValueError, KeyError) as error:
        raise WinnowError(f"The best weights of run {number} ({file}) cannot be read. Train it again.") from error
    return TrainedRun(number, run.set_id, run.model, made.size, epoch, run.encoder, model)
