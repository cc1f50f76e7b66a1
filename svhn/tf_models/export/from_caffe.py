"""From Caffe's files to a Keras network: a prototxt for the layers, a caffemodel for the weights."""

from collections import deque
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from svhn.data.caffe import proto as caffe_proto
from svhn.errors import InputError
from svhn.tf_models.export.caffe_layers import READERS, Chain, keras_name

# What only a training network has, and that gives no output of the network.
_MEASURES = ("Accuracy", "SoftmaxWithLoss")
# Types from before 2014 that are not today's in capitals.
_OLD_TYPES = {"RELU": "ReLU", "LRN": "LRN", "MVN": "MVN", "SOFTMAX_LOSS": "SoftmaxWithLoss"}
# Higher and wider images are taken for damage.
_LARGEST = 4096
_HDF5 = b"\x89HDF"


def import_caffe(prototxt: str | Path, weights: str | Path, mean: str | Path | None = None) -> keras.Model:
    """Build the Keras network of a pair of Caffe files.

    It computes what Caffe computes in the test phase. A Softmax at the end is left out, so that the network gives
    logits as all networks here do. Colour input is taken as RGB and turned into Caffe's BGR inside.

    Parameters
    ----------
    prototxt : str or Path
        `deploy.prototxt`, or a training network whose mean file lies beside it; layers as `layer` or, before 2014,
        as `layers`. One chain of the layers in `svhn.tf_models.export.caffe_layers`.
    weights : str or Path
        The `.caffemodel`.
    mean : str or Path, optional
        A `mean.binaryproto` that users of the deploy network have subtracted; goes into the network.

    Returns
    -------
    keras.Model
        float32 (N, H, W, C), what Caffe's input takes -> what the last layer gives, usually float32 (N, classes).

    Raises
    ------
    InputError
        When a file is damaged or missing, a layer is of another type, or the weights are not those of the layers.
    """
    prototxt, weights = Path(prototxt), Path(weights)
    net = _modern(caffe_proto.read_text(prototxt, "NetParameter"))
    todo = deque(layer for layer in net.layer if _in_test_phase(layer) and layer.type not in _MEASURES)
    top, shape, preprocessing = _input(prototxt, net, todo, Path(mean) if mean else None)
    inputs = x = keras.Input((*shape[1:], shape[0]), name=keras_name(top))
    if shape[0] == 3:
        x = ops.flip(x, axis=-1)
    chain = Chain(prototxt, _read_weights(weights), todo, top, preprocessing(x) if preprocessing else x)
    while todo:
        _append(chain, todo.popleft())
    if chain.flat:
        raise InputError(f"{prototxt}: it ends with Flatten; expected an InnerProduct after it")
    try:
        return keras.Model(inputs, chain.x, name=keras_name(net.name) or "caffe")
    except ValueError as error:  # two layers of one name
        raise InputError(f"{prototxt}: {error}") from error


def _append(chain: Chain, layer: Any) -> None:
    """Add one layer, or two where Caffe needs two for one of Keras."""
    if layer.type not in READERS:
        raise chain.refused(layer, f"only {', '.join(READERS)} are read")
    chain.accept(layer)
    try:
        READERS[layer.type](chain, layer)
    except InputError:
        raise
    except (ValueError, TypeError, OverflowError) as error:  # Keras does not like the numbers or the names
        raise chain.refused(layer, str(error).strip().splitlines()[0]) from error


def _input(prototxt: Path, net: Any, todo: deque, mean: Path | None) -> tuple[str, tuple, layers.Layer | None]:
    """Return the name of the input, its (C, H, W), and what is done to it before the first layer."""
    scale = 1.0
    shape: Any = None
    if net.input:
        top, shape = net.input[0], net.input_shape[0].dim if net.input_shape else net.input_dim
    elif todo and todo[0].top and todo[0].type == "Input":
        top, shapes = todo[0].top[0], todo.popleft().input_param.shape
        shape = shapes[0].dim if shapes else ()
    elif todo and todo[0].top and todo[0].type == "Data":
        data = todo.popleft()
        top, scale, mean = data.top[0], data.transform_param.scale, _mean_file(prototxt, data, mean)
    else:
        raise InputError(f"{prototxt}: no input found; expected a layer of type Input, or input and input_dim")
    offset = _read_mean(mean) if mean else None
    shape = offset.shape if offset is not None and shape is None else tuple(shape)[1:]
    if len(shape) != 3 or not all(0 < size <= _LARGEST for size in shape):
        raise InputError(f"{prototxt}: expected an input of N x channels x height x width, received {shape} after N")
    if offset is None:
        return top, shape, None
    if offset.shape != shape:
        raise InputError(f"{mean}: expected a mean image of {shape}, received {offset.shape}")
    return top, shape, layers.Rescaling(scale, (-scale * offset.transpose(1, 2, 0)).tolist(), name="mean")


def _mean_file(prototxt: Path, data: Any, given: Path | None) -> Path:
    """Return where the mean image of a Data layer is; its size is that of the input, which the layer does not say."""
    settings = data.transform_param
    if settings.crop_size or settings.mean_value or not (given or settings.mean_file):
        raise InputError(f"{prototxt}: a Data layer is read with a mean file alone; give deploy.prototxt or --mean")
    return given or prototxt.parent / Path(settings.mean_file).name


def _read_mean(path: Path) -> np.ndarray:
    """Return the (C, H, W) of a mean file."""
    try:
        mean = caffe_proto.from_blob(caffe_proto.read_binary(path, "BlobProto"))
        return mean.reshape(mean.shape[-3:])
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{path}: not a mean image of Caffe ({error}); compute it again") from error


def _read_weights(path: Path) -> dict[str, list]:
    if path.is_file() and path.read_bytes().startswith(_HDF5):
        raise InputError(f"{path}: this is HDF5; only binary .caffemodel files (snapshot_format: BINARYPROTO) are read")
    net = caffe_proto.read_binary(path, "NetParameter")
    try:
        blobs = {layer.name: list(layer.blobs) for layer in _modern(net).layer if layer.blobs}
    except UnicodeDecodeError as error:  # names are decoded when they are looked at
        raise InputError(f"{path}: damaged ({error}); copy it again") from error
    if not blobs:
        raise InputError(f"{path}: no weights found; expected the .caffemodel that belongs to the prototxt")
    return blobs


def _modern(net: Any) -> Any:
    """Turn layers in the format from before 2014 into today's."""
    for old in net.layers:
        layer = net.layer.add(name=old.name, bottom=old.bottom, top=old.top, blobs=old.blobs)
        kind = old.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[old.type].name
        layer.type = _OLD_TYPES.get(kind) or "".join(word.capitalize() for word in kind.split("_"))
        layer.include.extend(old.include)
        layer.exclude.extend(old.exclude)
        for field, value in old.ListFields():
            if field.name.endswith("_param"):
                getattr(layer, field.name).CopyFrom(value)
    return net


def _in_test_phase(layer: Any) -> bool:
    def meets(rule: Any) -> bool:
        return not rule.HasField("phase") or rule.phase == rule.TEST

    return any(map(meets, layer.include)) if layer.include else not any(map(meets, layer.exclude))
