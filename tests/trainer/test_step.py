"""Means over batches, one compiled step, and the steps on several devices at once."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.tiny_trainer import build
from trainer.encoder import MOBILENET
from trainer.inputs import Subset, batches
from trainer.models import Network, regularized
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


class Logits(keras.layers.Layer):
    """Ignores what it is given: its weights are the logits of every image."""

    def build(self, shape: tuple[int, ...]) -> None:
        self.logits = self.add_weight(shape=shape[1:], initializer="random_normal", name="logits")

    def call(self, image: tf.Tensor) -> tf.Tensor:
        return 0 * image + self.logits


def stepper_of_logits(settings: FitSettings) -> tuple[Stepper, keras.Variable]:
    """A stepper whose network learns logits directly, one for each pixel and class, and these."""
    keras.utils.set_random_seed(1)
    image = keras.Input((settings.size, settings.size, 3))
    layer = Logits()
    x = layer(keras.layers.Conv2D(max(settings.classes, 2), 1, name="conv")(image))
    model = keras.Model(image, keras.layers.Softmax()(x))
    return Stepper(Network(model, model, MOBILENET), settings), layer.logits


@pytest.mark.parametrize("settings", [FitSettings(size=32, band=3), FitSettings(size=32, classes=3)], ids=["band", "skin"])
def test_nothing_is_learnt_at_unknown_pixels_and_nothing_else_changes(settings: FitSettings) -> None:
    """The border of the unknown crosses hair and background; what lies there in image and masks makes no difference."""
    rng = np.random.default_rng(0)
    image, mask = rng.integers(0, 256, (1, 32, 32, 3), np.uint8), np.zeros((1, 32, 32), np.uint8)
    mask[:, 8:24, 4:28] = 255
    unknown = np.zeros((1, 32, 32), np.uint8)
    unknown[:, 4:20, 12:20] = 255
    inside = np.array([[0, 0, 30, 32]], np.int32)
    batch = {"images": image, "masks": mask, "inside": inside}
    if settings.classes == 3:
        batch["skins"] = rng.integers(0, 256, (1, 32, 32), np.uint8)
    stepper, logits = stepper_of_logits(settings)
    plain, everywhere, known = (
        stepper.validate(tensors(each))[0]
        for each in (batch, {**batch, "unknown": np.zeros_like(unknown)}, {**batch, "unknown": unknown})
    )
    assert plain == everywhere
    assert known.mask != plain.mask
    noise = {name: rng.integers(0, 256, batch[name].shape, np.uint8) for name in batch.keys() - {"inside"}}
    for name, array in noise.items():
        array[unknown == 0] = batch[name][unknown == 0]
    assert stepper.validate(tensors({**batch, **noise, "unknown": unknown}))[0] == known
    before = np.array(logits)
    stepper.train(tensors({**batch, "unknown": unknown}))
    moved = (np.array(logits) != before).any(axis=-1)
    assert not moved[unknown[0] > 0].any()
    assert moved[:30][unknown[0, :30] == 0].all()


def tensors(batch: dict[str, np.ndarray]) -> dict[str, tf.Tensor]:
    return {name: tf.constant(array) for name, array in batch.items()}


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
unknown = None if NORMALISED else np.where(rng.random((4, 32, 32)) > 0.9, 255, 0).astype(np.uint8)
subset = Subset([None] * 4, pictures, masks, np.array([[0, 0, 32, 32]] * 4, np.int32), unknown=unknown)
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
