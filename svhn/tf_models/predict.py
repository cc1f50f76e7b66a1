"""Use a saved model: a `.keras` file or a SavedModel folder."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from svhn.errors import InputError
from svhn.tf_models.export import SIGNATURE, prepare_pixels

BATCH = 256


def load_classifier(path: str | Path) -> Callable[[np.ndarray], np.ndarray]:
    """Load a digit classifier.

    Parameters
    ----------
    path : str or Path
        A `.keras` file or a SavedModel folder of this project.

    Returns
    -------
    callable
        uint8 (N, 32, 32, 3) RGB -> probabilities float32 (N, 10).
    """
    path = Path(path)
    try:
        predict = _from_keras(path) if path.suffix == ".keras" else _from_saved_model(path)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: not a readable model of this project ({error})") from error

    def classify(images: np.ndarray) -> np.ndarray:
        parts = [predict(tf.constant(images[i : i + BATCH])).numpy() for i in range(0, len(images), BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, 10), np.float32)

    return classify


def _from_keras(path: Path) -> Callable[[tf.Tensor], tf.Tensor]:
    return probabilities_of(keras.models.load_model(path, compile=False))


def _from_saved_model(path: Path) -> Callable[[tf.Tensor], tf.Tensor]:
    loaded = tf.saved_model.load(str(path))
    serve = loaded.signatures[SIGNATURE]

    def predict(images: tf.Tensor) -> tf.Tensor:
        return serve(images=images)["probabilities"]

    predict.keep = loaded  # the signature does not keep its variables alive
    return predict


def probabilities_of(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Compile uint8 (N, 32, 32, 1 or 3) -> probabilities (N, 10) for a network of `build_graph`."""
    channels = model.input_shape[-1]

    @tf.function(reduce_retracing=True)
    def predict(images: tf.Tensor) -> tf.Tensor:
        return tf.nn.softmax(model(prepare_pixels(images, channels), training=False))

    return predict
