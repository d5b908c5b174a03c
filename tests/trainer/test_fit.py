"""Training, tiny: what it leaves behind, how it stops, and that it goes on as if it had never stopped."""

import dataclasses
import math

import numpy as np
import pytest

from db.errors import WinnowError
from db.jobs import Cancelled
from db.session import reading, writing
from db.tables import Epoch, Example, Preview, Run, Split
from tests.trainer.conftest import job
from trainer import checkpoint, fit, history, runs
from trainer.pictures import mask_from
from trainer.step import FitSettings, Losses, Stepper

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
        lowest = min(rows, key=lambda row: row.validation_loss)
        assert done.best_epoch == lowest.number == max(row.number for row in rows if row.best)
        for row in rows:
            assert row.loss == pytest.approx(row.mask_loss + 0.5 * row.consistency_loss)
    mattes = previews(engine, 1)
    assert [row[:2] for row in mattes] == [(epoch, example) for epoch in (1, 2, 3) for example in (4, 5)]
    assert mask_from(store.get(mattes[0][2]), "a preview").shape == (32, 32)
    assert sorted(file.name for file in runs.folder(settings, 1).iterdir()) == ["best.weights.h5", "last.ckpt"]
    assert [share for share, _ in said] == sorted(share for share, _ in said)
    assert "Epoch 2 of 3, step 1 of 2, loss" in " ".join(words for _, words in said)


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
        losses = validate(self, batch)
        return losses if not curve(engine, 1) else Losses(math.nan, 0.0, losses.items)

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
    checkpoint.write(file, b"damaged")
    with pytest.raises(WinnowError, match="is damaged"):
        fit.resume(place, 1, job(engine))
    file.unlink()
    with pytest.raises(WinnowError) as error:
        fit.resume(place, 1, job(engine))
    assert str(error.value) == f"The checkpoint of run 1 is gone ({file}), so it cannot go on. Start a new run."


def test_settings_out_of_range_are_told(place, number, engine):
    with pytest.raises(WinnowError) as error:
        fit.fit(place, number, dataclasses.replace(TINY, epochs=0), job(engine))
    assert str(error.value) == "Epochs is 0: it must be 1 or more."
