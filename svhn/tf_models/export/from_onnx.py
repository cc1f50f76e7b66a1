"""Weights of an exported network back into its Keras model, to train it further."""

from pathlib import Path

import keras
import numpy as np

from svhn.errors import InputError
from svhn.tf_models.export.to_onnx import numpy_helper, onnx


def import_network(model: keras.Model, path: str | Path, images: np.ndarray) -> None:
    """Give a model the weights of a file of `svhn.tf_models.export.to_onnx.export_network`.

    The file has batch normalisation folded into the convolutions. It is unfolded with the statistics of `images`, so
    that the model computes what the file does, and about the same in training.

    Parameters
    ----------
    model : keras.Model
        Of the same architecture, with fresh weights.
    path : str or Path
    images : ndarray (N, H, W, 3) float32
        Such as the network learns from; some hundred.

    Raises
    ------
    InputError
        When it cannot be read or is of another architecture.
    """
    weights = _read_weights(path)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    for layer in convolutions:
        kernel, bias = (weights.get(f"{layer.name}.{part}") for part in ("weight", "bias"))
        if kernel is None or bias is None or kernel.shape[2:] + kernel.shape[1::-1] != layer.kernel.shape:
            raise InputError(f"{path}: not a network of this architecture ({layer.name}); export it again")
        layer.kernel.assign(kernel.transpose(2, 3, 1, 0))  # oihw -> hwio
        if layer.use_bias:
            layer.bias.assign(bias)
    norms = {layer.name: layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)}
    for name, norm in norms.items():
        norm.beta.assign(weights[f"{name.removesuffix('_norm')}.bias"])
        norm.moving_variance.assign(np.full(norm.moving_variance.shape, 1 - norm.epsilon, np.float32))
    # With these the model is the file's, and what comes out of its convolutions has the statistics looked for.
    outputs = keras.Model(model.input, {name: norm.input for name, norm in norms.items()}).predict(images, verbose=0)
    for name, norm in norms.items():
        mean, variance = outputs[name].mean(axis=(0, 1, 2)), outputs[name].var(axis=(0, 1, 2))
        norm.moving_mean.assign(mean)
        norm.moving_variance.assign(variance)
        norm.gamma.assign(np.sqrt(variance + norm.epsilon))
        norm.beta.assign(norm.beta + mean)


def _read_weights(path: str | Path) -> dict[str, np.ndarray]:
    try:
        proto = onnx.load(path)
    except Exception as error:  # onnx raises what protobuf and the file system do
        raise InputError(f"{path}: not a readable ONNX network ({error}); export it again") from error
    constants = ((constant.name.removesuffix(".half"), constant) for constant in proto.graph.initializer)
    return {name: numpy_helper.to_array(constant).astype(np.float32) for name, constant in constants}
