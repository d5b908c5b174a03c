"""Training: from a curated set to a run's best weights, epoch by epoch (Levinshtein et al. 2018, section IV).

It can be stopped and resumed at any time.
"""

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
from sqlalchemy.orm import Session
from upath import UPath

from db.errors import NotNowError, WinnowError
from db.session import reading, transact, writing
from db.settings import Settings
from db.store import Store
from db.tables import Run, Split
from trainer import checkpoint, course, history, inputs, runs
from trainer.course import Done, OnProgress
from trainer.encoder import imagenet
from trainer.measures import THRESHOLD, Values, accuracy, average, f1
from trainer.models import Network, build
from trainer.recipe import FitSettings, check_settings
from trainer.step import Losses, LossSums, Stepper, Tensors, Validation

NO_IMAGENET_WEIGHTS = (
    "The ImageNet weights could not be downloaded, so the encoder starts FROM SCRATCH and the mattes will be much worse. "
    "Set WINNOW_ENCODER_WEIGHTS to a file that holds them."
)


@dataclass(frozen=True)
class Fitted:
    """The result of a training."""

    run: int
    epochs: int
    best_epoch: int


@dataclass(frozen=True)
class Context:
    """What a training works with: database, store, settings, progress callback and clock."""

    engine: Engine
    store: Store
    settings: Settings
    say: OnProgress
    clock: Callable[[], datetime]


@dataclass(frozen=True)
class Training:
    """A run in progress: its settings, its pictures, and the network with its optimizer."""

    run: int
    settings: FitSettings
    folder: UPath
    train: inputs.Subset
    validation: inputs.Subset
    stepper: Stepper


def fit(context: Context, set_number: int, settings: FitSettings, job: int) -> Fitted:
    """Train on a curated set from the start, as a new run of the job.

    Raises WinnowError before there is a run, for settings out of range, for a set that does not exist, and for one without
    training or validation examples; and later, if the loss is no longer a number or the disk is full. Whatever `context.say`
    raises stops the training, and `resume` can continue the run.
    """
    check_settings(settings)
    train, validation = _subsets(context, set_number, settings)
    stepper, encoder, parameters = _new_stepper(context.settings, settings)

    def add(session: Session) -> int:
        row = Run(
            set_id=set_number,
            job_id=job,
            model=settings.model,
            settings=asdict(settings),
            encoder=encoder,
            parameters=parameters,
            created_at=context.clock(),
        )
        session.add(row)
        session.flush()
        return row.id

    run = transact(context.engine, add)
    folder = runs.folder(context.settings, run)
    return _train(context, Training(run, settings, folder, train, validation, stepper))


def resume(context: Context, run: int, job: int, epochs: int | None = None) -> Fitted:
    """Continue a run after its last complete epoch, up to `epochs` if given, with the same results as an uninterrupted run.

    Raises WinnowError for a run that does not exist or has more epochs already, and for a missing or damaged checkpoint.
    """
    done = history.epochs(context.engine, run)
    with writing(context.engine) as session:
        row = runs.find(session, run)
        settings, set_number, row.job_id = FitSettings(**row.settings), row.set_id, job
        if epochs is not None:
            settings = replace(settings, epochs=epochs)
            check_settings(settings)
            if epochs < len(done):
                raise WinnowError(f"Run {run} has already trained {len(done)} epochs. Choose {len(done) + 1} or more.")
            row.settings = asdict(settings)
    train, validation = _subsets(context, set_number, settings)
    folder = runs.folder(context.settings, run)
    file = folder / runs.CHECKPOINT
    if not file.exists():
        if done:
            raise WinnowError(f"The checkpoint of run {run} is gone ({file}), so the run cannot be resumed. Start a new run.")
        stepper, encoder, _ = _new_stepper(context.settings, settings)
        transact(context.engine, lambda session: setattr(runs.find(session, run), "encoder", encoder))
        return _train(context, Training(run, settings, folder, train, validation, stepper))
    with _devices(settings.batch).scope():
        stepper = Stepper(_new_network(settings), settings)
    last = history.EpochRow(**checkpoint.restore(file, stepper.model, stepper.optimizer))
    training = Training(run, settings, folder, train, validation, stepper)
    if last.number > len(done):  # it was killed between writing the checkpoint and recording the epoch
        with _resumable(run):
            history.record(context.engine, context.store, folder, run, last, stepper.model, validation)
    return _train(context, training)


def _subsets(context: Context, set_number: int, settings: FitSettings) -> tuple[inputs.Subset, inputs.Subset]:
    """The training and the validation subset, decoded. Raises WinnowError as `fit` says."""
    with reading(context.engine) as session:
        train = inputs.set_examples(session, set_number, Split.train)
        validation = inputs.set_examples(session, set_number, Split.validation)
    unlabelled = sum(example.skin_sha256 is None for example in train + validation)
    if settings.classes == 3 and unlabelled:
        raise WinnowError(
            f"{unlabelled} of {len(train + validation)} examples of curated set {set_number} have no skin labels, which a "
            "three-class network needs. Train with --classes 1, or on a set whose masks have red hair and green skin."
        )
    count = len(train) + len(validation)

    def load(found: list[inputs.SetExample], before: int) -> inputs.Subset:
        def on_loaded(number: int) -> None:
            loaded = before + number
            context.say(Done(course.LOADING, loaded, count), f"{course.LOADING}: {loaded} of {count}")

        return inputs.load(context.store, found, settings.size, skins=skins, memory=memory, on_loaded=on_loaded)

    memory = inputs.MemoryBudget(context.settings.memory_mb * 2**20, context.settings.home)
    skins = settings.classes == 3
    subsets = [load(train, 0), load(validation, len(train))]
    for subset, split in zip(subsets, (Split.train, Split.validation), strict=True):
        if not subset.masks.any():
            raise WinnowError(
                f"No {split} mask of curated set {set_number} marks any hair. Keep some examples with hair on the Review "
                "page, then freeze a new set."
            )
    context.say(Done(course.COMPILING), course.COMPILING)
    return subsets[0], subsets[1]


@contextmanager
def _resumable(run: int) -> Iterator[None]:
    """If disk or database fail, raises WinnowError that says how to resume. Checkpoint and best weights are intact."""
    try:
        yield
    except NotNowError as error:
        raise WinnowError(f"{error} The best epoch is safe. Resume with `python -m trainer fit --resume {run}`.") from error


def _devices(batch: int) -> tf.distribute.Strategy:
    """A strategy for the most GPUs that divide the batch evenly; TensorFlow's default where there is at most one."""
    gpus = tf.config.list_logical_devices("GPU")
    used = max((count for count in range(1, len(gpus) + 1) if batch % count == 0), default=1)
    return tf.distribute.MirroredStrategy([gpu.name for gpu in gpus[:used]]) if used > 1 else tf.distribute.get_strategy()


def _new_network(settings: FitSettings) -> Network:
    """A network with random weights from the seed, in the precision of the settings."""
    keras.utils.set_random_seed(settings.seed)
    tf.config.experimental.enable_op_determinism()  # same seed, same data, same run
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(settings.precision)
    try:
        return build(settings.model, settings.size, settings.decoder_depth, settings.classes)
    finally:
        keras.config.set_dtype_policy(before)


def _new_stepper(home: Settings, settings: FitSettings) -> tuple[Stepper, str, int]:
    """A new network's stepper, the origin of its encoder's weights ("imagenet" or "scratch"), and its trainable parameters."""
    with _devices(settings.batch).scope():
        network = _new_network(settings)
        weights = imagenet(network.application, home.encoder_weights)
        if weights is None:
            print(NO_IMAGENET_WEIGHTS, file=sys.stderr)
        else:
            network.start_from(weights)
        return Stepper(network, settings), "scratch" if weights is None else "imagenet", network.parameters


def _train(context: Context, training: Training) -> Fitted:
    """Train the epochs that are left, and save each."""
    rows = history.epochs(context.engine, training.run)
    highest = max((history.score(row, training.settings) for row in rows), default=-math.inf)
    charts = tf.summary.create_file_writer(str(context.settings.tensorboard / str(training.run)))
    first, epochs = len(rows) + 1, training.settings.epochs
    for number in range(first, epochs + 1):
        began = time.monotonic()
        train, validation = _epoch(context.say, training, number, compiles=number == first)
        seconds = time.monotonic() - began
        row = history.epoch_row(number, train, validation, training.settings, highest, seconds, context.clock())
        context.say(Done(course.saving(number, epochs)), f"{course.epoch(number, epochs)}, saving")
        with _resumable(training.run):
            checkpoint.save(training.folder / runs.CHECKPOINT, training.stepper.model, training.stepper.optimizer, asdict(row))
            history.record(
                context.engine, context.store, training.folder, training.run, row, training.stepper.model, training.validation
            )
        history.write_scalars(charts, row)
        highest = max(highest, history.score(row, training.settings))
    rows = history.epochs(context.engine, training.run)
    return Fitted(training.run, len(rows), max(row.number for row in rows if row.best))


def _epoch(say: OnProgress, training: Training, number: int, *, compiles: bool) -> tuple[Losses, Validation]:
    """All training items once, in this epoch's order, then all validation items. In its first epoch a process `compiles`."""
    settings = training.settings
    devices = training.stepper.strategy.num_replicas_in_sync
    order = inputs.epoch_order(len(training.train), settings.seed, number)
    if devices > 1:  # each needs its part of the last batch, so the first items are repeated
        order = np.resize(order, -(-len(order) // settings.batch) * settings.batch)
    steps = -(-len(order) // settings.batch)
    checks = -(-len(training.validation) // settings.batch)
    epoch, validation = (name(number, settings.epochs) for name in (course.epoch, course.validation))
    trained, checked = LossSums(), LossSums()
    batches = inputs.batches(training.train, order, settings.batch)
    for at, batch in enumerate(training.stepper.strategy.experimental_distribute_dataset(batches), start=1):
        trained.add(_finite(training.stepper.train(batch), settings, training.run, f"{epoch}, step {at}"))
        say(Done(epoch, at, steps), f"{epoch}, step {at} of {steps}, loss {trained.mean().total(settings):.3f}")
        if compiles and at == steps - 1 and len(order) % settings.batch:
            say(Done(course.COMPILING_REST), f"{epoch}, compiling the last step")
    if compiles:
        say(Done(course.COMPILING_REST), f"{epoch}, compiling the validation")
    measured: list[Values] = []
    for at, batch in enumerate(
        inputs.batches(training.validation, np.arange(len(training.validation)), settings.batch), start=1
    ):
        losses, alphas = training.stepper.validate(batch)
        checked.add(_finite(losses, settings, training.run, f"{epoch}, validation"))
        measured += _measured(batch, alphas)
        say(Done(validation, at, checks), f"{epoch}, validation {at} of {checks}")
    return trained.mean(), Validation(checked.mean(), **average(measured, ("f1", "accuracy")))


def _measured(batch: Tensors, alphas: NDArray[np.float32]) -> list[Values]:
    """F1 and accuracy of each image of a batch and its matte, float32 (B, S, S), on the known pixels that show the photo."""
    values: list[Values] = []
    unknown = batch["unknown"].numpy() if "unknown" in batch else None
    for at, (mask, (top, left, bottom, right)) in enumerate(zip(batch["masks"].numpy(), batch["inside"].numpy(), strict=True)):
        part = np.s_[top:bottom, left:right]
        truth, guess = mask[part] >= 128, alphas[at][part] >= THRESHOLD
        if unknown is not None:
            known = unknown[at][part] == 0
            truth, guess = truth[known], guess[known]
        values.append({"f1": f1(truth, guess), "accuracy": accuracy(truth, guess)})
    return values


def _finite(losses: Losses, settings: FitSettings, run: int, where: str) -> Losses:
    """The same losses. Raises WinnowError if they are infinite or NaN."""
    if not math.isfinite(losses.total(settings)):
        raise WinnowError(
            f"{where}: the loss is no longer a number, so run {run} has stopped. Its best epoch so far is kept. "
            "Start a new run with a lower learning rate, or look for damaged pictures in the set."
        )
    return losses
