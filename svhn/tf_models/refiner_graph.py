"""The refiner's network: one answer for a crop."""

import keras
from keras import layers

from svhn.refiner import SIZE
from svhn.tf_models.finder_graph import OUTPUTS, convolve, residual

POOLINGS = 3


def build_refiner(channels: tuple[int, int, int, int] = (24, 48, 96, 192), dropout: float = 0.5) -> keras.Model:
    """Build the network with fresh weights.

    Parameters
    ----------
    channels : tuple of int
        At full size, a half, a quarter and an eighth.
    dropout : float
        Before the answer.

    Returns
    -------
    keras.Model
        float32 (N, 40, 40, 3), crops of `svhn.refiner.standardise` -> float32 (N, 1, 1, 15): presence logit, ten
        class logits, and the box as `svhn.refiner.place` takes it.
    """
    x = inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = convolve(x, channels[0], "stem")
    x = convolve(x, channels[0], "stage1")
    for stage, filters in enumerate(channels[1:], start=2):
        x = layers.MaxPooling2D(name=f"pool{stage - 1}")(x)
        x = convolve(x, filters, f"stage{stage}")
        if stage < 4:
            x = residual(x, f"stage{stage}_block")
    x = layers.Dropout(dropout, name="dropout")(x)
    # One kernel over the whole map, since the digit in the middle counts, not its neighbours.
    x = layers.Conv2D(OUTPUTS, SIZE >> POOLINGS, padding="valid", name="answer")(x)
    return keras.Model(inputs, x, name="refiner")
