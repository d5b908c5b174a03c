"""One training step and one validation step (Levinshtein et al. 2018, section IV)."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.arrays import HAIR
from trainer.inputs import batch_signature
from trainer.losses import class_loss, consistency_loss, inside_weights, mask_loss, near_edge
from trainer.models import Network, regularized
from trainer.recipe import FitSettings
from trainer.runs import network_input

Tensors = dict[str, tf.Tensor]  # a batch of `trainer.inputs.batches`


@dataclass(frozen=True)
class Losses:
    """The mean losses of a batch or a subset, without the weight penalty."""

    mask: float  # L_M, 0 or more
    consistency: float  # L_C, 0 to 1
    items: int  # images that the means are over

    def total(self, settings: FitSettings) -> float:
        """L = L_M + w L_C (section III-B)."""
        return self.mask + settings.consistency * self.consistency


@dataclass(frozen=True)
class Validation:
    """An epoch's results on the validation subset: its losses, and two of the paper's measures, averaged over images."""

    losses: Losses
    f1: float | None  # 0 to 1, with alpha of 0.5 and more as hair; None without images
    accuracy: float | None  # 0 to 1; None without images


@dataclass
class LossSums:
    """Sums over the batches so far, so that the mean after each step costs the same however many steps came before it."""

    mask: float = 0.0
    consistency: float = 0.0
    items: int = 0

    def add(self, batch: Losses) -> None:
        """Add the losses of a batch."""
        self.mask += batch.mask * batch.items
        self.consistency += batch.consistency * batch.items
        self.items += batch.items

    def mean(self) -> Losses:
        """The losses of all batches, weighted by items. Raises ZeroDivisionError without any item."""
        return Losses(self.mask / self.items, self.consistency / self.items, self.items)


class Stepper:
    """A network, its optimizer and the two compiled steps, on every device of the strategy under which it is created.

    The optimizer is Adadelta (Zeiler 2012, arXiv:1212.5701), as in section IV.
    """

    def __init__(self, network: Network, settings: FitSettings) -> None:
        self.model, self.settings = network.model, settings
        self.strategy = tf.distribute.get_strategy()
        adadelta = keras.optimizers.Adadelta(settings.learning_rate, rho=settings.rho, epsilon=settings.epsilon)
        # float16 rounds small gradients to 0, so the loss is scaled up before them.
        half = settings.precision == "mixed_float16"
        self.optimizer = keras.optimizers.LossScaleOptimizer(adadelta) if half else adadelta
        self.optimizer.build(self.model.trainable_variables)
        self._kernels = regularized(self.model)
        one = self.strategy.num_replicas_in_sync == 1  # else a batch comes in parts, which a signature cannot describe
        self._train, self._validate = {}, {}  # by whether a batch has unknown pixels; each is compiled when it is first called
        for unknown in (False, True):
            signature = [batch_signature(settings.size, skins=settings.classes == 3, unknown=unknown)]
            self._train[unknown] = tf.function(self._on_all, input_signature=signature if one else None)
            self._validate[unknown] = tf.function(self._validate_step, input_signature=signature)

    def train(self, batch: Tensors) -> Losses:
        """One optimizer step on a batch of `trainer.inputs.batches`; returns the losses before it."""
        return _losses(self._train["unknown" in batch](batch))

    def validate(self, batch: Tensors) -> tuple[Losses, NDArray[np.float32]]:
        """The losses of a batch and its mattes, float32 (B, S, S), 0 to 1, on one device; changes no weights."""
        sums, hair = self._validate["unknown" in batch](batch)
        return _losses(sums), hair.numpy()

    def _on_all(self, batch: Tensors) -> tf.Tensor:
        """The training step on every device, each with its part of the batch; returns the sum over devices, float32 (3,)."""
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, self.strategy.run(self._train_step, args=(batch,)), axis=None)

    def _train_step(self, batch: Tensors) -> tf.Tensor:
        with tf.GradientTape() as tape:
            masks, consistencies, _ = self._both(batch, training=True)
            penalty = self.settings.l2 * tf.add_n([tf.reduce_sum(tf.square(kernel.value)) for kernel in self._kernels])
            loss = tf.reduce_mean(masks) + self.settings.consistency * tf.reduce_mean(consistencies) + penalty
            loss = self.optimizer.scale_loss(loss / self.strategy.num_replicas_in_sync)  # the optimizer sums gradients
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)
        return _sums(masks, consistencies)

    def _validate_step(self, batch: Tensors) -> tuple[tf.Tensor, tf.Tensor]:
        masks, consistencies, hair = self._both(batch, training=False)
        return _sums(masks, consistencies), hair

    def _both(self, batch: Tensors, *, training: bool) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """L_M and L_C of each image, both float32 (B,), and its hair probability, float32 (B, S, S), 0 to 1."""
        image = network_input(batch["images"])
        truth = tf.cast(batch["masks"], tf.float32) / 255
        probabilities = self.model(image, training=training)
        hair = probabilities[..., HAIR]
        weights = inside_weights(batch["inside"], self.settings.size)
        known = tf.cast(batch["unknown"] == 0, tf.float32) if "unknown" in batch else None
        if known is not None:
            weights *= known
        if "skins" not in batch:
            mask = mask_loss(truth, hair, weights)
        else:
            skin = (
                (1 - truth) * tf.cast(batch["skins"], tf.float32) / 255
            )  # a pixel on the border between hair and skin is part of each
            mask = class_loss(tf.stack([1 - truth - skin, truth, skin], axis=-1), probabilities, weights)
        if self.settings.band:
            weights *= near_edge(truth, self.settings.band, known)
        return mask, consistency_loss(image, hair, weights), hair


def _sums(masks: tf.Tensor, consistencies: tf.Tensor) -> tf.Tensor:
    """The sums of L_M and L_C over images, and the number of images: float32 (3,)."""
    return tf.stack([tf.reduce_sum(masks), tf.reduce_sum(consistencies), tf.cast(tf.size(masks), tf.float32)])


def _losses(sums: tf.Tensor) -> Losses:
    mask, consistency, items = sums.numpy()
    return Losses(mask=float(mask / items), consistency=float(consistency / items), items=int(items))
