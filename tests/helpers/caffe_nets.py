"""Networks in Caffe's own files with random weights, for the tests of the import."""

from pathlib import Path

import numpy as np

from svhn.data.caffe import proto as caffe_proto

INPUT = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: %d dim: %d dim: %d } } }'


def layer(name: str, kind: str, settings: str = "", bottom: str = "data", top: str = "") -> str:
    return f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{top or name}" {settings} }}'


def net(*layers: str, channels: int = 1, height: int = 32, width: int = 32) -> str:
    return "\n".join([INPUT % (channels, height, width), *layers])


# The reference's own, from its prototxt: local response normalisation instead of batch normalisation.
REFERENCE = net(
    layer("conv1", "Convolution", "convolution_param { num_output: 32 pad: 2 kernel_size: 5 stride: 1 }"),
    layer("pool1", "Pooling", "pooling_param { pool: MAX kernel_size: 3 stride: 2 }", "conv1"),
    layer("relu1", "ReLU", "", "pool1", "pool1"),
    layer("norm1", "LRN", "lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 alpha: 5e-5 beta: 0.75 }", "pool1"),
    layer("conv2", "Convolution", "convolution_param { num_output: 32 pad: 2 kernel_size: 5 }", "norm1"),
    layer("relu2", "ReLU", "", "conv2", "conv2"),
    layer("pool2", "Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 2 }", "conv2"),
    layer("norm2", "LRN", "lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 alpha: 5e-5 beta: 0.75 }", "pool2"),
    layer("conv3", "Convolution", "convolution_param { num_output: 64 pad: 2 kernel_size: 5 }", "norm2"),
    layer("relu3", "ReLU", "", "conv3", "conv3"),
    layer("pool3", "Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 2 }", "conv3"),
    layer("ip1", "InnerProduct", "inner_product_param { num_output: 10 }", "pool3"),
    layer("prob", "Softmax", "", "ip1"),
)
REFERENCE_WEIGHTS = {
    "conv1": [(32, 1, 5, 5), (32,)],
    "conv2": [(32, 32, 5, 5), (32,)],
    "conv3": [(64, 32, 5, 5), (64,)],
    "ip1": [(10, 1024), (10,)],
}
# The same in the format from before 2014.
OLD = 'input: "data" input_dim: 1 input_dim: 1 input_dim: 32 input_dim: 32\n' + "\n".join(
    f"layers {{ {body} }}"
    for body in (
        'name: "conv1" type: CONVOLUTION bottom: "data" top: "conv1" blobs_lr: 1 blobs_lr: 2 '
        "convolution_param { num_output: 4 kernel_size: 5 }",
        'name: "pool1" type: POOLING bottom: "conv1" top: "pool1" pooling_param { kernel_size: 3 stride: 2 }',
        'name: "relu1" type: RELU bottom: "pool1" top: "pool1"',
        'name: "ip1" type: INNER_PRODUCT bottom: "pool1" top: "ip1" inner_product_param { num_output: 10 }',
        'name: "prob" type: SOFTMAX bottom: "ip1" top: "prob"',
    )
)
OLD_WEIGHTS = {"conv1": [(4, 1, 5, 5), (1, 1, 1, 4)], "ip1": [(1, 1, 10, 784), (1, 1, 1, 10)]}

# Layer types and settings that the networks above leave out, one small network each: prototxt and weights.
SMALL = {
    "pooling over an odd side": (
        net(layer("pool", "Pooling", "pooling_param { kernel_size: 2 stride: 2 }"), height=7, width=5),
        {},
    ),
    "average pooling with windows over the edge": (
        net(layer("pool", "Pooling", "pooling_param { pool: AVE kernel_size: 4 stride: 3 }"), height=12, width=9),
        {},
    ),
    "padded average pooling": (
        net(layer("pool", "Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }"), height=8, width=9),
        {},
    ),
    "padded maximum of negative numbers": (
        net(
            layer("negative", "Scale", "scale_param { bias_term: true }"),
            layer("pool", "Pooling", "pooling_param { kernel_size: 3 stride: 2 pad: 1 }", "negative"),
            height=8,
            width=9,
        ),
        {"negative": [(1,), (1,)]},
    ),
    "pooling over everything": (
        net(layer("pool", "Pooling", "pooling_param { pool: AVE global_pooling: true }"), channels=2),
        {},
    ),
    "strided convolution without bias": (
        net(
            layer(
                "conv",
                "Convolution",
                "convolution_param { num_output: 3 pad: 1 kernel_h: 3 kernel_w: 4 stride: 2 bias_term: false }",
            ),
            height=11,
            width=12,
        ),
        {"conv": [(3, 1, 3, 4)]},
    ),
    "batch normalisation alone": (
        net(layer("norm", "BatchNorm", "batch_norm_param { eps: 0.001 }"), channels=4),
        {"norm": [(4,), (4,), (1,)]},
    ),
    "batch normalisation with scale, in place": (
        net(
            layer("norm", "BatchNorm", "", "data", "data"),
            layer("scale", "Scale", "scale_param { bias_term: true }", "data", "data"),
            layer("relu", "ReLU", "relu_param { negative_slope: 0.1 }", "data", "data"),
            channels=4,
        ),
        {"norm": [(4,), (4,), (1,)], "scale": [(4,), (4,)]},
    ),
    "response across channels": (
        net(layer("norm", "LRN", "lrn_param { local_size: 5 alpha: 0.01 beta: 0.6 }"), channels=7),
        {},
    ),
    "standardised channels": (net(layer("mvn", "MVN", "mvn_param { eps: 1e-7 }"), channels=2), {}),
    "channels without their mean": (
        net(layer("mvn", "MVN", "mvn_param { normalize_variance: false }"), channels=2),
        {},
    ),
    "inner products after flatten": (
        net(
            layer("flat", "Flatten"),
            layer("drop", "Dropout", "", "flat", "flat"),
            layer("one", "InnerProduct", "inner_product_param { num_output: 5 bias_term: false }", "flat"),
            layer("relu", "ReLU", "", "one", "one"),
            layer("two", "InnerProduct", "inner_product_param { num_output: 3 }", "one"),
            channels=2,
            height=3,
            width=4,
        ),
        {"one": [(5, 24)], "two": [(3, 5), (3,)]},
    ),
}


def random_weights(shapes: dict[str, list[tuple]], seed: int = 0) -> dict[str, list[np.ndarray]]:
    """Draw weights that keep activations in range; variances and factors of batch normalisation are positive."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, of_layer in shapes.items():
        arrays = [rng.normal(0, 1 / np.sqrt(np.prod(shape[1:]) or 1), shape) for shape in of_layer]
        if name.startswith("norm"):
            arrays = [20 * arrays[0], rng.uniform(100, 900, of_layer[1]), np.array([7.0])]
        if name == "negative":
            arrays = [np.array([0.5]), np.array([-300.0])]
        weights[name] = [array.astype(np.float32) for array in arrays]
    return weights


def write_pair(folder: Path, prototxt: str, weights: dict[str, list[np.ndarray]], old: bool = False) -> tuple:
    """Write deploy.prototxt and weights.caffemodel, with `old` in the format from before 2014; return both paths."""
    paths = folder / "deploy.prototxt", folder / "weights.caffemodel"
    paths[0].write_text(prototxt, encoding="utf-8")
    written = caffe_proto.new("NetParameter")
    for name, arrays in (weights or {"unused": [np.zeros(1)]}).items():
        added = (written.layers if old else written.layer).add(name=name)
        for array in arrays:
            blob = caffe_proto.to_blob(array)
            if old:
                blob.ClearField("shape")
                blob.num, blob.channels, blob.height, blob.width = (1,) * (4 - array.ndim) + array.shape
            added.blobs.append(blob)
    caffe_proto.write_binary(paths[1], written)
    return paths


def pixels(channels: int, height: int, width: int, count: int = 3) -> np.ndarray:
    """Return raw pixels as Keras takes them: (N, H, W, C) float32."""
    return np.random.default_rng(1).integers(0, 256, (count, height, width, channels)).astype(np.float32)
