"""Caffe's local response normalisation within channels, of layers that Keras has: no file needs this module to load."""

from typing import NamedTuple

import keras
from keras import layers, ops


class LocalResponse(NamedTuple):
    """Settings of the normalisation, as Caffe's `lrn_param` has them.

    Attributes
    ----------
    size : int
        Side of the window, odd, in pixels.
    alpha : float
        Weight of the window's mean square.
    beta : float
        Exponent.
    """

    size: int
    alpha: float
    beta: float


def local_response(shape: tuple[int, int, int], settings: LocalResponse, name: str) -> keras.Model:
    """Return a network without weights that computes Caffe's LRN with `norm_region: WITHIN_CHANNEL`.

    y = x / (1 + alpha mean(x²))^beta, the mean over the window about each pixel, its own channel alone. Pixels outside
    the image are 0 and count, so the sum is divided by size² everywhere.

    Parameters
    ----------
    shape : tuple of int
        (H, W, C).
    settings : LocalResponse
    name : str
        Of the network, which is one layer of another.

    Returns
    -------
    keras.Model
        float32 (N, H, W, C) -> the same.
    """
    x = keras.Input(shape)
    squares = layers.ZeroPadding2D(settings.size // 2, name="pad")(ops.square(x))
    mean = layers.AveragePooling2D(settings.size, 1, name="mean")(squares)
    scale = layers.Rescaling(settings.alpha, 1.0, name="scale")(mean)
    return keras.Model(x, x / ops.power(scale, settings.beta), name=name)


def settings_of(network: keras.Model) -> LocalResponse | None:
    """Return the settings of a network that `local_response` has made, or None for another one."""
    parts = {part["class_name"]: part for part in network.get_config()["layers"]}
    if set(parts) != _PARTS:
        return None
    beta = parts["Power"]["inbound_nodes"][0]["args"][1]
    size, alpha = parts["AveragePooling2D"]["config"]["pool_size"][0], parts["Rescaling"]["config"]["scale"]
    return LocalResponse(size, alpha, beta)


_PARTS = {"InputLayer", "Square", "ZeroPadding2D", "AveragePooling2D", "Rescaling", "Power", "TrueDivide"}
