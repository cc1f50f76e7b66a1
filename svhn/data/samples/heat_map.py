"""The finder's targets: a heat map of the digits' centres, with a label and a box in the cells about each.

It is the centre heat map of CenterNet (Zhou, Wang, Krahenbuhl: Objects as Points, 2019), which is learned with the
penalty-reduced focal loss of CornerNet (Law, Deng, 2018), see `svhn.tf_models.finder`.
"""

from dataclasses import dataclass

import numpy as np

from svhn.data.samples.config import DEFAULT_SAMPLES, SampleConfig
from svhn.finder import LAYOUT

# Pixels of the network's input per cell of its output, in each direction.
STRIDE = LAYOUT.stride
# Digits of heights between these factors of the lowest and highest are asked for; a little beyond they are ignored.
BELOW = 0.8
ABOVE = 1.1
LEAST_WIDTH = 2.0
# Standard deviations of the Gaussian about a centre, as shares of the digit's width and height, and in pixels at least.
SPREAD_ACROSS = 0.16
SPREAD_DOWN = 0.13
LEAST_SPREAD = 2.2
# Cells with more heat than this also answer for label and box.
ANSWERING = 0.3
# So many pixels about a digit that is ignored nothing is asked.
IGNORED_MARGIN = 2


@dataclass(frozen=True)
class Targets:
    """What the network is taught to answer on a grid of (H / 4, W / 4) cells.

    Attributes
    ----------
    heat : ndarray (h, w) float32
        1 in the cell of a digit's centre, falling to 0 around it; -1 where nothing is asked.
    weight : ndarray (h, w) float32
        How much the cell's label and box count; the cells of one digit add up to 1.
    label : ndarray (h, w) int32
    box : ndarray (h, w, 4) float32
        Centre x and y relative to the cell's middle, width and height, in pixels.
    """

    heat: np.ndarray
    weight: np.ndarray
    label: np.ndarray
    box: np.ndarray


def make_targets(
    boxes: np.ndarray,
    labels: np.ndarray,
    visible: np.ndarray,
    size: tuple[int, int],
    config: SampleConfig = DEFAULT_SAMPLES,
) -> Targets:
    """Turn boxes into the targets of each cell.

    Parameters
    ----------
    boxes : ndarray (N, 4) float
        Left, top, right, bottom, clipped to the canvas.
    labels : ndarray (N,) int
    visible : ndarray (N,) float
        Part of each digit that is on the canvas, 0..1.
    size : (width, height) of the canvas in pixels
    config : SampleConfig
        Gives `digit_height`, beyond which digits are not asked for, and `least_visible`.
    """
    columns, rows = size[0] // STRIDE, size[1] // STRIDE
    x = (np.arange(columns) + 0.5) * STRIDE
    y = (np.arange(rows)[:, None] + 0.5) * STRIDE
    heat = np.zeros((rows, columns), np.float32)
    label = np.zeros((rows, columns), np.int32)
    box = np.zeros((rows, columns, 4), np.float32)
    box[..., 2:] = 1
    owner = np.zeros((rows, columns), np.int64)
    ignored = np.zeros((rows, columns), bool)
    for number, (sides, name, part) in enumerate(zip(boxes, labels, visible, strict=True)):
        if not _is_asked(sides, part, config):
            if part > 0:
                ignored |= _near(sides, x, y)
            continue
        bell = _bell(sides, x, y)
        nearer = bell > heat
        heat[nearer] = bell[nearer]
        label[nearer] = name
        owner[nearer] = number
        box[nearer] = _offsets(sides, x, y)[nearer]
    heat_or_nothing = np.where(ignored & (heat < ANSWERING), -1, heat).astype(np.float32)
    return Targets(heat_or_nothing, _weights(heat, owner), label, box)


def _is_asked(sides: np.ndarray, part: float, config: SampleConfig) -> bool:
    """Tell whether a digit is large, small and visible enough to be asked for."""
    left, top, right, bottom = sides
    lowest, highest = config.digit_height
    fits = BELOW * lowest <= bottom - top <= ABOVE * highest and right - left >= LEAST_WIDTH
    return part >= config.least_visible and fits


def _near(sides: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the cells (h, w) bool whose middles lie in a box or `IGNORED_MARGIN` pixels beside it."""
    left, top, right, bottom = sides
    across = (x > left - IGNORED_MARGIN) & (x < right + IGNORED_MARGIN)
    return across & (y > top - IGNORED_MARGIN) & (y < bottom + IGNORED_MARGIN)


def _bell(sides: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return a Gaussian (h, w) about a digit's centre, exactly 1 in the cell that holds it."""
    left, top, right, bottom = sides
    centre_x, centre_y = (left + right) / 2, (top + bottom) / 2
    across = max(SPREAD_ACROSS * (right - left), LEAST_SPREAD)
    down = max(SPREAD_DOWN * (bottom - top), LEAST_SPREAD)
    bell = np.exp(-(((x - centre_x) / across) ** 2) / 2 - ((y - centre_y) / down) ** 2 / 2)
    rows, columns = bell.shape
    bell[min(int(centre_y / STRIDE), rows - 1), min(int(centre_x / STRIDE), columns - 1)] = 1
    return bell


def _offsets(sides: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return a digit's box as each cell sees it, (h, w, 4): centre relative to the cell's middle, width, height."""
    left, top, right, bottom = sides
    centre_x, centre_y = (left + right) / 2, (top + bottom) / 2
    return np.stack(np.broadcast_arrays(centre_x - x, centre_y - y, right - left, bottom - top), -1)


def _weights(heat: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Return how much each cell's label and box count (h, w) float32: its heat, so that each digit's sum to 1."""
    weight = np.where(heat > ANSWERING, heat, 0)
    total = np.bincount(owner.ravel(), weight.ravel())[owner]
    return (weight / np.maximum(total, 1e-6)).astype(np.float32)
