"""Regions of a photo: cut, scale, grain, and paste back so that nothing outside the mask changes."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from svhn.boxes import Box, union

LEAST_CONTEXT = 8
NOISE_REACH = 8


@dataclass(frozen=True)
class Region:
    """The surroundings of one number (or hole), cut out of its photo at working scale.

    Attributes
    ----------
    photo : int
        Index of the photo in its batch.
    box : Box
        Where the region lies in the photo.
    pixels : ndarray (h, w, 3) uint8, RGB
        The region at working scale.
    boxes : tuple of Box
        The digits' boxes in `pixels`.
    """

    photo: int
    box: Box
    pixels: np.ndarray
    boxes: tuple[Box, ...]


def cut_region(index: int, photo: np.ndarray, boxes: Sequence[Box], margin: float, scale: float) -> Region:
    """Cut out what lies in some boxes with a margin of background, and bring it to working scale.

    Parameters
    ----------
    index : int
        Index of the photo in its batch.
    photo : ndarray (H, W, 3) uint8, RGB
    boxes : sequence of Box
        The number's digits, or a hole, inside the photo.
    margin : float
        Pixels; at least `LEAST_CONTEXT` are taken.
    scale : float
        Of the region's pixels, over 0; it is not enlarged.
    """
    box = union(boxes).grow(max(LEAST_CONTEXT, round(margin))).clip(photo.shape[1], photo.shape[0])
    pixels = photo[box.slices]
    if scale < 1:
        size = (max(1, round(box.width * scale)), max(1, round(box.height * scale)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    local = tuple(_scaled(other.shift(-box.left, -box.top), box, pixels) for other in boxes)
    return Region(index, box, pixels, local)


def _scaled(box: Box, region: Box, pixels: np.ndarray) -> Box:
    """Return `box` at the scale of `pixels`, covering at least what it covered."""
    x, y = pixels.shape[1] / region.width, pixels.shape[0] / region.height
    grown = Box.from_size(box.left * x, box.top * y, box.width * x, box.height * y)
    return grown.clip(pixels.shape[1], pixels.shape[0])


def enlarge_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring a mask (h, w) to (height, width): every pixel that a masked one touches is masked."""
    if mask.shape == size:
        return mask
    return cv2.resize(mask.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR) > 0.01


def enlarge_fill(filled: np.ndarray, original: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Bring a filled region to the photo's resolution and fit it to the sharp pixels around the mask.

    Enlarged pixels miss detail. What is missing just outside the mask is carried a little way into it, so that
    there is no seam.

    Parameters
    ----------
    filled : ndarray (h, w, 3) float32, 0..255
        The region at working scale.
    original : ndarray (H, W, 3) uint8
        The region as it is in the photo.
    mask : ndarray (H, W) bool

    Returns
    -------
    ndarray (H, W, 3) float32
        Meaningful inside the mask.
    """
    if filled.shape == original.shape:
        return filled
    large = cv2.resize(filled, original.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    sigma = original.shape[0] / filled.shape[0]
    known = (~mask).astype(np.float32)
    missing = (original - large) * known[..., None]
    carried = cv2.GaussianBlur(missing, (0, 0), sigma)
    weight = cv2.GaussianBlur(known, (0, 0), sigma)
    return large + carried / (weight + 0.1)[..., None]


def grain_like(original: np.ndarray, mask: np.ndarray, known: np.ndarray, strength: float, seed: int = 0) -> np.ndarray:
    """Make noise for the mask that resembles the noise of the known pixels near it.

    Parameters
    ----------
    original : ndarray (H, W, 3) uint8
    mask, known : ndarray (H, W) bool
    strength : float
        1 for as much noise as the surroundings have.
    seed : int

    Returns
    -------
    ndarray (H, W, 3) float32
        Zero outside the mask; as correlated from pixel to pixel and between channels as the original's noise.
    """
    noise = np.zeros(original.shape, np.float32)
    inner = cv2.erode(known.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    inner &= cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5) <= NOISE_REACH
    if strength <= 0 or inner.sum() < 16:
        return noise
    colours = original.astype(np.float32)
    residual = colours - cv2.GaussianBlur(colours, (0, 0), 1.0)
    samples = residual[inner]
    spread = 1.4826 * np.median(np.abs(samples), axis=0)
    white = np.random.default_rng(seed).standard_normal((*mask.shape, 1)).astype(np.float32)
    shaped = white - cv2.GaussianBlur(white, (0, 0), 1.0)[..., None]
    noise[mask] = (strength * spread * shaped / shaped.std())[mask]
    return noise


def paste(photo: np.ndarray, box: Box, painted: np.ndarray, mask: np.ndarray, feather: float) -> None:
    """Blend a painted region into a photo, in place; pixels outside the mask are not touched.

    Parameters
    ----------
    photo : ndarray (H, W, 3) uint8
    box : Box
        Where the region lies.
    painted : ndarray (h, w, 3) float32, 0..255
    mask : ndarray (h, w) bool
    feather : float
        Width in pixels, inwards from the mask's edge, over which the painting fades in; 0 for none.
    """
    view = photo[box.slices]
    padded = np.pad(mask, 1, mode="edge").astype(np.uint8)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    alpha = np.clip(distance / (feather + 1), 0, 1)[mask][:, None]
    blended = alpha * painted[mask] + (1 - alpha) * view[mask]
    view[mask] = np.clip(np.rint(blended), 0, 255).astype(np.uint8)
