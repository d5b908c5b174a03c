"""Means over batches, one compiled step, and the steps on several devices at once."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.tiny_trainer import build
from trainer.inputs import Subset, batches
from trainer.models import regularized
from trainer.recipe import FitSettings
from trainer.step import Losses, LossSums, Stepper

pytestmark = pytest.mark.slow


def test_the_mean_of_batches_is_weighted_by_their_items() -> None:
    sums = LossSums()
    sums.add(Losses(mask=0.5, consistency=0.25, items=4))
    assert sums.mean() == Losses(0.5, 0.25, 4)
    sums.add(Losses(mask=2.0, consistency=1.0, items=1))
    assert sums.mean() == Losses(mask=(4 * 0.5 + 2.0) / 5, consistency=(4 * 0.25 + 1.0) / 5, items=5)
    with pytest.raises(ZeroDivisionError):
        LossSums().mean()


def test_the_weight_penalty_pulls_kernels_towards_zero() -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (4, 32, 32, 3)).astype(np.uint8)
    masks = np.where(rng.random((4, 32, 32)) > 0.5, 255, 0).astype(np.uint8)
    subset = Subset([None] * 4, pictures, masks, np.array([[0, 0, 32, 32]] * 4, np.int32))  # type: ignore[list-item]
    keras.utils.set_random_seed(1)
    stepper = Stepper(build(32, 8, 2), FitSettings(size=32, l2=1000.0))  # so strong that the losses don't matter
    kernels = regularized(stepper.model)
    before = [np.abs(np.array(kernel)) for kernel in kernels]
    for batch in batches(subset, np.arange(4), 4):
        stepper.train(batch)
    for was, kernel in zip(before, kernels, strict=True):
        moved = was - np.abs(np.array(kernel))
        assert (moved[was > 0.01] > 0).all()  # a step is some 0.001 long


SEVERAL = """
import keras, numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from trainer.inputs import Subset, batches
from trainer.models import Network
from trainer.encoder import MOBILENET
from trainer.recipe import FitSettings
from trainer.step import Stepper

rng = np.random.default_rng(0)
pictures = rng.integers(0, 256, (4, 32, 32, 3)).astype(np.uint8)
masks = np.where(rng.random((4, 32, 32)) > 0.5, 255, 0).astype(np.uint8)
subset = Subset([None] * 4, pictures, masks, np.array([[0, 0, 32, 32]] * 4, np.int32))
settings = FitSettings(size=32)

def trained(strategy):
    with strategy.scope():
        keras.utils.set_random_seed(1)
        image = keras.Input((32, 32, 3))
        x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(image)
        x = keras.layers.BatchNormalization(name="bn")(x) if NORMALISED else x
        x = keras.layers.Softmax()(keras.layers.Conv2D(2, 1, name="last_conv")(x))
        model = keras.Model(image, x)
        stepper = Stepper(Network(model, model, MOBILENET), settings)
    data = strategy.experimental_distribute_dataset(batches(subset, np.array([0, 5, 2, 7, 4, 1, 6, 3]), 4))
    losses = [stepper.train(batch) for batch in data]
    losses += [stepper.validate(batch)[0] for batch in batches(subset, np.arange(3), 4)]
    return [(one.mask, one.consistency, one.items) for one in losses], [np.array(v) for v in model.trainable_variables]

one, several = (trained(strategy) for strategy in (
    tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
))
assert [items for _, _, items in several[0]] == [4, 4, 3]
assert np.isfinite(several[0]).all()
if not NORMALISED:  # else each device normalises by its own part of the batch
    np.testing.assert_allclose(several[0], one[0], rtol=1e-4)
    for alone, shared in zip(one[1], several[1]):
        np.testing.assert_allclose(shared, alone, rtol=1e-3, atol=1e-5)
"""


@pytest.mark.parametrize("normalised", [False, True])
def test_several_devices_learn_what_one_learns(normalised: bool) -> None:
    code = f"NORMALISED = {normalised}\n{SEVERAL}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
