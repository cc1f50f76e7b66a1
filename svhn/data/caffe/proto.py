"""Caffe's file messages without Caffe: the part of its proto2 schema that we read and write.

The messages are built at run time with the protobuf package, in a pool of their own, so that they do not clash with
a Caffe that is installed.
"""

from pathlib import Path
from typing import Any

import numpy as np

from svhn.errors import InputError
from svhn.files import replacing

try:
    from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory, text_format
except ImportError as error:
    raise InputError(f"Caffe's files need one more package ({error}): pip install 'svhn[caffe]'") from error

# Message -> its fields, "[repeated|packed] type name = number [default]". Enumerations follow as "enum Name: A B".
_SCHEMA = {
    "BlobShape": "packed int64 dim = 1",
    "BlobProto": "int32 num = 1; int32 channels = 2; int32 height = 3; int32 width = 4; packed float data = 5; "
    "BlobShape shape = 7; packed double double_data = 8",
    "Datum": "int32 channels = 1; int32 height = 2; int32 width = 3; bytes data = 4; int32 label = 5; "
    "repeated float float_data = 6; bool encoded = 7 false",
    "FillerParameter": "string type = 1 constant; float value = 2 0; float std = 6 1",
    "NetStateRule": "enum Phase: TRAIN TEST; Phase phase = 1",
    "ParamSpec": "float lr_mult = 3 1; float decay_mult = 4 1",
    "TransformationParameter": "float scale = 1 1; bool mirror = 2; uint32 crop_size = 3 0; string mean_file = 4; "
    "repeated float mean_value = 5",
    "AccuracyParameter": "uint32 top_k = 1 1",
    "BatchNormParameter": "bool use_global_stats = 1; float moving_average_fraction = 2 0.999; float eps = 3 1e-5",
    "BiasParameter": "int32 axis = 1 1; int32 num_axes = 2 1",
    "ConvolutionParameter": "uint32 num_output = 1; bool bias_term = 2 true; repeated uint32 pad = 3; "
    "repeated uint32 kernel_size = 4; uint32 group = 5 1; repeated uint32 stride = 6; "
    "FillerParameter weight_filler = 7; FillerParameter bias_filler = 8; uint32 pad_h = 9 0; uint32 pad_w = 10 0; "
    "uint32 kernel_h = 11; uint32 kernel_w = 12; uint32 stride_h = 13; uint32 stride_w = 14; int32 axis = 16 1; "
    "repeated uint32 dilation = 18",
    "DataParameter": "enum DB: LEVELDB LMDB; string source = 1; uint32 batch_size = 4; DB backend = 8 LEVELDB",
    "DropoutParameter": "float dropout_ratio = 1 0.5",
    "FlattenParameter": "int32 axis = 1 1; int32 end_axis = 2 -1",
    "InnerProductParameter": "uint32 num_output = 1; bool bias_term = 2 true; FillerParameter weight_filler = 3; "
    "FillerParameter bias_filler = 4; int32 axis = 5 1; bool transpose = 6 false",
    "InputParameter": "repeated BlobShape shape = 1",
    "LRNParameter": "enum NormRegion: ACROSS_CHANNELS WITHIN_CHANNEL; uint32 local_size = 1 5; float alpha = 2 1; "
    "float beta = 3 0.75; NormRegion norm_region = 4 ACROSS_CHANNELS; float k = 5 1",
    "MVNParameter": "bool normalize_variance = 1 true; bool across_channels = 2 false; float eps = 3 1e-9",
    "PoolingParameter": "enum PoolMethod: MAX AVE STOCHASTIC; enum RoundMode: CEIL FLOOR; PoolMethod pool = 1 MAX; "
    "uint32 kernel_size = 2; uint32 stride = 3 1; uint32 pad = 4 0; uint32 kernel_h = 5; uint32 kernel_w = 6; "
    "uint32 stride_h = 7; uint32 stride_w = 8; uint32 pad_h = 9 0; uint32 pad_w = 10 0; "
    "bool global_pooling = 12 false; RoundMode round_mode = 13 CEIL",
    "ReLUParameter": "float negative_slope = 1 0",
    "ScaleParameter": "int32 axis = 1 1; int32 num_axes = 2 1; bool bias_term = 4 false",
    "SoftmaxParameter": "int32 axis = 2 1",
    "LayerParameter": "string name = 1; string type = 2; repeated string bottom = 3; repeated string top = 4; "
    "repeated ParamSpec param = 6; repeated BlobProto blobs = 7; repeated NetStateRule include = 8; "
    "repeated NetStateRule exclude = 9; TransformationParameter transform_param = 100; "
    "AccuracyParameter accuracy_param = 102; ConvolutionParameter convolution_param = 106; "
    "DataParameter data_param = 107; DropoutParameter dropout_param = 108; "
    "InnerProductParameter inner_product_param = 117; LRNParameter lrn_param = 118; MVNParameter mvn_param = 120; "
    "PoolingParameter pooling_param = 121; ReLUParameter relu_param = 123; SoftmaxParameter softmax_param = 125; "
    "FlattenParameter flatten_param = 135; BatchNormParameter batch_norm_param = 139; BiasParameter bias_param = 141; "
    "ScaleParameter scale_param = 142; InputParameter input_param = 143",
    # Before 2014. Its numbered types are those of LayerParameter in other words.
    "V1LayerParameter": "enum LayerType: NONE ACCURACY BNLL CONCAT CONVOLUTION DATA DROPOUT EUCLIDEAN_LOSS FLATTEN "
    "HDF5_DATA HDF5_OUTPUT IM2COL IMAGE_DATA INFOGAIN_LOSS INNER_PRODUCT LRN MULTINOMIAL_LOGISTIC_LOSS POOLING RELU "
    "SIGMOID SOFTMAX SOFTMAX_LOSS SPLIT TANH WINDOW_DATA ELTWISE POWER SIGMOID_CROSS_ENTROPY_LOSS HINGE_LOSS "
    "MEMORY_DATA ARGMAX THRESHOLD DUMMY_DATA SLICE MVN ABSVAL SILENCE CONTRASTIVE_LOSS EXP DECONVOLUTION; "
    "repeated string bottom = 2; repeated string top = 3; string name = 4; LayerType type = 5; "
    "repeated BlobProto blobs = 6; ConvolutionParameter convolution_param = 10; DataParameter data_param = 11; "
    "DropoutParameter dropout_param = 12; InnerProductParameter inner_product_param = 17; LRNParameter lrn_param = 18; "
    "PoolingParameter pooling_param = 19; ReLUParameter relu_param = 30; repeated NetStateRule include = 32; "
    "repeated NetStateRule exclude = 33; MVNParameter mvn_param = 34; TransformationParameter transform_param = 36; "
    "SoftmaxParameter softmax_param = 39",
    "NetParameter": "string name = 1; repeated V1LayerParameter layers = 2; repeated string input = 3; "
    "repeated int32 input_dim = 4; repeated BlobShape input_shape = 8; repeated LayerParameter layer = 100",
    "SolverParameter": "enum SolverMode: CPU GPU; repeated int32 test_iter = 3; int32 test_interval = 4; "
    "float base_lr = 5; int32 display = 6; int32 max_iter = 7; string lr_policy = 8; float momentum = 11; "
    "int32 snapshot = 14; string snapshot_prefix = 15; SolverMode solver_mode = 17; int64 random_seed = 20; "
    "string net = 24; float momentum2 = 39; string type = 40",
}
_LABELS = {"packed": 3, "repeated": 3}


def new(name: str, /, **fields: Any) -> Any:
    """Return a new message of the schema with the given fields set."""
    return _CLASSES[name](**fields)


def to_blob(array: np.ndarray) -> Any:
    """Return a BlobProto with the shape and the values of `array`, as float32."""
    return new("BlobProto", shape=new("BlobShape", dim=array.shape), data=array.astype(np.float32).ravel())


def to_image_blob(array: np.ndarray) -> Any:
    """Return a BlobProto of (C, H, W) with the four old size fields, which every reader of mean files knows."""
    channels, height, width = array.shape
    blob = to_blob(array)
    blob.ClearField("shape")
    blob.num, blob.channels, blob.height, blob.width = 1, channels, height, width
    return blob


def from_blob(blob: Any) -> np.ndarray:
    """Return a BlobProto's values as float32, in its shape or, for old files, in its (num, channels, height, width).

    Raises
    ------
    ValueError
        When it has another number of values than its shape says.
    """
    old = (blob.num, blob.channels, blob.height, blob.width)
    shape = tuple(blob.shape.dim) if blob.HasField("shape") else old
    return np.array(blob.data or blob.double_data, np.float32).reshape(shape)


def read_binary(path: str | Path, name: str) -> Any:
    """Read a file with one binary message of the schema (`.caffemodel`, `.binaryproto`).

    Raises
    ------
    InputError
        When the file is missing, truncated or of another kind.
    """
    content = _read(path)
    try:
        return _CLASSES[name].FromString(content)
    except message.DecodeError as error:
        raise InputError(f"{path}: damaged, or no binary {name} of Caffe ({error}); copy it again") from error


def read_text(path: str | Path, name: str) -> Any:
    """Read a file with one message of the schema as text (`.prototxt`); fields that are not in the schema are skipped.

    Raises
    ------
    InputError
        When the file is missing or is not such a text.
    """
    try:
        text = _read(path).decode("utf-8")
        return text_format.Parse(text, new(name), allow_unknown_field=True)
    except (UnicodeDecodeError, text_format.ParseError) as error:
        raise InputError(f"{path}: not a prototxt of a Caffe {name} ({error})") from error


def write_binary(path: str | Path, content: Any) -> None:
    """Write one message in binary, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content.SerializeToString())


def write_text(path: str | Path, content: Any) -> None:
    """Write one message as text, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text_format.MessageToString(content), encoding="utf-8")


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error


def _build() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="svhn_caffe.proto", package="caffe", syntax="proto2")
    for name, fields in _SCHEMA.items():
        entry = file.message_type.add(name=name)
        for field in fields.split("; "):
            if field.startswith("enum "):
                _add_enum(entry, field)
            else:
                _add_field(entry, field)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"caffe.{name}")) for name in _SCHEMA}


def _add_enum(entry: descriptor_pb2.DescriptorProto, field: str) -> None:
    name, values = field.removeprefix("enum ").split(": ")
    enum = entry.enum_type.add(name=name)
    for number, value in enumerate(values.split()):
        enum.value.add(name=value, number=number)


def _add_field(entry: descriptor_pb2.DescriptorProto, field: str) -> None:
    left, right = field.split(" = ")
    *label, kind, name = left.split()
    number, *default = right.split()
    added = entry.field.add(name=name, number=int(number), label=_LABELS.get("".join(label), 1))
    if label == ["packed"]:
        added.options.packed = True
    if default:
        added.default_value = default[0]
    if any(enum.name == kind for enum in entry.enum_type):
        added.type, added.type_name = added.TYPE_ENUM, f".caffe.{entry.name}.{kind}"
    elif kind in _SCHEMA:
        added.type, added.type_name = added.TYPE_MESSAGE, f".caffe.{kind}"
    else:
        added.type = getattr(added, f"TYPE_{kind.upper()}")


_CLASSES = _build()
