"""From how likely pixels are to show strokes to key pixels and mask."""

from collections.abc import Sequence

import cv2
import numpy as np

from svhn.boxes import Box
from svhn.torch_inpaint.removal.config import KeyPixelConfig
from svhn.torch_inpaint.removal.masks.key_pixels import KeyPixels, in_pixels, searched, widen


def key_pixels_by_strokes(
    probability: np.ndarray, boxes: Sequence[Box], config: KeyPixelConfig = KeyPixelConfig()
) -> KeyPixels:
    """Tell background from digits by how likely pixels are to show strokes.

    Parameters
    ----------
    probability : ndarray (H, W) float32, 0..1
        Of strokes, soft edges and shadows.
    boxes : sequence of Box
        The digits' boxes in the region's coordinates, each with at least one pixel inside it.
    config : KeyPixelConfig

    Returns
    -------
    KeyPixels
        The mask stays within the boxes, grown by the margin and the reach; key pixels may lie in its rim.
    """
    islands = _islands(probability <= config.background, config.island * np.median([box.height for box in boxes]) ** 2)
    inked = searched(boxes, probability.shape, config.stroke_margin) & ((probability > config.stroke) | islands)
    for box in boxes:
        if inked[box.slices].mean() < config.least_share:
            inked[box.slices] = True
    mask = widen(inked, in_pixels(config.stroke_reach, boxes, least=1))
    background = (probability <= config.background) & ~islands
    return KeyPixels(mask, background if (background & ~mask).any() else ~mask)


def _islands(mask: np.ndarray, area: float) -> np.ndarray:
    """Return the connected parts of a mask (H, W) bool that have fewer than `area` pixels."""
    _, labels, measures, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    return mask & (measures[:, cv2.CC_STAT_AREA] < area)[labels]
