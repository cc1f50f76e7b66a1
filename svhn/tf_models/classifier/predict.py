"""Use a saved model: a `.keras` file, a SavedModel folder or a TFLite file."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from svhn.alphabet import NUM_CLASSES
from svhn.crops import CROP_SIZE
from svhn.errors import InputError
from svhn.tf_models.classifier.pixels import prepare_pixels
from svhn.tf_models.classifier.published import logits_of
from svhn.tf_models.export import SIGNATURE, TARGETS

BATCH = 256
_TFLITE = ".tflite"


def load_classifier(path: str | Path) -> Callable[[np.ndarray], np.ndarray]:
    """Load a digit classifier.

    Parameters
    ----------
    path : str or Path
        A `.keras` file, a SavedModel folder or a `.tflite` file of this project.

    Returns
    -------
    callable
        uint8 (N, 32, 32, 3) RGB -> probabilities float32 (N, 10).

    Raises
    ------
    InputError
        When the model is missing, damaged, or of another kind.
    """
    path = Path(path)
    try:
        predict = _reader_of(path)
        shape = predict(tf.zeros((1, CROP_SIZE, CROP_SIZE, 3), tf.uint8)).shape
        if shape != (1, NUM_CLASSES):
            raise ValueError(f"expected (1, {NUM_CLASSES}) probabilities for one crop, received {shape}")
    except Exception as error:  # a damaged file makes Keras and TensorFlow raise almost anything
        raise InputError(f"{path}: not a readable model of this project ({error})") from error

    def classify(images: np.ndarray) -> np.ndarray:
        parts = [predict(tf.constant(images[i : i + BATCH])).numpy() for i in range(0, len(images), BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, NUM_CLASSES), np.float32)

    return classify


def load_network(path: str | Path) -> keras.Model:
    """Load the Keras network of a `.keras` file: float32 (N, 32, 32, 1 or 3) in 0..255 -> logits (N, 10).

    Of a model that ends in a softmax the network before it is loaded, see `svhn.tf_models.classifier.logits_of`.

    Raises
    ------
    InputError
        When the file is missing, damaged, or holds a network of another kind.
    """
    path = Path(path)
    if path.is_dir() or path.suffix == _TFLITE:
        raise InputError(f"{path}: there is no Keras network in it; give the .keras file that it came from")
    try:
        model = logits_of(_read_keras(path))
        shapes = (model.input_shape, model.output_shape)
        if shapes not in [((None, CROP_SIZE, CROP_SIZE, channels), (None, NUM_CLASSES)) for channels in (1, 3)]:
            raise ValueError(f"expected crops of {CROP_SIZE} x {CROP_SIZE} to {NUM_CLASSES} logits, received {shapes}")
    except Exception as error:  # a damaged file makes Keras raise almost anything
        raise InputError(f"{path}: not a readable network of this project ({error})") from error
    return model


def _reader_of(path: Path) -> Callable[[tf.Tensor], tf.Tensor]:
    if path.suffix == ".keras":
        return probabilities_of(logits_of(_read_keras(path)))
    return _read_tflite(path) if path.suffix == _TFLITE else _SavedModel(path)


def _read_tflite(path: Path) -> Callable[[tf.Tensor], tf.Tensor]:
    (run,) = TARGETS["tflite"].load(path)
    return lambda images: tf.constant(run(images.numpy(), images.numpy())["probabilities"])


def _read_keras(path: Path) -> keras.Model:
    with zipfile.ZipFile(path) as archive:  # Keras does not look at the checksums
        if damaged := archive.testzip():
            raise ValueError(f"{damaged} in it is damaged")
    return keras.models.load_model(path, compile=False)


class _SavedModel:
    """A SavedModel as a function. It is kept as a whole: its signature does not keep its variables alive."""

    def __init__(self, path: Path):
        self._loaded = tf.saved_model.load(str(path))
        self._serve = self._loaded.signatures[SIGNATURE]

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        return self._serve(images=images)["probabilities"]


def probabilities_of(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Compile uint8 (N, 32, 32, 1 or 3) -> probabilities (N, 10) for a network of `build_graph`."""
    channels = model.input_shape[-1]

    @tf.function(reduce_retracing=True, autograph=False)
    def predict(images: tf.Tensor) -> tf.Tensor:
        return tf.nn.softmax(model(prepare_pixels(images, channels), training=False))

    return predict
