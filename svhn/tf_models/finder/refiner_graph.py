"""The refiner's networks: one answer for a crop."""

import keras
from keras import layers

from svhn.finder import LAYOUT, VIEWS
from svhn.tf_models.finder.graph import convolve, residual


def build_refiner(view: str = "close", channels: tuple[int, ...] | None = None, dropout: float = 0.5) -> keras.Model:
    """Build the network of a view with fresh weights.

    Parameters
    ----------
    view : str
        Of `svhn.finder.config.VIEWS`.
    channels : tuple of int, optional
        Of the resolutions, the finest first. By default 24, 48, 96 and 192 for the close view, at full size, a half, a
        quarter and an eighth; for the wide view, at a half, a quarter and an eighth, 16, 40 and 80.
    dropout : float
        Before the answer.

    Returns
    -------
    keras.Model
        float32 (N, size, size, 3), crops of `svhn.finder.level_contrast` -> float32 (N, 1, 1, 15): presence logit, ten
        class logits, and the box as `svhn.finder.refiner.place` takes it.
    """
    size = VIEWS[view].size
    inputs = keras.Input((size, size, 3), name="image")
    look, usual = (_close, (24, 48, 96, 192)) if view == "close" else (_wide, (16, 40, 80))
    x = look(inputs, channels or usual)
    x = layers.Dropout(dropout, name="dropout")(x)
    # One kernel over the whole map, since the digit in the middle counts, not its neighbours.
    x = layers.Conv2D(LAYOUT.channels, x.shape[1], padding="valid", name="answer")(x)
    return keras.Model(inputs, x, name="refiner")


def _close(x, channels: tuple[int, ...]):
    x = convolve(x, channels[0], "stem")
    x = convolve(x, channels[0], "stage1")
    for stage, filters in enumerate(channels[1:], start=2):
        x = layers.MaxPooling2D(name=f"pool{stage - 1}")(x)
        x = convolve(x, filters, f"stage{stage}")
        if stage < 4:
            x = residual(x, f"stage{stage}_block")
    return x


def _wide(x, channels: tuple[int, ...]):
    x = convolve(x, channels[0], "stem", strides=2)
    for stage, filters in enumerate(channels[1:], start=1):
        x = residual(convolve(x, filters, f"stage{stage}", strides=2), f"stage{stage}_block")
    return residual(x, "last_block")
