"""The shipped fill: a locally linear GRNN from key pixels to unknown pixels, with kernels stretched along edges.

The masks are cut into tiles, each with the key pixels around it; tiles of similar size, of all regions, are computed
together, and cost grows linearly with their number.
"""

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch.nn import functional

from svhn.torch_inpaint.removal.config import FillConfig
from svhn.torch_inpaint.removal.fills.grnn import Kernel, Patterns

# Side of a tile in pixels; how many are computed together, and how many times as many patterns the largest may have.
TILE = 8
MOST_TILES = 256
MOST_PADDING = 2.0
# Structure tensors are averaged over a Gaussian of this sigma, in pixels.
TENSOR_SIGMA = 3.0
# Added to the structure tensor's eigenvalues, in squared grey levels per pixel: flat places get round kernels.
FLAT = 1.0
# Gaussians end after so many sigmas.
BLUR_END = 3
# Up to this side a blur is two matrix products, several times as fast as a convolution.
MATRIX_BLUR = 1024
# Smaller sums than this are taken for this one before they are divided by.
LEAST = 1e-6


def fill(
    images: torch.Tensor,
    mask: torch.Tensor,
    key_pixels: torch.Tensor,
    config: FillConfig = FillConfig(),
    inside: torch.Tensor | None = None,
) -> torch.Tensor:
    """Paint the masked pixels of a batch of regions from their key pixels.

    A first fill with round kernels, whose size follows the distance to the nearest key pixel, is repainted
    `config.steering` times with kernels stretched along its own edges (steering kernel regression: Takeda, Farsiu and
    Milanfar, IEEE Transactions on Image Processing 16(2), 2007). Every fill is smoothed the more the farther a pixel
    lies from what is known, see `FillConfig.settle`.

    Parameters
    ----------
    images : torch.Tensor float32 (B, C, H, W), 0..255
    mask : torch.Tensor bool (B, H, W)
        True = to be filled.
    key_pixels : torch.Tensor bool (B, H, W)
        True = background to learn from; at least one in every region with a mask.
    config : FillConfig
    inside : torch.Tensor bool (B, H, W), optional
        False where a region was padded to the size of the batch; without it nothing was.

    Returns
    -------
    torch.Tensor float32 (B, C, H, W)
        `images` with new values where `mask` is True, within the range of the region's key pixels.
    """
    inside = torch.ones_like(mask) if inside is None else inside
    distances = _distances(mask, key_pixels)
    original = images.permute(0, 2, 3, 1).contiguous()  # bhwc
    groups = [_Group.of(tiles, original) for tiles in _similar(_tiles(mask, key_pixels, distances, config))]
    spread = config.settle * torch.from_numpy(distances).to(images.device) * mask
    usable = mask | key_pixels  # what is neither may show digits, and padding shows nothing
    result = images
    for round_ in range(config.steering + 1):
        metrics = _metrics(result, inside, config.most_stretch) if round_ else None
        painted = original.clone()
        for group in groups:
            group.paint(painted, metrics, config.ridge)
        result = painted.permute(0, 3, 1, 2).contiguous()  # bchw
        if config.settle:
            result = _blurred(result, usable, spread)
    return result


def _distances(mask: torch.Tensor, key_pixels: torch.Tensor) -> np.ndarray:
    """Return how far every pixel is from the nearest key pixel, (B, H, W) float32; 0 in regions without a mask."""
    distances = np.zeros(mask.shape, np.float32)
    for region, (hole, keys) in enumerate(zip(mask.cpu().numpy(), key_pixels.cpu().numpy(), strict=True)):
        if not hole.any():
            continue
        if not keys.any():
            raise ValueError(f"expected at least one key pixel in every region with a mask, region {region} has none")
        distance = cv2.distanceTransform((~keys).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        # Its last bit changes with the array's place in memory; squares of distances are whole numbers.
        distances[region] = np.sqrt(np.rint(np.square(distance)))
    return distances


@dataclass(frozen=True)
class _Tile:
    """Some masked pixels of one region and the key pixels around them, as flat pixel indices."""

    region: int
    queries: np.ndarray
    patterns: np.ndarray
    sigma: np.ndarray


@dataclass(frozen=True)
class _Region:
    """One region of a batch: its index, and (H, W) each: what is masked, key pixels, how far the nearest of them is."""

    index: int
    mask: np.ndarray
    key_pixels: np.ndarray
    distances: np.ndarray

    def tiles(self, config: FillConfig) -> Iterator[_Tile]:
        """Cut the mask into tiles, row by row."""
        height, width = self.mask.shape
        for top, left in itertools.product(range(0, height, TILE), range(0, width, TILE)):
            if self.mask[top : top + TILE, left : left + TILE].any():
                yield self._tile(top, left, config)

    def _tile(self, top: int, left: int, config: FillConfig) -> _Tile:
        """Return a tile with the key pixels up to `config.reach` beyond its nearest ones."""
        own = (slice(top, top + TILE), slice(left, left + TILE))
        rows, columns = np.nonzero(self.mask[own])
        away = self.distances[own][rows, columns]
        rows, columns = rows + top, columns + left
        far = int(np.ceil(away.max() + config.reach))
        around = (slice(max(0, top - far), top + TILE + far), slice(max(0, left - far), left + TILE + far))
        centre = (rows.sum() / len(rows), columns.sum() / len(rows))
        patterns = self._patterns(around, centre, config.patterns)
        sigma = np.maximum(config.sigma_per_distance * away, config.least_sigma)
        return _Tile(self.index, rows * self.mask.shape[1] + columns, patterns, sigma.astype(np.float32))

    def _patterns(self, around: tuple[slice, slice], centre: tuple[float, float], most: int) -> np.ndarray:
        """Return flat indices of the key pixels in a window; of more than `most` those nearest to the centre (y, x)."""
        rows, columns = np.nonzero(self.key_pixels[around])
        rows, columns = rows + around[0].start, columns + around[1].start
        if len(rows) > most:
            dy, dx = rows - centre[0], columns - centre[1]
            chosen = np.argpartition(dx * dx + dy * dy, most)[:most]
            rows, columns = rows[chosen], columns[chosen]
        return rows * self.mask.shape[1] + columns


def _tiles(mask: torch.Tensor, key_pixels: torch.Tensor, distances: np.ndarray, config: FillConfig) -> list[_Tile]:
    """Cut the masks (B, H, W) of all regions into tiles."""
    parts = zip(mask.cpu().numpy(), key_pixels.cpu().numpy(), distances, strict=True)
    return [tile for index, part in enumerate(parts) for tile in _Region(index, *part).tiles(config)]


def _similar(tiles: list[_Tile]) -> list[list[_Tile]]:
    """Group tiles of similar size, so that padding them to one size wastes little."""
    groups: list[list[_Tile]] = []
    for tile in sorted(tiles, key=lambda tile: len(tile.patterns)):
        group = groups[-1] if groups else None
        if group and len(group) < MOST_TILES and len(tile.patterns) <= MOST_PADDING * len(group[0].patterns):
            group.append(tile)
        else:
            groups.append([tile])
    return groups


@dataclass(frozen=True)
class _Group:
    """Tiles of similar size as tensors: T tiles of up to Q queries and K patterns.

    Attributes
    ----------
    pixels : torch.Tensor (T, Q)
        The queries as flat pixel indices of all regions.
    wanted : torch.Tensor (W,)
        Which of the T * Q queries are not padding.
    positions : torch.Tensor (T, Q, 2)
        Of the queries, (x, y).
    sigma : torch.Tensor (T, Q)
    patterns : Patterns
    low, high : torch.Tensor (T, 1, C)
        Range of the patterns' values.
    """

    pixels: torch.Tensor
    wanted: torch.Tensor
    positions: torch.Tensor
    sigma: torch.Tensor
    patterns: Patterns
    low: torch.Tensor
    high: torch.Tensor

    @classmethod
    def of(cls, tiles: list[_Tile], images: torch.Tensor) -> "_Group":
        """Stack tiles of regions; `images` is float32 (B, H, W, C)."""
        (height, width), device = images.shape[1:3], images.device
        region = height * width * torch.tensor([tile.region for tile in tiles], device=device)[:, None]
        queries, wanted = _stacked([tile.queries for tile in tiles], device)
        patterns, known = _stacked([tile.patterns for tile in tiles], device)
        sigma, _ = _stacked([tile.sigma for tile in tiles], device)
        values = images.flatten(0, 2)[region + patterns]
        low, high = values.aminmax(dim=1, keepdim=True)  # padding repeats a pattern
        prepared = Patterns.of(_positions(patterns, width), values, known, linear=True)
        (wanted,) = wanted.flatten().nonzero(as_tuple=True)
        return cls(region + queries, wanted, _positions(queries, width), sigma, prepared, low, high)

    def paint(self, images: torch.Tensor, metrics: torch.Tensor | None, ridge: float) -> None:
        """Paint the tiles in `images` (B, H, W, C), within the range of each one's key pixels."""
        metric = None if metrics is None else metrics.flatten(0, 1)[self.pixels]
        kernel = Kernel(self.sigma, metric, ridge)
        answers = self.patterns.answer(self.positions, kernel).clamp(self.low, self.high)
        images.flatten(0, 2)[self.pixels.flatten()[self.wanted]] = answers.flatten(0, 1)[self.wanted]


def _stacked(arrays: list[np.ndarray], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Stack arrays of different length: values (T, N), padded with the last one, and is-real (T, N)."""
    counts = np.array([len(array) for array in arrays])
    real = np.arange(counts.max()) < counts[:, None]
    padded = np.repeat(np.stack([array[-1:] for array in arrays]), counts.max(), axis=1)
    padded[real] = np.concatenate(arrays)
    return torch.from_numpy(padded).to(device), torch.from_numpy(real).to(device)


def _positions(index: torch.Tensor, width: int) -> torch.Tensor:
    """Turn flat pixel indices (...) into (..., 2) float32 (x, y)."""
    return torch.stack([index % width, index // width], dim=-1).float()


def _metrics(images: torch.Tensor, inside: torch.Tensor, most_stretch: float) -> torch.Tensor:
    """Return for every pixel the metric (B, H * W, 3) that stretches its kernel along the edges there.

    With the eigenvalues l1 >= l2 of the averaged structure tensor, the kernel is sqrt((l1 + FLAT) / (l2 + FLAT)) times
    as long along the edge as across it.
    """
    xx, xy, yy = _structure_tensor(images, inside).flatten(2).unbind(dim=1)
    middle, half = (xx + yy) / 2, (xx - yy) / 2
    radius = torch.sqrt(half * half + xy * xy).clamp(min=LEAST)
    stretch = torch.sqrt((middle + radius + FLAT) / ((middle - radius).clamp(min=0) + FLAT)).clamp(max=most_stretch)
    cos2, sin2 = half / radius, xy / radius  # of twice the angle of the gradient
    across, along = stretch, 1 / stretch
    mean, difference = (across + along) / 2, (across - along) / 2
    return torch.stack([mean + difference * cos2, difference * sin2, mean - difference * cos2], dim=2)


def _structure_tensor(images: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Return (B, 3, H, W): gradient products xx, xy, yy, mean over channels, Gaussian average.

    Pixels on the border, or beside padding, have no gradient of their own and do not count.
    """
    padded = functional.pad(images, (1, 1, 1, 1), mode="replicate")
    dx = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    dy = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    products = torch.stack([(dx * dx).mean(dim=1), (dx * dy).mean(dim=1), (dy * dy).mean(dim=1)], dim=1)
    outside = functional.pad((~inside)[:, None].to(products.dtype), (1, 1, 1, 1), value=1.0)
    weight = 1 - functional.max_pool2d(outside, 3, stride=1)
    return _normalised_blur(products, weight, TENSOR_SIGMA)


def _blurred(images: torch.Tensor, usable: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Blur (B, C, H, W) with a Gaussian of another width (B, H, W) in every pixel, 0 for none; others do not count.

    Between widths 0, 1, 2, 4 and so on the blurred pictures are interpolated.
    """
    weight, sigma, widest = usable[:, None].to(images.dtype), sigma[:, None], float(sigma.max())
    result, finer, low, high = images, images, 0.0, 1.0
    while low < widest:
        coarser = _normalised_blur(images, weight, high)
        share = ((sigma - low) / (high - low)).clamp(0, 1)
        result = torch.where(sigma > low, finer + share * (coarser - finer), result)
        finer, low, high = coarser, high, 2 * high
    return result


def _normalised_blur(values: torch.Tensor, weight: torch.Tensor, sigma: float) -> torch.Tensor:
    """Average (B, C, H, W) with a Gaussian and weights (B, 1, H, W), as `svhn.torch_inpaint.removal.blur` does."""
    blurred = _gaussian_blur(torch.cat([values * weight, weight], dim=1), sigma)
    return blurred[:, :-1] / blurred[:, -1:].clamp(min=LEAST)


def _gaussian_blur(images: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blur (B, C, H, W) with a separable Gaussian; beyond the border everything is zero."""
    if max(images.shape[-2:]) <= MATRIX_BLUR:
        rows, columns = (_band(sigma, size, images.dtype, images.device) for size in images.shape[-2:])
        return rows @ images @ columns
    kernel = _gaussian(sigma, images.dtype, images.device)
    radius, groups = len(kernel) // 2, images.shape[1]
    kernel = kernel.expand(groups, 1, -1)
    images = functional.conv2d(images, kernel[:, :, None, :], padding=(0, radius), groups=groups)
    return functional.conv2d(images, kernel[:, :, :, None], padding=(radius, 0), groups=groups)


def _gaussian(sigma: float, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    radius = int(BLUR_END * sigma + 0.5)
    offsets = torch.arange(-radius, radius + 1, dtype=dtype, device=device)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    return kernel / kernel.sum()


@functools.lru_cache(maxsize=256)
def _band(sigma: float, size: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Return the symmetric (size, size) matrix that convolves with a Gaussian."""
    kernel = _gaussian(sigma, dtype, device)
    index = torch.arange(size, device=device)
    distance = (index[:, None] - index).abs()
    radius = len(kernel) // 2
    return torch.where(distance <= radius, kernel[(radius + distance).clamp(max=2 * radius)], 0.0)
