"""Random changes of a batch of crops inside TensorFlow graphs, as a pure function of a seed."""

import tensorflow as tf

from svhn.crops import LUMINANCE
from svhn.data import Augmentation


def mix_colours(images: tf.Tensor, channels: int, seed: tf.Tensor, ranges: Augmentation) -> tf.Tensor:
    """Let colour channels change places, or mix them to gray with random weights, in some of the images.

    Parameters
    ----------
    images : tf.Tensor (B, H, W, 3) float32
        RGB; the images that are not changed keep it, or become gray by its luminance.
    channels : int
        1 for gray, 3 for RGB.
    seed : tf.Tensor (2,) int64
    ranges : Augmentation

    Returns
    -------
    tf.Tensor (B, H, W, channels) float32
    """
    seeds = tf.random.experimental.stateless_split(seed, 2)
    batch = tf.shape(images)[0]
    changed = tf.random.stateless_uniform([batch, 1, 1], seeds[0]) < ranges.colour_chance
    draws = tf.random.stateless_uniform([batch, 3], seeds[1], 0.05, 1.0)
    if channels == 1:
        usual = tf.constant(LUMINANCE)[None, :, None]
        weights = (draws / tf.reduce_sum(draws, axis=1, keepdims=True))[..., None]
    else:
        usual = tf.eye(3)[None]
        weights = tf.one_hot(tf.argsort(draws, axis=1), 3)
    return tf.einsum("bhwc,bcd->bhwd", images, tf.where(changed, weights, usual))


def augment(images: tf.Tensor, seed: tf.Tensor, ranges: Augmentation, size: int | None = None) -> tf.Tensor:
    """Change a batch at random: motion, blur, cutout, contrast, brightness, inversion.

    What motion brings into view is taken from the images, as far as they are larger than `size`; beyond them their
    border is repeated.

    Parameters
    ----------
    images : tf.Tensor (B, H, W, C) float32, 0..255
    seed : tf.Tensor (2,) int64
    ranges : Augmentation
    size : int, optional
        Side in pixels of the middle part that is kept; all of it without.

    Returns
    -------
    tf.Tensor (B, size, size, C) float32, 0..255
    """
    seeds = tf.random.experimental.stateless_split(seed, 4)
    images = _blur(_move(images, seeds[0], ranges, size), seeds[1], ranges)
    mean = _mean_colour(images)
    return _relight(_cutout(images, mean, seeds[2], ranges), mean, seeds[3], ranges)


def _move(images: tf.Tensor, seed: tf.Tensor, ranges: Augmentation, size: int | None = None) -> tf.Tensor:
    batch, size = tf.shape(images)[0], size or images.shape[1]
    angle, shear, scale_x, scale_y, dx, dy = tf.unstack(tf.random.stateless_uniform([6, batch], seed, -1.0, 1.0))
    cos, sin = tf.cos(ranges.rotation * angle), tf.sin(ranges.rotation * angle)
    scale_x, scale_y = tf.exp(ranges.log_scale * scale_x), tf.exp(ranges.log_scale * scale_y)
    a, b = cos * scale_x, (ranges.shear * shear * cos - sin) * scale_y
    c, d = sin * scale_x, (ranges.shear * shear * sin + cos) * scale_y
    dx, dy = ranges.shift * size * dx, ranges.shift * size * dy
    middle = tf.cast(tf.shape(images)[1:3] - 1, tf.float32) / 2
    kept = (size - 1) / 2
    x0 = middle[1] - a * kept - b * kept + dx
    y0 = middle[0] - c * kept - d * kept + dy
    zero = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a, b, x0, c, d, y0, zero, zero], axis=1),
        output_shape=[size, size],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )


def _blur(images: tf.Tensor, seed: tf.Tensor, ranges: Augmentation) -> tf.Tensor:
    """Blur or sharpen some of the images."""
    batch = tf.shape(images)[0]
    strength, chance = tf.unstack(tf.random.stateless_uniform([2, batch, 1, 1, 1], seed))
    weight = ranges.blur * (1.5 * strength - 0.5) * tf.cast(chance < ranges.blur_chance, tf.float32)
    return images + weight * (tf.nn.avg_pool2d(images, 3, 1, "SAME") - images)


def _mean_colour(images: tf.Tensor) -> tf.Tensor:
    """Return (B, 1, 1, C). A matrix product: `reduce_mean` over the places of three channels is ten times slower."""
    batch, height, width, channels = tf.unstack(tf.shape(images))
    places = height * width
    share = tf.fill([1, places], 1 / tf.cast(places, tf.float32))
    mean = share @ tf.reshape(images, [batch, places, channels])
    return tf.reshape(mean, [batch, 1, 1, channels])


def _cutout(images: tf.Tensor, mean: tf.Tensor, seed: tf.Tensor, ranges: Augmentation) -> tf.Tensor:
    """Paint a square in the image's mean colour (B, 1, 1, C); half of it may lie outside the image."""
    batch, height, width = tf.unstack(tf.shape(images)[:3])
    x, y, chance = tf.unstack(tf.random.stateless_uniform([3, batch, 1, 1], seed))
    rows, columns = _fractions(height)[None, :, None], _fractions(width)[None, None, :]
    near = (tf.abs(rows - y) < ranges.cutout / 2) & (tf.abs(columns - x) < ranges.cutout / 2)
    covered = tf.cast(near & (chance < ranges.cutout_chance), tf.float32)[..., None]
    return images + covered * (mean - images)


def _relight(images: tf.Tensor, mean: tf.Tensor, seed: tf.Tensor, ranges: Augmentation) -> tf.Tensor:
    """Change contrast around the mean colour's own mean, then brightness, then invert some: one line, clipped."""
    draws = tf.random.stateless_uniform([3, tf.shape(images)[0], 1, 1, 1], seed, -1.0, 1.0)
    contrast, brightness, chance = tf.unstack(draws)
    mean = tf.reduce_mean(mean, axis=3, keepdims=True)
    slope = tf.exp(ranges.log_contrast * contrast)
    offset = mean * (1 - slope) + ranges.brightness * brightness
    inverted = chance < 2 * ranges.inversion_chance - 1
    slope, offset = tf.where(inverted, -slope, slope), tf.where(inverted, 255.0 - offset, offset)
    return tf.clip_by_value(images * slope + offset, 0.0, 255.0)


def _fractions(size: tf.Tensor) -> tf.Tensor:
    """Pixel centres as fractions of the side."""
    return (tf.range(tf.cast(size, tf.float32)) + 0.5) / tf.cast(size, tf.float32)
