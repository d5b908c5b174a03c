"""One training step and one validation step, as section IV sets them out."""

from dataclasses import dataclass

import keras
import tensorflow as tf

from trainer.inputs import Batch
from trainer.losses import consistency_loss, inside_weights, mask_loss
from trainer.models import HAIR, Network, regularized
from trainer.runs import prepared


@dataclass(frozen=True)
class FitSettings:
    """Every choice of a training; the defaults are the paper's."""

    model: str = "hairmattenet"  # section III-B
    epochs: int = 50  # section IV
    size: int = 224  # section III-A, pixels
    decoder_depth: int = 64  # section IV-C, Table II
    consistency: float = 0.5  # section IV: w in L = L_M + w L_C
    batch: int = 4  # section IV
    l2: float = 2e-5  # section IV: on plain convolutions but the last
    learning_rate: float = 1.0  # section IV: Adadelta's
    rho: float = 0.95  # section IV: Adadelta's
    epsilon: float = 1e-7  # section IV: Adadelta's
    seed: int = 0  # of weights drawn at random, and of the order


@dataclass(frozen=True)
class Losses:
    """What a batch, or a subset, came to: L_M and L_C, without the weight penalty."""

    mask: float
    consistency: float
    items: int

    def total(self, settings: FitSettings) -> float:
        """L = L_M + w L_C."""
        return self.mask + settings.consistency * self.consistency


def mean(parts: list[Losses]) -> Losses:
    """The losses of a subset out of its batches': every item counts the same."""
    items = sum(part.items for part in parts)
    return Losses(
        mask=sum(part.mask * part.items for part in parts) / items,
        consistency=sum(part.consistency * part.items for part in parts) / items,
        items=items,
    )


class Stepper:
    """A network and its optimizer, and the two compiled steps."""

    def __init__(self, network: Network, settings: FitSettings) -> None:
        self.model, self.settings = network.model, settings
        self.optimizer = keras.optimizers.Adadelta(settings.learning_rate, rho=settings.rho, epsilon=settings.epsilon)
        self.optimizer.build(self.model.trainable_variables)
        self._kernels = regularized(self.model)
        signature = [
            tf.TensorSpec((None, settings.size, settings.size, 3), tf.uint8),
            tf.TensorSpec((None, settings.size, settings.size), tf.uint8),
            tf.TensorSpec((None, 4), tf.int32),
        ]
        self._train = tf.function(self._train_step, input_signature=signature)
        self._validate = tf.function(self._validate_step, input_signature=signature)

    def train(self, batch: Batch) -> Losses:
        """One step down the gradient; the losses before it."""
        return _losses(self._train(batch.images, batch.masks, batch.inside), batch)

    def validate(self, batch: Batch) -> Losses:
        """The losses of a batch; nothing changes."""
        return _losses(self._validate(batch.images, batch.masks, batch.inside), batch)

    def _train_step(self, images: tf.Tensor, masks: tf.Tensor, inside: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            mask, consistency = self._both(images, masks, inside, training=True)
            penalty = self.settings.l2 * tf.add_n([tf.reduce_sum(tf.square(kernel.value)) for kernel in self._kernels])
            loss = mask + self.settings.consistency * consistency + penalty
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)
        return mask, consistency

    def _validate_step(self, images: tf.Tensor, masks: tf.Tensor, inside: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return self._both(images, masks, inside, training=False)

    def _both(self, images: tf.Tensor, masks: tf.Tensor, inside: tf.Tensor, *, training: bool) -> tuple[tf.Tensor, tf.Tensor]:
        image = prepared(images)
        truth = tf.cast(masks, tf.float32) / 255
        hair = self.model(image, training=training)[..., HAIR]
        weights = inside_weights(inside, self.settings.size)
        mask = tf.reduce_mean(mask_loss(truth, hair, weights))
        return mask, tf.reduce_mean(consistency_loss(image, hair, weights))


def _losses(both: tuple[tf.Tensor, tf.Tensor], batch: Batch) -> Losses:
    return Losses(mask=float(both[0]), consistency=float(both[1]), items=len(batch.images))
