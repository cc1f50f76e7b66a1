"""A network as a TFLite file, for phones and small machines."""

import tempfile
import warnings
from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.lite.tools import flatbuffer_utils

from svhn.tf_models.export.serving import SIGNATURE, crop_function, save_functions
from svhn.tf_models.export.targets import Run


class TFLite:
    """A file whose signature `serving_default` is the SavedModel's, for crops of the network's own size.

    `images` is uint8 (N, 32, 32, 1 or 3), gray or RGB, whatever the network takes: TFLite itself does not check it, and
    would give other answers without a word. Whoever sets no shape gets one crop with the network's own channels.
    """

    suffix, marker, needs = ".tflite", "", ""

    def write(self, model: keras.Model, path: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            save_functions(model, {SIGNATURE: crop_function(model)}, Path(folder))
            converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
            path.write_bytes(_with_input_shape(converter.convert(), model.input_shape[1:]))

    def load(self, path: Path) -> list[Run]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated")
            run = tf.lite.Interpreter(model_path=str(path)).get_signature_runner(SIGNATURE)
        return [lambda _, pixels: run(images=pixels)]


TFLITE = TFLite()


def _with_input_shape(content: bytes, shape: tuple[int, ...]) -> bytes:
    """Return a TFLite file whose input has this shape (H, W, C), for one crop, until another one is set."""
    file = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    for graph in file.subgraphs:
        for place in graph.inputs:
            graph.tensors[place].shape = [1, *shape]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(file))
