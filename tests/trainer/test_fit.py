"""Tiny trainings: what they save, how they stop, and that a resumed run gives the same results as an uninterrupted one."""

import contextlib
import dataclasses
import functools
import logging
import math
import shutil
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from sqlalchemy import select

from db.errors import WinnowError
from db.jobs import Cancelled, utc_now
from db.session import connect, open_database, reading, transact, writing
from db.settings import Settings
from db.store import Store
from db.tables import Epoch, Example, Preview, Run, SetMember, Split
from tests.locking import locked_by_another
from tests.trainer.conftest import drawn, freeze, job, label, tiny_networks
from trainer import course, fit, history, runs
from trainer.pictures import mask_from
from trainer.recipe import FitSettings
from trainer.step import Losses, Stepper

pytestmark = [pytest.mark.usefixtures("tiny_network"), pytest.mark.slow]

TINY = FitSettings(epochs=3, size=32, decoder_depth=8)
SPLITS = [Split.train] * 3 + [Split.validation] * 2
CURVE = ("number", "loss", "mask_loss", "consistency_loss", "validation_loss", "best")


@pytest.fixture
def number(freeze_set):
    return freeze_set(SPLITS)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, encoder_file):
    """The history and the previews of an uninterrupted run with the settings TINY on the set `number`."""
    settings = Settings(home=tmp_path_factory.mktemp("unbroken"), encoder_weights=encoder_file)
    engine, store = open_database(settings), Store(settings.store)
    context = fit.Context(engine, store, settings, lambda share, words: None, utc_now)
    with tiny_networks():
        run = fit.fit(context, freeze(engine, store, SPLITS), TINY, job(engine)).run
    found = Unbroken(curve(engine, run), [row[:2] for row in previews(engine, run)], history.epochs(engine, run))
    engine.dispose()
    return found


class Unbroken(NamedTuple):
    curve: list[float]
    previews: list[tuple[int, int]]
    epochs: list[Epoch]


def curve(engine, run: int) -> list[float]:
    return [getattr(row, name) for row in history.epochs(engine, run) for name in CURVE]


def previews(engine, run: int) -> list[tuple[int, int, str]]:
    with reading(engine) as session:
        rows = session.query(Preview).filter_by(run_id=run).order_by(Preview.epoch, Preview.example_id)
        return [(row.epoch, row.example_id, row.matte_sha256) for row in rows]


def test_a_run_and_what_it_leaves_behind(context, number, settings, store, engine):
    said: list[tuple[float, str]] = []
    with reading(engine) as session:
        along = course.fit_course(course.set_sizes(session, number), TINY)
    noting = dataclasses.replace(context, say=lambda done, words: said.append((along.at(*done).share, words)))
    done = fit.fit(noting, number, TINY, job(engine))
    assert (done.run, done.epochs) == (1, 3)
    with reading(engine) as session:
        run = session.get_one(Run, 1)
        assert (run.set_id, run.model, run.encoder) == (number, "hairmattenet", "imagenet")
        assert run.settings["rho"] == 0.95
        rows = run.epochs
        assert [row.number for row in rows] == [1, 2, 3]
        highest = max(rows, key=lambda row: row.validation_f1)
        assert done.best_epoch == highest.number == max(row.number for row in rows if row.best)
        for row in rows:
            assert row.loss == pytest.approx(row.mask_loss + 0.5 * row.consistency_loss)
    mattes = previews(engine, 1)
    assert [row[:2] for row in mattes] == [(epoch, example) for epoch in (1, 2, 3) for example in (4, 5)]
    assert mask_from(store.get(mattes[0][2]), "a preview").shape == (32, 32)
    assert sorted(file.name for file in runs.folder(settings, 1).iterdir()) == ["best.weights.h5", "last.ckpt"]
    shares = [share for share, _ in said]
    assert (shares, shares[-1] < 1) == (sorted(shares), True)  # the reports are still to come
    assert [words for _, words in said][:6] == [
        *(f"Loading the examples: {one} of 5" for one in range(1, 6)),
        "Compiling",
    ]
    assert "Epoch 3 of 3, saving" in [words for _, words in said]
    assert "Epoch 2 of 3, step 1 of 2, loss" in " ".join(words for _, words in said)


def test_tensorboard_finds_every_epoch_once_it_is_resumed_too(context, number, settings, engine):
    fit.fit(context, number, dataclasses.replace(TINY, epochs=2), job(engine))
    fit.resume(context, 1, job(engine), epochs=3)
    files = sorted((settings.tensorboard / "1").iterdir())
    assert len(files) == 2
    found = {}
    for data in tf.data.TFRecordDataset([str(file) for file in files]):
        event = tf.compat.v1.Event.FromString(data.numpy())
        for value in event.summary.value:
            assert value.metadata.plugin_data.plugin_name == "scalars"
            assert (value.tag, event.step) not in found
            found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    assert len(found) == 3 * len(history.SCALARS)
    for row in history.epochs(engine, 1):
        assert found["loss/validation", row.number] == pytest.approx(row.validation_loss)


def test_the_best_weights_are_those_of_the_best_epoch(context, number, settings, engine):
    fit.fit(context, number, TINY, job(engine))
    with reading(engine) as session:
        trained = runs.load(session, settings, 1)
        best = session.get_one(Epoch, (1, trained.epoch))
        shown = session.get_one(Preview, (1, trained.epoch, 4))
    from trainer import inputs
    from trainer.pictures import grey

    with reading(engine) as session:
        subset = inputs.load(context.store, inputs.set_examples(session, number, Split.validation), 32)
    kept = mask_from(context.store.get(shown.matte_sha256), "a preview")
    assert np.abs(grey(trained.alpha(subset.images)[0]).astype(int) - kept).max() <= 1
    assert best.best


def stopping(context, epoch: int, step: int):
    """A context in which a person stops the training at that step."""

    def say(_share, words):
        if words.startswith(f"Epoch {epoch} of 3, step {step}"):
            raise Cancelled

    return dataclasses.replace(context, say=say)


@pytest.mark.parametrize(("epoch", "left"), [(1, 0), (3, 2)])
def test_a_run_that_was_stopped_goes_on_along_the_same_curve(context, number, engine, unbroken, epoch, left):
    with pytest.raises(Cancelled):
        fit.fit(stopping(context, epoch, 2), number, TINY, job(engine))
    assert len(history.epochs(engine, 1)) == left
    newest = job(engine)
    assert fit.resume(context, 1, newest).epochs == 3
    assert curve(engine, 1) == pytest.approx(unbroken.curve, rel=1e-5)
    with reading(engine) as session:
        assert session.get_one(Run, 1).job_id == newest


def test_a_kill_between_checkpoint_and_commit_loses_nothing(context, number, engine, unbroken, monkeypatch):
    record = history.record

    def killed(engine, store, folder, run, row, model, validation):
        if row.number == 2:
            raise KeyboardInterrupt
        record(engine, store, folder, run, row, model, validation)

    with monkeypatch.context() as patch:
        patch.setattr(history, "record", killed)
        with pytest.raises(KeyboardInterrupt):
            fit.fit(context, number, TINY, job(engine))
    assert len(history.epochs(engine, 1)) == 1
    fit.resume(context, 1, job(engine))
    assert curve(engine, 1) == pytest.approx(unbroken.curve, rel=1e-5)
    assert [row[:2] for row in previews(engine, 1)] == unbroken.previews


def test_a_lock_of_another_process_breaks_no_training_off(context, number, settings):
    """The lock is taken during the second epoch, and held until that epoch's row has been tried twice."""
    said: list[str] = []

    class Log(logging.Handler):
        def emit(self, record):
            said.append(record.getMessage())
            if len(said) == 2:
                locks.close()

    def lock(_share, words):
        if words.startswith("Epoch 2 of 3, step 1"):
            locks.enter_context(locked_by_another(impatient))

    impatient, log, handler = connect(settings.database, busy_seconds=0.01), logging.getLogger("db.session"), Log()
    log.addHandler(handler)
    with contextlib.ExitStack() as locks:
        done = fit.fit(dataclasses.replace(context, engine=impatient, say=lock), number, TINY, job(impatient))
    log.removeHandler(handler)
    assert (done.epochs, len(said)) == (3, 2)
    assert [row[:2] for row in previews(impatient, 1)] == [(epoch, example) for epoch in (1, 2, 3) for example in (4, 5)]
    impatient.dispose()


def test_a_lock_without_end_stops_a_training_with_what_to_do_and_its_epoch_is_not_lost(context, number, settings, monkeypatch):
    monkeypatch.setattr(history, "transact", functools.partial(transact, attempts=2))
    impatient = connect(settings.database, busy_seconds=0.01)

    def lock(_share, words):
        if words.startswith("Epoch 2 of 3, validation 1"):
            locks.enter_context(locked_by_another(impatient))

    with (
        contextlib.ExitStack() as locks,
        pytest.raises(WinnowError, match=r"The best epoch is safe\. Resume with `python -m"),
    ):
        fit.fit(dataclasses.replace(context, engine=impatient, say=lock), number, TINY, job(impatient))
    impatient.dispose()
    assert fit.resume(dataclasses.replace(context, say=lambda _share, words: None), 1, job(context.engine)).epochs == 3


def test_same_seed_same_run_and_another_seed_another(context, number, engine):
    short = dataclasses.replace(TINY, epochs=1)
    for settings in (short, short, dataclasses.replace(short, seed=7)):
        fit.fit(context, number, settings, job(engine))
    assert curve(engine, 1) == pytest.approx(curve(engine, 2), rel=1e-6)
    assert curve(engine, 1) != pytest.approx(curve(engine, 3), rel=1e-4)


def test_a_loss_that_is_no_number_stops_and_keeps_the_best(context, number, settings, engine, monkeypatch):
    validate = Stepper.validate

    def broken(self, batch):
        losses, alphas = validate(self, batch)
        return (losses if not curve(engine, 1) else Losses(math.nan, 0.0, losses.items)), alphas

    monkeypatch.setattr(Stepper, "validate", broken)
    with pytest.raises(WinnowError) as error:
        fit.fit(context, number, TINY, job(engine))
    assert str(error.value) == (
        "Epoch 2 of 3, validation: the loss is no longer a number, so run 1 has stopped. Its best epoch so far is kept. "
        "Start a new run with a lower learning rate, or look for damaged pictures in the set."
    )
    with reading(engine) as session:
        assert runs.load(session, settings, 1).epoch == 1


def test_without_weights_it_starts_from_scratch_and_says_so(context, number, engine, capsys):
    bare = dataclasses.replace(context, settings=context.settings.model_copy(update={"encoder_weights": None}))
    fit.fit(bare, number, dataclasses.replace(TINY, epochs=1), job(engine))
    assert "FROM SCRATCH" in capsys.readouterr().err
    with reading(engine) as session:
        assert session.get_one(Run, 1).encoder == "scratch"


def test_somebody_erased_while_it_trains_gets_no_new_preview(context, number, engine):
    def erase(_share, words):
        if words.startswith("Epoch 2 of 3, step 1"):
            with writing(engine) as session:
                session.delete(session.get_one(Example, 4))

    fit.fit(dataclasses.replace(context, say=erase), number, TINY, job(engine))
    assert [row[:2] for row in previews(engine, 1)] == [(1, 5), (2, 5), (3, 5)]


def test_somebody_erased_while_an_epochs_previews_are_stored_leaves_none_of_them(context, number, engine):
    """The training goes on, and their preview, which was just stored, is deleted."""

    class Erasing(Store):
        def put(self, data):
            with writing(engine) as session:
                if (example := session.get(Example, 4)) is not None:
                    session.delete(example)
            return super().put(data)

    before = set(context.store.all())
    once = dataclasses.replace(TINY, epochs=1)
    fit.fit(dataclasses.replace(context, store=Erasing(context.store.url)), number, once, job(engine))
    kept = previews(engine, 1)
    assert [row[:2] for row in kept] == [(1, 5)]
    assert set(context.store.all()) - before == {kept[0][2]}


def test_a_set_that_cannot_be_trained_on_leaves_no_run(context, freeze_set, engine):
    freeze_set([Split.train])
    with pytest.raises(WinnowError, match="no validation examples"):
        fit.fit(context, 1, TINY, job(engine))
    with reading(engine) as session:
        assert session.query(Run).count() == 0


def test_a_lost_or_damaged_checkpoint_is_reported(context, number, settings, engine):
    fit.fit(context, number, dataclasses.replace(TINY, epochs=1), job(engine))
    file = runs.folder(settings, 1) / runs.CHECKPOINT
    file.write_bytes(b"damaged")
    with pytest.raises(WinnowError, match="is damaged"):
        fit.resume(context, 1, job(engine))
    file.unlink()
    with pytest.raises(WinnowError) as error:
        fit.resume(context, 1, job(engine))
    assert str(error.value) == f"The checkpoint of run 1 is gone ({file}), so the run cannot be resumed. Start a new run."


def test_a_run_can_be_trained_longer_as_if_it_had_been_meant_to(context, number, engine, unbroken):
    fit.fit(context, number, dataclasses.replace(TINY, epochs=2), job(engine))
    assert fit.resume(context, 1, job(engine), epochs=3).epochs == 3
    assert curve(engine, 1) == pytest.approx(unbroken.curve, rel=1e-5)
    with reading(engine) as session:
        assert session.get_one(Run, 1).settings["epochs"] == 3
    with pytest.raises(WinnowError) as error:
        fit.resume(context, 1, job(engine), epochs=2)
    assert str(error.value) == "Run 1 has already trained 3 epochs. Choose 4 or more."


def test_one_training_example_is_enough(context, freeze_set, engine):
    number = freeze_set([Split.train, Split.validation])
    assert fit.fit(context, number, dataclasses.replace(TINY, epochs=1), job(engine)).epochs == 1
    assert all(math.isfinite(value) for value in curve(engine, 1))


@pytest.mark.parametrize("empty", [Split.train, Split.validation])
def test_masks_that_all_are_empty_are_reported_before_there_is_a_run(context, freeze_set, engine, empty):
    splits = [Split.train, Split.train, Split.validation]
    number = freeze_set(splits, pictures=[drawn(at, hair=split is not empty) for at, split in enumerate(splits)])
    with pytest.raises(WinnowError) as error:
        fit.fit(context, number, TINY, job(engine))
    assert str(error.value) == (
        f"No {empty} mask of curated set {number} marks any hair. Keep some examples with hair on the Review page, "
        "then freeze a new set."
    )
    with reading(engine) as session:
        assert session.query(Run).count() == 0


def test_three_classes_learn_from_skin_labels_and_are_refused_without(context, number, store, settings, engine):
    skin = np.zeros((512, 512), np.uint8)
    skin[300:, 200:300] = 255
    three = dataclasses.replace(TINY, epochs=1, classes=3)
    label(engine, store, number, dict.fromkeys(range(4), skin))
    with pytest.raises(WinnowError) as error:
        fit.fit(context, number, three, job(engine))
    assert str(error.value) == (
        f"1 of 5 examples of curated set {number} have no skin labels, which a three-class network needs. Train with "
        "--classes 1, or on a set whose masks have red hair and green skin."
    )
    label(engine, store, number, {4: skin})
    assert fit.fit(context, number, three, job(engine)).run == 1
    with reading(engine) as session:
        trained = runs.load(session, settings, 1)
    probabilities = trained.probabilities(np.zeros((1, 32, 32, 3), np.uint8))
    assert probabilities.shape == (1, 32, 32, 3)
    assert (trained.alpha(np.zeros((1, 32, 32, 3), np.uint8)) == probabilities[..., 1]).all()
    # A one-class run on the same set ignores the labels.
    fit.fit(context, number, dataclasses.replace(TINY, epochs=1), job(engine))


@pytest.mark.parametrize(("best_by", "best"), [("f1", 2), ("loss", 3)])
def test_the_best_epoch_is_chosen_by_f1_or_by_the_loss(context, number, settings, engine, monkeypatch, best_by, best):
    """Three epochs whose loss falls; only the second has the right outline."""
    epochs = iter([(0.9, 0.0), (0.8, 1.0), (0.7, 0.0)])

    def validated(self, batch):
        loss, right = next(epochs)
        mask = batch["masks"].numpy().astype(np.float32) / 255
        return Losses(loss, 0.0, len(mask)), mask if right else 1 - mask

    monkeypatch.setattr(Stepper, "validate", validated)
    done = fit.fit(context, number, dataclasses.replace(TINY, best_by=best_by), job(engine))
    assert done.best_epoch == best
    rows = history.epochs(engine, 1)
    assert [row.validation_f1 for row in rows] == [0.0, 1.0, 0.0]
    assert [row.validation_accuracy for row in rows] == [0.0, 1.0, 0.0]
    with reading(engine) as session:
        assert runs.load(session, settings, 1).epoch == best


@pytest.mark.parametrize("best_by", ["f1", "loss"])
@pytest.mark.parametrize("interrupted", [False, True])
def test_an_epoch_after_a_dip_is_the_best_only_if_it_beats_those_before_the_dip(
    context, number, engine, monkeypatch, best_by, interrupted
):
    epochs = iter([(0.1, 4), (0.9, 0), (0.5, 2), (0.05, 4)])  # loss, and how many of the four outlines are right

    def validated(self, batch):
        loss, right = next(epochs)
        mask = batch["masks"].numpy().astype(np.float32) / 255
        return Losses(loss, 0.0, len(mask)), np.concatenate([mask[:right], 1 - mask[right:]])

    monkeypatch.setattr(Stepper, "validate", validated)
    settings = dataclasses.replace(TINY, best_by=best_by)
    fit.fit(context, number, dataclasses.replace(settings, epochs=2 if interrupted else 3), job(engine))
    if interrupted:
        fit.resume(context, 1, job(engine), epochs=3)
    assert [row.validation_f1 for row in history.epochs(engine, 1)] == [1.0, 0.0, 0.5]
    assert [row.best for row in history.epochs(engine, 1)] == [True, False, False]
    fit.resume(context, 1, job(engine), epochs=4)
    assert history.epochs(engine, 1)[-1].best is (best_by == "loss")  # the F1 is only as high as the first


def test_a_run_from_before_f1_was_kept_goes_on(context, number, engine):
    fit.fit(context, number, dataclasses.replace(TINY, epochs=1, best_by="loss"), job(engine))
    with writing(engine) as session:
        run, epoch = session.get_one(Run, 1), session.get_one(Epoch, (1, 1))
        run.settings = {name: value for name, value in run.settings.items() if name not in ("best_by", "band", "classes")}
        epoch.validation_f1 = epoch.validation_accuracy = None
    assert fit.resume(context, 1, job(engine), epochs=2).best_epoch == 2


def test_a_band_changes_what_is_learnt(context, number, engine):
    short = dataclasses.replace(TINY, epochs=1)
    for band in (0, 2):
        fit.fit(context, number, dataclasses.replace(short, band=band), job(engine))
    with reading(engine) as session:
        everywhere, kept = (session.get_one(Epoch, (run, 1)).consistency_loss for run in (1, 2))
    assert kept != pytest.approx(everywhere, rel=1e-3)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_follows_the_curve_and_resumes(context, number, engine, unbroken, precision):
    mixed = dataclasses.replace(TINY, precision=precision)
    fit.fit(context, number, dataclasses.replace(mixed, epochs=2), job(engine))
    fit.resume(context, 1, job(engine), epochs=3)
    exact, half = ([row.loss for row in rows] for rows in (unbroken.epochs, history.epochs(engine, 1)))
    assert half == pytest.approx(exact, rel=0.05)
    assert half != exact


OUT_OF_RANGE = [
    ("epochs", 0, "Epochs is 0: it must be 1 or more."),
    ("batch", 0, "Batch is 0: it must be 1 or more."),
    ("consistency", -1.0, "Consistency is -1.0: it must be 0 or more."),
    ("l2", math.nan, "L2 is nan: it must be 0 or more."),
    ("learning_rate", 0.0, "Learning rate is 0.0: it must be above 0."),
    ("rho", 1.0, "Rho is 1.0: it must be 0 or more and below 1."),
    ("best_by", "eye", "There is no best epoch by eye. Choose one of: f1, loss."),
    ("precision", "int4", "There is no precision int4. Choose one of: float32, mixed_float16, mixed_bfloat16."),
]


@pytest.mark.parametrize(("name", "value", "told"), OUT_OF_RANGE)
def test_settings_out_of_range_are_reported(context, number, engine, name, value, told):
    with pytest.raises(WinnowError) as error:
        fit.fit(context, number, dataclasses.replace(TINY, **{name: value}), job(engine))
    assert str(error.value) == told


def test_a_run_behind_a_url_goes_on_from_there_and_gives_its_best_epoch(context, number, engine, settings):
    there = settings.model_copy(update={"runs_url": "memory://fitted-runs"})
    context = dataclasses.replace(context, settings=there)
    fit.fit(context, number, dataclasses.replace(TINY, epochs=1), job(engine))
    assert fit.resume(context, 1, job(engine), epochs=2).epochs == 2
    assert sorted(file.name for file in (there.runs / "1").iterdir()) == ["best.weights.h5", "last.ckpt"]
    with reading(engine) as session:
        assert runs.load(session, there, 1).epoch == runs.best_epoch(session, 1)
    assert not settings.runs.exists()


@pytest.mark.parametrize("full", ["the folder of runs", "the scratch folder"])
def test_a_full_disk_stops_it_in_one_sentence_and_it_goes_on_when_there_is_room(
    context, number, engine, settings, full_disk, monkeypatch, full
):
    (full_disk / "filler").unlink()
    there = settings.model_copy(update={"runs_url": str(full_disk / "runs")})
    context = dataclasses.replace(context, settings=there)
    fit.fit(context, number, dataclasses.replace(TINY, epochs=1), job(engine))
    folder = runs.folder(there, 1)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    checkpointed = before["last.ckpt"]
    (full_disk / "filler").write_bytes(bytes(shutil.disk_usage(full_disk).free))
    if full == "the scratch folder":  # where Keras writes the weights before they are moved to the folder of runs
        monkeypatch.setattr("tempfile.tempdir", str(full_disk))
        context = dataclasses.replace(context, settings=settings)
        shutil.copytree(folder, runs.folder(settings, 1))
        folder, checkpointed = runs.folder(settings, 1), None
    with pytest.raises(WinnowError) as error:
        fit.resume(context, 1, job(engine), epochs=3)
    assert str(error.value).startswith("The disk is full: ")
    assert str(error.value).endswith(
        "(0 MB free). Existing files are unchanged. Free some space, then try again. The best epoch is safe. Resume with "
        "`python -m trainer fit --resume 1`."
    )
    assert (folder / "best.weights.h5").read_bytes() == before["best.weights.h5"]
    assert checkpointed is None or (folder / "last.ckpt").read_bytes() == checkpointed
    assert sorted(file.name for file in folder.iterdir()) == ["best.weights.h5", "last.ckpt"]
    (full_disk / "filler").unlink()
    assert fit.resume(context, 1, job(engine)).epochs == 3


def test_unknown_pixels_are_neither_learnt_nor_validated(context, number, engine, store, monkeypatch):
    """All that is not hair is unknown; the matte is hair everywhere, right where anything is known."""
    with reading(engine) as session:
        members = session.scalars(select(SetMember).order_by(SetMember.position)).all()
        bare = [np.where(mask_from(store.get(one.mask_sha256), "a mask") == 0, 255, 0).astype(np.uint8) for one in members]
    real = Stepper.validate

    def everything(self, batch):
        losses, alphas = real(self, batch)
        return losses, np.ones_like(alphas)

    monkeypatch.setattr(Stepper, "validate", everything)
    short = dataclasses.replace(TINY, epochs=1)
    fit.fit(context, number, short, job(engine))
    label(engine, store, number, {0: bare[0], 3: bare[3], 4: bare[4]}, "unknown")
    fit.fit(context, number, short, job(engine))
    before, after = (history.epochs(engine, run)[0] for run in (1, 2))
    assert before.validation_f1 < 0.9
    assert (after.validation_f1, after.validation_accuracy) == (1.0, 1.0)
    assert after.mask_loss < before.mask_loss
