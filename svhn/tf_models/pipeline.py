"""The training input: batches and augmentation as a pure function of seed and iteration.

Nothing here has state, so a run resumes at any iteration with the very batches it would have had.
"""

import numpy as np
import tensorflow as tf

from svhn.data.augmentation import AUGMENTATION, Augmentation


def training_batches(
    images: np.ndarray,
    labels: np.ndarray,
    batch_size: int,
    seed: int,
    start: int,
    stop: int,
    augmentation: bool,
) -> tf.data.Dataset:
    """Return the batches of iterations `start` to `stop` - 1.

    Every epoch visits each image once, in an order of its own.

    Parameters
    ----------
    images : ndarray (N, H, W, C) uint8
    labels : ndarray (N,) int64
    batch_size, seed, start, stop : int
    augmentation : bool

    Returns
    -------
    tf.data.Dataset
        Of (float32 (B, H, W, C) in 0..255, int64 (B,)).
    """
    images, labels = tf.constant(images), tf.constant(labels)
    count = int(images.shape[0])

    def batch(iteration: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        position = iteration * batch_size + tf.range(batch_size, dtype=tf.int64)
        epoch = tf.cast(position // count, tf.int32)
        keys = tf.stack([tf.fill([batch_size], seed), epoch, tf.fill([batch_size], 1)], axis=1)
        last = tf.constant(count - 1, tf.int64)
        chosen = tf.raw_ops.RandomIndexShuffle(index=position % count, seed=keys, max_index=last)
        pixels = tf.cast(tf.gather(images, chosen), tf.float32)
        if augmentation:
            pixels = augment(pixels, tf.stack([tf.constant(seed, tf.int64), iteration]), AUGMENTATION)
        return pixels, tf.gather(labels, chosen)

    batches = tf.data.Dataset.range(start, stop).map(batch, num_parallel_calls=2, deterministic=True)
    return batches.prefetch(4)


def augment(images: tf.Tensor, seed: tf.Tensor, ranges: Augmentation) -> tf.Tensor:
    """Change a batch at random: float32 (B, H, W, C) in 0..255 -> the same.

    Affine motion with the border repeated, cutout, contrast, brightness and inversion.
    """
    seeds = tf.random.experimental.stateless_split(seed, 4)
    images = _cutout(_move(images, seeds[0], ranges), seeds[1], ranges)
    shape = [tf.shape(images)[0], 1, 1, 1]
    contrast, brightness = tf.unstack(tf.random.stateless_uniform([2, *shape], seeds[2], -1.0, 1.0))
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    images = (images - mean) * tf.exp(ranges.log_contrast * contrast) + mean + ranges.brightness * brightness
    inverted = tf.random.stateless_uniform(shape, seeds[3]) < ranges.inversion_chance
    images = tf.where(inverted, 255.0 - images, images)
    return tf.clip_by_value(images, 0.0, 255.0)


def _move(images: tf.Tensor, seed: tf.Tensor, ranges: Augmentation) -> tf.Tensor:
    batch, size = tf.shape(images)[0], tf.shape(images)[1:3]
    angle, shear, scale_x, scale_y, dx, dy = tf.unstack(tf.random.stateless_uniform([6, batch], seed, -1.0, 1.0))
    cos, sin = tf.cos(ranges.rotation * angle), tf.sin(ranges.rotation * angle)
    scale_x, scale_y = tf.exp(ranges.log_scale * scale_x), tf.exp(ranges.log_scale * scale_y)
    a, b = cos * scale_x, (ranges.shear * shear * cos - sin) * scale_y
    c, d = sin * scale_x, (ranges.shear * shear * sin + cos) * scale_y
    middle = tf.cast(size - 1, tf.float32) / 2
    dx, dy = (
        ranges.shift * dx * tf.cast(size[1], tf.float32),
        ranges.shift * dy * tf.cast(size[0], tf.float32),
    )
    x0 = middle[1] - a * middle[1] - b * middle[0] + dx
    y0 = middle[0] - c * middle[1] - d * middle[0] + dy
    zero = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a, b, x0, c, d, y0, zero, zero], axis=1),
        output_shape=size,
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )


def _cutout(images: tf.Tensor, seed: tf.Tensor, ranges: Augmentation) -> tf.Tensor:
    """Paint a square in the image's mean colour; half of it may lie outside the image."""
    batch, height, width = tf.unstack(tf.shape(images)[:3])
    x, y, chance = tf.unstack(tf.random.stateless_uniform([3, batch, 1, 1], seed))
    rows, columns = _fractions(height)[None, :, None], _fractions(width)[None, None, :]
    near = (tf.abs(rows - y) < ranges.cutout / 2) & (tf.abs(columns - x) < ranges.cutout / 2)
    covered = (near & (chance < ranges.cutout_chance))[..., None]
    return tf.where(covered, tf.reduce_mean(images, axis=[1, 2], keepdims=True), images)


def _fractions(size: tf.Tensor) -> tf.Tensor:
    """Pixel centres as fractions of the side."""
    return (tf.range(tf.cast(size, tf.float32)) + 0.5) / tf.cast(size, tf.float32)
