"""A copy of a run's network in operations that both exporters support."""

from typing import Any

import keras
import tensorflow as tf
from keras import layers


class NearestUpsampling(layers.Layer):  # type: ignore[misc] # Keras has no types
    """Keras' nearest UpSampling2D by a factor of 2 as one TensorFlow operation, with the same results.

    Keras' own five become 30 tile, reshape and transpose operations in a Core ML program; these become 5 upsamplings.
    """

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Each pixel repeated in a 2 x 2 block: (B, H, W, C) to (B, 2 H, 2 W, C)."""
        return tf.raw_ops.ResizeNearestNeighbor(images=x, size=[2 * x.shape[1], 2 * x.shape[2]], half_pixel_centers=False)

    def compute_output_shape(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """The output's shape, (B, 2 H, 2 W, C)."""
        return (shape[0], 2 * shape[1], 2 * shape[2], shape[3])


def for_device(model: keras.Model) -> keras.Model:
    """A copy of the network with the same weights and results, in operations that devices have."""
    copy = keras.models.clone_model(model, clone_function=_swapped)
    copy.set_weights(model.get_weights())
    return copy


def _swapped(layer: layers.Layer) -> layers.Layer:
    if isinstance(layer, layers.UpSampling2D) and layer.interpolation == "nearest":
        return NearestUpsampling(name=layer.name)
    return type(layer).from_config(layer.get_config())
