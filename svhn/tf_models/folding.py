"""From the graph `caffe` to `caffe-lrn`: batch normalisation folded into the convolutions, as a start for training."""

import keras
import numpy as np

# What a crop's contrast is taken for where it is no longer measured: standard deviation in grey levels after the mean
# image, chosen of 20, 30 and 40 by the accuracy on validation before any training.
CONTRAST = 20.0


def folded_weights(network: keras.Model) -> list[np.ndarray]:
    """Return weights for the graph `caffe-lrn` that compute about what a network of the graph `caffe` does.

    A batch normalisation s x + t after a pooling goes into the convolution that follows: its kernel times s, and more
    bias for t, which is exact away from the edges. The standardisation of each crop becomes
    one division by `CONTRAST`, in the second convolution: the first one's maps keep the scale of raw pixels, for which
    the settings of the local response are made.

    Parameters
    ----------
    network : keras.Model
        Of the graph `caffe`.

    Returns
    -------
    list of ndarray
        Kernel and bias of the three convolutions and of the last layer.
    """
    kernel, bias = network.get_layer("conv1").get_weights()
    weights = [kernel, CONTRAST * bias]
    shrink = 1 / CONTRAST
    for block in (2, 3):
        norm = network.get_layer(f"norm{block - 1}")
        gamma, beta, mean, variance = norm.get_weights()
        scale = gamma / np.sqrt(variance + norm.epsilon)
        kernel, bias = network.get_layer(f"conv{block}").get_weights()
        bias = bias + np.einsum("hwio,i->o", kernel, beta - mean * scale)
        weights += [kernel * (shrink * scale)[:, None], bias]
        shrink = 1.0
    return [*weights, *network.get_layer("logits").get_weights()]
