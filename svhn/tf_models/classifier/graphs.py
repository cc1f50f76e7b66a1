"""The networks by name. Every network takes raw pixels 0..255 and returns logits."""

from collections.abc import Sequence

import keras
from keras import layers

from svhn.alphabet import NUM_CLASSES
from svhn.crops import CROP_SIZE
from svhn.data import Statistics
from svhn.errors import InputError
from svhn.tf_models.classifier.config import GRAPHS
from svhn.tf_models.local_response import LocalResponse, local_response


def build_graph(name: str, statistics: Statistics) -> keras.Model:
    """Build a network with fresh weights.

    Parameters
    ----------
    name : str
        One of `GRAPHS`.
    statistics : Statistics
        Of the training part; becomes the network's own normalisation.

    Returns
    -------
    keras.Model
        float32 (N, 32, 32, C), raw pixels 0..255, gray for C = 1 and RGB for C = 3 -> logits float32 (N, 10).
    """
    builders = {"seed": _seed, "record": _record, "caffe": _caffe, "caffe-lrn": _caffe_lrn}
    if name not in builders:
        raise InputError(f"no graph named {name!r}; the graphs are {', '.join(GRAPHS)}")
    return builders[name](statistics)


def _seed(statistics: Statistics) -> keras.Model:
    """The reference's network: 5x5 x 32 - pool - 5x5 x 64 - pool - dropout - 256 - 10; 1,103,498 parameters.

    After the normalisation of the data set every crop is brought to its own mean and contrast: on 40 % of the
    training photos this gave 91.5 % instead of 90.9 % after 6,000 iterations.
    """
    x = inputs = keras.Input((CROP_SIZE, CROP_SIZE, 1), name="image")
    x = _normalised(x, [statistics.gray_mean], [statistics.gray_std])
    for filters in (32, 64):
        x = layers.Conv2D(filters, 5, padding="same", activation="relu", name=f"conv{filters}")(x)
        x = layers.MaxPooling2D(name=f"pool{filters}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(0.5, name="dropout")(x)
    x = layers.Dense(256, activation="relu", name="fc256")(x)
    return keras.Model(inputs, layers.Dense(NUM_CLASSES, name="logits")(x), name="seed")


def _record(statistics: Statistics) -> keras.Model:
    """Our own: residual blocks of 3x3 convolutions, 32 - 64 - 128 - 192 wide, one pooling before each widening."""
    x = inputs = keras.Input((CROP_SIZE, CROP_SIZE, 3), name="image")
    x = _normalised(x, statistics.rgb_mean, statistics.rgb_std)
    x = _convolution(x, 32, "stem")
    x = _convolution(x, 32, "stage1")
    for stage, filters in ((2, 64), (3, 128)):
        x = layers.MaxPooling2D(name=f"pool{stage - 1}")(x)
        x = _convolution(x, filters, f"stage{stage}")
        x = _residual_block(x, f"stage{stage}_block")
    x = layers.MaxPooling2D(name="pool3")(x)
    x = _convolution(x, 192, "stage4")
    x = layers.Flatten(name="flatten")(x)  # no mean over places: the digit in the middle counts, not its neighbours
    x = layers.Dropout(0.5, name="dropout")(x)
    return keras.Model(inputs, layers.Dense(NUM_CLASSES, name="logits")(x), name="record")


def _caffe(statistics: Statistics) -> keras.Model:
    """The reference's Caffe network, as its slides have it: 5x5 convolutions, 32 - 32 - 64 wide, and dropout.

    Built of what Caffe computes in the same way (docs/caffe.md): the mean image is subtracted, then every crop is
    brought to its own mean and contrast (MVN); poolings of 3x3 with stride 2 whose last window is cut at the edge.
    """
    x = inputs = keras.Input((CROP_SIZE, CROP_SIZE, 1), name="data")
    x = layers.Rescaling(1.0, (-statistics.gray_mean_image[..., None]).tolist(), name="mean")(x)
    x = layers.LayerNormalization(axis=(1, 2, 3), center=False, scale=False, epsilon=1e-9, name="standardisation")(x)
    pools = (layers.MaxPooling2D, layers.AveragePooling2D, layers.AveragePooling2D)
    for block, (filters, pool) in enumerate(zip((32, 32, 64), pools, strict=True), start=1):
        x = layers.Conv2D(filters, 5, padding="same", kernel_initializer="he_normal", name=f"conv{block}")(x)
        x = layers.ReLU(name=f"relu{block}")(x)
        x = pool(3, 2, padding="same", name=f"pool{block}")(x)
        if block < 3:
            x = layers.BatchNormalization(momentum=0.98, epsilon=1e-5, name=f"norm{block}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(0.5, name="dropout")(x)
    return keras.Model(inputs, layers.Dense(NUM_CLASSES, name="logits")(x), name="caffe")


# Of the reference's prototxt, which took them from Caffe's example cifar10_full.
_LOCAL_RESPONSE = LocalResponse(size=3, alpha=5e-5, beta=0.75)


def _caffe_lrn(statistics: Statistics) -> keras.Model:
    """The reference's Caffe network, as its prototxt has it: Caffe's example cifar10_full on gray crops.

    The mean image is subtracted, nothing else; the first block pools before its ReLU; local response normalisation
    within channels; no dropout.
    """
    x = inputs = keras.Input((CROP_SIZE, CROP_SIZE, 1), name="data")
    x = layers.Rescaling(1.0, (-statistics.gray_mean_image[..., None]).tolist(), name="mean")(x)
    x = _plain_convolution(x, 32, "conv1")
    x = layers.MaxPooling2D(3, 2, padding="same", name="pool1")(x)
    x = layers.ReLU(name="relu1")(x)
    for block, filters in ((2, 32), (3, 64)):
        x = local_response(x.shape[1:], _LOCAL_RESPONSE, f"norm{block - 1}")(x)
        x = layers.ReLU(name=f"relu{block}")(_plain_convolution(x, filters, f"conv{block}"))
        x = layers.AveragePooling2D(3, 2, padding="same", name=f"pool{block}")(x)
    x = layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, layers.Dense(NUM_CLASSES, name="logits")(x), name="caffe-lrn")


def _plain_convolution(x, filters: int, name: str):
    return layers.Conv2D(filters, 5, padding="same", kernel_initializer="he_normal", name=name)(x)


def _normalised(x, mean: Sequence[float], std: Sequence[float]):
    """Normalise by the data set, then bring every crop to its own mean and contrast."""
    x = layers.Rescaling(
        [1 / value for value in std], [-m / s for m, s in zip(mean, std, strict=True)], name="normalisation"
    )(x)
    return layers.LayerNormalization(axis=(1, 2, 3), center=False, scale=False, epsilon=0.01, name="standardisation")(x)


def _convolution(x, filters: int, name: str, activation: str = "relu"):
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=name)(x)
    x = layers.BatchNormalization(momentum=0.98, name=f"{name}_norm")(x)
    return layers.Activation(activation, name=f"{name}_{activation}")(x)


def _residual_block(x, name: str):
    inside = _convolution(x, x.shape[-1], f"{name}_a")
    inside = _convolution(inside, x.shape[-1], f"{name}_b", "linear")
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_sum")([x, inside]))
