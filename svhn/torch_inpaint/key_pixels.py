"""From first-layer feature maps and colours to key pixels (background) and the mask of the digits.

Nothing here knows labels or was trained to segment: in and around a number there are a few kinds of pixels, and those
that are more common inside the digits' boxes than just outside them are ink.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from svhn.boxes import Box
from svhn.torch_inpaint.config import KeyPixelConfig

LEAST_PIXELS = 2
# Ink, background, and a third for what is neither: the frame of a plate, an outline, a neighbour.
KINDS = 3
KMEANS_ROUNDS = 20
# How far outside the boxes pixels are looked at, and how fast they lose weight, as fractions of the digits' height.
RIM, RIM_DECAY = 0.25, 0.1


@dataclass(frozen=True)
class KeyPixels:
    """What a region's feature maps say.

    Attributes
    ----------
    mask : ndarray (H, W) bool
        True = digit with halo, outline and shadow: to be filled.
    key_pixels : ndarray (H, W) bool
        True = background that the GRNN learns from; shares no pixel with `mask`.
    """

    mask: np.ndarray
    key_pixels: np.ndarray


def find_key_pixels(
    region: np.ndarray,
    boxes: Sequence[Box],
    map_mean: np.ndarray,
    map_std: np.ndarray,
    config: KeyPixelConfig = KeyPixelConfig(),
) -> KeyPixels:
    """Tell background from digits in a region around one number.

    Parameters
    ----------
    region : ndarray (H, W, 3) uint8, RGB
    boxes : sequence of Box
        The digits' boxes in the region's coordinates, each with at least one pixel inside it.
    map_mean, map_std : ndarray (H, W) float32
        Mean and standard deviation over the classifier's first-layer feature maps.
    config : KeyPixelConfig

    Returns
    -------
    KeyPixels
        The mask stays within the boxes, grown by the margin and the reach.
    """
    height, width = region.shape[:2]
    windows = [window_of(box, config).clip(width, height) for box in boxes]
    inside = paint_boxes(windows, (height, width))
    features = _features(region, map_mean, map_std, inside, config)
    inked = find_ink(features, boxes) & inside
    mask = np.zeros((height, width), bool)
    for box, window in zip(boxes, windows, strict=True):
        part = _with_halo(region[window.slices], inked[window.slices], box.height, config)
        if not config.least_share <= part.mean() <= config.most_share:
            part = np.ones_like(part)
        mask[window.slices] |= part
    mask = widen(mask, _pixels(config.reach, boxes))
    return KeyPixels(mask, ~mask & ~inked)


def window_of(box: Box, config: KeyPixelConfig) -> Box:
    """Return the box grown by the margin in which its digit is looked for."""
    return box.grow(_pixels(config.box_margin, [box]))


def paint_boxes(boxes: Sequence[Box], shape: tuple[int, int]) -> np.ndarray:
    """Return a mask (H, W) bool that is True inside the boxes, which must lie inside the region."""
    mask = np.zeros(shape, bool)
    for box in boxes:
        mask[box.slices] = True
    return mask


def widen(mask: np.ndarray, pixels: int) -> np.ndarray:
    """Grow a mask by a disk of the given radius."""
    size = 2 * pixels + 1
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return cv2.dilate(mask.astype(np.uint8), disk) > 0


def _pixels(fraction: float, boxes: Sequence[Box]) -> int:
    height = np.median([box.height for box in boxes])
    return max(LEAST_PIXELS, round(fraction * height))


def _features(region, map_mean, map_std, inside, config: KeyPixelConfig) -> np.ndarray:
    """Stack colours and reduced maps (H, W, 5) float32, each kind in units of its spread inside the windows."""
    colours = cv2.GaussianBlur(region, (0, 0), 0.5).astype(np.float32)
    colours /= np.sqrt(colours[inside].var(axis=0).mean()) + 1.0
    maps = np.stack([map_mean, map_std], axis=2)
    maps = maps / (maps[inside].std(axis=0) + 1e-6) * config.maps_weight
    return np.concatenate([colours, maps], axis=2).astype(np.float32)


def find_ink(features: np.ndarray, boxes: Sequence[Box]) -> np.ndarray:
    """Sort the pixels in and around a number into a few kinds and tell which of them are ink.

    Parameters
    ----------
    features : ndarray (H, W, C) float32
    boxes : sequence of Box
        The digits, inside the region.

    Returns
    -------
    ndarray (H, W) bool
        True where a pixel is of a kind that is more common in the boxes than on their outer rim.
    """
    tight = paint_boxes(boxes, features.shape[:2])
    height = float(np.median([box.height for box in boxes]))
    distance = cv2.distanceTransform((~tight).astype(np.uint8), cv2.DIST_L2, 5)
    area = distance <= max(LEAST_PIXELS + 1, RIM * height)
    weight = np.exp(-distance / max(LEAST_PIXELS, RIM_DECAY * height)) * (area & ~tight)
    if not weight.any():
        return tight
    kinds = np.full(tight.shape, -1)
    kinds[area] = _cluster(features[area])
    ink = np.zeros(tight.shape, bool)
    for kind in range(KINDS):
        members = kinds == kind
        within, around = members[tight].mean(), weight[members].sum() / weight.sum()
        ink |= members & (within > around)
    return ink


def _cluster(samples: np.ndarray) -> np.ndarray:
    """Sort (N, C) float32 samples into `KINDS` kinds by k-means, started along their first principal component."""
    if len(samples) < KINDS:
        return np.zeros(len(samples), np.int32)
    projection = _first_component(samples)
    thresholds = np.quantile(projection, np.arange(1, KINDS) / KINDS)
    start = np.digitize(projection, thresholds).astype(np.int32)
    criteria = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, KMEANS_ROUNDS, 1e-3)
    _, kinds, _ = cv2.kmeans(samples, KINDS, start, criteria, 1, cv2.KMEANS_USE_INITIAL_LABELS)
    return kinds.reshape(-1)


def _first_component(samples: np.ndarray) -> np.ndarray:
    centred = samples - samples.mean(axis=0)
    return centred @ np.linalg.eigh(centred.T @ centred)[1][:, -1]


def _with_halo(window: np.ndarray, ink: np.ndarray, height: int, config: KeyPixelConfig) -> np.ndarray:
    """Add what touches the strokes and differs from the local background: soft edges, outline, shadow."""
    if ink.all() or not ink.any():
        return ink
    colours = window.astype(np.float32)
    background = _local_mean(colours, ~widen(ink, 1), height / 3)
    difference = np.linalg.norm(colours - background, axis=2)
    contrast = np.median(difference[ink])
    noise = np.median(difference[~ink])
    odd = difference > max(config.halo_contrast * contrast, 3 * noise)
    near = widen(ink, max(LEAST_PIXELS, round(height / 5)))
    _, parts = cv2.connectedComponents((ink | (odd & near)).astype(np.uint8))
    touching = np.unique(parts[ink])
    return np.isin(parts, touching[touching > 0])


def _local_mean(colours: np.ndarray, known: np.ndarray, sigma: float) -> np.ndarray:
    """Average the known pixels around every pixel with a Gaussian (a GRNN of order 0 on the pixel lattice)."""
    if not known.any():
        known = np.ones_like(known)
    weight = known.astype(np.float32)
    summed = cv2.GaussianBlur(colours * weight[..., None], (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    total = cv2.GaussianBlur(weight, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    overall = colours[known].mean(axis=0)
    return (summed + 1e-3 * overall) / (total + 1e-3)[..., None]
