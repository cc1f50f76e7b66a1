"""The training input: batches and augmentation as a pure function of seed and iteration.

Nothing here has state, so a run resumes at any iteration with the very batches it would have had.
"""

import tensorflow as tf

from svhn.data import AUGMENTATION, SOURCES, Split
from svhn.tf_models.classifier.augment import augment, mix_colours
from svhn.tf_models.classifier.config import TrainConfig
from svhn.tf_models.classifier.pixels import prepare_pixels

# Of the cipher that orders an epoch. With TensorFlow's default of 4, epochs that follow each other have much in common.
ROUNDS = 8


def training_batches(
    splits: dict[str, Split],
    config: TrainConfig,
    channels: int,
    start: int,
    stop: int,
) -> tf.data.Dataset:
    """Return the batches of iterations `start` to `stop` - 1.

    Every batch holds the same number of digits of each split of the mix. In an epoch of its own every split shows
    each digit once, in a new order. Augmentation moves wide crops, where all splits have them, and then takes their
    middles.

    Parameters
    ----------
    splits : dict[str, Split]
        At least those of `config.mix`.
    config : TrainConfig
    channels : int
        1 for gray, 3 for RGB.
    start, stop : int

    Returns
    -------
    tf.data.Dataset
        Of (float32 (B, H, W, channels) in 0..255, int64 (B,)).
    """
    size = splits[next(iter(config.counts))].rgb.shape[1]
    wide = config.augmentation and all(splits[name].wide is not None for name in config.counts)
    parts = [
        (count, SOURCES.index(name), tf.constant(split.wide if wide else split.rgb), tf.constant(split.labels))
        for name, count in config.counts.items()
        for split in (splits[name],)
    ]

    def batch(iteration: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        chosen = [_take(*part, config.seed, iteration) for part in parts]
        pixels, labels = (tf.concat(columns, axis=0) for columns in zip(*chosen, strict=True))
        if not config.augmentation:
            return prepare_pixels(pixels, channels), labels
        seeds = tf.random.experimental.stateless_split(tf.stack([tf.constant(config.seed, tf.int64), iteration]), 2)
        pixels = mix_colours(tf.cast(pixels, tf.float32), channels, seeds[0], AUGMENTATION)
        return augment(pixels, seeds[1], AUGMENTATION, size), labels

    batches = tf.data.Dataset.range(start, stop).map(batch, num_parallel_calls=2, deterministic=True)
    return batches.prefetch(4)


def _take(
    count: int, number: int, images: tf.Tensor, labels: tf.Tensor, seed: int, iteration: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the `count` digits of one split for an iteration; `number` keeps the orders of two splits apart."""
    size = int(images.shape[0])
    position = iteration * count + tf.range(count, dtype=tf.int64)
    epoch = tf.cast(position // size, tf.int32)
    keys = tf.stack([tf.fill([count], seed), epoch, tf.fill([count], number)], axis=1)
    last = tf.constant(size - 1, tf.int64)
    chosen = tf.raw_ops.RandomIndexShuffle(index=position % size, seed=keys, max_index=last, rounds=ROUNDS)
    return tf.gather(images, chosen), tf.gather(labels, chosen)
