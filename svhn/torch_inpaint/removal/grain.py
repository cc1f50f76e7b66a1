"""Grain for a fill: fine detail from known blocks near the mask, where the photo shows no traces of JPEG.

Real grain keeps its correlations, which made-up noise has not. (Where there are traces of JPEG, see
`svhn.torch_inpaint.removal.jpeg`.)
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from svhn.torch_inpaint.removal.blur import normalised_blur
from svhn.torch_inpaint.removal.masks import widen

# Where grain is taken beside the mask: from and up to this distance, in pixels.
GAP, REACH = 2, 16
# Sides of the blocks, in pixels; the first are used of which there are enough.
SIDES = (12, 8, 5)
# How many known blocks count as equally good, so that none is repeated.
CHOICE = 6
# Detail is what a blur of this width takes away (sigma, pixels).
DETAIL_BLUR = 1.0
# Added to how busy a pixel is before its logarithm is taken, in grey levels.
LEAST_BUSY = 0.1
# A difference of colours by this many grey levels counts as much as detail that is e times as strong.
COLOUR_UNIT = 10
# Grain has no edges: it is cut off at so many times what is wanted at a place.
MOST_GRAIN = 3
# A block is known when the mean of its pixels' 0 and 1 comes closer to 1 than a single missing pixel would let it.
HALF_A_PIXEL = 0.5


@dataclass(frozen=True)
class _Blocks:
    """Squares with a side of `side` pixels.

    Attributes
    ----------
    side : int
    rows, columns : ndarray (N,) int
        Their upper left corners.
    busy : ndarray (N,) float32
        How busy they are, or shall be: the mean logarithm of the detail, in grey levels.
    colours : ndarray (N, 3) float32
        Mean.
    """

    side: int
    rows: np.ndarray
    columns: np.ndarray
    busy: np.ndarray
    colours: np.ndarray

    def places(self) -> Iterator[tuple[slice, slice]]:
        for row, column in zip(self.rows, self.columns, strict=True):
            yield slice(row, row + self.side), slice(column, column + self.side)


def grain_like(
    original: np.ndarray, painted: np.ndarray, mask: np.ndarray, known: np.ndarray, strength: float, seed: int = 0
) -> np.ndarray:
    """Take grain for the mask from known pixels near it.

    The mask is covered with blocks; each gets the fine detail (what a small blur takes away) of a known block of
    its colour that is about as busy as its surroundings, and weaker where none is so calm.

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
    nothing = np.zeros(original.shape, np.float32)
    if strength <= 0 or not mask.any():
        return nothing
    known = known & ~widen(mask, GAP)
    near = known & (cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5) <= REACH)
    detail = _detail(original, known)
    busy = np.log(np.abs(detail).mean(axis=2) + LEAST_BUSY)
    donors = _donors(near, busy, original)
    if donors is None:
        return nothing
    targets = _targets(mask, _carried(busy, near, donors.side / 2), painted, donors.side)
    chosen = _choose(donors, targets, np.random.default_rng(seed))
    return strength * np.where(mask[..., None], _paste(detail, donors, targets, chosen), 0)


def _detail(original: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return what differs from a small blur over known pixels: (H, W, 3) float32."""
    colours, weight = original.astype(np.float32), known.astype(np.float32)
    return (colours - normalised_blur(colours, weight, DETAIL_BLUR)) * weight[..., None]


def _donors(near: np.ndarray, busy: np.ndarray, original: np.ndarray) -> _Blocks | None:
    """Return the blocks that are wholly `near` (H, W) bool, of the first side of which there are enough; else None."""
    for side in SIDES:
        rows, columns = np.nonzero(_block_means(near.astype(np.float32), side) > 1 - HALF_A_PIXEL / side**2)
        if len(rows) >= CHOICE:
            levels, colours = (_block_means(values, side)[rows, columns] for values in (busy, np.float32(original)))
            return _Blocks(side, rows, columns, levels, colours)
    return None


def _block_means(values: np.ndarray, side: int) -> np.ndarray:
    """Return the mean of the block whose upper left corner a pixel is."""
    return cv2.boxFilter(values, -1, (side, side), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)


def _carried(values: np.ndarray, known: np.ndarray, sigma: float) -> np.ndarray:
    """Carry values (H, W) of known pixels everywhere: the mean of what is near, of all where nothing is."""
    weight, overall = known.astype(np.float32), values[known].mean()
    return normalised_blur(values, weight, sigma, overall, border=cv2.BORDER_CONSTANT)


def _targets(mask: np.ndarray, busy: np.ndarray, painted: np.ndarray, side: int) -> _Blocks:
    """Cover a mask with blocks beside each other; how busy and what colour they shall be, of their masked pixels."""
    top, left = (int(index.min()) for index in np.nonzero(mask))
    weight = mask[top:, left:].astype(np.float32)
    values = np.dstack([np.ones_like(weight), busy[top:, left:], painted[top:, left:]])
    sums = _tile_sums(values * weight[..., None], side)
    rows, columns = np.nonzero(sums[..., 0])
    count, levels, colours = np.split(sums[rows, columns], [1, 2], axis=1)
    return _Blocks(side, top + rows * side, left + columns * side, (levels / count)[:, 0], colours / count)


def _tile_sums(values: np.ndarray, side: int) -> np.ndarray:
    """Return the sums over blocks beside each other, (H / side, W / side, ...), rounded up."""
    rows = np.add.reduceat(values, np.arange(0, values.shape[0], side), axis=0)
    return np.add.reduceat(rows, np.arange(0, values.shape[1], side), axis=1)


def _choose(donors: _Blocks, targets: _Blocks, rng: np.random.Generator) -> np.ndarray:
    """Return for each target one of the `CHOICE` donors that fit it best, as an index."""
    chosen = np.empty(len(targets.busy), int)
    for i, (busy, colour) in enumerate(zip(targets.busy, targets.colours, strict=True)):
        misfit = np.abs(donors.busy - busy)
        difference = donors.colours - colour
        misfit += np.sqrt(np.einsum("nc,nc->n", difference, difference)) / COLOUR_UNIT
        chosen[i] = np.argpartition(misfit, CHOICE - 1)[rng.integers(CHOICE)]
    return chosen


def _paste(detail: np.ndarray, donors: _Blocks, targets: _Blocks, chosen: np.ndarray) -> np.ndarray:
    """Put the detail of the chosen donors where the targets are, weaker where a donor is too busy: (H, W, 3)."""
    grain, most = np.zeros(detail.shape, np.float32), np.zeros((*detail.shape[:2], 1), np.float32)
    shares = np.minimum(1.0, np.exp(targets.busy - donors.busy[chosen]))
    limits = MOST_GRAIN * np.exp(targets.busy)
    for place, share, limit, donor in zip(targets.places(), shares, limits, chosen, strict=True):
        height, width = grain[place].shape[:2]  # less at the photo's edge
        row, column = donors.rows[donor], donors.columns[donor]
        grain[place] = detail[row : row + height, column : column + width] * share
        most[place] = limit
    return np.minimum(np.maximum(grain, -most), most)
