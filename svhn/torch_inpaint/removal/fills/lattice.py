"""Where patches are: the known ones, and those that overlap a hole."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch

# Patches are squares of 2 RADIUS + 1 pixels.
RADIUS = 3
SIDE = 2 * RADIUS + 1
AREA = SIDE**2
# Pixels of the hole are trusted the less the farther inside they lie: by this factor a pixel, up to so many.
TRUST, DEEPEST = 1.3, 40.0
# More patches than this are found at every second pixel of every second row only.
MOST_DENSE = 2500
# Weights are not smaller where they are divided by.
LEAST = 1e-6


@dataclass(frozen=True)
class Lattice:
    """Where patches are, in a picture that was padded by `RADIUS` on all sides; pixels are flat indices (long).

    Attributes
    ----------
    shape : (int, int)
        Height and width of the padded picture, H and W.
    hole : torch.Tensor (M,)
        Pixels to be filled.
    targets : torch.Tensor (N,)
        Middles of the patches that a source is found for: every `step`-th pixel.
    sources : torch.Tensor bool (H * W,)
        True = middle of a patch that is wholly known.
    trust : torch.Tensor float32 (H * W,)
        1 for known pixels, less in the hole, 0 in the padding.
    weights : torch.Tensor float32 (N, C)
        Of the compared pixels of targets; each row sums to 1.
    offsets : torch.Tensor (AREA,)
        From a patch's middle to its pixels.
    compared : torch.Tensor (C,)
        To every second of them, like the white squares of a chessboard; they tell patches apart as well as all.
    step : int
    """

    shape: tuple[int, int]
    hole: torch.Tensor
    targets: torch.Tensor
    sources: torch.Tensor
    trust: torch.Tensor
    weights: torch.Tensor
    offsets: torch.Tensor
    compared: torch.Tensor
    step: int

    @classmethod
    def of(cls, mask: np.ndarray, known: np.ndarray, device: torch.device) -> "Lattice":
        """Lay patches over a hole.

        Parameters
        ----------
        mask, known : ndarray (h, w) bool
            True = to be filled; True = may be copied from.
        device : torch.device
        """
        hole, distance = np.pad(mask, RADIUS), cv2.distanceTransform(np.uint8(np.pad(mask, RADIUS)), cv2.DIST_L2, 5)
        trust = np.pad(TRUST ** -np.minimum(distance[RADIUS:-RADIUS, RADIUS:-RADIUS], DEEPEST), RADIUS)
        whole = cv2.erode(np.uint8(np.pad(known & ~mask, RADIUS)), np.ones((SIDE, SIDE), np.uint8)) > 0
        targets, step = _targets(hole)
        # To tensors: flat indices, in the order of rows.
        flat = [torch.from_numpy(np.flatnonzero(part)).to(device) for part in (hole, targets)]
        rows, columns = np.mgrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1]
        offsets = torch.from_numpy((rows * hole.shape[1] + columns).reshape(-1)).to(device)
        confidence = torch.from_numpy(trust.astype(np.float32).reshape(-1)).to(device)
        compared = offsets[::2]
        weights = confidence[flat[1][:, None] + compared]
        weights = weights / weights.sum(dim=1, keepdim=True).clamp(min=LEAST)
        sources = torch.from_numpy(whole.reshape(-1)).to(device)
        return cls(hole.shape, flat[0], flat[1], sources, confidence, weights, offsets, compared, step)

    @property
    def width(self) -> int:
        return self.shape[1]

    def covering(self, pixels: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield pixels (n,), as places in `pixels`, and which of the `offsets` lead to them from middles of targets."""
        rows, columns = self.place(pixels)
        place = torch.arange(AREA, device=pixels.device)
        down, across = place // SIDE - RADIUS, place % SIDE - RADIUS
        for row in range(self.step):
            for column in range(self.step):
                which = (rows % self.step == row) & (columns % self.step == column)
                leads = ((row - down) % self.step == 0) & ((column - across) % self.step == 0)
                yield which.nonzero()[:, 0], leads.nonzero()[:, 0]

    def place(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return rows and columns of flat indices, without the padding."""
        return pixels // self.width - RADIUS, pixels % self.width - RADIUS

    def index(self, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        """Return flat indices; what lies outside is brought to the border."""
        rows, columns = (rows + RADIUS).clamp(0, self.shape[0] - 1), (columns + RADIUS).clamp(0, self.shape[1] - 1)
        return rows * self.width + columns


def _targets(hole: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the middles of the patches that overlap a padded hole (H, W) bool, and their distance."""
    over = _inner(_grown(hole, RADIUS))
    if over.sum() <= MOST_DENSE:
        return over, 1
    every = np.zeros_like(hole)
    every[RADIUS::2, RADIUS::2] = True
    return _inner(_grown(hole, RADIUS + 1)) & every, 2


def _grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * pixels + 1,) * 2, np.uint8)) > 0


def _inner(mask: np.ndarray) -> np.ndarray:
    """Return what lies inside the padding."""
    inner = np.zeros_like(mask)
    inner[RADIUS:-RADIUS, RADIUS:-RADIUS] = mask[RADIUS:-RADIUS, RADIUS:-RADIUS]
    return inner
