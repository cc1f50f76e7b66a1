"""Which known pixels may be copied into a hole: those of colours that reach its border, or that a first answer has."""

import cv2
import numpy as np

# Colours are sorted into so many bins a channel; those so many bins away are not told apart.
BINS, TOLERANCE = 16, 1
# Of the picture before that, so that noise has no colour of its own (sigma, pixels).
BLUR = 1.0
# What reaches the border: known pixels up to so far from it, as a share of the hole's thickness and in pixels.
RING, LEAST_RING = 0.15, 3
# A colour belongs when its bin has this share of hole and border, and a pixel when this share of what is around it, a
# square so wide (pixels), belongs.
LEAST_SHARE, MOST_OTHERS, AROUND = 0.0005, 0.2, 5


def of_its_colours(picture: np.ndarray, mask: np.ndarray, known: np.ndarray, thick: float) -> np.ndarray:
    """Return which known pixels have colours that may be behind a hole.

    Parameters
    ----------
    picture : ndarray (H, W, 3) float32, 0..255
        With a first answer in the hole.
    mask, known : ndarray (H, W) bool
        True = the hole; True = is known.
    thick : float
        Of the hole, in pixels.

    Returns
    -------
    ndarray (H, W) bool
        True only where `known` is.
    """
    bins = np.clip(cv2.GaussianBlur(picture, (0, 0), BLUR) * (BINS / 256), 0, BINS - 1).astype(int)
    flat = np.ravel_multi_index(tuple(np.moveaxis(bins, 2, 0)), (BINS,) * 3)
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    border = known & ~mask & (distance <= max(LEAST_RING, RING * thick))
    counts = np.bincount(flat[mask], minlength=BINS**3) / mask.sum()
    if border.any():
        counts = (counts + np.bincount(flat[border], minlength=BINS**3) / border.sum()) / 2
    other = (_highest_near(counts.reshape((BINS,) * 3)) < LEAST_SHARE).reshape(-1)[flat].astype(np.float32)
    return known & (cv2.blur(other, (AROUND, AROUND)) <= MOST_OTHERS)


def _highest_near(counts: np.ndarray) -> np.ndarray:
    """Return the highest count within `TOLERANCE` bins of each bin (BINS, BINS, BINS)."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(counts, TOLERANCE), (2 * TOLERANCE + 1,) * 3)
    return windows.max(axis=(3, 4, 5))
