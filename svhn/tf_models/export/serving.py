"""The function that SavedModel, TFLite and ONNX are made of: raw uint8 pixels in, named outputs."""

from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from svhn.crops import CROP_SIZE
from svhn.tf_models.classifier import prepare_pixels, raw_pixels

SIGNATURE = "serving_default"

Answer = Callable[[tf.Tensor], dict[str, tf.Tensor]]


def answer_of(model: keras.Model) -> Answer:
    """Return the function from crops (N, 32, 32, 1 or 3) in 0..255 to the named outputs.

    They are `probabilities` float32 (N, 10), `label` int64 (N,) and `confidence` float32 (N,), the highest probability.
    """
    channels = model.input_shape[-1]

    def answer(crops: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = model(prepare_pixels(crops, channels), training=False)
        probabilities = tf.nn.softmax(logits)
        confidence = tf.reduce_max(probabilities, axis=1)
        return {"probabilities": probabilities, "label": tf.argmax(logits, axis=1), "confidence": confidence}

    return answer


def crop_function(model: keras.Model, channels: int | None = None) -> tf.types.experimental.PolymorphicFunction:
    """Return `answer_of` for crops of the network's own size: `images`, uint8 (N, 32, 32, C).

    Parameters
    ----------
    model : keras.Model
    channels : int, optional
        C; by default gray and colour are both taken.
    """
    spec = tf.TensorSpec((None, CROP_SIZE, CROP_SIZE, channels), tf.uint8, name="images")
    answer = answer_of(model)
    return tf.function(lambda images: answer(images), [spec], autograph=False)


def checked_images(images: tf.Tensor) -> tf.Tensor:
    """Return pictures of any dtype as float32 (N, H, W, C) in 0..255, in a graph that refuses others in words.

    Parameters
    ----------
    images : tf.Tensor (N, H, W, 1 or 3)
        Integers 0..255; floats 0..255, or 0..1 where none is above 1.

    Raises
    ------
    tf.errors.InvalidArgumentError
        When the graph runs: for other shapes and other values, with what was expected and received.
    """
    wanted = "images: expected (N, H, W, 1) gray or (N, H, W, 3) RGB, channels last, received the shape"
    with tf.control_dependencies([tf.debugging.Assert(tf.equal(tf.rank(images), 4), [wanted, tf.shape(images)])]):
        images = tf.ensure_shape(tf.identity(images), (None, None, None, None))
    channels = tf.shape(images)[3]
    right = tf.debugging.Assert(tf.logical_or(channels == 1, channels == 3), [wanted, tf.shape(images)])
    with tf.control_dependencies([right]):
        pixels = tf.cast(tf.identity(images), tf.float32)
    raw = raw_pixels(pixels) if images.dtype.is_floating else pixels
    if images.dtype != tf.uint8:
        inside = tf.reduce_all((pixels >= 0) & (raw <= 255))
        values = "images: expected pixels 0 to 255, or floats 0 to 1, received values outside, or that are no numbers"
        with tf.control_dependencies([tf.debugging.Assert(inside, [values])]):
            raw = tf.identity(raw)
    return raw


def save_functions(
    model: keras.Model, functions: dict[str, Callable], folder: Path, call: Callable | None = None
) -> None:
    """Write a SavedModel whose signatures are `functions` of the network, and which can be called as `call`."""
    module = tf.Module()
    if call is not None:
        module.__call__ = call
    module.weights = [variable.value for variable in model.variables]  # ExportArchive would store them twice
    module.functions = functions
    tf.saved_model.save(module, str(folder), signatures=functions)
