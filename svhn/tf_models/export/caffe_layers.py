"""What each of Caffe's layers is in Keras, for networks that are one chain.

Caffe holds images as (N, C, H, W), Keras as (N, H, W, C); weights and flattened features are reordered here.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from keras import layers, ops

from svhn.data.caffe import proto as caffe_proto
from svhn.errors import InputError
from svhn.tf_models.local_response import LocalResponse, local_response

# OpenCV adds it to the variance, Caffe to the standard deviation: it must be too small to be seen.
MVN_EPSILON = 1e-6


@dataclass
class Chain:
    """A network in the making.

    Attributes
    ----------
    prototxt : Path
        For messages.
    blobs : dict[str, list]
        Layer -> its weights in the caffemodel.
    todo : deque
        The layers that follow.
    top : str
        Caffe's name of the output so far.
    x : KerasTensor
        The output so far.
    flat : tuple[int, int, int] or None
        The (C, H, W) of what was flattened, until an InnerProduct has taken it.
    """

    prototxt: Path
    blobs: dict[str, list]
    todo: deque
    top: str
    x: Any
    flat: tuple[int, int, int] | None = None

    def accept(self, layer: Any) -> None:
        """Move on to Caffe's next layer; refuse it when it does not take the output so far alone."""
        if list(layer.bottom) != [self.top] or len(layer.top) != 1:
            raise self.refused(layer, f"expected one chain: it should take {self.top} alone and have one output")
        self.top = layer.top[0]

    def add(self, layer: layers.Layer, weights: list[np.ndarray] | None = None) -> None:
        self.x = layer(self.x)
        if weights is not None:
            layer.set_weights(weights)

    def image(self, layer: Any) -> tuple[int, int, int]:
        """Return the (C, H, W) of the output so far; refuse `layer` when it is no image."""
        if len(self.x.shape) != 4:
            raise self.refused(layer, "it works on images and cannot come after Flatten or InnerProduct")
        height, width, channels = self.x.shape[1:]
        return channels, height, width

    def channels(self, layer: Any) -> int:
        """Return how many channels or features there are; refuse `layer` when their order is Keras's, not Caffe's."""
        if self.flat:
            raise self.refused(layer, "only InnerProduct, ReLU and Dropout are read after Flatten")
        return self.x.shape[-1]

    def weights(self, layer: Any, *shapes: tuple[int, ...]) -> list[np.ndarray]:
        """Return a layer's weights, one array per shape; old files may have more sides of 1 in front."""
        blobs = self.blobs.get(layer.name, [])
        if len(blobs) != len(shapes):
            raise self.refused(layer, f"the caffemodel should hold {len(shapes)} arrays for it, not {len(blobs)}")
        arrays = [caffe_proto.from_blob(blob) for blob in blobs]
        for array, shape in zip(arrays, shapes, strict=True):
            if _significant(array.shape) != _significant(shape):
                raise self.refused(layer, f"expected weights of shape {shape}, received {array.shape}")
            if not np.isfinite(array).all():
                raise self.refused(layer, "its weights are not all finite")
        return [array.reshape(shape) for array, shape in zip(arrays, shapes, strict=True)]

    def refused(self, layer: Any, reason: str) -> InputError:
        name = layer.name or "without a name"
        return InputError(f"{self.prototxt}: cannot read the layer {name} ({layer.type}): {reason}")


def keras_name(name: str) -> str:
    """Return a name that Keras takes."""
    return name.replace("/", "_")


def _convolution(chain: Chain, layer: Any) -> None:
    settings, name = layer.convolution_param, keras_name(layer.name)
    channels, *sizes = chain.image(layer)
    sides = _sides(chain, layer, settings, sizes)
    if settings.group != 1 or any(dilation != 1 for dilation in settings.dilation) or settings.axis != 1:
        raise chain.refused(layer, "groups, dilation and other axes are not read")
    _, kernel, stride, pad = zip(*sides, strict=True)
    shapes = [(settings.num_output, channels, *kernel), (settings.num_output,)]
    weights = chain.weights(layer, *shapes[: 1 + settings.bias_term])
    weights[0] = weights[0].transpose(2, 3, 1, 0)  # oihw -> hwio
    same = stride == (1, 1) and all(2 * p + 1 == k for p, k in zip(pad, kernel, strict=True))
    if any(pad) and not same:
        chain.add(layers.ZeroPadding2D(pad, name=f"{name}_pad"))
    options = {"padding": "same" if same else "valid", "use_bias": settings.bias_term, "name": name}
    chain.add(layers.Conv2D(settings.num_output, kernel, stride, **options), weights)


def _pooling(chain: Chain, layer: Any) -> None:
    settings, name = layer.pooling_param, keras_name(layer.name)
    _, *sizes = chain.image(layer)
    if settings.pool == settings.STOCHASTIC:
        raise chain.refused(layer, "stochastic pooling is not read")
    whole = [(size, size, 1, 0) for size in sizes]
    sides = whole if settings.global_pooling else _sides(chain, layer, settings, sizes)
    counts = [_windows(*side, floor=settings.round_mode == settings.FLOOR) for side in sides]
    _, kernel, stride, pad = zip(*sides, strict=True)
    after = [max((count - 1) * s + k - n - p, 0) for count, (n, k, s, p) in zip(counts, sides, strict=True)]
    largest = settings.pool == settings.MAX
    pool = layers.MaxPooling2D if largest else layers.AveragePooling2D
    if not any(pad) and (not any(after) or _is_same(counts, after, sides)):
        chain.add(pool(kernel, stride, padding="same" if any(after) else "valid", name=name))
        return
    widths = ((0, 0), (pad[0], after[0]), (pad[1], after[1]), (0, 0))
    chain.x = ops.pad(chain.x, widths, constant_values=-np.inf if largest else 0.0)
    chain.add(pool(kernel, stride, name=name))
    if not largest:
        chain.add(layers.Rescaling(_undo_edges(sides, counts).tolist(), name=f"{name}_area"))


def _windows(size: int, kernel: int, stride: int, pad: int, floor: bool) -> int:
    """Return how many pooling windows Caffe lays along a side: the last one may reach over the edge."""
    room = size + 2 * pad - kernel
    count = room // stride + 1 if floor else -(-room // stride) + 1
    return count - 1 if pad and (count - 1) * stride >= size + pad else count


def _is_same(counts: list[int], after: list[int], sides: list[tuple]) -> bool:
    """Tell whether Keras's "same" lays the same windows: it adds one line, at the far side, and does not count it."""
    return set(after) == {1} and all(count == -(-n // s) for count, (n, _, s, _) in zip(counts, sides, strict=True))


def _undo_edges(sides: list[tuple], counts: list[int]) -> np.ndarray:
    """Return (H, W, 1): the kernel's area over that which Caffe divides by; it counts the padding and no more."""
    ratios = []
    for count, (size, k, s, p) in zip(counts, sides, strict=True):
        starts = np.arange(count) * s - p
        ratios.append(k / (np.minimum(starts + k, size + p) - starts))
    return np.multiply.outer(*ratios)[..., None]


def _normalisation(chain: Chain, layer: Any) -> None:
    channels = chain.channels(layer)
    mean, variance, divisor = chain.weights(layer, (channels,), (channels,), (1,))
    factor = 1 / divisor[0] if divisor[0] else 0.0
    following = chain.todo[0] if chain.todo else None
    merged, centred = [], False
    if following and following.type == "Scale" and following.scale_param.num_axes == 1:
        chain.accept(chain.todo.popleft())
        merged, centred = _scale_weights(chain, following), following.scale_param.bias_term
    settings, name = layer.batch_norm_param, keras_name(layer.name)
    options = {"epsilon": settings.eps, "momentum": settings.moving_average_fraction}
    options |= {"center": centred, "scale": bool(merged), "name": name}
    chain.add(layers.BatchNormalization(**options), [*merged, mean * factor, variance * factor])


def _scale(chain: Chain, layer: Any) -> None:
    gamma, *beta = _scale_weights(chain, layer)
    _rescale(chain, layer, gamma, beta[0] if beta else np.zeros_like(gamma))


def _scale_weights(chain: Chain, layer: Any) -> list[np.ndarray]:
    shape = _weight_shape(chain, layer, layer.scale_param)
    return chain.weights(layer, *[shape] * (1 + layer.scale_param.bias_term))


def _bias(chain: Chain, layer: Any) -> None:
    (beta,) = chain.weights(layer, _weight_shape(chain, layer, layer.bias_param))
    _rescale(chain, layer, np.ones_like(beta), beta)


def _rescale(chain: Chain, layer: Any, gamma: np.ndarray, beta: np.ndarray) -> None:
    if beta.ndim == 3:
        gamma, beta = gamma.transpose(1, 2, 0), beta.transpose(1, 2, 0)
    scale = 1.0 if (gamma == 1).all() else gamma.tolist()
    chain.add(layers.Rescaling(scale, beta.tolist(), name=keras_name(layer.name)))


def _weight_shape(chain: Chain, layer: Any, settings: Any) -> tuple[int, ...]:
    """Return the shape of a Scale's or Bias's weights: one per channel, or one per channel and place."""
    if len(layer.bottom) != 1 or settings.axis != 1 or settings.num_axes not in (1, 3, -1):
        raise chain.refused(layer, "expected weights per channel (axis 1) or per channel and place (num_axes -1)")
    return (chain.channels(layer),) if settings.num_axes == 1 else chain.image(layer)


def _standardisation(chain: Chain, layer: Any) -> None:
    settings = layer.mvn_param
    chain.image(layer)
    axes = (1, 2, 3) if settings.across_channels else (1, 2)
    if not settings.normalize_variance:
        following = chain.todo[0] if chain.todo else None
        if not (following and following.type == "MVN" and following.mvn_param.across_channels == (len(axes) == 3)):
            chain.x = chain.x - ops.mean(chain.x, axes, keepdims=True)
        return  # else the following one subtracts the mean anyway
    if settings.eps > MVN_EPSILON:
        raise chain.refused(layer, f"expected an eps of at most {MVN_EPSILON}")
    options = {"center": False, "scale": False, "epsilon": settings.eps, "name": keras_name(layer.name)}
    chain.add(layers.LayerNormalization(axes, **options))


def _local_response(chain: Chain, layer: Any) -> None:
    settings, name, x = layer.lrn_param, keras_name(layer.name), chain.x
    size, (channels, height, width) = settings.local_size, chain.image(layer)
    if size % 2 == 0 or size > 99:
        raise chain.refused(layer, f"expected an odd local_size below 100, received {size}")
    if settings.norm_region == settings.WITHIN_CHANNEL:
        within = LocalResponse(size, settings.alpha, settings.beta)
        chain.add(local_response((height, width, channels), within, name))
        return
    near = np.abs(np.subtract.outer(np.arange(channels), np.arange(channels))) <= size // 2
    window = layers.Conv2D(channels, 1, use_bias=False, trainable=False, name=f"{name}_mean")
    mean = window(ops.square(x))
    window.set_weights([near[None, None] / size])
    chain.x = x / ops.power(settings.k + settings.alpha * mean, settings.beta)


def _relu(chain: Chain, layer: Any) -> None:
    chain.add(layers.ReLU(negative_slope=layer.relu_param.negative_slope, name=keras_name(layer.name)))


def _dropout(chain: Chain, layer: Any) -> None:
    chain.add(layers.Dropout(layer.dropout_param.dropout_ratio, name=keras_name(layer.name)))


def _flatten(chain: Chain, layer: Any) -> None:
    if (layer.flatten_param.axis, layer.flatten_param.end_axis) != (1, -1):
        raise chain.refused(layer, "expected axis 1 and end_axis -1")
    _flatten_to(chain, layer, keras_name(layer.name))


def _flatten_to(chain: Chain, layer: Any, name: str) -> None:
    chain.flat = chain.image(layer)
    chain.add(layers.Flatten(name=name))


def _inner_product(chain: Chain, layer: Any) -> None:
    settings, name = layer.inner_product_param, keras_name(layer.name)
    if settings.axis != 1:
        raise chain.refused(layer, "expected axis 1")
    if len(chain.x.shape) == 4:
        _flatten_to(chain, layer, f"{name}_flatten")
    shape = (settings.num_output, chain.x.shape[1])
    shapes = [shape[::-1] if settings.transpose else shape, shape[:1]]
    kernel, *bias = chain.weights(layer, *shapes[: 1 + settings.bias_term])
    kernel = kernel if settings.transpose else kernel.T  # in, out
    if chain.flat:
        kernel = kernel.reshape(*chain.flat, -1).transpose(1, 2, 0, 3).reshape(kernel.shape)  # chw -> hwc
        chain.flat = None
    chain.add(layers.Dense(settings.num_output, use_bias=settings.bias_term, name=name), [kernel, *bias])


def _softmax(chain: Chain, layer: Any) -> None:
    if chain.todo or layer.softmax_param.axis != 1:
        raise chain.refused(layer, "expected it at the end, over axis 1")


def _sides(chain: Chain, layer: Any, settings: Any, sizes: list[int]) -> list[tuple[int, int, int, int]]:
    """Return (size, kernel, stride, pad) along height and width; refuse what does not fit."""
    given = (_pair(settings, name) for name in ("kernel_size", "stride", "pad"))
    sides = list(zip(sizes, *given, strict=True))
    if not all(s > 0 and 0 < k <= n + 2 * p and p < k and p <= n for n, k, s, p in sides):
        raise chain.refused(layer, f"its kernel, stride or pad does not fit an input of {sizes}")
    return sides


def _pair(settings: Any, field: str) -> tuple[int, int]:
    """Return a setting along height and width, given once, twice, or by two names."""
    tall, wide = (f"{field.removesuffix('_size')}_{side}" for side in "hw")
    if settings.HasField(tall) or settings.HasField(wide):
        return getattr(settings, tall), getattr(settings, wide)
    value = getattr(settings, field)
    values = (value,) if isinstance(value, int) else tuple(value) or (int(field == "stride"),)
    return (values * 2)[:2]


def _significant(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without the sides of 1 that lead it."""
    first = next((i for i, size in enumerate(shape) if size != 1), len(shape))
    return tuple(shape[first:])


READERS: dict[str, Callable[[Chain, Any], None]] = {
    "Convolution": _convolution,
    "Pooling": _pooling,
    "ReLU": _relu,
    "LRN": _local_response,
    "BatchNorm": _normalisation,
    "Scale": _scale,
    "Bias": _bias,
    "MVN": _standardisation,
    "Dropout": _dropout,
    "Flatten": _flatten,
    "InnerProduct": _inner_product,
    "Softmax": _softmax,
}
