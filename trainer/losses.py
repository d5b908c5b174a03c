"""The two losses of the paper: L = L_M + w L_C. Plain, differentiable functions on the hair probability.

Every picture counts the same, whatever its hair or its part inside the photo: an image's loss first, then the mean. So a
subset's loss does not depend on how it was cut into batches.
"""

import numpy as np
import tensorflow as tf

SMALLEST = 1e-7  # of a probability, before its logarithm
NO_EDGE = 1e-6  # a gradient shorter than this has no direction: it is float32's rounding

_SMOOTH, _STEP = np.array([1.0, 2.0, 1.0]) / 4, np.array([-1.0, 0.0, 1.0]) / 2
_SOBEL = np.stack([np.outer(_SMOOTH, _STEP), np.outer(_STEP, _SMOOTH)], axis=-1)
_SOBEL = _SOBEL[:, :, None, :].astype(np.float32)  # (3, 3, 1, 2): across, then down


def inside_weights(inside: tf.Tensor, size: int) -> tf.Tensor:
    """1.0 where a crop shows the photo, 0.0 where it reaches beyond it.

    `inside` int32 (B, 4): (top, left, bottom, right), ends exclusive, to float32 (B, size, size).
    """
    at = tf.range(size)[None, :]
    rows = (at >= inside[:, 0:1]) & (at < inside[:, 2:3])  # (B, size)
    columns = (at >= inside[:, 1:2]) & (at < inside[:, 3:4])
    return tf.cast(rows[:, :, None] & columns[:, None, :], tf.float32)


def mask_loss(truth: tf.Tensor, hair: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """L_M of each image: the binary cross entropy between mask and hair probability (section III-A), float32 (B,).

    All three float32 (B, H, W) in [0, 1]; pixels with weight 0 are left out. 0.0 for an image wholly left out.
    """
    hair = tf.clip_by_value(hair, SMALLEST, 1 - SMALLEST)
    entropy = -(truth * tf.math.log(hair) + (1 - truth) * tf.math.log1p(-hair))
    return _ratio(tf.reduce_sum(weights * entropy, (1, 2)), tf.reduce_sum(weights, (1, 2)))


def class_loss(truth: tf.Tensor, probabilities: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """L_M of each image with more classes than one: the cross entropy between labels and softmax, float32 (B,).

    `truth` and `probabilities` float32 (B, H, W, C), each pixel's summing to 1; `weights` and what is left out as in
    `mask_loss`, which is this for two classes.
    """
    entropy = -tf.reduce_sum(truth * tf.math.log(tf.maximum(probabilities, SMALLEST)), axis=3)
    return _ratio(tf.reduce_sum(weights * entropy, (1, 2)), tf.reduce_sum(weights, (1, 2)))


def near_edge(truth: tf.Tensor, reach: int) -> tf.Tensor:
    """1.0 within `reach` pixels (of a square's side) of the mask's edge, 0.0 elsewhere: float32 (B, H, W) both.

    `truth` in [0, 1]; pixels on either side of an edge are 1 away from it. All 0.0 for a mask without an edge.
    """
    size = 2 * reach + 1

    def most(values: tf.Tensor) -> tf.Tensor:  # down, then across: what a square would give, for 2 / size of its cost
        down = tf.nn.max_pool2d(values[..., None], (size, 1), 1, "SAME")
        return tf.nn.max_pool2d(down, (1, size), 1, "SAME")[..., 0]

    return tf.cast(most(truth) + most(-truth) > 0.5, tf.float32)


def consistency_loss(image: tf.Tensor, hair: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """L_C of each image: the mask-image gradient consistency loss, eq. 1 (section III-B), float32 (B,).

    `image` float32 (B, H, W, 3), RGB at any scale and offset (only the direction of its grey gradient enters); `hair` the
    probability, float32 (B, H, W); pixels count whose whole 3 x 3 neighbourhood has weight 1. Both gradients are brought
    to unit length, so that a faint edge asks as much as a strong one; only M_mag, the mask's gradient, weighs. 0.0 for a
    mask without an edge; 1.0 for an edge across a flat image.
    """
    image_x, image_y = _gradient(tf.tensordot(image, tf.constant([0.299, 0.587, 0.114]), 1))
    mask_x, mask_y = _gradient(hair)
    image_x, image_y, _ = _unit(image_x, image_y)
    mask_x, mask_y, magnitude = _unit(mask_x, mask_y)
    magnitude *= -tf.nn.max_pool2d(-weights[..., None], 3, 1, "VALID")[..., 0]
    disagreement = 1 - tf.square(image_x * mask_x + image_y * mask_y)
    return _ratio(tf.reduce_sum(magnitude * disagreement, (1, 2)), tf.reduce_sum(magnitude, (1, 2)))


def _gradient(grey: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Sobel's gradient a pixel, (B, H, W) to two (B, H - 2, W - 2): the outermost pixels have none."""
    both = tf.nn.conv2d(grey[..., None], _SOBEL, 1, "VALID")
    return both[..., 0], both[..., 1]


def _unit(x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The gradient's direction and its length; 0, 0, 0 where there is no edge."""
    square = x * x + y * y
    edge = square > NO_EDGE**2
    # The square root's slope at 0 is infinite, and infinity times the 0 of a later `where` is NaN: so replaced before it.
    length = tf.sqrt(tf.where(edge, square, 1.0))
    zero = tf.zeros_like(square)
    return tf.where(edge, x / length, zero), tf.where(edge, y / length, zero), tf.where(edge, length, zero)


def _ratio(part: tf.Tensor, whole: tf.Tensor) -> tf.Tensor:
    some = whole > 0
    return tf.where(some, part / tf.where(some, whole, 1.0), tf.zeros_like(part))
