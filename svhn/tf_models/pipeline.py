"""The training input: batches and augmentation as a pure function of seed and iteration.

Nothing here has state, so a run resumes at any iteration with the very batches it would have had.
"""

import numpy as np
import tensorflow as tf

# Largest random change, either way.
ROTATION = 0.26  # radians, 15 degrees
SHEAR = 0.25
LOG_SCALE = 0.18
SHIFT = 3.0  # pixels
LOG_CONTRAST = 0.5
BRIGHTNESS = 40.0  # grey levels
CUTOUT = 8  # pixels, side of the square
CUTOUT_CHANCE = 0.5


def training_batches(
    images: np.ndarray, labels: np.ndarray, batch_size: int, seed: int, start: int, stop: int, augmentation: bool
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
            pixels = augment(pixels, tf.stack([tf.constant(seed, tf.int64), iteration]))
        return pixels, tf.gather(labels, chosen)

    batches = tf.data.Dataset.range(start, stop).map(batch, num_parallel_calls=2, deterministic=True)
    return batches.prefetch(4)


def augment(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Change a batch at random: float32 (B, H, W, C) in 0..255 -> the same.

    Affine motion with the border repeated, contrast, brightness, inversion for half of the images, cutout. There
    are no flips: a mirrored digit is another digit, or none.
    """
    seeds = tf.random.experimental.stateless_split(seed, 4)
    images = _move(images, seeds[0])
    images = _cutout(images, seeds[1])
    batch = tf.shape(images)[0]
    contrast, brightness, inversion = tf.unstack(
        tf.random.stateless_uniform([3, batch, 1, 1, 1], seeds[2], -1.0, 1.0)
    )
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    images = (images - mean) * tf.exp(LOG_CONTRAST * contrast) + mean + BRIGHTNESS * brightness
    images = tf.where(inversion > 0, 255.0 - images, images)
    return tf.clip_by_value(images, 0.0, 255.0)


def _move(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    batch, size = tf.shape(images)[0], tf.shape(images)[1:3]
    angle, shear, scale_x, scale_y, dx, dy = tf.unstack(tf.random.stateless_uniform([6, batch], seed, -1.0, 1.0))
    cos, sin = tf.cos(ROTATION * angle), tf.sin(ROTATION * angle)
    scale_x, scale_y = tf.exp(LOG_SCALE * scale_x), tf.exp(LOG_SCALE * scale_y)
    a, b = cos * scale_x, (SHEAR * shear * cos - sin) * scale_y
    c, d = sin * scale_x, (SHEAR * shear * sin + cos) * scale_y
    middle = tf.cast(size - 1, tf.float32) / 2
    x0 = middle[1] - a * middle[1] - b * middle[0] + SHIFT * dx
    y0 = middle[0] - c * middle[1] - d * middle[0] + SHIFT * dy
    zero = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a, b, x0, c, d, y0, zero, zero], axis=1),
        output_shape=size,
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )


def _cutout(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Paint a square in the image's mean colour; half of it may lie outside the image."""
    shape = tf.shape(images)
    x, y, chance = tf.unstack(tf.random.stateless_uniform([3, shape[0], 1, 1], seed))
    rows, columns = tf.range(shape[1], dtype=tf.float32), tf.range(shape[2], dtype=tf.float32)
    near_y = tf.abs(rows[None, :, None] - y * tf.cast(shape[1], tf.float32)) < CUTOUT / 2
    near_x = tf.abs(columns[None, None, :] - x * tf.cast(shape[2], tf.float32)) < CUTOUT / 2
    covered = (near_y & near_x & (chance < CUTOUT_CHANCE))[..., None]
    return tf.where(covered, tf.reduce_mean(images, axis=[1, 2], keepdims=True), images)
