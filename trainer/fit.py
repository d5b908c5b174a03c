"""Training: from a curated set to a run's best weights, an epoch at a time, to be stopped and resumed at will (section IV)."""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from sqlalchemy import Engine

from db.errors import WinnowError
from db.session import reading, writing
from db.settings import Settings
from db.store import Store
from db.tables import Run, Split
from trainer import checkpoint, history, inputs, runs
from trainer.encoder import imagenet
from trainer.models import Network, build
from trainer.step import FitSettings, Losses, Stepper, mean

Say = Callable[[float, str], None]  # share done, a line for people; may raise to stop the work

SCRATCH = (
    "The ImageNet weights could not be downloaded, so the encoder starts FROM SCRATCH and the mattes will be much worse. "
    "Set WINNOW_ENCODER_WEIGHTS to a file with them."
)


@dataclass(frozen=True)
class Fitted:
    """What a training came to."""

    run: int
    epochs: int
    best_epoch: int


@dataclass(frozen=True)
class Place:
    """Where a training reads and writes, whom it tells, and its clock."""

    engine: Engine
    store: Store
    settings: Settings
    say: Say
    clock: Callable[[], datetime]


@dataclass(frozen=True)
class Work:
    """One run under way: its pictures and the machinery that learns from them."""

    run: int
    settings: FitSettings
    folder: Path
    train: inputs.Subset
    validation: inputs.Subset
    stepper: Stepper


def fit(place: Place, set_number: int, settings: FitSettings, job: int) -> Fitted:
    """Train on a curated set from the start, as a new run.

    Raises WinnowError for settings that make no network, and for a set that is not there or has no training or validation
    examples: then there is no run yet. Whatever `place.say` raises leaves a run that `resume` goes on with.
    """
    check(settings)
    train, validation = _pictures(place, set_number, settings.size)
    network, encoder = _network(place.settings, settings)
    with writing(place.engine) as session:
        row = Run(
            set_id=set_number,
            job_id=job,
            model=settings.model,
            settings=asdict(settings),
            encoder=encoder,
            parameters=network.parameters,
            created_at=place.clock(),
        )
        session.add(row)
        session.flush()
        run = row.id
    folder = _made(place.settings, run)
    return _train(place, Work(run, settings, folder, train, validation, Stepper(network, settings)))


def resume(place: Place, run: int, job: int) -> Fitted:
    """Go on after a run's last whole epoch, along the curve that an unbroken run would have taken.

    Raises WinnowError for a run that is not there, and for a checkpoint that is lost or damaged.
    """
    with writing(place.engine) as session:
        row = runs.find(session, run)
        settings, set_number, row.job_id = FitSettings(**row.settings), row.set_id, job
    train, validation = _pictures(place, set_number, settings.size)
    folder = _made(place.settings, run)
    file = folder / runs.CHECKPOINT
    done = history.rows(place.engine, run)
    if not file.exists():
        if done:
            raise WinnowError(f"The checkpoint of run {run} is gone ({file}), so it cannot go on. Start a new run.")
        network, encoder = _network(place.settings, settings)
        with writing(place.engine) as session:
            runs.find(session, run).encoder = encoder
        return _train(place, Work(run, settings, folder, train, validation, Stepper(network, settings)))
    stepper = Stepper(_drawn(settings), settings)
    last = history.Row(**checkpoint.restore(file, stepper.model, stepper.optimizer))
    work = Work(run, settings, folder, train, validation, stepper)
    if last.number > len(done):  # killed between the checkpoint and the commit
        history.record(place.engine, place.store, folder, run, last, stepper.model, validation)
    return _train(place, work)


def check(settings: FitSettings) -> None:
    """Raises WinnowError for a setting out of its range."""
    for name in ("epochs", "decoder_depth", "batch"):
        if getattr(settings, name) < 1:
            raise WinnowError(f"{name.replace('_', ' ').capitalize()} is {getattr(settings, name)}: it must be 1 or more.")
    if not 0 <= settings.consistency < math.inf:
        raise WinnowError(f"Consistency is {settings.consistency}: it must be 0 or more.")


def _pictures(place: Place, set_number: int, size: int) -> tuple[inputs.Subset, inputs.Subset]:
    with reading(place.engine) as session:
        train = inputs.members(session, set_number, Split.train)
        validation = inputs.members(session, set_number, Split.validation)
    place.say(0.0, f"Reading {len(train) + len(validation)} examples")
    return inputs.load(place.store, train, size), inputs.load(place.store, validation, size)


def _made(settings: Settings, run: int) -> Path:
    folder = runs.folder(settings, run)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _drawn(settings: FitSettings) -> Network:
    keras.utils.set_random_seed(settings.seed)
    tf.config.experimental.enable_op_determinism()  # same seed, same data, same run
    return build(settings.model, settings.size, settings.decoder_depth)


def _network(home: Settings, settings: FitSettings) -> tuple[Network, str]:
    weights = imagenet(home.encoder_weights)
    network = _drawn(settings)
    if weights is None:
        print(SCRATCH, file=sys.stderr)
        return network, "scratch"
    network.start_from(weights)
    return network, "imagenet"


def _train(place: Place, work: Work) -> Fitted:
    rows = history.rows(place.engine, work.run)
    lowest = min((row.validation_loss for row in rows), default=math.inf)
    for number in range(len(rows) + 1, work.settings.epochs + 1):
        began = time.monotonic()
        train, validation = _epoch(place.say, work, number)
        seconds = time.monotonic() - began
        row = history.row_of(number, train, validation, work.settings, lowest, seconds, place.clock())
        checkpoint.save(work.folder / runs.CHECKPOINT, work.stepper.model, work.stepper.optimizer, asdict(row))
        history.record(place.engine, place.store, work.folder, work.run, row, work.stepper.model, work.validation)
        lowest = min(lowest, row.validation_loss)
    rows = history.rows(place.engine, work.run)
    return Fitted(work.run, len(rows), max(row.number for row in rows if row.best))


def _epoch(say: Say, work: Work, number: int) -> tuple[Losses, Losses]:
    """All training items once, in this epoch's order, then all validation items."""
    settings = work.settings
    order = inputs.order(len(work.train), settings.seed, number)
    steps = _batches(order, settings.batch)
    checks = _batches(np.arange(len(work.validation)), settings.batch)
    here = f"Epoch {number} of {settings.epochs}"

    def share(done: int) -> float:
        return (number - 1 + done / (len(steps) + len(checks))) / settings.epochs

    parts: list[Losses] = []
    for at, items in enumerate(steps, start=1):
        parts.append(_finite(work.stepper.train(work.train.batch(items)), settings, work.run, f"{here}, step {at}"))
        say(share(at), f"{here}, step {at} of {len(steps)}, loss {mean(parts).total(settings):.3f}")
    validation: list[Losses] = []
    for at, items in enumerate(checks, start=1):
        losses = work.stepper.validate(work.validation.batch(items))
        validation.append(_finite(losses, settings, work.run, f"{here}, validation"))
        say(share(len(steps) + at) * 0.999, f"{here}, validation {at} of {len(checks)}")
    return mean(parts), mean(validation)


def _batches(items: np.ndarray, size: int) -> list[np.ndarray]:
    return [items[at : at + size] for at in range(0, len(items), size)]


def _finite(losses: Losses, settings: FitSettings, run: int, where: str) -> Losses:
    if not math.isfinite(losses.total(settings)):
        raise WinnowError(
            f"{where}: the loss is not a number any more, so training run {run} has stopped. The best epoch so far is kept. "
            "Start a new run with a lower learning rate, or look for broken pictures in the set."
        )
    return losses
