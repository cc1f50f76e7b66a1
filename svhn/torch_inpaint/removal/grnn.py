"""The Generalized Regression Neural Network: key pixels are its pattern nodes, unknown pixels its inputs.

A GRNN (Specht 1991) answers with the mean of its patterns' values, weighted by a Gaussian of the distance. Here it
also fits a plane instead of a constant (locally linear), and kernels can be stretched (steering).
"""

import functools
import itertools
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch.nn import functional

from svhn.torch_inpaint.removal.config import FillConfig

# Weights computed at once; bounds the memory at about 8 times as many bytes.
BUDGET = 1 << 22
TILE = 8
MOST_TILES = 256
MOST_PADDING = 2.0
TENSOR_SIGMA = 3.0
# A product of matrices with 16 columns takes half as long as one with 14.
COLUMNS = 8
# Up to this side a blur is two matrix products, several times as fast as a convolution.
MATRIX_BLUR = 1024


def grnn(
    points: torch.Tensor,
    values: torch.Tensor,
    queries: torch.Tensor,
    sigma: torch.Tensor | float,
    known: torch.Tensor | None = None,
    metric: torch.Tensor | None = None,
    linear: bool = False,
    ridge: float = FillConfig.ridge,
    budget: int = BUDGET,
) -> torch.Tensor:
    """Answer for all queries of a batch at once, in chunks of bounded memory.

    The answer is `softmax(-d^2 / 2 sigma^2) @ values`, which, unlike the textbook quotient, never divides by zero.

    Parameters
    ----------
    points : torch.Tensor float32 (B, K, 2)
        Pattern nodes, (x, y) in pixels.
    values : torch.Tensor float32 (B, K, C)
    queries : torch.Tensor float32 (B, Q, 2)
    sigma : float or torch.Tensor (B, Q)
        Kernel bandwidth in pixels.
    known : torch.Tensor bool (B, K), optional
        False for padding that is no pattern node; every row needs a True.
    metric : torch.Tensor float32 (B, Q, 3), optional
        (a, b, c) of d^2 = a dx^2 + 2 b dx dy + c dy^2; without it d is Euclidean.
    linear : bool
        Fit a plane to the weighted patterns instead of a constant.
    ridge : float
        Pull of the plane towards the constant, in units of sigma^2.
    budget : int
        Number of distances computed at once.

    Returns
    -------
    torch.Tensor float32 (B, Q, C)
        Within the range of `values` for the constant fit; a plane may leave it.
    """
    sigma = torch.as_tensor(sigma, dtype=points.dtype, device=points.device).expand(queries.shape[:2])
    return _Patterns.of(points, values, known, linear).answer(queries, sigma, metric, ridge, budget)


@dataclass(frozen=True)
class _Patterns:
    """What queries need of pattern nodes, for as many rounds as there are.

    Attributes
    ----------
    centre : torch.Tensor (B, 1, 2)
        Origin of all coordinates; small ones keep float32 exact.
    squares : torch.Tensor (B, 6, K)
        The patterns' xx, xy, yy, x, y, -1e9 if padding.
    values : torch.Tensor (B, K, V)
        Their values; for the locally linear fit x, y, xx, xy, yy, v, x v, y v.
    channels : int
    linear : bool
    """

    centre: torch.Tensor
    squares: torch.Tensor
    values: torch.Tensor
    channels: int
    linear: bool

    @classmethod
    def of(cls, points: torch.Tensor, values: torch.Tensor, known: torch.Tensor | None, linear: bool) -> "_Patterns":
        centre, channels = points.mean(dim=1, keepdim=True), values.shape[2]
        x, y = (points - centre).split(1, dim=2)
        padding = torch.zeros_like(x) if known is None else (~known[..., None]) * -1e9
        xx, xy, yy = x * x, x * y, y * y
        squares = torch.cat([xx, xy, yy, x, y, padding], dim=2).transpose(1, 2)
        if linear:
            moments = [x, y, xx, xy, yy, values, x * values, y * values]
            values = torch.cat([*moments, *[x] * (-(3 * channels + 5) % COLUMNS)], dim=2)
        return cls(centre, squares, values, channels, linear)

    def answer(
        self,
        queries: torch.Tensor,
        sigma: torch.Tensor,
        metric: torch.Tensor | None,
        ridge: float,
        budget: int = BUDGET,
    ) -> torch.Tensor:
        """Answer queries; the parameters are those of `grnn`."""
        queries = queries - self.centre
        rows, answers = max(1, budget // (self.values.shape[0] * self.values.shape[1])), []
        for start in range(0, queries.shape[1], rows):
            part = slice(start, start + rows)
            near, width = queries[:, part], sigma[:, part]
            coefficients = _coefficients(near, width, None if metric is None else metric[:, part])
            answer = (coefficients @ self.squares).softmax(dim=2) @ self.values
            answers.append(_plane(answer, self.channels, near, width, ridge) if self.linear else answer)
        return torch.cat(answers, dim=1) if len(answers) > 1 else answers[0]


def _coefficients(queries: torch.Tensor, sigma: torch.Tensor, metric: torch.Tensor | None) -> torch.Tensor:
    """Return (B, Q, 6): -d^2 / 2 sigma^2 as a linear function of a pattern's (xx, xy, yy, x, y, 1 if padding).

    The part that is the same for all patterns of a query is left out, since softmax does not see it.
    """
    x, y = queries.unbind(dim=2)
    a, b, c = (torch.ones_like(x), torch.zeros_like(x), torch.ones_like(x)) if metric is None else metric.unbind(dim=2)
    scale = -0.5 / sigma**2
    terms = [a, 2 * b, c, -2 * (a * x + b * y), -2 * (b * x + c * y)]
    return torch.stack([term * scale for term in terms] + [torch.ones_like(x)], dim=2)


def _plane(
    moments: torch.Tensor, channels: int, queries: torch.Tensor, sigma: torch.Tensor, ridge: float
) -> torch.Tensor:
    """Evaluate at the query the plane v + slope (p - m) that ridge regression fits to the weighted patterns.

    `moments` (B, Q, 5 + 3 C or more) holds the weighted means of x, y, xx, xy, yy, v, x v, y v; v has C channels.
    """
    parts = [1, 1, 1, 1, 1, channels, channels, channels]
    mx, my, xx, xy, yy, mean, xv, yv = moments[..., : sum(parts)].split(parts, dim=2)
    pull = ridge * sigma[..., None] ** 2
    xx, xy, yy = xx - mx * mx + pull, xy - mx * my, yy - my * my + pull
    xv, yv = xv - mx * mean, yv - my * mean
    determinant = xx * yy - xy * xy
    slope_x, slope_y = (yy * xv - xy * yv) / determinant, (xx * yv - xy * xv) / determinant
    return mean + slope_x * (queries[..., :1] - mx) + slope_y * (queries[..., 1:] - my)


def fill(
    images: torch.Tensor,
    mask: torch.Tensor,
    key_pixels: torch.Tensor,
    config: FillConfig = FillConfig(),
    inside: torch.Tensor | None = None,
) -> torch.Tensor:
    """Paint the masked pixels of a batch of regions from their key pixels.

    A first fill with round kernels, whose size follows the distance to the nearest key pixel, is repainted
    `config.steering` times with kernels stretched along its own edges. Every fill is smoothed the more the farther
    a pixel lies from what is known, see `FillConfig.settle`. The masks are cut into tiles, each with the key pixels
    around it; all tiles of all regions are computed together, and cost grows linearly with their number.

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
    original = images.permute(0, 2, 3, 1).contiguous()
    groups = [_Group.of(tiles, original) for tiles in _similar(_tiles(mask, key_pixels, distances, config))]
    spread = config.settle * torch.from_numpy(distances).to(images.device) * mask
    usable = mask | key_pixels  # what is neither may show digits, and padding shows nothing
    result = images
    for round_ in range(config.steering + 1):
        metrics = _metrics(result, inside, config.most_stretch) if round_ else None
        painted = original.clone()
        for group in groups:
            group.paint(painted, metrics, config.ridge)
        result = painted.permute(0, 3, 1, 2).contiguous()
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


def _blurred(images: torch.Tensor, usable: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Blur (B, C, H, W) with a Gaussian of another width (B, H, W) in every pixel, 0 for none; others do not count.

    Between widths 0, 1, 2, 4 and so on the blurred pictures are interpolated.
    """
    weight, sigma, widest = usable[:, None].to(images.dtype), sigma[:, None], float(sigma.max())
    weighted = torch.cat([images * weight, weight], dim=1)
    result, finer, low, high = images, images, 0.0, 1.0
    while low < widest:
        blurred = _gaussian_blur(weighted, high)
        coarser = blurred[:, :-1] / blurred[:, -1:].clamp(min=1e-6)
        share = ((sigma - low) / (high - low)).clamp(0, 1)
        result = torch.where(sigma > low, finer + share * (coarser - finer), result)
        finer, low, high = coarser, high, 2 * high
    return result


@dataclass(frozen=True)
class _Tile:
    """Some masked pixels of one region and the key pixels around them, as flat pixel indices."""

    region: int
    queries: np.ndarray
    patterns: np.ndarray
    sigma: np.ndarray


@dataclass(frozen=True)
class _Group:
    """Tiles of similar size as tensors: T tiles of up to Q queries and K patterns."""

    pixels: torch.Tensor  # (T, Q) flat pixel indices of all regions
    wanted: torch.Tensor  # (W,) which of the T * Q queries are not padding
    positions: torch.Tensor  # (T, Q, 2)
    sigma: torch.Tensor  # (T, Q)
    patterns: _Patterns
    low: torch.Tensor  # (T, 1, C) range of the values
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
        prepared = _Patterns.of(_positions(patterns, width), values, known, linear=True)
        (wanted,) = wanted.flatten().nonzero(as_tuple=True)
        return cls(region + queries, wanted, _positions(queries, width), sigma, prepared, low, high)

    def paint(self, images: torch.Tensor, metrics: torch.Tensor | None, ridge: float) -> None:
        """Paint the tiles in `images` (B, H, W, C), within the range of each one's key pixels."""
        metric = None if metrics is None else metrics.flatten(0, 1)[self.pixels]
        answers = self.patterns.answer(self.positions, self.sigma, metric, ridge).clamp(self.low, self.high)
        images.flatten(0, 2)[self.pixels.flatten()[self.wanted]] = answers.flatten(0, 1)[self.wanted]


def _tiles(mask: torch.Tensor, key_pixels: torch.Tensor, distances: np.ndarray, config: FillConfig) -> list[_Tile]:
    """Cut the masks into tiles; the key pixels of a tile are those up to `config.reach` beyond its nearest ones."""
    tiles, known = [], key_pixels.cpu().numpy()
    for region, (hole, keys, distance) in enumerate(zip(mask.cpu().numpy(), known, distances, strict=True)):
        for top, left in itertools.product(range(0, hole.shape[0], TILE), range(0, hole.shape[1], TILE)):
            own = (slice(top, top + TILE), slice(left, left + TILE))
            rows, columns = np.nonzero(hole[own])
            if not len(rows):
                continue
            away = distance[own][rows, columns]
            rows, columns = rows + top, columns + left
            far = int(np.ceil(away.max() + config.reach))
            patterns = _nearest(
                keys, top, left, far, rows.sum() / len(rows), columns.sum() / len(rows), config.patterns
            )
            sigma = np.maximum(config.sigma_per_distance * away, config.least_sigma)
            tiles.append(_Tile(region, rows * hole.shape[1] + columns, patterns, sigma.astype(np.float32)))
    return tiles


def _nearest(keys: np.ndarray, top: int, left: int, far: int, y: float, x: float, count: int) -> np.ndarray:
    """Return flat indices of the key pixels up to `far` from a tile; of more than `count` those nearest to (x, y)."""
    first_row, first_column = max(0, top - far), max(0, left - far)
    rows, columns = np.nonzero(keys[first_row : top + TILE + far, first_column : left + TILE + far])
    rows, columns = rows + first_row, columns + first_column
    if len(rows) > count:
        dy, dx = rows - y, columns - x
        chosen = np.argpartition(dx * dx + dy * dy, count)[:count]
        rows, columns = rows[chosen], columns[chosen]
    return rows * keys.shape[1] + columns


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

    The structure tensor, averaged over 3 pixels, has eigenvalues l1 >= l2; the kernel is
    sqrt((l1 + 1) / (l2 + 1)) times as long along the edge as across it.
    """
    xx, xy, yy = _structure_tensor(images, inside).flatten(2).unbind(dim=1)
    middle, half = (xx + yy) / 2, (xx - yy) / 2
    radius = torch.sqrt(half * half + xy * xy).clamp(min=1e-6)
    stretch = torch.sqrt((middle + radius + 1) / ((middle - radius).clamp(min=0) + 1)).clamp(max=most_stretch)
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
    blurred = _gaussian_blur(torch.cat([products * weight, weight], dim=1), TENSOR_SIGMA)
    return blurred[:, :-1] / blurred[:, -1:].clamp(min=1e-6)


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
    radius = int(3 * sigma + 0.5)
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
