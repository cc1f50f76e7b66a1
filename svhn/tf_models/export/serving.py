"""The function that SavedModel, TFLite and ONNX are made of: raw uint8 pixels in, named outputs."""

from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from svhn.crops import CROP_SIZE
from svhn.tf_models.classifier import prepare_pixels

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


def crop_function(model: keras.Model) -> tf.types.experimental.PolymorphicFunction:
    """Return `answer_of` for crops of the network's own size and channels: `images`, uint8 (N, 32, 32, C)."""
    spec = tf.TensorSpec((None, CROP_SIZE, CROP_SIZE, model.input_shape[-1]), tf.uint8, name="images")
    answer = answer_of(model)
    return tf.function(lambda images: answer(images), [spec])


def save_functions(model: keras.Model, functions: dict[str, Callable], folder: Path) -> None:
    """Write a SavedModel whose signatures are `functions` of the network."""
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]  # ExportArchive would store them twice
    module.functions = functions
    tf.saved_model.save(module, str(folder), signatures=functions)
