"""From the pixels that files and requests hold to the pixels that a network takes, inside TensorFlow graphs."""

import tensorflow as tf

from svhn.crops import CROP_SIZE, LUMINANCE


def prepare_pixels(images: tf.Tensor, channels: int) -> tf.Tensor:
    """Turn (N, H, W, 1 or 3) in 0..255, any dtype, into the float32 (N, H, W, channels) that a network takes."""
    if images.shape[-1] == channels:
        return tf.cast(images, tf.float32)
    rgb = tf.broadcast_to(tf.cast(images, tf.float32), tf.concat([tf.shape(images)[:3], [3]], axis=0))
    if channels == 3:
        return rgb
    return tf.round(tf.tensordot(rgb, tf.constant(LUMINANCE[:, None]), 1))


def decode_crop(content: tf.Tensor) -> tf.Tensor:
    """Decode one PNG or JPEG of any size, scalar string, and resize it to float32 (32, 32, 3) RGB in 0..255.

    Gray is repeated, alpha left out, 16 bit rounded to 8, as `svhn.photos.photo.read_rgb` does it. EXIF orientation is
    not looked at.
    """
    rgb = tf.cond(tf.io.is_jpeg(content), lambda: _decode_jpeg(content), lambda: _decode_png(content))
    return resize_crops(rgb[None])[0]


def _decode_jpeg(content: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")


def _decode_png(content: tf.Tensor) -> tf.Tensor:
    deep = tf.io.decode_png(content, channels=3, dtype=tf.uint16)  # 8 bit comes as multiples of 257
    return tf.cast(tf.round(tf.cast(deep, tf.float32) / 257), tf.uint8)


def resize_crops(images: tf.Tensor) -> tf.Tensor:
    """Resize (N, H, W, C) in 0..255, any dtype, to float32 (N, 32, 32, C) by antialiased bicubic interpolation.

    Images of 32 x 32 pass unchanged. The others become whole numbers, at most one grey level off Pillow's, which
    `svhn.crops.crop_digit` uses: Pillow sometimes takes columns first, and each pass is rounded. Two matrix products
    do it, because TFLite and ONNX know no antialiased resize.
    """
    images = tf.cast(images, tf.float32)
    if tuple(images.shape[1:3]) == (CROP_SIZE, CROP_SIZE):
        return images
    height, width, channels = tf.unstack(tf.shape(images)[1:])
    rows = tf.reshape(images, (-1, width, channels))
    rows = _round(_bicubic_weights(width) @ rows)  # N * H, 32, C
    columns = tf.reshape(rows, (-1, height, CROP_SIZE * channels))
    columns = _round(_bicubic_weights(height) @ columns)  # N, 32, 32 * C
    return tf.reshape(columns, (-1, CROP_SIZE, CROP_SIZE, channels))


def _bicubic_weights(size: tf.Tensor) -> tf.Tensor:
    """Return float32 (32, size): how much each of `size` pixels counts in each of 32; the identity for 32.

    Keys' cubic with a = -0.5, stretched when pixels get fewer, and normalised at the edges.
    """
    size = tf.cast(size, tf.float32)
    scale = size / CROP_SIZE
    centres = (tf.range(CROP_SIZE, dtype=tf.float32)[:, None] + 0.5) * scale
    x = tf.abs(tf.range(size) + 0.5 - centres) / tf.maximum(scale, 1.0)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    weights = tf.where(x < 1, near, tf.where(x < 2, far, tf.zeros_like(x)))
    return weights / tf.reduce_sum(weights, axis=1, keepdims=True)


def _round(values: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(tf.floor(values + 0.5), 0.0, 255.0)
