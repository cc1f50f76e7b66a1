"""SavedModel: the exchange format, with raw uint8 pixels in and named outputs."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from svhn.crops import CROP_SIZE, LUMINANCE
from svhn.files import replacing_folder

SIGNATURE = "serving_default"


def export_saved_model(model: keras.Model, folder: str | Path) -> None:
    """Write a network of `build_graph` as a SavedModel and check that it gives the network's own outputs.

    The signature `serving_default` takes `images`, uint8 (N, 32, 32, C), gray for C = 1 or RGB for C = 3, and
    returns `probabilities`, float32 (N, 10), and `label`, int64 (N,).

    Parameters
    ----------
    model : keras.Model
        Raw pixels 0..255 -> logits.
    folder : str or Path
        Written whole or not at all.
    """
    with replacing_folder(folder) as temporary:
        module = tf.Module()
        module.weights = [variable.value for variable in model.variables]  # ExportArchive would store them twice
        module.serve = tf.function(_served(model), input_signature=[_signature()])
        tf.saved_model.save(module, str(temporary), signatures={SIGNATURE: module.serve})
        _check(model, temporary)


def prepare_pixels(images: tf.Tensor, channels: int) -> tf.Tensor:
    """Turn uint8 (N, H, W, 1 or 3) into the float32 (N, H, W, channels) in 0..255 that a network takes."""
    rgb = tf.broadcast_to(tf.cast(images, tf.float32), tf.concat([tf.shape(images)[:3], [3]], axis=0))
    if channels == 3:
        return rgb
    return tf.round(tf.tensordot(rgb, tf.constant(LUMINANCE), 1))[..., None]


def _signature() -> tf.TensorSpec:
    return tf.TensorSpec((None, CROP_SIZE, CROP_SIZE, None), tf.uint8, name="images")


def _served(model: keras.Model):
    channels = model.input_shape[-1]

    def serve(images: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = model(prepare_pixels(images, channels), training=False)
        return {"probabilities": tf.nn.softmax(logits), "label": tf.argmax(logits, axis=1)}

    return serve


def _check(model: keras.Model, folder: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, CROP_SIZE, CROP_SIZE, 3), np.uint8)
    served = tf.saved_model.load(str(folder)).signatures[SIGNATURE](images=tf.constant(images))
    expected = _served(model)(tf.constant(images))
    if not np.allclose(served["probabilities"], expected["probabilities"], atol=1e-5):
        raise RuntimeError(f"{folder}: the exported model does not give the network's outputs")
