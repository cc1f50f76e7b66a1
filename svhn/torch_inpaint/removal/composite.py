"""Regions of a photo: cut, scale, grain, and paste back so that nothing outside the mask changes."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from svhn.boxes import Box, union
from svhn.torch_inpaint.removal.jpeg import JpegTraces, carry_traces, find_traces
from svhn.torch_inpaint.removal.key_pixels import widen

LEAST_CONTEXT = 8
# Pixels around a region in which traces of JPEG are looked for, too.
TRACES_REACH = 32
# Grain: where it is taken beside the mask, from and up to; the side of its blocks; how many count as equally busy.
GRAIN_GAP, GRAIN_REACH, GRAIN_BLOCKS, GRAIN_CHOICE = 2, 16, (12, 8, 5), 6
GRAIN_BLUR = 1.0
LEAST_BUSY = 0.1  # grey levels


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


def grain_like(
    original: np.ndarray, painted: np.ndarray, mask: np.ndarray, known: np.ndarray, strength: float, seed: int = 0
) -> np.ndarray:
    """Take grain for the mask from known pixels near it.

    The mask is covered with blocks; each gets the fine detail (what a small blur takes away) of a known block of
    its colour that is about as busy as its surroundings, and weaker where none is so calm. Real grain keeps its
    correlations and the traces of JPEG, which made-up noise has not.

    Parameters
    ----------
    original : ndarray (H, W, 3) uint8
    painted : ndarray (H, W, 3) float32, 0..255
        With the fill inside the mask.
    mask, known : ndarray (H, W) bool
    strength : float
        1 for as much grain as the surroundings have.
    seed : int
        Of the choice among blocks that fit equally well.

    Returns
    -------
    ndarray (H, W, 3) float32
        Zero outside the mask, and everywhere when there is no known block.
    """
    grain = np.zeros(original.shape, np.float32)
    if strength <= 0 or not mask.any():
        return grain
    known = known & ~widen(mask, GRAIN_GAP)
    near = known & (cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5) <= GRAIN_REACH)
    places = ((size, *np.nonzero(_blocks(near, size))) for size in GRAIN_BLOCKS)
    found = next((place for place in places if len(place[1]) >= GRAIN_CHOICE), None)
    if found is None:
        return grain
    size, rows, columns = found
    detail = _detail(original, known)
    busy = np.log(np.abs(detail).mean(axis=2) + LEAST_BUSY)
    wanted = _spread(busy, near, size / 2)
    levels, colours = (_block_means(values, size)[rows, columns] for values in (busy, original.astype(np.float32)))
    tops, lefts, targets, wishes = _cover(mask, wanted, painted, size)
    chosen = _choose(levels, colours, targets, wishes, np.random.default_rng(seed))
    shares = np.minimum(1.0, np.exp(targets - levels[chosen]))
    most = np.zeros(mask.shape, np.float32)
    for y, x, share, limit, pick in zip(tops, lefts, shares, 3 * np.exp(targets), chosen, strict=True):
        own = (slice(y, y + size), slice(x, x + size))
        height, width = mask[own].shape
        grain[own] = detail[rows[pick] : rows[pick] + height, columns[pick] : columns[pick] + width] * share
        most[own] = limit  # grain has no edges
    most = most[..., None]
    grain = np.minimum(np.maximum(grain, -most), most)
    return strength * np.where(mask[..., None], grain, 0)


def _cover(mask: np.ndarray, wanted: np.ndarray, painted: np.ndarray, size: int) -> tuple[np.ndarray, ...]:
    """Cover a mask with squares: their upper edges and left edges, and what their masked pixels are like on average.

    Returns
    -------
    tops, lefts : ndarray (B,) int
    targets : ndarray (B,) float32
        Of `wanted` (H, W).
    wishes : ndarray (B, 3) float32
        Of `painted` (H, W, 3).
    """
    top, left = (int(index.min()) for index in np.nonzero(mask))
    weight = mask[top:, left:].astype(np.float32)
    values = np.dstack([np.ones_like(weight), wanted[top:, left:], painted[top:, left:]])
    sums = _tile_sums(values * weight[..., None], size)
    rows, columns = np.nonzero(sums[..., 0])
    sums = sums[rows, columns]
    return top + rows * size, left + columns * size, sums[:, 1] / sums[:, 0], sums[:, 2:] / sums[:, :1]


def _tile_sums(values: np.ndarray, size: int) -> np.ndarray:
    """Return the sums over squares beside each other, (H / size, W / size, ...), rounded up."""
    rows = np.add.reduceat(values, np.arange(0, values.shape[0], size), axis=0)
    return np.add.reduceat(rows, np.arange(0, values.shape[1], size), axis=1)


def _choose(
    levels: np.ndarray, colours: np.ndarray, targets: np.ndarray, wishes: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return for each of B squares one of the known squares that fit it best, as an index into `levels`."""
    chosen = np.empty(len(targets), int)
    for i, (target, wish) in enumerate(zip(targets, wishes, strict=True)):
        misfit = np.abs(levels - target)
        difference = colours - wish
        misfit += np.sqrt(np.einsum("nc,nc->n", difference, difference)) / 10
        chosen[i] = np.argpartition(misfit, GRAIN_CHOICE - 1)[rng.integers(GRAIN_CHOICE)]
    return chosen


def _block_means(values: np.ndarray, size: int) -> np.ndarray:
    """Return the mean of the square whose upper left corner a pixel is."""
    return cv2.boxFilter(values, -1, (size, size), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)


def _blocks(near: np.ndarray, size: int) -> np.ndarray:
    """Return where the upper left corner of a square lies that is wholly True; (H, W) bool."""
    return _block_means(near.astype(np.float32), size) > 1 - 0.5 / size**2


def _detail(original: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return what differs from a small blur over known pixels: (H, W, 3) float32."""
    colours, weight = original.astype(np.float32), known.astype(np.float32)[..., None]
    blurred = cv2.GaussianBlur(colours * weight, (0, 0), GRAIN_BLUR)
    total = cv2.GaussianBlur(weight, (0, 0), GRAIN_BLUR)
    return (colours - blurred / (total[..., None] + 1e-4)) * weight


def _spread(values: np.ndarray, known: np.ndarray, sigma: float) -> np.ndarray:
    """Carry values (H, W) of known pixels everywhere: the mean of what is near, of all where nothing is."""
    weight = known.astype(np.float32)
    summed = cv2.GaussianBlur(values * weight, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    total = cv2.GaussianBlur(weight, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    overall = values[known].mean()
    return (summed + 1e-4 * overall) / (total + 1e-4)


def composite(
    image: np.ndarray,
    box: Box,
    original: np.ndarray,
    painted: np.ndarray,
    mask: np.ndarray,
    known: np.ndarray,
    grain: float,
) -> None:
    """Put a filled region into a photo, in place: enlarged to its resolution, with grain, inside the mask only.

    Where the photo was a JPEG file, the grain is one that JPEG leaves, see `svhn.torch_inpaint.removal.jpeg`.

    There is no feathering: the mask's rim would let traces of the digit through, and the fill meets the known pixels.

    Parameters
    ----------
    image : ndarray (H, W, 3) uint8
        The photo to change.
    box : Box
        Where the region lies in it.
    original : ndarray (h, w, 3) uint8
        The region before the removal.
    painted : ndarray float32, 0..255
        The filled region at working scale.
    mask, known : ndarray (h, w) bool
        True = is replaced; True = grain may be taken from here.
    grain : float
        See `FillConfig`.
    """
    painted = enlarge_fill(painted, original, mask)
    traces = _traces_around(image, box, mask) if grain > 0 else None
    detailed = carry_traces(original, painted, mask, known, traces, grain) if traces else None
    if detailed is None:
        detailed = painted + grain_like(original, painted, mask, known, grain)
    image[box.slices][mask] = np.clip(np.rint(detailed[mask]), 0, 255).astype(np.uint8)


def _traces_around(image: np.ndarray, box: Box, mask: np.ndarray) -> JpegTraces | None:
    """Find the traces of JPEG in and around a region, as seen from it; what is under `mask` (h, w) is not used."""
    around = box.grow(TRACES_REACH).clip(image.shape[1], image.shape[0])
    rows, columns = box.top - around.top, box.left - around.left
    known = np.ones((around.height, around.width), bool)
    known[rows : rows + box.height, columns : columns + box.width] = ~mask
    traces = find_traces(image[around.slices], known)
    return traces.shifted(rows, columns) if traces else None
