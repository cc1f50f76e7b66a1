"""Shadows that stand apart from their digits: a darker copy of all strokes at one distance."""

import cv2
import numpy as np

from svhn.crops import LUMINANCE
from svhn.torch_inpaint.removal.blur import wide_blur
from svhn.torch_inpaint.removal.masks.key_pixels import widen

# Looked for where digits are brought to this height, in pixels.
HEIGHT = 40
# Digits that are not so tall, in pixels, show too little of it.
LEAST_HEIGHT = 24
# So far away at most, and not nearer than that; in heights of the digits.
FARTHEST, NEAREST = 0.33, 0.05
# The ground's brightness is a mean so wide (sigma, in heights), and what differs from it more counts as this much.
GROUND, MOST = 0.15, 40.0
# Strokes with their soft edges, and how soft shadows are (sigma); in heights of the digits.
EDGE, SOFT = 0.05, 0.03
# A shadow is darker than the ground by so many grey levels and by so many deviations of what other distances give, and
# their product is so much; no less than this share of it is darker. It falls down or to a side.
DARKER, DEVIATIONS, STRENGTH, EVERYWHERE = 4.0, 2.3, 25.0, 0.75
# To a deviation from the median absolute one (of a normal distribution).
NORMAL = 1.4826
LEAST_DEVIATION = 0.5
# Distances at which less than this share of the copy lies beside the strokes say nothing.
LEAST_SEEN = 0.2
# A shadow is widened by this, in heights of the digits.
PENUMBRA = 0.06


def cast_shadow(photo: np.ndarray, ink: np.ndarray, height: float) -> np.ndarray:
    """Find the shadow that strokes cast on the ground behind them.

    The mean darkness of the ground under a copy of all strokes is looked at for every distance of the copy. One
    distance at which it is far more than at the others is the shadow's.

    Parameters
    ----------
    photo : ndarray (H, W, 3) uint8, RGB
    ink : ndarray (H, W) bool
        The strokes.
    height : float
        Of the digits, in pixels.

    Returns
    -------
    ndarray (H, W) bool
        Where the shadow is; nowhere when there is none.
    """
    if height < LEAST_HEIGHT:
        return np.zeros_like(ink)
    scale = min(1.0, HEIGHT / height)
    size = [max(1, round(scale * side)) for side in ink.shape[::-1]]
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA).astype(np.float32) @ np.float32(LUMINANCE)
    strokes = cv2.resize(ink.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    found = _distance(small, strokes, scale * height)
    if found is None:
        return np.zeros_like(ink)
    shadow = np.zeros_like(ink)
    for part in (0.5, 1.0):  # half way there, too, since thick digits cast it all the way
        shadow |= _moved(ink.astype(np.uint8), part * found[0] / scale, part * found[1] / scale) > 0
    return widen(shadow, max(1, round(PENUMBRA * height)))


def _distance(brightness: np.ndarray, strokes: np.ndarray, height: float) -> tuple[int, int] | None:
    """Return how far right and down the shadow of strokes (h, w) float32, 0..1, is; None when there is none."""
    known = (~widen(strokes > 0, max(1, round(EDGE * height)))).astype(np.float32)
    dark = np.clip(wide_blur(brightness, known, GROUND * height) - brightness, -MOST, MOST) * known
    reach = round(FARTHEST * height)
    copy = cv2.GaussianBlur(strokes, (0, 0), SOFT * height)
    beside = copy - cv2.GaussianBlur(copy, (0, 0), GROUND * height)
    summed, counted = (
        cv2.matchTemplate(cv2.copyMakeBorder(part, *(reach,) * 4, cv2.BORDER_CONSTANT), form, cv2.TM_CCORR)
        for part, form in ((dark, beside), (known, copy))
    )
    down, right = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    away = np.hypot(down, right)
    possible = (away >= NEAREST * height) & (away < reach) & (counted > LEAST_SEEN * counted.max())
    if not possible.any():
        return None
    mean = np.where(possible, summed / np.maximum(counted, 1), -MOST)
    usual = float(np.median(mean[possible]))
    deviation = NORMAL * float(np.median(np.abs(mean[possible] - usual)))
    best = int(mean.argmax())
    found, darker = (int(right.flat[best]), int(down.flat[best])), float(mean.flat[best])
    deviations = (darker - usual) / max(deviation, LEAST_DEVIATION)
    if found[1] < 0 or darker < DARKER or deviations < DEVIATIONS or darker * deviations < STRENGTH:
        return None
    under = _moved(copy, *found) * known
    return found if (under * (dark > 0)).sum() >= EVERYWHERE * under.sum() else None


def _moved(values: np.ndarray, right: float, down: float) -> np.ndarray:
    """Return values (H, W) so far right and down, with zeros where they were."""
    step = np.array([[1, 0, right], [0, 1, down]], np.float32)
    return cv2.warpAffine(values, step, values.shape[::-1])
