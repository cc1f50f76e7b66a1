"""Strokes that a mask cuts, and letters that it cuts into: connected ink is a digit's as a whole or not at all."""

from collections.abc import Sequence

import cv2
import numpy as np

from svhn.boxes import Box
from svhn.torch_inpaint.removal.masks.key_pixels import LEAST_PIXELS, KeyPixels, paint_boxes, widen

# What are surely strokes and what is surely ground, by how likely pixels are to show strokes.
STROKES, GROUND = 0.9, 0.3
# How far around a digit's box its ink is followed, and ground is looked at, in heights of the digit.
REACH, GROUND_REACH = 0.5, 0.2
# Ink and ground are told apart when they differ by so many grey levels, and by so many times what the ground varies.
LEAST_CONTRAST, TIMES_NOISE = 110.0, 2.5
# A pixel is ink from this share of the way from ground to ink on, and up to that share beside the way.
LIKE_INK, BESIDE = 0.5, 0.4
# Connected ink is a digit's when so much of it lies in the boxes, and something else's when less than that does.
OWN, FOREIGN = 0.5, 0.15
# What is as tall as a digit (in its heights, at least) and masked to this share is one, too, wherever its box is.
AS_TALL, AS_MASKED = 0.65, 0.35
# Of a digit's ink the mask may have cut off from this to that share.
LEAST_CUT, MOST_CUT = 0.005, 0.6
# At least this share of a digit's ink is likelier strokes than that.
LIKELY_SHARE, LIKELY = 0.3, 0.6
# A digit's ink is at most so wide and high, and something else's has at least this area; in heights of the digit.
LARGEST, SMALLEST = 1.6, 0.03
# With less or more than this share of a box inked, or ink that is hardly likelier to show strokes than the rest, they
# have not been told apart.
LEAST_INK, MOST_INK, MORE_LIKELY = 0.02, 0.6, 0.1
# Edges that are masked around it, and kept around what is not a digit's; a fraction of the digit's height.
EDGE = 0.08
LEAST_SAMPLES = 12


def whole_strokes(pixels: np.ndarray, boxes: Sequence[Box], evidence: np.ndarray, keys: KeyPixels) -> KeyPixels:
    """Let a mask follow strokes that reach beyond it, and give back what it cuts off letters.

    Parameters
    ----------
    pixels : ndarray (H, W, 3) uint8, RGB
        The region around a number.
    boxes : sequence of Box
        The digits, inside the region.
    evidence : ndarray (H, W) float32, 0..1
        How likely pixels are to show strokes.
    keys : KeyPixels

    Returns
    -------
    KeyPixels
        The same object where strokes and ground have no colours of their own, or nothing is cut. No key pixel has the
        digits' ink.
    """
    inside = paint_boxes(boxes, evidence.shape)
    ink, cut, given = (np.zeros_like(inside) for _ in range(3))
    for box in boxes:
        around = box.grow(round(REACH * box.height)).inside(*evidence.shape[::-1])
        part, local = around.slices, box.shift(-around.left, -around.top)
        found = _inked(pixels[part], evidence[part], local)
        if found is None:
            continue
        own, cut_off, foreign = _sorted(found, inside[part], keys.mask[part], evidence[part] > LIKELY, box.height)
        edge = max(LEAST_PIXELS, round(EDGE * box.height))
        ink[part] |= own | widen(own & ~inside[part], 1)
        cut[part] |= widen(cut_off & ~keys.mask[part], edge)
        given[part] |= widen(foreign, edge) & ~widen(own, edge)
    mask, background = (keys.mask & ~(given & ~inside)) | cut, keys.key_pixels & ~cut & ~ink
    if (mask == keys.mask).all() and (background == keys.key_pixels).all():
        return keys
    return KeyPixels(mask, background if (background & ~mask).any() else ~mask)


def _inked(pixels: np.ndarray, evidence: np.ndarray, box: Box) -> np.ndarray | None:
    """Return the pixels (H, W) bool that have the colour of a digit's strokes; None where it is not known."""
    near = box.grow(round(GROUND_REACH * box.height)).inside(*evidence.shape[::-1]).slices
    is_ground = evidence[near] < GROUND
    strokes, ground = pixels[box.slices][evidence[box.slices] > STROKES], pixels[near][is_ground]
    if min(len(strokes), len(ground)) < LEAST_SAMPLES:
        return None
    behind = _median(ground).astype(np.float32)
    away = np.linalg.norm(strokes - behind, axis=1)
    way = _median(strokes[away >= _median(away)]) - behind  # half of them may lie between strokes
    contrast = float(np.linalg.norm(way))
    if contrast < LEAST_CONTRAST:
        return None
    apart = pixels - behind
    along = apart @ (way / contrast**2)
    if TIMES_NOISE * float(_median(np.abs(along[near][is_ground]))) > 1:
        return None
    aside = np.einsum("hwc,hwc->hw", apart, apart) - (along * contrast) ** 2
    ink = (along > LIKE_INK) & (aside < (BESIDE * contrast) ** 2)
    own, likely = ink[box.slices], evidence[box.slices]
    if not LEAST_INK < own.mean() < MOST_INK:
        return None
    return ink if likely[own].mean() > likely[~own].mean() + MORE_LIKELY else None


def _median(values: np.ndarray) -> np.ndarray:
    """Return what `numpy.median` does of values (N, ...) along N, in half of its time for few of them."""
    low, high = (len(values) - 1) // 2, len(values) // 2
    parted = np.partition(values, (low, high), axis=0)
    return np.mean(parted[[low, high]], axis=0)


def _sorted(
    ink: np.ndarray, inside: np.ndarray, mask: np.ndarray, likely: np.ndarray, height: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ink of digits, of digits that the mask cuts, and of something else that it cuts: (H, W) bool each."""
    count, parts, measures, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=4)
    area = measures[:, cv2.CC_STAT_AREA]
    boxed, masked, sure = (np.bincount(parts[ink & part], minlength=count) / area for part in (inside, mask, likely))
    left, top, width, tall = measures[:, :4].T
    whole = (left > 0) & (top > 0) & (left + width < ink.shape[1]) & (top + tall < ink.shape[0])
    small = np.maximum(width, tall) <= LARGEST * height  # what is larger is more than a digit: a joint, a frame
    in_place = (boxed >= OWN) | ((tall >= AS_TALL * height) & (masked >= AS_MASKED))
    own = whole & small & in_place & (sure >= LIKELY_SHARE)
    cut_off = own & (1 - masked >= LEAST_CUT) & (1 - masked <= MOST_CUT)
    letter = small & (tall < AS_TALL * height) & (area >= SMALLEST * height**2)  # what is as tall may be a digit
    foreign = letter & ~in_place & (boxed < FOREIGN) & (masked > 0)
    own[0] = cut_off[0] = foreign[0] = False
    return own[parts], cut_off[parts], foreign[parts]
