"""Recolouring a photo: where the matte goes, and what stays as it was. The file itself is tested in tests/trainer/device."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from curator.runs.tryon import recolour_photo
from curator.sample import draw_non_face, draw_portrait
from db.errors import WinnowError

FILE = Path("model.tflite")


@pytest.fixture
def middle_is_hair(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of a model: the middle of any photo is hair."""

    def matte(file: Path, crop: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        alpha = np.zeros(crop.shape[:2], np.float32)
        alpha[200:312, 200:312] = 1.0
        return alpha

    monkeypatch.setattr("curator.runs.tryon.matte_from_file", matte)


@pytest.mark.usefixtures("middle_is_hair")
def test_hair_is_recoloured_where_the_face_is_and_nowhere_else() -> None:
    portrait = draw_portrait(np.random.default_rng(1))
    tried = recolour_photo(FILE, portrait.photo, "#8a2be2", 1.0, cropped=False)
    assert tried.photo.shape == portrait.photo.shape
    changed = (tried.photo != portrait.photo).any(axis=2)
    assert changed.any()
    assert not changed[tried.matte == 0].any()
    rows, columns = np.nonzero(tried.matte > 0.5)
    top, left, bottom, right = portrait.face
    assert top < rows.mean() < bottom
    assert left < columns.mean() < right


@pytest.mark.usefixtures("middle_is_hair")
def test_a_strength_of_zero_changes_nothing() -> None:
    photo = draw_portrait(np.random.default_rng(1)).photo
    assert (recolour_photo(FILE, photo, "#8a2be2", 0.0, cropped=False).photo == photo).all()


@pytest.mark.usefixtures("middle_is_hair")
def test_a_photo_without_a_face_is_matted_as_a_whole() -> None:
    photo = draw_non_face(np.random.default_rng(1))
    matte = recolour_photo(FILE, photo, "#8a2be2", 1.0, cropped=False).matte
    rows, columns = np.nonzero(matte > 0.5)
    assert (rows.mean() + 0.5, columns.mean() + 0.5) == pytest.approx((photo.shape[0] / 2, photo.shape[1] / 2), abs=1)


def test_a_missing_file_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WinnowError, match=r"gone\.tflite is gone\. Export the run again\.$"):
        recolour_photo(tmp_path / "gone.tflite", np.zeros((512, 512, 3), np.uint8), "#8a2be2", 1.0, cropped=True)
