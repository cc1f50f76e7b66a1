"""A network as a TFLite file, for phones and small machines."""

import tempfile
import warnings
from pathlib import Path

import keras
import tensorflow as tf

from svhn.tf_models.export.serving import SIGNATURE, crop_function, save_functions
from svhn.tf_models.export.targets import Run


class TFLite:
    """A file whose signature `serving_default` is the SavedModel's, for crops of the network's own size and channels.

    `images` is uint8 (N, 32, 32, C).
    """

    suffix, marker, needs = ".tflite", "", ""

    def write(self, model: keras.Model, path: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            save_functions(model, {SIGNATURE: crop_function(model)}, Path(folder))
            converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
            path.write_bytes(converter.convert())

    def load(self, path: Path) -> list[Run]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated")
            run = tf.lite.Interpreter(model_path=str(path)).get_signature_runner(SIGNATURE)
        return [lambda _, pixels: run(images=pixels)]


TFLITE = TFLite()
