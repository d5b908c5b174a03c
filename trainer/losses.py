"""The two losses of Levinshtein et al. 2018: L = L_M + w L_C. Plain, differentiable functions of the hair probability.

Each returns one loss per image, so that every image has the same weight in a mean, whatever its amount of hair or of padding.
So a subset's loss does not depend on how it is divided into batches. All tensors are float32 unless stated otherwise; `weights`
are 1.0 or 0.0. TensorFlow raises InvalidArgumentError or ValueError for shapes that do not match.
"""

import numpy as np
import tensorflow as tf

SMALLEST = 1e-7  # probabilities are clipped to this before their logarithm is taken
NO_EDGE = 1e-6  # a gradient shorter than this has no direction: it may be rounding of float32

_SMOOTH, _STEP = np.array([1.0, 2.0, 1.0]) / 4, np.array([-1.0, 0.0, 1.0]) / 2
_SOBEL = np.stack([np.outer(_SMOOTH, _STEP), np.outer(_STEP, _SMOOTH)], axis=-1)
_SOBEL = _SOBEL[:, :, None, :].astype(np.float32)  # (3, 3, 1, 2): horizontal, then vertical


def inside_weights(inside: tf.Tensor, size: int) -> tf.Tensor:
    """1.0 for pixels of a crop that show the photo, 0.0 for padding: float32 (B, size, size).

    `inside` int32 (B, 4): the part that shows the photo, (top, left, bottom, right) in pixels, ends exclusive.
    """
    at = tf.range(size)[None, :]
    rows = (at >= inside[:, 0:1]) & (at < inside[:, 2:3])  # (B, size)
    columns = (at >= inside[:, 1:2]) & (at < inside[:, 3:4])
    return tf.cast(rows[:, :, None] & columns[:, None, :], tf.float32)


def mask_loss(truth: tf.Tensor, hair: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """L_M of each image: the mean binary cross entropy of mask and hair probability (section III-A), (B,), 0 or more.

    `truth`, `hair` and `weights` are (B, H, W), 0 to 1. Pixels with weight 0 are left out. 0.0 for an image without any
    other pixels.
    """
    hair = tf.clip_by_value(hair, SMALLEST, 1 - SMALLEST)
    entropy = -(truth * tf.math.log(hair) + (1 - truth) * tf.math.log1p(-hair))
    return _ratio(tf.reduce_sum(weights * entropy, (1, 2)), tf.reduce_sum(weights, (1, 2)))


def class_loss(truth: tf.Tensor, probabilities: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """L_M of each image with several classes: the mean cross entropy of labels and softmax (section IV), (B,), 0 or more.

    `truth` and `probabilities` are (B, H, W, C), 0 to 1, and sum to 1 at each pixel; `weights` (B, H, W) as in `mask_loss`,
    which is the same for two classes.
    """
    entropy = -tf.reduce_sum(truth * tf.math.log(tf.maximum(probabilities, SMALLEST)), axis=3)
    return _ratio(tf.reduce_sum(weights * entropy, (1, 2)), tf.reduce_sum(weights, (1, 2)))


def near_edge(truth: tf.Tensor, reach: int, known: tf.Tensor | None = None) -> tf.Tensor:
    """1.0 within `reach` pixels of the mask's edge, 0.0 elsewhere: (B, H, W).

    `truth` (B, H, W), 0 to 1; its edge is where it crosses one half, however soft it is. Distances are along rows and columns
    (Chebyshev); the pixels on either side of an edge are 1 away from it. All 0.0 for a mask without an edge. Winnow's own
    addition to eq. 1.

    `known` (B, H, W), 1.0 or 0.0: where it is 0.0, the mask says nothing, so the border of such pixels is no edge. An edge that
    lies among them counts where both its sides are known within `reach` pixels.
    """
    size, hair = 2 * reach + 1, tf.cast(truth >= 0.5, tf.float32)
    bare = 1 - hair
    if known is not None:
        hair, bare = hair * known, bare * known

    def most(values: tf.Tensor) -> tf.Tensor:  # vertical, then horizontal: the result of a square for 2 / size of its cost
        down = tf.nn.max_pool2d(values[..., None], (size, 1), 1, "SAME")
        return tf.nn.max_pool2d(down, (1, size), 1, "SAME")[..., 0]

    return most(hair) * most(bare)  # both are in reach


def consistency_loss(image: tf.Tensor, hair: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """L_C of each image: the mask-image gradient consistency loss, eq. 1 (section III-B), (B,), 0 to 1.

    `image` (B, H, W, 3), RGB of any scale and offset, because only the direction of its grey gradient matters; `hair`
    (B, H, W), the probability, 0 to 1; `weights` (B, H, W): a pixel counts if its whole 3 x 3 neighbourhood has weight 1. Both
    gradients are normalised to unit length, so that a faint edge of the image counts as much as a strong one; M_mag, the
    magnitude of the mask's gradient, is the weight. 0.0 for a mask without an edge; 1.0 for an edge on a constant image.
    """
    image_x, image_y = _gradient(tf.tensordot(image, tf.constant([0.299, 0.587, 0.114]), 1))
    mask_x, mask_y = _gradient(hair)
    image_x, image_y, _ = _unit(image_x, image_y)
    mask_x, mask_y, magnitude = _unit(mask_x, mask_y)
    magnitude *= -tf.nn.max_pool2d(-weights[..., None], 3, 1, "VALID")[..., 0]
    disagreement = 1 - tf.square(image_x * mask_x + image_y * mask_y)
    return _ratio(tf.reduce_sum(magnitude * disagreement, (1, 2)), tf.reduce_sum(magnitude, (1, 2)))


def _gradient(grey: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Sobel's gradient per pixel, horizontal and vertical: (B, H, W) to two of (B, H - 2, W - 2), without the border."""
    both = tf.nn.conv2d(grey[..., None], _SOBEL, 1, "VALID")
    return both[..., 0], both[..., 1]


def _unit(x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The gradient's direction (x, y) of length 1, and its magnitude; 0, 0, 0 where there is no edge. All of x's shape."""
    square = x * x + y * y
    edge = square > NO_EDGE**2
    # The square root's slope at 0 is infinite, and infinity times the 0 of a later `where` is NaN. So 0 is replaced first.
    length = tf.sqrt(tf.where(edge, square, 1.0))
    zero = tf.zeros_like(square)
    return tf.where(edge, x / length, zero), tf.where(edge, y / length, zero), tf.where(edge, length, zero)


def _ratio(part: tf.Tensor, whole: tf.Tensor) -> tf.Tensor:
    """part / whole, and 0.0 where whole is 0."""
    some = whole > 0
    return tf.where(some, part / tf.where(some, whole, 1.0), tf.zeros_like(part))
