"""Reports: rows, averages, what they replace, and what is told."""

import numpy as np
import pytest

from db.errors import WinnowError
from db.session import reading, writing
from db.tables import Example, Measure, Split
from tests.trainer.conftest import job
from trainer.fit import fit
from trainer.pictures import mask_from
from trainer.report import report, splits
from trainer.runs import TrainedRun
from trainer.step import FitSettings

pytestmark = pytest.mark.usefixtures("tiny_network")

KEYS = ["run", "split", "refine", "images", "f1", "performance", "iou", "accuracy", "gradient_consistency"]


def rows(engine):
    with reading(engine) as session:
        return session.query(Measure).order_by(Measure.split, Measure.refine, Measure.example_id).all()


def test_a_report_and_its_rows(trained, engine, store, settings):
    result = report(engine, store, settings, trained, Split.test)
    assert list(result) == KEYS
    assert (result["run"], result["split"], result["refine"], result["images"]) == (1, "test", "none", 2)
    kept = rows(engine)
    assert [row.example_id for row in kept] == [5, 6]
    assert result["accuracy"] == pytest.approx(np.mean([row.accuracy for row in kept]))
    assert mask_from(store.get(kept[0].matte_sha256), "a matte").shape == (32, 32)


def test_a_newer_report_replaces_the_older_and_no_other(trained, engine, store, settings):
    report(engine, store, settings, trained, Split.test)
    report(engine, store, settings, trained, Split.validation)
    report(engine, store, settings, trained, Split.test, "superpixel")
    report(engine, store, settings, trained, Split.test)
    kept = [(str(row.split), row.refine, row.example_id) for row in rows(engine)]
    assert kept == [
        ("test", "none", 5),
        ("test", "none", 6),
        ("test", "superpixel", 5),
        ("test", "superpixel", 6),
        ("validation", "none", 3),
        ("validation", "none", 4),
    ]


def test_filled_pixels_are_not_measured_and_mirrors_are(freeze_set, place, engine, store, settings, monkeypatch):
    """The photo is the right half; the model says hair in the left half: of an image, and of its mirror image."""
    image, mask = np.full((512, 512, 3), 90, np.uint8), np.zeros((512, 512), np.uint8)
    mask[:128, 256:] = 255
    number = freeze_set([Split.train, Split.validation], pictures=[(image, mask)] * 2, inside=(0, 256, 512, 512))
    fit(place, number, FitSettings(epochs=1, size=32, decoder_depth=8), job(engine))

    def left(_self, images):
        alpha = np.zeros(images.shape[:3], np.float32)
        alpha[:, :, :16] = 1
        return alpha

    monkeypatch.setattr(TrainedRun, "alpha", left)
    result = report(engine, store, settings, 1, Split.validation)
    # Of the image nothing inside is called hair: 3/4 right. Of its mirror image all is: 1/4 right.
    assert result["accuracy"] == pytest.approx((3 / 4 + 1 / 4) / 2)
    assert result["f1"] == pytest.approx((0 + 2 * 1 / (2 * 1 + 3)) / 2)  # TP 0; then TP 1, FP 3, FN 0 quarters


def test_a_split_without_examples_is_told(freeze_set, place, engine, store, settings):
    number = freeze_set([Split.train, Split.validation])
    fit(place, number, FitSettings(epochs=1, size=32, decoder_depth=8), job(engine))
    with pytest.raises(WinnowError) as error:
        report(engine, store, settings, 1, Split.test)
    assert str(error.value) == (
        "Curated set 1 has no test examples. Keep some of the test split on the Review page, then freeze a new set."
    )
    with reading(engine) as session:
        assert splits(session, 1) == [Split.validation]


def test_erased_examples_are_not_reported_on(trained, engine, store, settings):
    with writing(engine) as session:
        session.delete(session.get_one(Example, 5))
    assert report(engine, store, settings, trained, Split.test)["images"] == 1


def test_an_unknown_run_or_refinement_is_told(engine, store, settings):
    with pytest.raises(WinnowError) as error:
        report(engine, store, settings, 4)
    assert str(error.value) == "There is no run 4. Start one with `python -m trainer fit`."
    with pytest.raises(WinnowError, match="There is no refinement crf"):
        report(engine, store, settings, 4, refine="crf")
