"""Key pixels (background that the fill learns from) and masks: what they are, and the shapes that they are made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from svhn.boxes import Box

# Margins and reaches are fractions of the digits' height, and at least this many pixels.
LEAST_PIXELS = 2


@dataclass(frozen=True)
class KeyPixels:
    """What tells background from digits in a region.

    Attributes
    ----------
    mask : ndarray (H, W) bool
        True = digit with halo, outline and shadow: to be filled.
    key_pixels : ndarray (H, W) bool
        True = background that the GRNN learns from. Some may lie in the mask's rim: they are likely to be background
        and are painted nevertheless, lest what little they show of a digit can be seen.
    """

    mask: np.ndarray
    key_pixels: np.ndarray


def in_pixels(fraction: float, boxes: Sequence[Box], least: int = LEAST_PIXELS) -> int:
    """Turn a fraction of the digits' median height into whole pixels, at least `least`."""
    height = np.median([box.height for box in boxes])
    return max(least, round(fraction * height))


def window_of(box: Box, margin: float, shape: Sequence[int]) -> Box:
    """Return the box grown by the margin in which its digit is looked for, in a region of (height, width, ...)."""
    return box.grow(in_pixels(margin, [box])).inside(shape[1], shape[0])


def searched(boxes: Sequence[Box], shape: tuple[int, ...], margin: float) -> np.ndarray:
    """Return what lies in the boxes and their margins, in a region of (height, width, ...): (height, width) bool."""
    return paint_boxes([window_of(box, margin, shape) for box in boxes], shape[:2])


def paint_boxes(boxes: Sequence[Box], shape: Sequence[int]) -> np.ndarray:
    """Return a mask (H, W) bool that is True inside the boxes, which must lie inside the region."""
    mask = np.zeros(tuple(shape), bool)
    for box in boxes:
        mask[box.slices] = True
    return mask


def widen(mask: np.ndarray, pixels: int) -> np.ndarray:
    """Grow a mask by a disk of the given radius."""
    size = 2 * pixels + 1
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return cv2.dilate(mask.astype(np.uint8), disk) > 0
