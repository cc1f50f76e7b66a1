"""A removal at a glance: the photo before, what was painted, and the photo after, side by side."""

import cv2
import numpy as np

# Pixels between the pictures; the colour of what was painted, and how much of it covers the photo.
GAP, COLOUR, OPACITY = 8, (228, 17, 91), 0.7
WIDEST = 1200


def draw_strip(before: np.ndarray, mask: np.ndarray, after: np.ndarray, widest: int = WIDEST) -> np.ndarray:
    """Return before, mask and after as one picture (H, W, 3) uint8 RGB, at most `widest` pixels wide.

    Parameters
    ----------
    before, after : ndarray (H, W, 3) uint8, RGB
    mask : ndarray (H, W) bool
        True = was painted.
    widest : int
    """
    tinted = (1 - OPACITY) * before + OPACITY * np.array(COLOUR)
    shown = (before, np.where(mask[..., None], tinted, before).astype(np.uint8), after)
    scale = min(1.0, (widest - 2 * GAP) / 3 / before.shape[1])
    size = max(1, round(scale * before.shape[1])), max(1, round(scale * before.shape[0]))
    first, *others = (cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in shown)
    gap = np.full((size[1], GAP, 3), 255, np.uint8)
    return np.concatenate([first, *(part for other in others for part in (gap, other))], axis=1)
