"""A classifier as other people get it: probabilities out, compiled, and forgiving about its pixels.

Inside, networks are trained and exported as they are built: raw pixels in, logits out. Such a network is one layer of
the published model, between a look at range and channels of the pixels and a softmax. `model.summary()` says what each
layer is for by its name. All of them are Keras's own, so that the file is loaded without this project.
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from svhn.crops import LUMINANCE

# Names of the layers of a published model but for that of the network, which has its own.
TO_RAW, NAN_FOR_OTHERS, PROBABILITIES = "pixels_to_0_255", "nan_for_other_pixels", "probabilities"
# No crop of a digit is so dark that its brightest pixel is 1 of 255: pixels from 0 to 1, or -1 to 1, are meant.
# Resizing and noise may take them that far beyond.
_BEYOND = 0.2
# Pixels in 0..255 may lie beyond, too, but not by 255 (16 bit), and not while all of them differ by less than 16, as
# those do of which a mean was subtracted and that were divided by a deviation.
_FURTHEST, _STANDARDISED = 255.0, 16.0
# The logarithm of a probability that was rounded to 0 stays finite.
_LEAST = 1e-30


def publish(network: keras.Model) -> keras.Model:
    """Return a network as it is published.

    Parameters
    ----------
    network : keras.Model
        Raw pixels 0..255, float32 (N, 32, 32, 1 or 3) -> logits (N, 10).

    Returns
    -------
    keras.Model
        Pixels 0..255, 0..1 or -1..1, each crop by itself, gray or RGB whatever the network takes -> probabilities
        float32 (N, 10), NaN for a crop of other pixels, see `unknown_range`. The network is its layer `network.name`;
        it shares its weights. Compiled with sparse cross-entropy for labels 0..9, and plain gradient descent, which
        leaves nothing to be stored.
    """
    image = keras.Input(network.input_shape[1:], name="image")
    pixels, unknown = _to_raw(network.input_shape[1:])(image)
    logits = _nan_for_others(network.output_shape[1:])([network(pixels), unknown])
    model = keras.Model(image, layers.Softmax(name=PROBABILITIES)(logits), name=f"{network.name}_classifier")
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _to_raw(shape: tuple[int, ...]) -> keras.Model:
    """Return the layer from pictures to such of 0..255 with the channels of `shape`, and whether that fails."""
    image = keras.Input(shape, name="image")
    return keras.Model(image, [_with_channels(raw_pixels(image), shape[-1]), unknown_range(image)], name=TO_RAW)


def _nan_for_others(shape: tuple[int, ...]) -> keras.Model:
    """Return the layer that replaces the logits of pictures of an unknown range: Keras cannot refuse in words."""
    logits, unknown = keras.Input(shape, name="logits"), keras.Input((1, 1, 1), dtype="bool", name="unknown")
    return keras.Model([logits, unknown], ops.where(unknown[:, 0, 0], np.float32(np.nan), logits), name=NAN_FOR_OTHERS)


def raw_pixels(images: Any) -> Any:
    """Return pictures in 0..255, of pictures in 0..255, 0..1 or -1..1, each by itself.

    A picture in -1..1 without a pixel below -.2 is taken for one in 0..1: it gets twice the contrast.

    Parameters
    ----------
    images : tensor (N, H, W, C) of a float dtype, of TensorFlow or of a Keras model
    """
    darkest, brightest = _extremes(images)
    unit = ops.where(darkest < -_BEYOND, 127.5 * (images + 1), 255.0 * images)
    return ops.where(_is_unit(darkest, brightest), unit, images)


def unknown_range(images: Any) -> Any:
    """Return for each picture, bool (N, 1, 1, 1), whether its pixels are in none of the ranges of `raw_pixels`.

    So are 16 bit, pixels of which a mean was subtracted and that were divided by a deviation, and NaN. Values that
    resizing or noise takes a little outside of 0..255 are known.
    """
    darkest, brightest = _extremes(images)
    near = (darkest >= -_FURTHEST) & (brightest <= 255 + _FURTHEST)  # not so of NaN
    standardised = (darkest < 0) & (brightest - darkest < _STANDARDISED) & ~_is_unit(darkest, brightest)
    return ~near | standardised


def _extremes(images: Any) -> tuple[Any, Any]:
    """Return the darkest and the brightest value of each picture, at most and at least 0, shape (N, 1, 1, 1)."""
    options = {"axis": (1, 2, 3), "keepdims": True, "initial": 0.0}  # without crops there is none
    return ops.min(images, **options), ops.max(images, **options)


def _is_unit(darkest: Any, brightest: Any) -> Any:
    """Whether 0..1 or -1..1 is meant."""
    return (darkest >= -1 - 2 * _BEYOND) & (brightest <= 1 + _BEYOND)


def _with_channels(images: Any, channels: int) -> Any:
    """Return gray or RGB pictures as gray (channels = 1) or RGB (3), when the graph runs; it fails for others.

    Keras does not look: once `predict` has seen two shapes, it takes any, and TensorFlow's convolution computes
    something for RGBA.
    """
    rgb = images * np.ones((1, 1, 1, 3), np.float32)
    return ops.matmul(rgb, LUMINANCE[:, None].astype(np.float32)) if channels == 1 else rgb


def logits_of(model: keras.Model) -> keras.Model:
    """Return the network that gives logits, of a model that gives them or ends in a softmax.

    The network inside a published model is returned as it was; of another model that ends in a softmax layer the part
    before it; where the softmax is the activation of the last layer, its logarithm, which has the same softmax.
    """
    last = model.layers[-1]
    if isinstance(last, layers.Softmax) or _is_softmax(last, layers.Activation):
        inside = [layer for layer in model.layers if isinstance(layer, keras.Model)]
        networks = [layer for layer in inside if layer.name not in (TO_RAW, NAN_FOR_OTHERS)]
        published = last.name == PROBABILITIES and len(networks) == 1
        return networks[0] if published else keras.Model(model.input, last.input, name=model.name)
    if _is_softmax(last, layers.Dense):
        return keras.Model(model.input, ops.log(ops.maximum(model.output, _LEAST)), name=model.name)
    return model


def _is_softmax(layer: keras.Layer, kind: type[keras.Layer]) -> bool:
    return isinstance(layer, kind) and layer.activation is keras.activations.softmax
