"""The networks of finder and refiner as ONNX files for OpenCV: batch normalisation folded into the convolutions.

Kernels are stored in half precision, which halves the files and moves answers by a few thousandths; OpenCV computes in
single precision.

Written by hand, because OpenCV 5 silently gives other outputs (off by .5) for what tf2onnx makes of an upsampling of
unknown size.
"""

from pathlib import Path

import keras
import numpy as np

from svhn.errors import InputError
from svhn.files import replacing

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    raise InputError(f"this training writes ONNX, which needs one more package ({error}): pip install onnx") from error

OPSET = 13
INPUT, OUTPUT = "image", "answer"


def export_network(model: keras.Model, path: str | Path) -> None:
    """Write a network of `build_finder` or `build_refiner` as ONNX.

    Parameters
    ----------
    model : keras.Model
    path : str or Path
        Written whole or not at all. Input `image`, float32 (N, 3, H, W); output `answer`, float32 (N, 15, rows,
        columns); both as the Keras model has them, channels first.
    """
    graph = _Graph()
    for layer in model.layers:
        graph.add(layer)
    shapes = (["n", 3, "height", "width"], ["n", model.output_shape[-1], "rows", "columns"])
    inputs, outputs = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in zip((INPUT, OUTPUT), shapes, strict=True)
    )
    halves, casts = zip(*map(_halve, graph.constants), strict=True)
    nodes = [cast for cast in casts if cast] + graph.nodes
    made = helper.make_graph(nodes, model.name, [inputs], [outputs], halves)
    proto = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(proto)
    with replacing(path) as temporary:
        temporary.write_bytes(proto.SerializeToString())


def scale_presence(path: str | Path, scale: float, shift: float) -> None:
    """Multiply the presence logit of an exported network by `scale` and add `shift`.

    Parameters
    ----------
    path : str or Path
        A file of `export_network`; rewritten whole or not at all.
    scale, shift : float
    """
    proto = onnx.load(path)
    for constant in proto.graph.initializer:
        name, values = constant.name, numpy_helper.to_array(constant)
        if name.startswith(f"{OUTPUT}."):
            changed = values.astype(np.float32)
            changed[0] = scale * changed[0] + shift * (name == f"{OUTPUT}.bias")
            constant.CopyFrom(numpy_helper.from_array(changed.astype(values.dtype), name))
    with replacing(path) as temporary:
        temporary.write_bytes(proto.SerializeToString())


def _halve(constant: TensorProto) -> tuple[TensorProto, onnx.NodeProto | None]:
    """Return a kernel in half precision and the node that brings it back; other constants as they are."""
    values = numpy_helper.to_array(constant)
    if values.ndim < 4:
        return constant, None
    name = f"{constant.name}.half"
    cast = helper.make_node("Cast", [name], [constant.name], name=f"{constant.name}.cast", to=TensorProto.FLOAT)
    return numpy_helper.from_array(values.astype(np.float16), name), cast


class _Graph:
    """ONNX nodes for Keras layers, added in the order of the network."""

    def __init__(self):
        self.nodes, self.constants, self.names = [], [], {}

    def add(self, layer: keras.Layer) -> None:
        add = getattr(self, f"_{type(layer).__name__}", None)
        if add is None:
            raise ValueError(f"no ONNX form for the layer {layer.name} ({type(layer).__name__})")
        add(layer)

    def _node(self, kind: str, layer: keras.Layer, *constants: str, **attributes) -> None:
        tensors = layer.input if isinstance(layer.input, list) else [layer.input]
        inputs = [self.names[id(tensor)] for tensor in tensors] + list(constants)
        self.nodes.append(helper.make_node(kind, inputs, [layer.name], name=layer.name, **attributes))
        self.names[id(layer.output)] = layer.name

    def _constant(self, name: str, values: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _InputLayer(self, layer):
        self.names[id(layer.output)] = INPUT

    def _Rescaling(self, layer):
        """A 1 x 1 convolution, which every reader of ONNX knows; the border is padded after it, as in Keras."""
        weight = np.eye(3, dtype=np.float32)[..., None, None] * np.float32(layer.scale)
        bias = np.full(3, layer.offset, np.float32)
        names = self._constant(f"{layer.name}.weight", weight), self._constant(f"{layer.name}.bias", bias)
        self._node("Conv", layer, *names, kernel_shape=[1, 1])

    def _Conv2D(self, layer):
        kernel = layer.kernel.numpy().transpose(3, 2, 0, 1)  # hwio -> oihw
        bias = layer.bias.numpy() if layer.use_bias else np.zeros(len(kernel), np.float32)
        names = self._constant(f"{layer.name}.weight", kernel), self._constant(f"{layer.name}.bias", bias)
        size, stride = layer.kernel_size[0], layer.strides[0]
        before = (size - stride) // 2 if layer.padding == "same" else 0  # Keras pads sides that the stride divides so
        after = size - stride - before if layer.padding == "same" else 0
        self._node(
            "Conv", layer, *names, kernel_shape=[size, size], strides=[stride, stride], pads=[before] * 2 + [after] * 2
        )

    def _BatchNormalization(self, layer):
        """Fold it into the convolution before it."""
        mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy()
        gain = layer.gamma.numpy() / np.sqrt(variance + layer.epsilon)
        bias, kernel = self.constants.pop(), self.constants.pop()
        folded = (numpy_helper.to_array(bias) - mean) * gain + layer.beta.numpy()
        self._constant(kernel.name, numpy_helper.to_array(kernel) * gain[:, None, None, None])
        self._constant(bias.name, folded)
        self.names[id(layer.output)] = self.names[id(layer.input)]

    def _ReLU(self, layer):
        self._node("Relu", layer)

    def _MaxPooling2D(self, layer):
        self._node("MaxPool", layer, kernel_shape=list(layer.pool_size), strides=list(layer.strides))

    def _Dropout(self, layer):
        """Nothing, outside training."""
        self.names[id(layer.output)] = self.names[id(layer.input)]

    def _Add(self, layer):
        self._node("Add", layer)

    def _UpSampling2D(self, layer):
        scales = self._constant(f"{layer.name}.scales", np.array([1, 1, 2, 2], np.float32))
        nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        self._node("Resize", layer, "", scales, **nearest)
