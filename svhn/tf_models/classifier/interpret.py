"""What a Keras classifier makes of single crops, for the figures of `svhn.figures.interpretation`."""

import keras
import numpy as np
import tensorflow as tf

from svhn.figures import Interpretation, Layer
from svhn.tf_models.classifier.pixels import prepare_pixels

# Noisy copies behind `sensitivity`, and their noise as a share of the input's range (Smilkov et al. 2017).
COPIES, NOISE = 32, 0.1


def interpret_crops(model: keras.Model, crops: np.ndarray, seed: int = 0) -> list[Interpretation]:
    """Interpret crops, uint8 (N, 32, 32, 3) RGB, one by one; `seed` is of the noise."""
    first = next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    before = keras.Model(model.input, first.input)
    rng = np.random.default_rng(seed)
    return [_interpret(model, before, first, crop, rng) for crop in crops]


def _interpret(
    model: keras.Model, before: keras.Model, first: keras.layers.Conv2D, crop: np.ndarray, rng: np.random.Generator
) -> Interpretation:
    seen = prepare_pixels(tf.constant(crop[None]), model.input_shape[-1])
    probabilities = tf.nn.softmax(model(seen, training=False))[0].numpy()
    digit = int(probabilities.argmax())
    # The convolution alone, without the activation that Keras puts into the same layer.
    maps = tf.nn.conv2d(before(seen, training=False), first.kernel, first.strides, first.padding.upper())
    maps = maps + first.bias if first.use_bias else maps
    filters = np.moveaxis(first.kernel.numpy(), 3, 0)  # hwio -> ohwi
    spread = NOISE * float(tf.reduce_max(seen) - tf.reduce_min(seen))
    noisy = seen + spread * rng.standard_normal((COPIES, *seen.shape[1:])).astype(np.float32)
    return Interpretation(
        crop,
        seen[0].numpy() if seen.shape[-1] == 3 else seen[0, ..., 0].numpy(),
        probabilities,
        input_gradient(model, seen, digit)[0].numpy(),
        tf.reduce_mean(tf.abs(input_gradient(model, noisy, digit)), axis=0).numpy(),
        filters if filters.shape[-1] == 3 else filters[..., 0],
        np.moveaxis(maps[0].numpy(), 2, 0),
    )


def input_gradient(model: keras.Model, seen: tf.Tensor, digit: int) -> tf.Tensor:
    """Return the gradient (N, H, W) of a digit's logit by the network's input (N, H, W, C), summed over colours."""
    with tf.GradientTape() as tape:
        tape.watch(seen)
        logit = tf.reduce_sum(model(seen, training=False)[:, digit])
    return tf.reduce_sum(tape.gradient(logit, seen), axis=-1)


def layers_of(model: keras.Model) -> list[Layer]:
    """Return the layers of a network, for the diagram of `svhn.figures.draw_network`."""
    places = {layer.name: place for place, layer in enumerate(model.layers)}
    found = []
    for layer in model.layers:
        inputs = keras.tree.flatten(layer.input)
        before = [tensor._keras_history.operation.name for tensor in inputs]
        takes = tuple(places[name] for name in before if name in places and name != layer.name)
        shape = tuple(layer.output.shape[1:])
        found.append(Layer(layer.name, type(layer).__name__, _detail(layer), shape, layer.count_params(), takes))
    return found


def _detail(layer: keras.Layer) -> str:
    """Say what a layer's settings are."""
    config = layer.get_config()
    words = []
    if "filters" in config:
        words.append(f"{config['filters']} filters {_by(config['kernel_size'])}")
    if "pool_size" in config:
        words.append(_by(config["pool_size"]) + (f", stride {config['strides'][0]}" if config["strides"] else ""))
    if "units" in config:
        words.append(f"{config['units']} units")
    if "rate" in config:
        words.append(f"rate {config['rate']:g}")
    if config.get("activation") not in (None, "linear"):
        words.append(str(config["activation"]))
    return ", ".join(words)


def _by(sides: tuple[int, ...]) -> str:
    return " x ".join(map(str, sides))
