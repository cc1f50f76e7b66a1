"""Unsupervised key pixels: the likelihood ratio of two histograms tells ink from ground, without any labels.

One histogram over colours and reduced feature maps is of the pixels inside the digits' boxes, one of those on their
outer rim. How much more common a kind of pixel is inside is the evidence for ink. (The reference project took the
fullest of 35 bins of the maps alone for background.)
"""

from collections.abc import Sequence

import cv2
import numpy as np
from scipy import ndimage

from svhn.boxes import Box
from svhn.torch_inpaint.removal.blur import normalised_blur
from svhn.torch_inpaint.removal.config import KeyPixelConfig
from svhn.torch_inpaint.removal.masks.key_pixels import (
    LEAST_PIXELS,
    KeyPixels,
    in_pixels,
    paint_boxes,
    searched,
    widen,
    window_of,
)

# Features. Blur of the colours (sigma, pixels); least spread of the colours (grey levels) and of the maps.
COLOUR_BLUR = 0.5
LEAST_COLOUR_SPREAD, LEAST_MAP_SPREAD = 1.0, 1e-6
# Histograms. Bins along each of the first principal components, between these quantiles of the pixels; the blur that
# smooths neighbouring bins (sigma, bins) and where it ends (sigmas).
COMPONENTS, BINS = 4, 10
TAILS = (0.01, 0.99)
BIN_BLUR, BIN_BLUR_END = 0.8, 2.5
# Pixels that differ by less than this along a component are of one kind.
LEAST_RANGE = 1e-6
# Smaller densities than this are no evidence for anything.
LEAST_DENSITY = 1e-9
# Evidence is averaged over neighbouring pixels (sigma, pixels); the weight of none at all beside them.
EVIDENCE_BLUR, NO_EVIDENCE = 0.8, 1e-6
# The rim: how far outside the boxes pixels are looked at, and where their weight has fallen to 1/e, as fractions of the
# digits' height.
RIM, RIM_DECAY = 0.25, 0.1
# The halo: what differs from the local background by more than so many times its own median difference.
NOISE_FLOOR = 3.0
# The digit's height, divided by the blur of the local background (sigma), and by the halo's reach around strokes.
HEIGHT_PER_BACKGROUND_BLUR, HEIGHT_PER_HALO = 3, 5
# Weight of the whole window's mean beside the background that is near.
OVERALL = 1e-3


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
    features = pixel_features(region, map_mean, map_std, searched(boxes, region.shape, config.box_margin), config)
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
    inked = searched(boxes, region.shape, config.box_margin) & (evidence > config.evidence)
    mask = np.zeros((height, width), bool)
    for box in boxes:
        window = window_of(box, config.box_margin, region.shape)
        part = _with_halo(region[window.slices], inked[window.slices], box.height, config)
        if not config.least_share <= part.mean() <= config.most_share:
            part = np.ones_like(part)
        mask[window.slices] |= part
    mask = widen(mask, in_pixels(config.reach, boxes))
    return KeyPixels(mask, ~mask & ~inked)


def pixel_features(
    region: np.ndarray, map_mean: np.ndarray, map_std: np.ndarray, inside: np.ndarray, config: KeyPixelConfig
) -> np.ndarray:
    """Stack colours and reduced maps (H, W, 5) float32, each in units of its spread where `inside` (H, W) is True."""
    colours = cv2.GaussianBlur(region, (0, 0), COLOUR_BLUR).astype(np.float32)
    colours /= np.sqrt(colours[inside].var(axis=0).mean()) + LEAST_COLOUR_SPREAD
    maps = np.stack([map_mean, map_std], axis=2)
    maps = maps / (maps[inside].std(axis=0) + LEAST_MAP_SPREAD) * config.maps_weight
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
        p / (p + q) for densities p inside and q outside, that is l / (l + 1) for the likelihood ratio l = p / q: 0.5
        where both are the same; 0 far from the boxes.
    """
    tight = paint_boxes(boxes, features.shape[:2])
    near, rim = _rim(tight, float(np.median([box.height for box in boxes])))
    if not rim.any():
        return tight.astype(np.float32)
    kinds, shape = _bins(features[near])
    inside = _density(kinds, tight[near].astype(np.float32), shape)
    outside = _density(kinds, rim[near], shape)
    evidence = np.zeros(tight.shape, np.float32)
    evidence[near] = (inside / (inside + outside + LEAST_DENSITY))[kinds]
    weight = near.astype(np.float32)
    return np.where(near, normalised_blur(evidence, weight, EVIDENCE_BLUR, prior_weight=NO_EVIDENCE), 0)


def _rim(tight: np.ndarray, height: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what is looked at in and around boxes (H, W) bool, and the weights of what lies outside them."""
    distance = cv2.distanceTransform((~tight).astype(np.uint8), cv2.DIST_L2, 5)
    near = distance <= max(LEAST_PIXELS + 1, RIM * height)
    return near, np.exp(-distance / max(LEAST_PIXELS, RIM_DECAY * height)) * (near & ~tight)


def _bins(samples: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """Sort (N, C) samples into bins along their principal components: flat bin numbers (N,) and the bins' shape."""
    centred = samples - samples.mean(axis=0)
    directions = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :COMPONENTS]
    projected = centred @ directions
    low, high = np.quantile(projected, TAILS, axis=0)
    index = np.clip((projected - low) / (high - low + LEAST_RANGE) * BINS, 0, BINS - 1).astype(int)
    shape = (BINS,) * directions.shape[1]
    return np.ravel_multi_index(tuple(index.T), shape), shape


def _density(kinds: np.ndarray, weights: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the smoothed histogram, flat, that sums to about one."""
    counts = np.bincount(kinds, weights=weights, minlength=int(np.prod(shape))).reshape(shape)
    return ndimage.gaussian_filter(counts, BIN_BLUR, truncate=BIN_BLUR_END).reshape(-1) / counts.sum()


def _with_halo(window: np.ndarray, ink: np.ndarray, height: int, config: KeyPixelConfig) -> np.ndarray:
    """Add what touches the strokes and differs from the local background: soft edges, outline, shadow."""
    if ink.all() or not ink.any():
        return ink
    colours = window.astype(np.float32)
    background = _local_mean(colours, ~widen(ink, 1), height / HEIGHT_PER_BACKGROUND_BLUR)
    difference = np.linalg.norm(colours - background, axis=2)
    contrast = np.median(difference[ink])
    noise = np.median(difference[~ink])
    odd = difference > max(config.halo_contrast * contrast, NOISE_FLOOR * noise)
    near = widen(ink, max(LEAST_PIXELS, round(height / HEIGHT_PER_HALO)))
    _, parts = cv2.connectedComponents((ink | (odd & near)).astype(np.uint8))
    touching = np.unique(parts[ink])
    return np.isin(parts, touching[touching > 0])


def _local_mean(colours: np.ndarray, known: np.ndarray, sigma: float) -> np.ndarray:
    """Average the known pixels around every pixel: a GRNN with constant fit on the pixel lattice."""
    if not known.any():
        known = np.ones_like(known)
    weight, overall = known.astype(np.float32), colours[known].mean(axis=0)
    return normalised_blur(colours, weight, sigma, overall, OVERALL, cv2.BORDER_CONSTANT)
