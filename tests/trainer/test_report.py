"""Reports: rows, averages, what they replace, and errors."""

import json

import numpy as np
import pytest
from sqlalchemy import update

from db.blobs import named_blobs
from db.errors import WinnowError
from db.session import reading, writing
from db.tables import Example, Measure, Run, Split
from tests.outside import OutsideTransactions
from tests.trainer.conftest import label
from trainer.intervals import bootstrap
from trainer.pictures import mask_from
from trainer.report import report, splits
from trainer.runs import TrainedRun

pytestmark = pytest.mark.usefixtures("tiny_network")

KEYS = ["run", "split", "refine", "images", "f1", "performance", "iou", "accuracy", "gradient_consistency"]
NEWER = ["leak", "hollow", "sad", "mse", "gradient_error", "connectivity_error", "class_accuracy", "hair_share"]


def rows(engine):
    with reading(engine) as session:
        return session.query(Measure).order_by(Measure.split, Measure.refine, Measure.example_id).all()


def test_a_report_and_its_rows(trained, engine, store, settings):
    result = report(engine, store, settings, trained, Split.test)
    assert list(result) == [*KEYS, *NEWER, "hair_brightness", "intervals", "alpha_side"]
    assert {row.alpha_side for row in rows(engine)} == {result["alpha_side"]} == {512}
    assert (result["run"], result["split"], result["refine"], result["images"]) == (1, "test", "none", 2)
    kept = rows(engine)
    assert [row.example_id for row in kept] == [5, 6]
    for name in [*KEYS[4:], *NEWER, "hair_brightness"]:
        values = [value for row in kept if (value := getattr(row, name)) is not None]
        assert result[name] == (pytest.approx(np.mean(values)) if values else None)
    assert result["class_accuracy"] is None  # its network predicts hair only
    assert result["intervals"]["sad"] == pytest.approx(bootstrap([row.sad for row in kept]))
    assert list(result["intervals"]) == [*KEYS[4:], *NEWER[:-1]]
    json.dumps(result)
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


def predict_hair(monkeypatch, where, skin=None):
    """Make every run predict hair in the slice `where`, whatever the image; with a slice `skin`, three classes."""

    def told(_self, images):
        found = np.zeros((*images.shape[:3], 2 if skin is None else 3), np.float32)
        for channel, part in ((2, skin), (1, where)):
            if part is not None:
                found[(slice(None), *part)] = np.eye(found.shape[-1])[channel]
        found[..., 0] = 1 - found[..., 1:].sum(axis=-1)
        return found

    monkeypatch.setattr(TrainedRun, "probabilities", told)


def test_filled_pixels_are_not_measured_and_mirrors_are(freeze_set, add_run, engine, store, settings, monkeypatch):
    """The photo fills the right half; the model predicts hair in the left half, of an image and of its mirror image."""
    image, mask = np.full((512, 512, 3), 90, np.uint8), np.zeros((512, 512), np.uint8)
    mask[:128, 256:] = 255
    number = freeze_set([Split.train, Split.validation], pictures=[(image, mask)] * 2, inside=(0, 256, 512, 512))
    add_run(number)

    predict_hair(monkeypatch, np.s_[:, :16])
    result = report(engine, store, settings, 1, Split.validation)
    # In the image, nothing inside is predicted as hair: 3/4 right. In its mirror image everything is: 1/4 right.
    assert result["accuracy"] == pytest.approx((3 / 4 + 1 / 4) / 2)
    assert result["f1"] == pytest.approx((0 + 2 * 1 / (2 * 1 + 3)) / 2)  # TP 0; then TP 1, FP 3, FN 0 quarters


def test_unknown_pixels_are_not_measured_and_are_at_the_other_side_of_the_mirror_image(
    freeze_set, add_run, engine, store, settings, monkeypatch
):
    """Nothing is known of the left half; the model predicts hair in the left half, of an image and of its mirror image."""
    image, mask = np.full((512, 512, 3), 90, np.uint8), np.zeros((512, 512), np.uint8)
    mask[:128] = 255
    unknown = np.zeros((512, 512), np.uint8)
    unknown[:, :256] = 255
    number = freeze_set([Split.train, Split.validation, Split.validation], pictures=[(image, mask)] * 3)
    label(engine, store, number, {1: unknown}, "unknown")
    add_run(number)
    predict_hair(monkeypatch, np.s_[:, :16])
    report(engine, store, settings, 1, Split.validation)
    half, whole = rows(engine)
    # In the image, nothing known is predicted as hair: 3/4 right. In its mirror image everything is: 1/4 right.
    assert (half.accuracy, half.hair_share) == (pytest.approx((3 / 4 + 1 / 4) / 2), 0.25)
    assert half.f1 == pytest.approx((0 + 2 * 1 / (2 * 1 + 3)) / 2)  # TP 0; then TP 1, FP 3, FN 0 quarters
    assert half.gradient_consistency is None  # the matte's only edge is the border of the unknown
    assert (whole.accuracy, whole.f1) == (0.5, pytest.approx(2 / (2 + 1 + 3)))  # TP 1, FP 3, FN 1, TN 3 eighths
    assert whole.gradient_consistency is not None


@pytest.fixture
def banded(freeze_set, add_run, engine):
    """A run on examples with hair in the upper quarter, sized 32, and the face in the middle: rows and columns 12 to 20."""
    image, mask = np.full((512, 512, 3), 51, np.uint8), np.zeros((512, 512), np.uint8)
    mask[:128] = 255
    number = freeze_set([Split.train, Split.validation, Split.validation], pictures=[(image, mask)] * 3)
    with writing(engine) as session:
        box = {"face_top": 192, "face_left": 192, "face_bottom": 320, "face_right": 320}
        session.execute(update(Example).values(box))
    add_run(number)
    return number


def test_errors_of_alpha_are_taken_at_the_crops_size_whatever_the_runs(banded, engine, store, settings, monkeypatch, add_run):
    """Both runs find the upper quarter exactly, as their mask has it at their own size; what they blur of its edge counts."""
    number = add_run(banded)
    with writing(engine) as session:
        session.get_one(Run, number).settings = {**session.get_one(Run, number).settings, "size": 64}
    sums = []
    for run, rows_of_hair in ((1, 8), (2, 16)):
        predict_hair(monkeypatch, np.s_[:rows_of_hair, :])
        result = report(engine, store, settings, run, Split.validation)
        assert (result["f1"], result["hair_share"]) == (1.0, 0.25)
        sums.append(result["sad"])
    # Enlarged by 16, the edge is a ramp of 16 rows: 8 rows on either side are wrong by (k + 1/2) / 16, together 2 + 2.
    # Enlarged by 8, it has 8 rows: 1 + 1. And there are 512 columns.
    assert sums == [pytest.approx(4 * 512 / 1000), pytest.approx(2 * 512 / 1000)]


def test_leak_is_looked_for_in_the_face_of_the_image_and_of_its_mirror_image(banded, engine, store, settings, monkeypatch):
    predict_hair(monkeypatch, np.s_[:, :14])  # 2 of the face's 8 columns, mirrored or not, because it is in the middle
    result = report(engine, store, settings, 1, Split.validation)
    assert result["leak"] == pytest.approx(2 / 8)
    # Deep inside are rows 0 to 6: row 7 is 1 from row 8, and 8 / 224 of 32 is 1.14. 14 of 32 columns are predicted as hair.
    assert result["hollow"] == pytest.approx(1 - 14 / 32)
    assert result["hair_share"] == 0.25
    assert result["hair_brightness"] == pytest.approx(0.2)  # 51 of 255


def test_a_face_at_the_side_is_at_the_other_side_of_the_mirror_image(banded, engine, store, settings, monkeypatch):
    with writing(engine) as session:
        session.execute(update(Example).values(face_left=0, face_right=64))  # 4 columns
    predict_hair(monkeypatch, np.s_[:, :4])
    # The whole face in the image; nothing of it in the mirror image, where it is on the right.
    assert report(engine, store, settings, 1, Split.validation)["leak"] == pytest.approx((1 + 0) / 2)


def test_a_skin_label_goes_before_the_face_and_tells_classes(banded, engine, store, settings, monkeypatch):
    skin = np.zeros((512, 512), np.uint8)
    skin[256:] = 255  # the lower half
    label(engine, store, banded, {1: skin})
    predict_hair(monkeypatch, np.s_[:12, :], skin=np.s_[24:, :])
    labelled, unlabelled = measured(engine, store, settings)
    assert (labelled.leak, unlabelled.leak) == (0.0, 0.0)
    # Hair is in rows 0 to 8, predicted to 12; skin from 16, predicted from 24: 4 + 8 of 32 rows are wrong.
    assert (labelled.class_accuracy, unlabelled.class_accuracy) == (pytest.approx(1 - 12 / 32), None)
    predict_hair(monkeypatch, np.s_[16:, :], skin=np.s_[:0, :])
    labelled, unlabelled = measured(engine, store, settings)
    assert (labelled.leak, unlabelled.leak) == (1.0, 0.5)  # all of the label's rows; 4 of the face's 8


def measured(engine, store, settings):
    report(engine, store, settings, 1, Split.validation)
    return rows(engine)


def test_classes_are_voted_for_in_superpixels_and_unknown_for_a_filtered_matte(banded, engine, store, settings, monkeypatch):
    label(engine, store, banded, {1: np.zeros((512, 512), np.uint8), 2: np.zeros((512, 512), np.uint8)})
    predict_hair(monkeypatch, np.s_[:8, :], skin=np.s_[16:, :])
    found = {
        refine: report(engine, store, settings, 1, Split.validation, refine) for refine in ("none", "guided", "superpixel")
    }
    assert found["none"]["class_accuracy"] == pytest.approx(0.5)
    assert found["guided"]["class_accuracy"] is None
    # The picture is a uniform grey, so its superpixels are squares, some of which the labels' borders cross.
    assert found["superpixel"]["class_accuracy"] == pytest.approx(0.5, abs=0.1)


def test_a_split_without_examples_is_reported(freeze_set, add_run, engine, store, settings):
    number = freeze_set([Split.train, Split.validation])
    add_run(number)
    with pytest.raises(WinnowError) as error:
        report(engine, store, settings, 1, Split.test)
    assert str(error.value) == (
        "Curated set 1 has no test examples. Keep some test examples on the Review page, then freeze a new set."
    )
    with reading(engine) as session:
        assert splits(session, 1) == [Split.validation]


def test_erased_examples_are_not_reported_on(trained, engine, store, settings):
    with writing(engine) as session:
        session.delete(session.get_one(Example, 5))
    assert report(engine, store, settings, trained, Split.test)["images"] == 1


def test_measuring_again_leaves_no_mattes_behind(banded, engine, store, settings, monkeypatch):
    outside = OutsideTransactions(settings)
    for columns in (8, 16):  # another matte each time
        predict_hair(monkeypatch, np.s_[:, :columns])
        report(engine, outside, settings, 1, Split.validation)
    with reading(engine) as session:
        assert set(store.all()) <= {sha256 for sha256, _ in named_blobs(session)}


def test_somebody_erased_during_measuring_leaves_no_matte(banded, engine, store, settings, monkeypatch):
    predict_hair(monkeypatch, np.s_[:, :8])
    before = set(store.all())

    def erase(at, _words):
        if at.done == at.total:
            with writing(engine) as session:
                for example in session.query(Example).filter_by(split=Split.validation):
                    session.delete(example)

    report(engine, store, settings, 1, Split.validation, say=erase)
    assert rows(engine) == []
    assert set(store.all()) == before


def test_an_unknown_run_or_refinement_is_reported(engine, store, settings):
    with pytest.raises(WinnowError) as error:
        report(engine, store, settings, 4)
    assert str(error.value) == "There is no run 4. Start one with `python -m trainer fit`."
    with pytest.raises(WinnowError, match="There is no refinement crf"):
        report(engine, store, settings, 4, refine="crf")
