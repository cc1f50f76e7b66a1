"""From first-layer feature maps and colours to key pixels (background) and the mask of the digits.

Nothing here knows labels. Two histograms over colours and reduced feature maps, one of the
pixels inside the digits' boxes and one of their outer rim, tell how much more common a kind of pixel is inside: that is
the evidence for ink. (The reference took the fullest of 35 bins of the maps alone for background.) Key pixels and mask
are taken from that evidence, or from where `svhn.torch_inpaint.removal.segmenter`, which knows strokes, sees some.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from svhn.boxes import Box
from svhn.torch_inpaint.removal.config import KeyPixelConfig

LEAST_PIXELS = 2
# The histograms: bins along each of the first principal components, smoothed over neighbouring bins.
COMPONENTS, BINS, BIN_BLUR = 4, 10, 0.8
# Evidence is averaged over neighbouring pixels.
EVIDENCE_BLUR = 0.8
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
        True = background that the GRNN learns from. Some may lie in the mask's rim: they are likely to be background
        and are painted nevertheless, lest what little they show of a digit can be seen.
    """

    mask: np.ndarray
    key_pixels: np.ndarray


def find_evidence(
    region: np.ndarray,
    boxes: Sequence[Box],
    map_mean: np.ndarray,
    map_std: np.ndarray,
    config: KeyPixelConfig = KeyPixelConfig(),
) -> np.ndarray:
    """Return the evidence for ink in a region around one number; see `ink_evidence`.

    Parameters
    ----------
    region : ndarray (H, W, 3) uint8, RGB
    boxes : sequence of Box
        The digits' boxes in the region's coordinates, each with at least one pixel inside it.
    map_mean, map_std : ndarray (H, W) float32
        Mean and standard deviation over the classifier's first-layer feature maps.
    config : KeyPixelConfig
    """
    features = pixel_features(region, map_mean, map_std, _searched(boxes, region.shape, config.box_margin), config)
    return ink_evidence(features, boxes)


def key_pixels_by_evidence(
    region: np.ndarray, boxes: Sequence[Box], evidence: np.ndarray, config: KeyPixelConfig = KeyPixelConfig()
) -> KeyPixels:
    """Tell background from digits by the evidence for ink, and by colours that differ around it.

    Parameters
    ----------
    region, boxes, config
        See `find_evidence`.
    evidence : ndarray (H, W) float32, 0..1

    Returns
    -------
    KeyPixels
        The mask stays within the boxes, grown by the margin and the reach; no key pixel lies in it.
    """
    height, width = region.shape[:2]
    inked = _searched(boxes, region.shape, config.box_margin) & (evidence > config.evidence)
    mask = np.zeros((height, width), bool)
    for box in boxes:
        window = window_of(box, config).clip(width, height)
        part = _with_halo(region[window.slices], inked[window.slices], box.height, config)
        if not config.least_share <= part.mean() <= config.most_share:
            part = np.ones_like(part)
        mask[window.slices] |= part
    mask = widen(mask, _pixels(config.reach, boxes))
    return KeyPixels(mask, ~mask & ~inked)


def key_pixels_by_strokes(
    probability: np.ndarray, boxes: Sequence[Box], config: KeyPixelConfig = KeyPixelConfig()
) -> KeyPixels:
    """Tell background from digits by how likely pixels are to show strokes.

    Parameters
    ----------
    probability : ndarray (H, W) float32, 0..1
        Of strokes, soft edges and shadows.
    boxes, config
        See `find_evidence`.

    Returns
    -------
    KeyPixels
        The mask stays within the boxes, grown by the margin and the reach; key pixels may lie in its rim.
    """
    islands = _islands(probability <= config.background, config.island * np.median([box.height for box in boxes]) ** 2)
    inked = _searched(boxes, probability.shape, config.stroke_margin) & ((probability > config.stroke) | islands)
    for box in boxes:
        if inked[box.slices].mean() < config.least_share:
            inked[box.slices] = True
    mask = widen(inked, _pixels(config.stroke_reach, boxes, least=1))
    background = (probability <= config.background) & ~islands
    return KeyPixels(mask, background if (background & ~mask).any() else ~mask)


def _islands(mask: np.ndarray, area: float) -> np.ndarray:
    """Return the connected parts of a mask (H, W) bool that have fewer than `area` pixels."""
    _, labels, measures, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    return mask & (measures[:, cv2.CC_STAT_AREA] < area)[labels]


def window_of(box: Box, config: KeyPixelConfig) -> Box:
    """Return the box grown by the margin in which its digit is looked for."""
    return box.grow(_pixels(config.box_margin, [box]))


def _searched(boxes: Sequence[Box], shape: tuple[int, ...], margin: float) -> np.ndarray:
    """Return what lies in and around boxes in a region of (height, width, ...), (height, width) bool."""
    windows = [box.grow(_pixels(margin, [box])).clip(shape[1], shape[0]) for box in boxes]
    return paint_boxes(windows, shape[:2])


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


def _pixels(fraction: float, boxes: Sequence[Box], least: int = LEAST_PIXELS) -> int:
    height = np.median([box.height for box in boxes])
    return max(least, round(fraction * height))


def pixel_features(
    region: np.ndarray, map_mean: np.ndarray, map_std: np.ndarray, inside: np.ndarray, config: KeyPixelConfig
) -> np.ndarray:
    """Stack colours and reduced maps (H, W, 5) float32, each in units of its spread where `inside` (H, W) is True."""
    colours = cv2.GaussianBlur(region, (0, 0), 0.5).astype(np.float32)
    colours /= np.sqrt(colours[inside].var(axis=0).mean()) + 1.0
    maps = np.stack([map_mean, map_std], axis=2)
    maps = maps / (maps[inside].std(axis=0) + 1e-6) * config.maps_weight
    return np.concatenate([colours, maps], axis=2).astype(np.float32)


def ink_evidence(features: np.ndarray, boxes: Sequence[Box]) -> np.ndarray:
    """Tell how much more common each pixel's kind is inside the digits' boxes than on their outer rim.

    Parameters
    ----------
    features : ndarray (H, W, C) float32
    boxes : sequence of Box
        The digits, inside the region.

    Returns
    -------
    ndarray (H, W) float32, 0..1
        p / (p + q) for densities p inside and q outside, 0.5 where both are the same; 0 far from the boxes.
    """
    tight = paint_boxes(boxes, features.shape[:2])
    height = float(np.median([box.height for box in boxes]))
    distance = cv2.distanceTransform((~tight).astype(np.uint8), cv2.DIST_L2, 5)
    area = distance <= max(LEAST_PIXELS + 1, RIM * height)
    rim = np.exp(-distance / max(LEAST_PIXELS, RIM_DECAY * height)) * (area & ~tight)
    if not rim.any():
        return tight.astype(np.float32)
    kinds, shape = _bins(features[area])
    inside = _density(kinds, tight[area].astype(np.float32), shape)
    outside = _density(kinds, rim[area], shape)
    evidence = np.zeros(tight.shape, np.float32)
    evidence[area] = (inside / (inside + outside + 1e-9))[kinds]
    total = cv2.GaussianBlur(area.astype(np.float32), (0, 0), EVIDENCE_BLUR)
    return np.where(area, cv2.GaussianBlur(evidence, (0, 0), EVIDENCE_BLUR) / (total + 1e-6), 0)


def _bins(samples: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """Sort (N, C) samples into bins along their principal components: flat bin numbers (N,) and the bins' shape."""
    centred = samples - samples.mean(axis=0)
    directions = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :COMPONENTS]
    projected = centred @ directions
    low, high = np.quantile(projected, [0.01, 0.99], axis=0)
    index = np.clip((projected - low) / (high - low + 1e-6) * BINS, 0, BINS - 1).astype(int)
    shape = (BINS,) * directions.shape[1]
    return np.ravel_multi_index(tuple(index.T), shape), shape


def _density(kinds: np.ndarray, weights: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the smoothed histogram, flat, that sums to about one."""
    counts = np.bincount(kinds, weights=weights, minlength=int(np.prod(shape))).reshape(shape)
    return ndimage.gaussian_filter(counts, BIN_BLUR, truncate=2.5).reshape(-1) / counts.sum()


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
