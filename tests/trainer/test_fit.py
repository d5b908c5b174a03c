"""Training, tiny: what it leaves behind, how it stops, and that it goes on as if it had never stopped."""

import dataclasses
import math
import shutil

import numpy as np
import pytest
import tensorflow as tf

from db.errors import WinnowError
from db.jobs import Cancelled
from db.session import reading, writing
from db.tables import Epoch, Example, Preview, Run, Split
from tests.trainer.conftest import drawn, job, label
from trainer import fit, history, runs
from trainer.pictures import mask_from
from trainer.recipe import FitSettings
from trainer.step import Losses, Stepper

pytestmark = pytest.mark.usefixtures("tiny_network")

TINY = FitSettings(epochs=3, size=32, decoder_depth=8)
CURVE = ("number", "loss", "mask_loss", "consistency_loss", "validation_loss", "best")


@pytest.fixture
def number(freeze_set):
    return freeze_set([Split.train] * 3 + [Split.validation] * 2)


def curve(engine, run: int) -> list[float]:
    return [getattr(row, name) for row in history.rows(engine, run) for name in CURVE]


def previews(engine, run: int) -> list[tuple[int, int, str]]:
    with reading(engine) as session:
        rows = session.query(Preview).filter_by(run_id=run).order_by(Preview.epoch, Preview.example_id)
        return [(row.epoch, row.example_id, row.matte_sha256) for row in rows]


def test_a_run_and_what_it_leaves_behind(place, number, settings, store, engine):
    said: list[tuple[float, str]] = []
    noting = dataclasses.replace(place, say=lambda share, words: said.append((share, words)))
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
    assert [share for share, _ in said] == sorted(share for share, _ in said)
    assert "Epoch 2 of 3, step 1 of 2, loss" in " ".join(words for _, words in said)


def test_tensorboard_finds_every_epoch_once_it_is_resumed_too(place, number, settings, engine):
    fit.fit(place, number, dataclasses.replace(TINY, epochs=2), job(engine))
    fit.resume(place, 1, job(engine), epochs=3)
    files = sorted((settings.tensorboard / "1").iterdir())
    assert len(files) == 2
    found = {}
    for data in tf.data.TFRecordDataset([str(file) for file in files]):
        event = tf.compat.v1.Event.FromString(data.numpy())
        for value in event.summary.value:
            assert value.metadata.plugin_data.plugin_name == "scalars"
            assert (value.tag, event.step) not in found
            found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    assert len(found) == 3 * len(history.CHARTED)
    for row in history.rows(engine, 1):
        assert found["loss/validation", row.number] == pytest.approx(row.validation_loss)


def test_the_best_weights_are_those_of_the_best_epoch(place, number, settings, engine):
    fit.fit(place, number, TINY, job(engine))
    with reading(engine) as session:
        trained = runs.load(session, settings, 1)
        best = session.get_one(Epoch, (1, trained.epoch))
        shown = session.get_one(Preview, (1, trained.epoch, 4))
    from trainer import inputs
    from trainer.pictures import grey

    with reading(engine) as session:
        subset = inputs.load(place.store, inputs.members(session, number, Split.validation), 32)
    kept = mask_from(place.store.get(shown.matte_sha256), "a preview")
    assert np.abs(grey(trained.alpha(subset.images)[0]).astype(int) - kept).max() <= 1
    assert best.best


def stopping(place, epoch: int, step: int):
    """A place whose person asks to stop at that step."""

    def say(_share, words):
        if words.startswith(f"Epoch {epoch} of 3, step {step}"):
            raise Cancelled

    return dataclasses.replace(place, say=say)


@pytest.mark.parametrize(("epoch", "left"), [(1, 0), (3, 2)])
def test_a_run_that_was_stopped_goes_on_along_the_same_curve(place, number, engine, epoch, left):
    unbroken = fit.fit(place, number, TINY, job(engine)).run
    with pytest.raises(Cancelled):
        fit.fit(stopping(place, epoch, 2), number, TINY, job(engine))
    assert len(history.rows(engine, 2)) == left
    newest = job(engine)
    assert fit.resume(place, 2, newest).epochs == 3
    assert curve(engine, 2) == pytest.approx(curve(engine, unbroken), rel=1e-5)
    with reading(engine) as session:
        assert session.get_one(Run, 2).job_id == newest


def test_a_kill_between_checkpoint_and_commit_loses_nothing(place, number, engine, monkeypatch):
    unbroken = fit.fit(place, number, TINY, job(engine)).run
    record = history.record

    def killed(engine, store, folder, run, row, model, validation):
        if row.number == 2:
            raise KeyboardInterrupt
        record(engine, store, folder, run, row, model, validation)

    with monkeypatch.context() as patch:
        patch.setattr(history, "record", killed)
        with pytest.raises(KeyboardInterrupt):
            fit.fit(place, number, TINY, job(engine))
    assert len(history.rows(engine, 2)) == 1
    fit.resume(place, 2, job(engine))
    assert curve(engine, 2) == pytest.approx(curve(engine, unbroken), rel=1e-5)
    assert [row[:2] for row in previews(engine, 2)] == [row[:2] for row in previews(engine, unbroken)]


def test_same_seed_same_run_and_another_seed_another(place, number, engine):
    short = dataclasses.replace(TINY, epochs=1)
    for settings in (short, short, dataclasses.replace(short, seed=7)):
        fit.fit(place, number, settings, job(engine))
    assert curve(engine, 1) == pytest.approx(curve(engine, 2), rel=1e-6)
    assert curve(engine, 1) != pytest.approx(curve(engine, 3), rel=1e-4)


def test_a_loss_that_is_no_number_stops_and_keeps_the_best(place, number, settings, engine, monkeypatch):
    validate = Stepper.validate

    def broken(self, batch):
        losses, alphas = validate(self, batch)
        return (losses if not curve(engine, 1) else Losses(math.nan, 0.0, losses.items)), alphas

    monkeypatch.setattr(Stepper, "validate", broken)
    with pytest.raises(WinnowError) as error:
        fit.fit(place, number, TINY, job(engine))
    assert str(error.value) == (
        "Epoch 2 of 3, validation: the loss is not a number any more, so training run 1 has stopped. The best epoch so far "
        "is kept. Start a new run with a lower learning rate, or look for broken pictures in the set."
    )
    with reading(engine) as session:
        assert runs.load(session, settings, 1).epoch == 1


def test_without_weights_it_starts_from_scratch_and_says_so(place, number, engine, capsys):
    bare = dataclasses.replace(place, settings=place.settings.model_copy(update={"encoder_weights": None}))
    fit.fit(bare, number, dataclasses.replace(TINY, epochs=1), job(engine))
    assert "FROM SCRATCH" in capsys.readouterr().err
    with reading(engine) as session:
        assert session.get_one(Run, 1).encoder == "scratch"


def test_somebody_erased_while_it_trains_gets_no_new_preview(place, number, engine):
    def erase(_share, words):
        if words.startswith("Epoch 2 of 3, step 1"):
            with writing(engine) as session:
                session.delete(session.get_one(Example, 4))

    fit.fit(dataclasses.replace(place, say=erase), number, TINY, job(engine))
    assert [row[:2] for row in previews(engine, 1)] == [(1, 5), (2, 5), (3, 5)]


def test_a_set_that_cannot_be_trained_on_leaves_no_run(place, freeze_set, engine):
    freeze_set([Split.train])
    with pytest.raises(WinnowError, match="no validation examples"):
        fit.fit(place, 1, TINY, job(engine))
    with reading(engine) as session:
        assert session.query(Run).count() == 0


def test_a_lost_or_damaged_checkpoint_is_told(place, number, settings, engine):
    fit.fit(place, number, dataclasses.replace(TINY, epochs=1), job(engine))
    file = runs.folder(settings, 1) / runs.CHECKPOINT
    file.write_bytes(b"damaged")
    with pytest.raises(WinnowError, match="is damaged"):
        fit.resume(place, 1, job(engine))
    file.unlink()
    with pytest.raises(WinnowError) as error:
        fit.resume(place, 1, job(engine))
    assert str(error.value) == f"The checkpoint of run 1 is gone ({file}), so it cannot go on. Start a new run."


def test_a_run_can_be_trained_longer_as_if_it_had_been_meant_to(place, number, engine):
    longer = fit.fit(place, number, TINY, job(engine)).run
    fit.fit(place, number, dataclasses.replace(TINY, epochs=2), job(engine))
    assert fit.resume(place, 2, job(engine), epochs=3).epochs == 3
    assert curve(engine, 2) == pytest.approx(curve(engine, longer), rel=1e-5)
    with reading(engine) as session:
        assert session.get_one(Run, 2).settings["epochs"] == 3
    with pytest.raises(WinnowError) as error:
        fit.resume(place, 2, job(engine), epochs=2)
    assert str(error.value) == "Run 2 has trained 3 epochs already. Name 4 or more."


def test_one_training_example_is_enough(place, freeze_set, engine):
    number = freeze_set([Split.train, Split.validation])
    assert fit.fit(place, number, dataclasses.replace(TINY, epochs=1), job(engine)).epochs == 1
    assert all(math.isfinite(value) for value in curve(engine, 1))


@pytest.mark.parametrize("empty", [Split.train, Split.validation])
def test_masks_that_all_are_empty_are_told_before_there_is_a_run(place, freeze_set, engine, empty):
    splits = [Split.train, Split.train, Split.validation]
    number = freeze_set(splits, pictures=[drawn(at, hair=split is not empty) for at, split in enumerate(splits)])
    with pytest.raises(WinnowError) as error:
        fit.fit(place, number, TINY, job(engine))
    assert str(error.value) == (
        f"No {empty} mask of curated set {number} marks any hair. Keep some that do on the Review page, then freeze a new set."
    )
    with reading(engine) as session:
        assert session.query(Run).count() == 0


def test_three_classes_learn_from_skin_labels_and_are_refused_without(place, number, store, settings, engine):
    skin = np.zeros((512, 512), np.uint8)
    skin[300:, 200:300] = 255
    three = dataclasses.replace(TINY, epochs=1, classes=3)
    label(engine, store, number, dict.fromkeys(range(4), skin))
    with pytest.raises(WinnowError) as error:
        fit.fit(place, number, three, job(engine))
    assert str(error.value) == (
        f"1 of 5 examples of curated set {number} have no skin labels, which a three-class network learns from. Train with "
        "--classes 1, or on a set whose masks have hair red and skin green."
    )
    label(engine, store, number, {4: skin})
    assert fit.fit(place, number, three, job(engine)).run == 1
    with reading(engine) as session:
        trained = runs.load(session, settings, 1)
    probabilities = trained.probabilities(np.zeros((1, 32, 32, 3), np.uint8))
    assert probabilities.shape == (1, 32, 32, 3)
    assert (trained.alpha(np.zeros((1, 32, 32, 3), np.uint8)) == probabilities[..., 1]).all()
    # A one-class run on the same set does not mind the labels.
    fit.fit(place, number, dataclasses.replace(TINY, epochs=1), job(engine))


@pytest.mark.parametrize(("best_by", "best"), [("f1", 2), ("loss", 3)])
def test_the_best_epoch_is_chosen_by_f1_or_by_the_loss(place, number, settings, engine, monkeypatch, best_by, best):
    """Three epochs whose loss falls, of which the second has the outline right."""
    epochs = iter([(0.9, 0.0), (0.8, 1.0), (0.7, 0.0)])

    def validated(self, batch):
        loss, right = next(epochs)
        mask = batch[1].numpy().astype(np.float32) / 255
        return Losses(loss, 0.0, len(mask)), mask if right else 1 - mask

    monkeypatch.setattr(Stepper, "validate", validated)
    done = fit.fit(place, number, dataclasses.replace(TINY, best_by=best_by), job(engine))
    assert done.best_epoch == best
    rows = history.rows(engine, 1)
    assert [row.validation_f1 for row in rows] == [0.0, 1.0, 0.0]
    assert [row.validation_accuracy for row in rows] == [0.0, 1.0, 0.0]
    with reading(engine) as session:
        assert runs.load(session, settings, 1).epoch == best


def test_a_run_from_before_f1_was_kept_goes_on(place, number, engine):
    fit.fit(place, number, dataclasses.replace(TINY, epochs=1, best_by="loss"), job(engine))
    with writing(engine) as session:
        run, epoch = session.get_one(Run, 1), session.get_one(Epoch, (1, 1))
        run.settings = {name: value for name, value in run.settings.items() if name not in ("best_by", "band", "classes")}
        epoch.validation_f1 = epoch.validation_accuracy = None
    assert fit.resume(place, 1, job(engine), epochs=2).best_epoch == 2


def test_a_band_changes_what_is_learnt(place, number, engine):
    short = dataclasses.replace(TINY, epochs=1)
    for band in (0, 2):
        fit.fit(place, number, dataclasses.replace(short, band=band), job(engine))
    with reading(engine) as session:
        everywhere, kept = (session.get_one(Epoch, (run, 1)).consistency_loss for run in (1, 2))
    assert kept != pytest.approx(everywhere, rel=1e-3)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_follows_the_curve_and_resumes(place, number, engine, precision):
    fit.fit(place, number, TINY, job(engine))
    mixed = dataclasses.replace(TINY, precision=precision)
    fit.fit(place, number, dataclasses.replace(mixed, epochs=2), job(engine))
    fit.resume(place, 2, job(engine), epochs=3)
    exact, half = ([row.loss for row in history.rows(engine, run)] for run in (1, 2))
    assert half == pytest.approx(exact, rel=0.05)
    assert half != exact


OUT_OF_RANGE = [
    ("epochs", 0, "Epochs is 0: it must be 1 or more."),
    ("batch", 0, "Batch is 0: it must be 1 or more."),
    ("consistency", -1.0, "Consistency is -1.0: it must be 0 or more."),
    ("l2", math.nan, "L2 is nan: it must be 0 or more."),
    ("learning_rate", 0.0, "Learning rate is 0.0: it must be above 0."),
    ("rho", 1.0, "Rho is 1.0: it must be from 0 to below 1."),
    ("best_by", "eye", "There is no best epoch by eye. Choose one of: f1, loss."),
    ("precision", "int4", "There is no precision int4. Choose one of: float32, mixed_float16, mixed_bfloat16."),
]


@pytest.mark.parametrize(("name", "value", "told"), OUT_OF_RANGE)
def test_settings_out_of_range_are_told(place, number, engine, name, value, told):
    with pytest.raises(WinnowError) as error:
        fit.fit(place, number, dataclasses.replace(TINY, **{name: value}), job(engine))
    assert str(error.value) == told


def test_a_run_behind_a_url_goes_on_from_there_and_gives_its_best_epoch(place, number, engine, settings):
    there = settings.model_copy(update={"runs_url": "memory://fitted-runs"})
    place = dataclasses.replace(place, settings=there)
    fit.fit(place, number, dataclasses.replace(TINY, epochs=1), job(engine))
    assert fit.resume(place, 1, job(engine), epochs=2).epochs == 2
    assert sorted(file.name for file in (there.runs / "1").iterdir()) == ["best.weights.h5", "last.ckpt"]
    with reading(engine) as session:
        assert runs.load(session, there, 1).epoch == runs.best_epoch(session, 1)
    assert not settings.runs.exists()


@pytest.mark.parametrize("full", ["the folder of runs", "the scratch folder"])
def test_a_full_disk_stops_it_in_one_sentence_and_it_goes_on_when_there_is_room(
    place, number, engine, settings, full_disk, monkeypatch, full
):
    (full_disk / "filler").unlink()
    there = settings.model_copy(update={"runs_url": str(full_disk / "runs")})
    place = dataclasses.replace(place, settings=there)
    fit.fit(place, number, dataclasses.replace(TINY, epochs=1), job(engine))
    folder = runs.folder(there, 1)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    checkpointed = before["last.ckpt"]
    (full_disk / "filler").write_bytes(bytes(shutil.disk_usage(full_disk).free))
    if full == "the scratch folder":  # where Keras writes the weights that then move to the folder of runs
        monkeypatch.setattr("tempfile.tempdir", str(full_disk))
        place = dataclasses.replace(place, settings=settings)
        shutil.copytree(folder, runs.folder(settings, 1))
        folder, checkpointed = runs.folder(settings, 1), None
    with pytest.raises(WinnowError) as error:
        fit.resume(place, 1, job(engine), epochs=3)
    assert str(error.value).startswith("The disk is full: ")
    assert str(error.value).endswith(
        "(0 MB free). Existing files are unchanged. Free some space, then try again. The best epoch is safe; go on with "
        "`python -m trainer fit --resume 1`."
    )
    assert (folder / "best.weights.h5").read_bytes() == before["best.weights.h5"]
    assert checkpointed is None or (folder / "last.ckpt").read_bytes() == checkpointed
    assert sorted(file.name for file in folder.iterdir()) == ["best.weights.h5", "last.ckpt"]
    (full_disk / "filler").unlink()
    assert fit.resume(place, 1, job(engine)).epochs == 3
