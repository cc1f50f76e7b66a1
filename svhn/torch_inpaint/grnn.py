"""The Generalized Regression Neural Network: key pixels are its pattern nodes, unknown pixels its inputs.

A GRNN (Specht 1991) answers with the mean of its patterns' values, weighted by a Gaussian of the distance. Here it
also fits a plane instead of a constant (locally linear), and kernels can be stretched (steering).
"""

import torch
from torch.nn import functional

from svhn.torch_inpaint.config import FillConfig

# Distances computed at once; bounds the memory at about 16 times as many bytes.
BUDGET = 1 << 22
TENSOR_SIGMA = 3.0


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
    centre = points.mean(dim=1, keepdim=True)  # small coordinates keep float32 exact
    points, queries = points - centre, queries - centre
    rows = max(1, budget // (points.shape[0] * points.shape[1]))
    answers = []
    for start in range(0, queries.shape[1], rows):
        part = slice(start, start + rows)
        chunk_metric = None if metric is None else metric[:, part]
        weights = _weights(points, queries[:, part], sigma[:, part], known, chunk_metric)
        if linear:
            answers.append(_plane(weights, points, values, queries[:, part], sigma[:, part], ridge))
        else:
            answers.append(weights @ values)
    return torch.cat(answers, dim=1)


def _weights(points, queries, sigma, known, metric) -> torch.Tensor:
    """Return (B, Q, K) weights that sum to one over the patterns."""
    dx = points[:, None, :, 0] - queries[:, :, None, 0]
    dy = points[:, None, :, 1] - queries[:, :, None, 1]
    scale = (-0.5 / sigma**2)[:, :, None]
    if metric is None:
        exponent = (dx * dx).addcmul_(dy, dy).mul_(scale)
    else:
        a, b, c = (metric[:, :, None, i] * scale for i in range(3))
        exponent = (a * dx).addcmul_(2 * b, dy).mul_(dx).addcmul_(c * dy, dy)
    if known is not None:
        exponent.masked_fill_(~known[:, None, :], -torch.inf)
    return exponent.softmax(dim=2)


def _plane(weights, points, values, queries, sigma, ridge) -> torch.Tensor:
    """Fit value = v + slope (p - m) around the weighted mean m by weighted ridge regression; evaluate at the query."""
    x, y = points[..., :1], points[..., 1:]
    moments = weights @ torch.cat([x, y, x * x, x * y, y * y, values, x * values, y * values], dim=2)
    channels = values.shape[2]
    mx, my, xx, xy, yy, mean, xv, yv = moments.split([1, 1, 1, 1, 1, channels, channels, channels], dim=2)
    pull = ridge * sigma[..., None] ** 2
    xx, xy, yy = xx - mx * mx + pull, xy - mx * my, yy - my * my + pull
    xv, yv = xv - mx * mean, yv - my * mean
    determinant = xx * yy - xy * xy
    slope_x, slope_y = (yy * xv - xy * yv) / determinant, (xx * yv - xy * xv) / determinant
    return mean + slope_x * (queries[..., :1] - mx) + slope_y * (queries[..., 1:] - my)


def fill(
    images: torch.Tensor, mask: torch.Tensor, key_pixels: torch.Tensor, config: FillConfig = FillConfig()
) -> torch.Tensor:
    """Paint the masked pixels of a batch of regions from their key pixels.

    A first fill with round kernels, whose size follows the distance to the nearest key pixel, is repainted
    `config.steering` times with kernels stretched along its own edges.

    Parameters
    ----------
    images : torch.Tensor float32 (B, C, H, W), 0..255
    mask : torch.Tensor bool (B, H, W)
        True = to be filled.
    key_pixels : torch.Tensor bool (B, H, W)
        True = background to learn from; at least one in every region.
    config : FillConfig

    Returns
    -------
    torch.Tensor float32 (B, C, H, W)
        `images` with new values where `mask` is True, within the range of the region's key pixels.
    """
    pattern_index, known = _padded_index(key_pixels)
    query_index, wanted = _padded_index(mask)
    if query_index.shape[1] == 0:
        return images.clone()
    width = images.shape[-1]
    points, queries = _positions(pattern_index, width), _positions(query_index, width)
    values = _take(images, pattern_index)
    sigma = _distances(points, queries, known).mul_(config.sigma_per_distance).clamp_(min=config.least_sigma)
    low = values.masked_fill(~known[..., None], torch.inf).amin(dim=1, keepdim=True)
    high = values.masked_fill(~known[..., None], -torch.inf).amax(dim=1, keepdim=True)
    result, metric = images, None
    for _ in range(config.steering + 1):
        answers = grnn(points, values, queries, sigma, known, metric, linear=True, ridge=config.ridge)
        result = _put(images, query_index, wanted, answers.clamp(low, high))
        metric = _steer(result, query_index, config.most_stretch)
    return result


def _padded_index(chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """List the True pixels of each region, padded to the longest list: flat index (B, N) and is-real (B, N)."""
    flat = chosen.flatten(1)
    counts = flat.sum(dim=1)
    index = torch.argsort(flat, dim=1, descending=True, stable=True)[:, : int(counts.max())]
    return index, torch.arange(index.shape[1], device=flat.device) < counts[:, None]


def _positions(index: torch.Tensor, width: int) -> torch.Tensor:
    return torch.stack([index % width, index // width], dim=2).float()


def _take(images: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Gather (B, C, H, W) at flat pixel indices (B, N) -> (B, N, C)."""
    flat = images.flatten(2)
    return flat.gather(2, index[:, None].expand(-1, flat.shape[1], -1)).transpose(1, 2)


def _put(images: torch.Tensor, index: torch.Tensor, real: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return `images` with (B, N, C) values at flat pixel indices (B, N), where `real`."""
    kept = torch.where(real[..., None], values, _take(images, index))
    flat = images.flatten(2).clone()
    flat.scatter_(2, index[:, None].expand(-1, flat.shape[1], -1), kept.transpose(1, 2))
    return flat.view_as(images)


def _distances(points: torch.Tensor, queries: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Return the distance (B, Q) of each query to the nearest pattern node."""
    rows = max(1, BUDGET // (points.shape[0] * points.shape[1]))
    far = (~known).to(points.dtype)[:, None, :] * 1e6
    nearest = [
        (torch.cdist(part, points, compute_mode="donot_use_mm_for_euclid_dist") + far).amin(dim=2)
        for part in queries.split(rows, dim=1)
    ]
    return torch.cat(nearest, dim=1)


def _steer(images: torch.Tensor, index: torch.Tensor, most_stretch: float) -> torch.Tensor:
    """Return the metric (B, N, 3) that stretches kernels along the edges at some pixels.

    The structure tensor, averaged over 3 pixels, has eigenvalues l1 >= l2; the kernel is
    sqrt((l1 + 1) / (l2 + 1)) times as long along the edge as across it.
    """
    tensor = _take(_structure_tensor(images), index)
    xx, xy, yy = tensor.unbind(dim=2)
    middle, half = (xx + yy) / 2, (xx - yy) / 2
    radius = torch.sqrt(half * half + xy * xy).clamp(min=1e-6)
    stretch = torch.sqrt((middle + radius + 1) / ((middle - radius).clamp(min=0) + 1)).clamp(max=most_stretch)
    cos2, sin2 = half / radius, xy / radius  # of twice the angle of the gradient
    across, along = stretch, 1 / stretch
    mean, difference = (across + along) / 2, (across - along) / 2
    return torch.stack([mean + difference * cos2, difference * sin2, mean - difference * cos2], dim=2)


def _structure_tensor(images: torch.Tensor) -> torch.Tensor:
    """Return (B, 3, H, W): gradient products xx, xy, yy, mean over channels, Gaussian average."""
    padded = functional.pad(images, (1, 1, 1, 1), mode="replicate")
    dx = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    dy = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    products = torch.stack([(dx * dx).mean(dim=1), (dx * dy).mean(dim=1), (dy * dy).mean(dim=1)], dim=1)
    return gaussian_blur(products, TENSOR_SIGMA)


def gaussian_blur(images: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blur (B, C, H, W) with a separable Gaussian; the border is repeated."""
    radius = max(1, int(3 * sigma + 0.5))
    offsets = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(images.shape[1], 1, -1)
    groups = images.shape[1]
    images = functional.pad(images, (radius, radius, 0, 0), mode="replicate")
    images = functional.conv2d(images, kernel[:, :, None, :], groups=groups)
    images = functional.pad(images, (0, 0, radius, radius), mode="replicate")
    return functional.conv2d(images, kernel[:, :, :, None], groups=groups)
