"""Training: from a curated set to a run's best weights, an epoch at a time, to be stopped and resumed at will (section IV)."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sqlalchemy import Engine
from upath import UPath

from db.errors import DiskFullError, WinnowError
from db.session import reading, writing
from db.settings import Settings
from db.store import Store
from db.tables import Run, Split
from trainer import checkpoint, history, inputs, runs
from trainer.encoder import imagenet
from trainer.measures import THRESHOLD, Values, accuracy, average, f1
from trainer.models import Network, build
from trainer.recipe import FitSettings, check
from trainer.step import Losses, Stepper, Tensors, Validation, mean

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
    folder: UPath
    train: inputs.Subset
    validation: inputs.Subset
    stepper: Stepper


def fit(place: Place, set_number: int, settings: FitSettings, job: int) -> Fitted:
    """Train on a curated set from the start, as a new run.

    Raises WinnowError for settings that make no network, and for a set that is not there or has no training or validation
    examples: then there is no run yet. Whatever `place.say` raises leaves a run that `resume` goes on with.
    """
    check(settings)
    train, validation = _pictures(place, set_number, settings)
    stepper, encoder, parameters = _started(place.settings, settings)
    with writing(place.engine) as session:
        row = Run(
            set_id=set_number,
            job_id=job,
            model=settings.model,
            settings=asdict(settings),
            encoder=encoder,
            parameters=parameters,
            created_at=place.clock(),
        )
        session.add(row)
        session.flush()
        run = row.id
    folder = runs.folder(place.settings, run)
    return _train(place, Work(run, settings, folder, train, validation, stepper))


def resume(place: Place, run: int, job: int, epochs: int | None = None) -> Fitted:
    """Go on after a run's last whole epoch, along the curve that an unbroken run would have taken; to `epochs` where said.

    Raises WinnowError for a run that is not there or has more epochs already, and for a checkpoint that is lost or damaged.
    """
    done = history.rows(place.engine, run)
    with writing(place.engine) as session:
        row = runs.find(session, run)
        settings, set_number, row.job_id = FitSettings(**row.settings), row.set_id, job
        if epochs is not None:
            settings = replace(settings, epochs=epochs)
            check(settings)
            if epochs < len(done):
                raise WinnowError(f"Run {run} has trained {len(done)} epochs already. Name {len(done) + 1} or more.")
            row.settings = asdict(settings)
    train, validation = _pictures(place, set_number, settings)
    folder = runs.folder(place.settings, run)
    file = folder / runs.CHECKPOINT
    if not file.exists():
        if done:
            raise WinnowError(f"The checkpoint of run {run} is gone ({file}), so it cannot go on. Start a new run.")
        stepper, encoder, _ = _started(place.settings, settings)
        with writing(place.engine) as session:
            runs.find(session, run).encoder = encoder
        return _train(place, Work(run, settings, folder, train, validation, stepper))
    with _devices(settings.batch).scope():
        stepper = Stepper(_drawn(settings), settings)
    last = history.Row(**checkpoint.restore(file, stepper.model, stepper.optimizer))
    work = Work(run, settings, folder, train, validation, stepper)
    if last.number > len(done):  # killed between the checkpoint and the commit
        with _resumable(run):
            history.record(place.engine, place.store, folder, run, last, stepper.model, validation)
    return _train(place, work)


def _pictures(place: Place, set_number: int, settings: FitSettings) -> tuple[inputs.Subset, inputs.Subset]:
    with reading(place.engine) as session:
        train = inputs.members(session, set_number, Split.train)
        validation = inputs.members(session, set_number, Split.validation)
    unlabelled = sum(member.skin_sha256 is None for member in train + validation)
    if settings.classes == 3 and unlabelled:
        raise WinnowError(
            f"{unlabelled} of {len(train + validation)} examples of curated set {set_number} have no skin labels, which a "
            "three-class network learns from. Train with --classes 1, or on a set whose masks have hair red and skin green."
        )
    place.say(0.0, f"Reading {len(train) + len(validation)} examples")
    room = inputs.Room(place.settings.memory_mb * 2**20, place.settings.home)
    skins = settings.classes == 3
    subsets = [inputs.load(place.store, found, settings.size, skins=skins, room=room) for found in (train, validation)]
    for subset, split in zip(subsets, (Split.train, Split.validation), strict=True):
        if not subset.masks.any():
            raise WinnowError(
                f"No {split} mask of curated set {set_number} marks any hair. Keep some that do on the Review page, then "
                "freeze a new set."
            )
    return subsets[0], subsets[1]


@contextmanager
def _resumable(run: int) -> Iterator[None]:
    """Raises WinnowError with how to go on, where the disk is full: the checkpoint and the best weights are whole."""
    try:
        yield
    except DiskFullError as error:
        raise WinnowError(f"{error} The best epoch is safe; go on with `python -m trainer fit --resume {run}`.") from error


def _devices(batch: int) -> tf.distribute.Strategy:
    """As many GPUs as a batch can be shared out among evenly; where there is one or none, wherever TensorFlow puts it."""
    gpus = tf.config.list_logical_devices("GPU")
    used = max((count for count in range(1, len(gpus) + 1) if batch % count == 0), default=1)
    return tf.distribute.MirroredStrategy([gpu.name for gpu in gpus[:used]]) if used > 1 else tf.distribute.get_strategy()


def _drawn(settings: FitSettings) -> Network:
    keras.utils.set_random_seed(settings.seed)
    tf.config.experimental.enable_op_determinism()  # same seed, same data, same run
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(settings.precision)
    try:
        return build(settings.model, settings.size, settings.decoder_depth, settings.classes)
    finally:
        keras.config.set_dtype_policy(usual)


def _started(home: Settings, settings: FitSettings) -> tuple[Stepper, str, int]:
    """A network at its start with its steps, where its encoder's weights are from, and how many numbers it learns."""
    with _devices(settings.batch).scope():
        network = _drawn(settings)
        weights = imagenet(network.application, home.encoder_weights)
        if weights is None:
            print(SCRATCH, file=sys.stderr)
        else:
            network.start_from(weights)
        return Stepper(network, settings), "scratch" if weights is None else "imagenet", network.parameters


def _train(place: Place, work: Work) -> Fitted:
    rows = history.rows(place.engine, work.run)
    highest = max((history.score(row, work.settings) for row in rows), default=-math.inf)
    charts = tf.summary.create_file_writer(str(place.settings.tensorboard / str(work.run)))
    for number in range(len(rows) + 1, work.settings.epochs + 1):
        began = time.monotonic()
        train, validation = _epoch(place.say, work, number)
        seconds = time.monotonic() - began
        row = history.row_of(number, train, validation, work.settings, highest, seconds, place.clock())
        with _resumable(work.run):
            checkpoint.save(work.folder / runs.CHECKPOINT, work.stepper.model, work.stepper.optimizer, asdict(row))
            history.record(place.engine, place.store, work.folder, work.run, row, work.stepper.model, work.validation)
        history.chart(charts, row)
        highest = max(highest, history.score(row, work.settings))
    rows = history.rows(place.engine, work.run)
    return Fitted(work.run, len(rows), max(row.number for row in rows if row.best))


def _epoch(say: Say, work: Work, number: int) -> tuple[Losses, Validation]:
    """All training items once, in this epoch's order, then all validation items."""
    settings = work.settings
    devices = work.stepper.strategy.num_replicas_in_sync
    order = inputs.order(len(work.train), settings.seed, number)
    if devices > 1:  # each needs its part of the last batch too, so the first items come once more
        order = np.resize(order, -(-len(order) // settings.batch) * settings.batch)
    steps = -(-len(order) // settings.batch)
    checks = -(-len(work.validation) // settings.batch)
    here = f"Epoch {number} of {settings.epochs}"

    def share(done: int) -> float:
        return (number - 1 + done / (steps + checks)) / settings.epochs

    parts: list[Losses] = []
    batches = inputs.batches(work.train, order, settings.batch)
    for at, batch in enumerate(work.stepper.strategy.experimental_distribute_dataset(batches), start=1):
        parts.append(_finite(work.stepper.train(batch), settings, work.run, f"{here}, step {at}"))
        say(share(at), f"{here}, step {at} of {steps}, loss {mean(parts).total(settings):.3f}")
    checked: list[Losses] = []
    measured: list[Values] = []
    for at, batch in enumerate(inputs.batches(work.validation, np.arange(len(work.validation)), settings.batch), start=1):
        losses, alphas = work.stepper.validate(batch)
        checked.append(_finite(losses, settings, work.run, f"{here}, validation"))
        measured += _measured(batch, alphas)
        say(share(steps + at) * 0.999, f"{here}, validation {at} of {checks}")
    return mean(parts), Validation(mean(checked), **average(measured, ("f1", "accuracy")))


def _measured(batch: Tensors, alphas: NDArray[np.float32]) -> list[Values]:
    """F1 and accuracy of each image of a batch, of the part that shows the photo."""
    values: list[Values] = []
    for mask, (top, left, bottom, right), alpha in zip(batch[1].numpy(), batch[2].numpy(), alphas, strict=True):
        part = np.s_[top:bottom, left:right]
        truth, guess = mask[part] >= 128, alpha[part] >= THRESHOLD
        values.append({"f1": f1(truth, guess), "accuracy": accuracy(truth, guess)})
    return values


def _finite(losses: Losses, settings: FitSettings, run: int, where: str) -> Losses:
    if not math.isfinite(losses.total(settings)):
        raise WinnowError(
            f"{where}: the loss is not a number any more, so training run {run} has stopped. The best epoch so far is kept. "
            "Start a new run with a lower learning rate, or look for broken pictures in the set."
        )
    return losses
