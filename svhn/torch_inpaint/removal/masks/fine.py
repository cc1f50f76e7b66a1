"""A mask at the photo's resolution, for digits that were found at a smaller scale: no wider than it must be."""

import cv2
import numpy as np

from svhn.torch_inpaint.removal.masks.key_pixels import widen

# A pixel shows the digit when it differs from what is expected behind it by more than so many grey levels, and by more
# than so many times what pixels beside the mask do.
LEAST_DIFFERENCE, TIMES_NOISE = 7.0, 3.0
# Differences are blurred (sigma, pixels), so that noise does not decide.
BLUR = 1.0
# What is wider around the mask tells how pixels differ that show no digit; a fraction of the digits' height.
RING = 0.12
# Strokes, and what differs, are widened by this, in fractions of the height and in pixels at least: soft edges and
# ringing of JPEG.
STROKE_EDGE, EDGE, LEAST_EDGE = 0.02, 0.012, 2


def fine_mask(
    photo: np.ndarray, expected: np.ndarray, wide: np.ndarray, strokes: np.ndarray, height: float
) -> np.ndarray:
    """Keep of a mask what shows strokes, or differs from what is expected behind them: edges, shadow, relief.

    Parameters
    ----------
    photo : ndarray (H, W, 3) uint8, RGB
        The region around a number.
    expected : ndarray (H, W, 3) float32, 0..255
        The same with `wide` filled; elsewhere as smooth as the fill is.
    wide : ndarray (H, W) bool
        A mask that is wide enough.
    strokes : ndarray (H, W) bool
        Where the digits' strokes are.
    height : float
        Of the digits, in pixels.

    Returns
    -------
    ndarray (H, W) bool
        Lies within `wide`.
    """
    difference = cv2.GaussianBlur(np.abs(photo - expected).max(axis=2), (0, 0), BLUR)
    ring = widen(wide, max(1, round(RING * height))) & ~wide
    noise = float(np.median(difference[ring])) if ring.any() else 0.0
    core = widen(strokes & wide, _pixels(STROKE_EDGE, height))
    differs = (difference > max(LEAST_DIFFERENCE, TIMES_NOISE * noise)) & wide
    return (core | widen(differs, _pixels(EDGE, height))) & wide


def _pixels(fraction: float, height: float) -> int:
    return max(LEAST_EDGE, round(fraction * height))
