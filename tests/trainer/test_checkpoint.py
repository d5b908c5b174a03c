"""Checkpoints: complete, or refused with an error."""

import keras
import numpy as np
import pytest

from db.errors import WinnowError
from trainer import checkpoint


def small(units: int = 2) -> tuple[keras.Model, keras.Optimizer]:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units), keras.layers.BatchNormalization()])
    optimizer = keras.optimizers.Adadelta(1.0)
    optimizer.build(model.trainable_variables)
    for variable in (*model.variables, *optimizer.variables[2:]):
        variable.assign(np.random.default_rng(len(variable.shape)).random(variable.shape))
    return model, optimizer


def test_everything_comes_back(tmp_path):
    model, optimizer = small()
    checkpoint.save(tmp_path / "last.ckpt", model, optimizer, {"number": 3, "loss": 0.1 + 0.2})
    other, its_optimizer = small()
    for variable in (*other.variables, *its_optimizer.variables):
        variable.assign(np.zeros(variable.shape))
    assert checkpoint.restore(tmp_path / "last.ckpt", other, its_optimizer) == {"number": 3, "loss": 0.1 + 0.2}
    for one, two in zip((*model.variables, *optimizer.variables), (*other.variables, *its_optimizer.variables), strict=True):
        np.testing.assert_array_equal(one, two)
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_a_write_that_fails_leaves_the_old_one(tmp_path, monkeypatch):
    model, optimizer = small()
    file = tmp_path / "last.ckpt"
    checkpoint.save(file, model, optimizer, {"number": 1})
    before = file.read_bytes()

    def full(_handle):
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(file, model, optimizer, {"number": 2})
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("damage", ["cut short", "empty", "no archive", "another network"])
def test_a_damaged_one_is_reported(tmp_path, damage):
    file = tmp_path / "last.ckpt"
    model, optimizer = small(units=5 if damage == "another network" else 2)
    checkpoint.save(file, model, optimizer, {"number": 1})
    whole = file.read_bytes()
    file.write_bytes({"cut short": whole[: len(whole) // 2], "empty": b"", "no archive": b"text"}.get(damage, whole))
    with pytest.raises(WinnowError) as error:
        checkpoint.restore(file, *small())
    assert str(error.value) == (
        f"The checkpoint {file} is damaged or belongs to another network, so the run cannot be resumed. Start a new one."
    )
