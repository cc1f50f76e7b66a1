"""A network as a SavedModel, for TensorFlow Serving and everything else that reads one."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from svhn.crops import CROP_SIZE
from svhn.tf_models.classifier import decode_crop, resize_crops
from svhn.tf_models.export.serving import SIGNATURE, Answer, answer_of, checked_images, save_functions
from svhn.tf_models.export.targets import Run

ENCODED_SIGNATURE = "serve_png"
# Of the pictures that a loaded model can be called with.
_DTYPES = (tf.uint8, tf.int32, tf.int64, tf.float32, tf.float64)


class SavedModel:
    """A folder with two signatures; once it is loaded, the model can be called as well.

    `serving_default` takes `images`, uint8 (N, H, W, C) of any size, gray for C = 1 or RGB for C = 3, whatever the
    network takes; `serve_png` takes `image_bytes`, string (N,), PNG or JPEG files of any sizes. Both return
    `probabilities` float32 (N, 10), `label` int64 (N,) and `confidence` float32 (N,), the highest probability. So does
    `loaded(images)`, which also takes other integers, and floats 0..255 or 0..1. What is no such picture is refused in
    words.
    """

    suffix, marker, needs = "", "saved_model.pb", ""

    def write(self, model: keras.Model, path: Path) -> None:
        images = tf.TensorSpec((None, None, None, None), tf.uint8, name="images")
        files = tf.TensorSpec((None,), tf.string, name="image_bytes")
        crop = tf.TensorSpec((CROP_SIZE, CROP_SIZE, 3))
        # Graphs that others call are traced once; none has conditions of Python that depend on a tensor.
        answer = _compiled(_for_any_count(answer_of(model)), tf.TensorSpec((None, CROP_SIZE, CROP_SIZE, None)))
        resized = _compiled(lambda pixels: answer(resize_crops(pixels)), tf.TensorSpec((None, None, None, None)))

        def serve_png(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
            return answer(tf.map_fn(decode_crop, image_bytes, fn_output_signature=crop))

        def serve(images: tf.Tensor) -> dict[str, tf.Tensor]:
            return resized(checked_images(images))

        call = tf.function(lambda images: serve(_of_unknown_shape(images)), autograph=False)
        for dtype in _DTYPES:
            call.get_concrete_function(tf.TensorSpec(None, dtype, name="images"))
        functions = {SIGNATURE: _compiled(serve, images), ENCODED_SIGNATURE: _compiled(serve_png, files)}
        save_functions(model, functions, path, call)

    def load(self, path: Path) -> list[Run]:
        loaded = tf.saved_model.load(str(path))

        def run(rgb: np.ndarray, _: np.ndarray) -> dict[str, tf.Tensor]:
            return loaded.signatures[SIGNATURE](images=tf.constant(rgb))

        def run_encoded(rgb: np.ndarray, _: np.ndarray) -> dict[str, tf.Tensor]:
            files = tf.map_fn(tf.io.encode_png, rgb, fn_output_signature=tf.string)
            return loaded.signatures[ENCODED_SIGNATURE](image_bytes=files)

        def call(rgb: np.ndarray, _: np.ndarray) -> dict[str, tf.Tensor]:
            return loaded(rgb / np.float32(255))

        return [run, run_encoded, call]


SAVED_MODEL = SavedModel()


def _compiled(function: Callable, spec: tf.TensorSpec) -> tf.types.experimental.PolymorphicFunction:
    return tf.function(function, [spec], autograph=False)


def _of_unknown_shape(images: tf.Tensor) -> tf.Tensor:
    """Return the same pictures, of a shape that TensorFlow cannot know: so its own errors do not come before ours."""
    return tf.compat.v1.placeholder_with_default(images, None)


def _for_any_count(answer: Answer) -> Answer:
    """Let `answer` work without crops too: TensorFlow's convolutions (oneDNN) get the shape of nothing wrong."""

    def padded(crops: tf.Tensor) -> dict[str, tf.Tensor]:
        count = tf.shape(crops)[0]
        blank = tf.zeros((tf.cast(count == 0, tf.int32), CROP_SIZE, CROP_SIZE, tf.shape(crops)[3]))
        return {name: value[:count] for name, value in answer(tf.concat([crops, blank], axis=0)).items()}

    return padded
