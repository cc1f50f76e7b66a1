"""A mask at the photo's resolution that is no wider than it must be: strokes to their own edges, and their shadows."""

from collections.abc import Sequence

import cv2
import numpy as np

from svhn.boxes import Box
from svhn.torch_inpaint.removal.blur import wide_blur
from svhn.torch_inpaint.removal.masks.key_pixels import widen, window_of
from svhn.torch_inpaint.removal.masks.shadows import cast_shadow

# A pixel differs from what is expected behind it by more than so many grey levels, and by more than so many times what
# pixels beside the mask differ from the mean around them; but no more than this share of what strokes do.
LEAST_DIFFERENCE, TIMES_NOISE, MOST_OF_CONTRAST = 7.0, 4.0, 0.2
# Sure strokes differ by this share of what they differ by in the upper quartile.
SURE = 0.5
# Differences are blurred (sigma, pixels), so that noise does not decide.
BLUR = 1.0
# The mean around pixels, and how far noise is carried into the mask (sigma): fractions of the digits' height, pixels.
MEAN, LEAST_MEAN, CARRIED, LEAST_CARRIED = 0.06, 2.0, 0.15, 3.0
# What is wider around the mask tells how pixels differ that show no digit.
RING = 0.12
# Around its box a digit's strokes are looked for; in a box with less than this share of them the mask stays as wide.
MARGIN, LEAST_STROKES = 0.25, 0.04
# Strokes, and what else differs, are widened by this, in fractions of the height and in pixels at least: soft edges and
# ringing of JPEG.
EDGE, OTHER_EDGE, LEAST_EDGE = 0.04, 0.015, 2
# So close to strokes, in pixels, all is masked, whatever else lies there.
CLOSE = 2
# What else differs is the digit's, too, unless it goes on outside: where so much of it (a share of its area's root)
# lies at the mask's rim, and not so much of it probably is strokes. Less than so many pixels are noise.
AT_RIM, LIKELY, LEAST_PART = 0.1, 0.8, 3
GROUND, INK = 2, 1


def fine_mask(
    photo: np.ndarray,
    expected: np.ndarray,
    wide: np.ndarray,
    strokes: np.ndarray,
    boxes: Sequence[Box],
) -> tuple[np.ndarray, np.ndarray]:
    """Keep of a mask what shows strokes and their shadows, and give back what goes on outside or shows the ground.

    Strokes are flooded from where they are sure, the ground from the mask's rim and from where nothing differs from
    what is expected; they meet at the strongest edge between them (Meyer's watershed).

    Parameters
    ----------
    photo : ndarray (H, W, 3) uint8, RGB
        The region around a number.
    expected : ndarray (H, W, 3) float32, 0..255
        The same with `wide` filled; elsewhere as smooth as the fill is.
    wide : ndarray (H, W) bool
        A mask that is wide enough.
    strokes : ndarray (H, W) bool
        Where the digits' strokes probably are.
    boxes : sequence of Box
        The digits, inside the region.

    Returns
    -------
    mask : ndarray (H, W) bool
        Lies within `wide`.
    shadow : ndarray (H, W) bool
        Shadows that stand apart from the strokes, wherever they are.
    """
    height = float(np.median([box.height for box in boxes]))
    apart = np.abs(photo - expected).max(axis=2)
    difference = cv2.GaussianBlur(apart, (0, 0), BLUR)
    least = np.maximum(LEAST_DIFFERENCE, TIMES_NOISE * _noise(photo, wide, height))
    strong, unknown, least = _as_strong(difference, least, strokes & wide, boxes)
    sure = strong & strokes & wide
    rim = wide & widen(~wide, 1)
    ink = _flooded(photo, sure, ~wide | rim | (difference < np.minimum(least, (least + LEAST_DIFFERENCE) / 2)))
    ink |= sure
    close = widen(ink, CLOSE)
    own, leaving, apart = _sorted(wide & (difference > least) & ~close, rim, strokes, widen(close, 1))
    foreign = apart | (leaving & strong)
    edge = widen(ink, _pixels(EDGE, height)) & ~widen(foreign, 1)
    kept = close | edge | widen(own, _pixels(OTHER_EDGE, height)) | unknown
    return kept & wide, cast_shadow(photo, ink, height)


def _pixels(fraction: float, height: float) -> int:
    return max(LEAST_EDGE, round(fraction * height))


def _noise(photo: np.ndarray, wide: np.ndarray, height: float) -> np.ndarray:
    """Return how much pixels differ from the mean around them beside a mask, carried into it: (H, W) float32."""
    beside, pixels = (~wide).astype(np.float32), cv2.GaussianBlur(photo.astype(np.float32), (0, 0), BLUR)
    mean = wide_blur(pixels, beside, max(LEAST_MEAN, MEAN * height))
    ring = (widen(wide, round(RING * height)) & ~wide).astype(np.float32)
    roots = np.sqrt(np.abs(pixels - mean).max(axis=2))  # so that a frame nearby does not count for much
    return wide_blur(roots, ring, max(LEAST_CARRIED, CARRIED * height)) ** 2


def _as_strong(
    difference: np.ndarray, least: np.ndarray, strokes: np.ndarray, boxes: Sequence[Box]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what differs as strokes do, where that is not known, and by how much pixels differ that are not ground."""
    strong, unknown, least = np.zeros_like(strokes), np.zeros_like(strokes), least.copy()
    for box in boxes:
        part = window_of(box, MARGIN, strokes.shape).slices
        own = difference[box.slices][strokes[box.slices]]
        contrast = float(np.percentile(own, 75)) if len(own) else 0.0
        if len(own) < LEAST_STROKES * box.width * box.height or contrast < LEAST_DIFFERENCE:
            unknown[part] = True
            continue
        least[part] = np.minimum(least[part], MOST_OF_CONTRAST * contrast)
        strong[part] |= difference[part] > np.maximum(SURE * contrast, least[part])
    return strong, unknown, least


def _flooded(photo: np.ndarray, ink: np.ndarray, ground: np.ndarray) -> np.ndarray:
    markers = np.zeros(ink.shape, np.int32)
    markers[ground] = GROUND
    markers[ink] = INK
    return cv2.watershed(np.ascontiguousarray(photo), markers) == INK


def _sorted(
    parts: np.ndarray, rim: np.ndarray, strokes: np.ndarray, close: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which connected parts of a mask (H, W) bool are the digits', go on outside, and do so without touching."""
    count, labels, measures, _ = cv2.connectedComponentsWithStats(parts.astype(np.uint8), connectivity=8)
    area = measures[:, cv2.CC_STAT_AREA]
    at_rim, likely, touching = (np.bincount(labels[parts & other], minlength=count) for other in (rim, strokes, close))
    leaves = at_rim >= AT_RIM * np.sqrt(area)
    own = (~leaves | (likely > LIKELY * area)) & (area >= LEAST_PART)
    leaving = leaves & ~own
    own[0] = leaving[0] = False
    return own[labels], leaving[labels], (leaving & (touching == 0))[labels]
