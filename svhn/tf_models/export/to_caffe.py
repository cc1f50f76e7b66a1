"""From a Keras network to Caffe's files: `deploy.prototxt`, `train_val.prototxt`, `solver.prototxt`, weights, mean."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from svhn.data.caffe import MEAN_FILE
from svhn.data.caffe import proto as caffe_proto
from svhn.errors import InputError
from svhn.tf_models.classifier import PRESETS
from svhn.tf_models.export.caffe_layers import MVN_EPSILON
from svhn.tf_models.local_response import settings_of

DEPLOY = "deploy.prototxt"
TRAIN_VAL = "train_val.prototxt"
SOLVER = "solver.prototxt"
WEIGHTS = "weights.caffemodel"
# Caffe measures on so many batches of so many validation digits.
_TEST_BATCHES = 10
_TEST_BATCH = 100


def write_caffe(model: keras.Model, folder: Path) -> None:
    """Write a network as Caffe's files into `folder`.

    The deploy network takes raw pixels 0..255 and gives probabilities `prob`: subtracting the mean is its first
    layer, a Scale. The training network reads LMDBs and leaves the mean to `mean.binaryproto`. Both take their
    weights from the one `.caffemodel`, where layers have the same names.

    Parameters
    ----------
    model : keras.Model
        A chain of layers that Caffe knows (the graphs `caffe` and `caffe-lrn`, or what `import-caffe` makes) -> logits.

    Raises
    ------
    InputError
        When a layer has no equal in Caffe.
    """
    net = to_net(model)
    caffe_proto.write_binary(folder / WEIGHTS, net)
    mean = _mean_of(net)
    for layer in net.layer:
        del layer.blobs[:]
    caffe_proto.write_text(folder / DEPLOY, net)
    caffe_proto.write_text(folder / TRAIN_VAL, _training_net(net, mean is not None))
    caffe_proto.write_text(folder / SOLVER, _solver())
    if mean is not None:
        caffe_proto.write_binary(folder / MEAN_FILE, caffe_proto.to_image_blob(mean))


def to_net(model: keras.Model) -> Any:
    """Return the deploy network with its weights as a NetParameter."""
    height, width, channels = model.input_shape[1:]
    net = caffe_proto.new("NetParameter", name=model.name)
    data = net.layer.add(name="data", type="Input", top=["data"])
    data.input_param.shape.add(dim=[1, channels, height, width])
    flattened = None  # the (H, W, C) that the numbers in a row come from
    for layer in _chain(model):
        kind = keras.Model if isinstance(layer, keras.Model) else type(layer)
        if kind not in _WRITERS or (flattened and kind not in _ORDERLESS):
            raise _refused(layer, f"{'after Flatten ' if flattened else ''}there is no such layer in Caffe")
        if isinstance(layer, layers.Flatten) and len(layer.input.shape) == 4:
            flattened = layer.input.shape[1:]
        if isinstance(layer, layers.Dense):
            _write_dense(net, layer, flattened)
            flattened = None
        else:
            _WRITERS[kind](net, layer)
    _add(net, "prob", "Softmax")
    return net


def _chain(model: keras.Model) -> list[layers.Layer]:
    """Return the layers after the input, when each takes the output of the one before and of nothing else."""
    chain = [layer for layer in model.layers if not isinstance(layer, layers.InputLayer)]
    output = model.inputs[0] if len(model.inputs) == 1 else None
    for layer in chain:
        if keras.Operation.input.fget(layer) is not output:  # `input` of a network in a network is its own
            raise _refused(layer, "it does not take the output of the layer before it alone")
        output = keras.Operation.output.fget(layer)
    return chain


def _refused(layer: layers.Layer, reason: str) -> InputError:
    return InputError(
        f"the network's layer {layer.name} ({type(layer).__name__}) cannot go to Caffe: {reason}; train one with "
        "python cli.py train-tf --graph caffe"
    )


def _add(net: Any, name: str, kind: str, blobs: tuple[np.ndarray, ...] = (), in_place: bool = False) -> Any:
    """Append a layer that takes the output of the last one."""
    bottom = net.layer[-1].top[0]
    added = net.layer.add(name=name, type=kind, bottom=[bottom], top=[bottom if in_place else name])
    added.blobs.extend(caffe_proto.to_blob(blob) for blob in blobs)
    return added


def _write_rescaling(net: Any, layer: layers.Rescaling) -> None:
    gamma, beta = (np.broadcast_to(value, layer.input.shape[1:]) for value in (layer.scale, layer.offset))
    added = _add(net, layer.name, "Scale", (_chw(gamma), _chw(beta)))
    added.scale_param.axis, added.scale_param.num_axes, added.scale_param.bias_term = 1, -1, True


def _write_standardisation(net: Any, layer: layers.LayerNormalization) -> None:
    if sorted(layer.axis) != [1, 2, 3] or layer.center or layer.scale or layer.epsilon > MVN_EPSILON:
        raise _refused(layer, f"Caffe's MVN takes whole crops, has no weights, and an epsilon up to {MVN_EPSILON}")
    # OpenCV's variance is that of squares less the square of the mean: without a mean it loses no digits.
    mean = _add(net, f"{layer.name}_mean", "MVN").mvn_param
    mean.across_channels, mean.normalize_variance = True, False
    settings = _add(net, layer.name, "MVN").mvn_param
    settings.across_channels, settings.eps = True, layer.epsilon


def _write_convolution(net: Any, layer: layers.Conv2D) -> None:
    same = layer.padding == "same"
    if layer.groups > 1 or set(layer.dilation_rate) != {1} or layer.activation is not keras.activations.linear:
        raise _refused(layer, "groups, dilation and activations inside are not written")
    if same and (set(layer.strides) != {1} or not all(size % 2 for size in layer.kernel_size)):
        raise _refused(layer, "with a stride or an even kernel Keras and Caffe pad differently")
    blobs = [layer.kernel.numpy().transpose(3, 2, 0, 1)]  # hwio -> oihw
    settings = _add(net, layer.name, "Convolution", (*blobs, *_bias(layer))).convolution_param
    settings.num_output, settings.bias_term = layer.filters, layer.use_bias
    (settings.kernel_h, settings.kernel_w), (settings.stride_h, settings.stride_w) = layer.kernel_size, layer.strides
    if same:
        settings.pad_h, settings.pad_w = (size // 2 for size in layer.kernel_size)


def _write_pooling(net: Any, layer: layers.MaxPooling2D | layers.AveragePooling2D) -> None:
    for size, kernel, stride in zip(layer.input.shape[1:3], layer.pool_size, layer.strides, strict=True):
        # Caffe's last window may reach over the edge; Keras's "same" does as much if nothing is added before.
        over = (-(-size // stride) - 1) * stride + kernel - size
        same = over in (0, 1) and -(-(size - kernel) // stride) + 1 == -(-size // stride)
        if not (same if layer.padding == "same" else (size - kernel) % stride == 0):
            raise _refused(layer, f"on {size} pixels Caffe's windows lie elsewhere")
    settings = _add(net, layer.name, "Pooling").pooling_param
    settings.pool = "MAX" if isinstance(layer, layers.MaxPooling2D) else "AVE"
    (settings.kernel_h, settings.kernel_w), (settings.stride_h, settings.stride_w) = layer.pool_size, layer.strides


def _write_normalisation(net: Any, layer: layers.BatchNormalization) -> None:
    mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy()
    added = _add(net, layer.name, "BatchNorm", (mean, variance, np.ones(1)), in_place=True)
    added.batch_norm_param.eps, added.batch_norm_param.moving_average_fraction = layer.epsilon, layer.momentum
    gamma = layer.gamma.numpy() if layer.scale else np.ones_like(mean)
    beta = layer.beta.numpy() if layer.center else np.zeros_like(mean)
    _add(net, f"{layer.name}_scale", "Scale", (gamma, beta), in_place=True).scale_param.bias_term = True


def _write_local_response(net: Any, network: keras.Model) -> None:
    settings = settings_of(network)
    if settings is None:
        raise _refused(network, "of networks in networks only local response normalisation is written")
    added = _add(net, network.name, "LRN").lrn_param
    added.norm_region = added.WITHIN_CHANNEL
    added.local_size, added.alpha, added.beta = settings


def _write_relu(net: Any, layer: layers.ReLU) -> None:
    if layer.max_value is not None or layer.threshold:
        raise _refused(layer, "Caffe's ReLU has no upper limit and no threshold")
    added = _add(net, layer.name, "ReLU", in_place=True)
    if layer.negative_slope:
        added.relu_param.negative_slope = float(layer.negative_slope)


def _write_dropout(net: Any, layer: layers.Dropout) -> None:
    _add(net, layer.name, "Dropout", in_place=True).dropout_param.dropout_ratio = layer.rate


def _write_flatten(net: Any, layer: layers.Flatten) -> None:
    _add(net, layer.name, "Flatten")


def _write_dense(net: Any, layer: layers.Dense, flattened: tuple[int, int, int] | None = None) -> None:
    if layer.activation is not keras.activations.linear or len(layer.input.shape) != 2:
        raise _refused(layer, "expected flat input and no activation")
    kernel = layer.kernel.numpy()
    if flattened:  # Caffe flattens channels first
        kernel = kernel.reshape(*flattened, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
    settings = _add(net, layer.name, "InnerProduct", (kernel.T, *_bias(layer))).inner_product_param
    settings.num_output, settings.bias_term = layer.units, layer.use_bias


_WRITERS: dict[type, Callable[[Any, Any], None]] = {
    layers.Rescaling: _write_rescaling,
    layers.LayerNormalization: _write_standardisation,
    layers.Conv2D: _write_convolution,
    layers.MaxPooling2D: _write_pooling,
    layers.AveragePooling2D: _write_pooling,
    layers.BatchNormalization: _write_normalisation,
    keras.Model: _write_local_response,
    layers.ReLU: _write_relu,
    layers.Dropout: _write_dropout,
    layers.Flatten: _write_flatten,
    layers.Dense: _write_dense,
}
# What may stand between Flatten and the first Dense: the order of the numbers is nothing to it.
_ORDERLESS = (layers.Flatten, layers.Dropout, layers.ReLU, layers.Dense)


def _bias(layer: layers.Conv2D | layers.Dense) -> tuple[np.ndarray, ...]:
    return (layer.bias.numpy(),) if layer.use_bias else ()


def _chw(values: np.ndarray) -> np.ndarray:
    return values.transpose(2, 0, 1)


def _mean_of(net: Any) -> np.ndarray | None:
    """Return the (C, H, W) that the first layer subtracts, or None when it does something else."""
    first = net.layer[1]
    if first.type != "Scale" or set(first.blobs[0].data) != {1.0}:
        return None
    return -caffe_proto.from_blob(first.blobs[1])


def _training_net(deploy: Any, subtracts_mean: bool) -> Any:
    net = caffe_proto.new("NetParameter", name=deploy.name)
    batch = PRESETS["caffe"].config.batch_size
    for phase, split, size in (("TRAIN", "train", batch), ("TEST", "validation", _TEST_BATCH)):
        data = net.layer.add(name="data", type="Data", top=["data", "label"])
        data.include.add(phase=phase)
        data.data_param.source, data.data_param.batch_size, data.data_param.backend = f"{split}_lmdb", size, "LMDB"
        if subtracts_mean:
            data.transform_param.mean_file = MEAN_FILE
    net.layer.extend(deploy.layer[2 if subtracts_mean else 1 : -1])
    net.layer[2].bottom[0] = "data"
    for layer in net.layer:
        _set_up_for_training(layer)
    last = net.layer[-1].top[0]
    accuracy = net.layer.add(name="accuracy", type="Accuracy", bottom=[last, "label"], top=["accuracy"])
    accuracy.include.add(phase="TEST")
    net.layer.add(name="loss", type="SoftmaxWithLoss", bottom=[last, "label"], top=["loss"])
    return net


def _set_up_for_training(layer: Any) -> None:
    """Say how weights begin, and that the averages of batch normalisation are not learnt."""
    if layer.type in ("Convolution", "InnerProduct"):
        settings = layer.convolution_param if layer.type == "Convolution" else layer.inner_product_param
        settings.weight_filler.type, settings.bias_filler.type = "msra", "constant"
    elif layer.type == "BatchNorm":
        layer.param.extend([caffe_proto.new("ParamSpec", lr_mult=0, decay_mult=0)] * 3)


def _solver() -> Any:
    config = PRESETS["caffe"].config
    return caffe_proto.new(
        "SolverParameter",
        net=TRAIN_VAL,
        type="Adam",
        base_lr=config.learning_rate,
        momentum=0.9,
        momentum2=0.999,
        lr_policy="fixed",
        max_iter=config.iterations,
        test_iter=[_TEST_BATCHES],
        test_interval=config.interval,
        display=100,
        snapshot=config.interval,
        snapshot_prefix="snapshot",
        solver_mode="CPU",
    )
