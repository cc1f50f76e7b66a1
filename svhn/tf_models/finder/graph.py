"""The finder's network: fully convolutional, so that it takes pictures of any size in steps of 16 pixels."""

import keras
from keras import layers

from svhn.finder import LAYOUT

# Objectness starts low, because nearly all cells hold no digit.
FIRST_OBJECTNESS = -4.0


def build_finder(channels: tuple[int, int, int, int] = (16, 24, 48, 96), head: int = 32) -> keras.Model:
    """Build the network with fresh weights.

    It is small, because it sees every pixel of a photo: what it proposes, the refiner judges.

    Parameters
    ----------
    channels : tuple of int
        At strides 2, 4, 8 and 16.
    head : int
        Channels of the layer before the answer.

    Returns
    -------
    keras.Model
        float32 (N, H, W, 3) RGB in 0..255, sides in steps of 16 -> float32 (N, H / 4, W / 4, 15): objectness logit,
        ten class logits, and the box as (x, y, width, height) in the form of `svhn.finder.search.decode`.
    """
    inputs = keras.Input((None, None, 3), name="image")
    x = layers.Rescaling(1 / 64, -2.0, name="normalisation")(inputs)
    x = convolve(x, channels[0], "stem", strides=2)
    fine = residual(convolve(x, channels[1], "down4", strides=2), "block4")
    middle = convolve(fine, channels[2], "down8", strides=2)
    middle = residual(residual(middle, "block8a"), "block8b")
    coarse = convolve(middle, channels[3], "down16", strides=2)
    coarse = residual(residual(coarse, "block16a"), "block16b")
    middle = _merge(middle, coarse, "merge8")
    fine = _merge(fine, middle, "merge4")
    x = convolve(fine, head, "head")
    bias = keras.initializers.Constant([FIRST_OBJECTNESS] + [0.0] * (LAYOUT.channels - 1))
    x = layers.Conv2D(LAYOUT.channels, 1, bias_initializer=bias, name="answer")(x)
    return keras.Model(inputs, x, name="finder")


def convolve(x, filters: int, name: str, size: int = 3, strides: int = 1, relu: bool = True):
    x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False, name=name)(x)
    x = layers.BatchNormalization(momentum=0.98, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x


def residual(x, name: str):
    y = convolve(x, x.shape[-1], f"{name}_1")
    y = convolve(y, x.shape[-1], f"{name}_2", relu=False)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_sum")([x, y]))


def _merge(fine, coarse, name: str):
    """Bring what the coarse layer knows to the fine one."""
    coarse = convolve(coarse, fine.shape[-1], f"{name}_lift", size=1, relu=False)
    coarse = layers.UpSampling2D(2, name=f"{name}_up")(coarse)
    return convolve(layers.Add(name=f"{name}_sum")([fine, coarse]), fine.shape[-1], name)
