"""The reference project's own removal, for comparison: key pixels by histogram, then a GRNN with trained weights.

Its network has a pattern node at every third key pixel and one summation weight per node and channel, trained on all
key pixels; then it grows into the unknown pixels, ring by ring, on its own predictions.
"""

import contextlib
from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch.nn import functional

from svhn.torch_inpaint.removal.config import SeedConfig
from svhn.torch_inpaint.removal.fills.grnn import NO_PATTERN

# Bins of the histogram whose fullest one is taken for background.
BINS = 35
# Kernel weights held at once, which on a CPU should stay near its caches; regions beyond that wait for their turn.
BUDGET = {"cpu": 1 << 21, "cuda": 1 << 28}
SEED = SeedConfig()
# Kernel weights below this are lost in float32 anyway; as denormal numbers they would be slow.
NEGLIGIBLE = 1e-12
# Of Adagrad, PyTorch's default.
ADAGRAD_EPSILON = 1e-10


def histogram(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the reference's histogram of values (...): counts (BINS,) int and edges (BINS + 1,) float64."""
    return np.histogram(values.astype(np.float64), BINS)


def in_background_bin(values: np.ndarray) -> np.ndarray:
    """Return bool (...): True in the fullest bin, the first of several; as in `np.histogram` only the last has its end.

    The reference takes these pixels for background.
    """
    counts, edges = histogram(values)
    low, high = edges[counts.argmax() :][:2]
    values = values.astype(np.float64)
    return (values >= low) & ((values < high) | (high >= values.max()))


def gradient_magnitude(gray: np.ndarray) -> np.ndarray:
    """Return the length of the gradient (Sobel), float32 (H, W), of gray (H, W) float32, in values per pixel."""
    dx, dy = (cv2.Sobel(gray, cv2.CV_32F, *order, scale=1 / 8, borderType=cv2.BORDER_REPLICATE) for order in _ORDERS)
    return np.hypot(dx, dy)


_ORDERS = ((1, 0), (0, 1))
# Name -> function from a region's map_mean, map_std (over the classifier's first-layer feature maps) and gray values,
# all float32 (H, W), to bool (H, W), True = background. The reference's own rule is "histogram".
KEY_PIXEL_RULES: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "histogram": lambda map_mean, map_std, gray: in_background_bin(map_mean - map_std),
    "mean": lambda map_mean, map_std, gray: in_background_bin(map_mean),
    "std": lambda map_mean, map_std, gray: in_background_bin(map_std),
    "gradient": lambda map_mean, map_std, gray: in_background_bin(gradient_magnitude(gray)),
}


def reference_pattern_nodes(
    key_pixels: torch.Tensor, every: int = SEED.every, inside: torch.Tensor | None = None
) -> torch.Tensor:
    """Choose the pattern nodes: every third key pixel in raster order, and the corners of the region.

    Parameters
    ----------
    key_pixels : torch.Tensor bool (B, H, W)
    every : int
        1 for all key pixels.
    inside : torch.Tensor bool (B, H, W), optional
        False where a region was padded to the size of the batch; without it nothing was.

    Returns
    -------
    torch.Tensor bool (B, H, W)
    """
    inside = torch.ones_like(key_pixels) if inside is None else inside
    order = key_pixels.flatten(1).cumsum(dim=1).reshape(key_pixels.shape) - 1
    return (key_pixels & (order % every == 0)) | _corners(inside)


def _corners(inside: torch.Tensor) -> torch.Tensor:
    """Return bool (B, H, W), True in the four corners of the rectangle that is True in `inside`."""
    bare = functional.pad(~inside, (1, 1, 1, 1), value=True)
    side = bare[:, 1:-1, :-2] | bare[:, 1:-1, 2:]
    return inside & side & (bare[:, :-2, 1:-1] | bare[:, 2:, 1:-1])


@contextlib.contextmanager
def _one_thread():
    """Keep PyTorch to one thread: thousands of tiny steps crawl when its threads wait for each other on busy cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@_one_thread()
def fill_seed(
    images: torch.Tensor,
    mask: torch.Tensor,
    key_pixels: torch.Tensor,
    config: SeedConfig = SEED,
    inside: torch.Tensor | None = None,
) -> torch.Tensor:
    """Paint the masked pixels of a batch of regions as the reference did.

    One network per region, all regions of the batch together. Every pixel that is no key pixel counts as unknown while
    a network grows; only the masked ones are painted.

    Parameters
    ----------
    images : torch.Tensor float32 (B, C, H, W), 0..255
    mask : torch.Tensor bool (B, H, W)
        True = to be filled.
    key_pixels : torch.Tensor bool (B, H, W)
        True = background to learn from; masked ones do not count; at least one in every region with a mask.
    config : SeedConfig
    inside : torch.Tensor bool (B, H, W), optional
        False where a region was padded to the size of the batch; without it nothing was.

    Returns
    -------
    torch.Tensor float32 (B, C, H, W)
        `images` with new values, 0..255, where `mask` is True.
    """
    inside = torch.ones_like(mask) if inside is None else inside
    key_pixels = key_pixels & ~mask & inside
    holes = mask.flatten(1).any(dim=1)
    if (holes & ~key_pixels.flatten(1).any(dim=1)).any():
        raise ValueError("expected at least one key pixel in every region with a mask, received a region without one")
    height, width = mask.shape[1:]
    together = max(1, BUDGET[images.device.type] // (height * width * (height + width)))
    result = images.clone()
    for part in holes.nonzero()[:, 0].split(together):
        result[part] = _grow(images[part], mask[part], key_pixels[part], inside[part], config)
    return result


def _grow(images, mask, key_pixels, inside, config: SeedConfig) -> torch.Tensor:
    """Train the networks of some regions, let them grow ring by ring, and return the painted regions."""
    values = images.transpose(1, 2) / 255  # bhcw
    known = key_pixels | (_corners(inside) & ~mask)
    nodes = reference_pattern_nodes(key_pixels, config.every, inside) & known
    kernel = _Kernel(nodes, config.sigma, values.dtype)
    weights = _train(kernel, values, values, nodes, known, config, config.epochs)
    for _ in range(config.rounds):
        ring = inside & ~known & _beside(known)
        if not ring.any():
            break
        answers = kernel(weights)
        values = torch.where(ring[:, :, None], answers, values)
        weights = torch.where(ring[:, :, None], answers, weights)
        known, nodes = known | ring, nodes | ring
        kernel = _Kernel(nodes, config.sigma, values.dtype)
        weights = _train(kernel, weights, values, nodes, known, config, config.round_epochs)
    painted = torch.where(known[:, :, None], values, kernel(weights)).clamp(0, 1) * 255
    return torch.where(mask[:, None], painted.transpose(1, 2), images)


def _train(kernel: "_Kernel", weights, values, nodes, known, config: SeedConfig, epochs: int) -> torch.Tensor:
    """Fit weights (B, H, C, W) at the nodes to the known values with Adagrad; a network that is good enough rests."""
    share = 1 / (known.sum(dim=(1, 2)) * values.shape[2])[:, None, None, None]
    squares = torch.zeros_like(weights)
    for _ in range(epochs):
        errors = (kernel(weights) - values) * known[:, :, None]
        active = (errors.square() * share).sum(dim=(1, 2, 3), keepdim=True) >= config.tolerance
        if not active.any():
            break
        gradient = kernel.transposed(2 * share * errors) * (nodes[:, :, None] & active)
        squares = squares + gradient.square()
        weights = weights - config.learning_rate * gradient / (squares.sqrt() + ADAGRAD_EPSILON)
    return weights


class _Kernel:
    """The softmax of -d^2 / 2 sigma^2 over a region's nodes, for all its pixels.

    Nodes (v, u) and pixels (y, x) lie on one lattice of rows and columns, so the softmax over both is, exactly, one
    along the rows times one across them::

        softmax_{v,u}(-((y - v)^2 + (x - u)^2) / 2 sigma^2) = along(u | v, x) across(v | y, x)
        along(u | v, x)  = softmax_u(-(x - u)^2 / 2 sigma^2)            over the nodes of row v
        across(v | y, x) = softmax_v(-(y - v)^2 / 2 sigma^2 + log Z(v, x))
        Z(v, x)          = sum_u exp(-(x - u)^2 / 2 sigma^2)            over the nodes of row v

    It never divides by zero, and takes H W (H + W) weights instead of as many as nodes times pixels.

    Parameters
    ----------
    nodes : torch.Tensor bool (B, H, W)
        At least one in every region.
    sigma : float
        Pixels.
    dtype : torch.dtype
    """

    def __init__(self, nodes: torch.Tensor, sigma: float, dtype: torch.dtype):
        rows, columns = (_closeness(size, sigma, nodes.device, dtype) for size in nodes.shape[1:])
        along = columns + (~nodes)[..., None].to(dtype) * NO_PATTERN  # b, v, u, x
        log_z = along.logsumexp(dim=2)  # b, v, x
        across = rows + log_z.transpose(1, 2)[..., None]  # b, x, v, y
        self.along = functional.threshold(along.softmax(dim=2), NEGLIGIBLE, 0.0)
        self.across = functional.threshold(across.softmax(dim=2), NEGLIGIBLE, 0.0)

    def __call__(self, weights: torch.Tensor) -> torch.Tensor:
        """Return the network's answers (B, H, C, W) to weights (B, H, C, W), of which only the nodes' count."""
        return _turned(_turned(weights @ self.along) @ self.across)

    def transposed(self, errors: torch.Tensor) -> torch.Tensor:
        """Return the gradient by the weights, given that by the answers; both (B, H, C, W)."""
        return _turned(_turned(errors) @ self.across.transpose(2, 3)) @ self.along.transpose(2, 3)


def _turned(values: torch.Tensor) -> torch.Tensor:
    """Swap rows and columns of (B, H, C, W) or (B, W, C, H)."""
    return values.permute(0, 3, 2, 1)


def _closeness(size: int, sigma: float, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Return -d^2 / 2 sigma^2 between all positions on a line, (size, size)."""
    positions = torch.arange(size, device=device, dtype=dtype)
    return (positions[:, None] - positions) ** 2 * (-0.5 / sigma**2)


def _beside(known: torch.Tensor) -> torch.Tensor:
    """Return bool (B, H, W): True at and beside the True pixels, diagonals included."""
    return functional.max_pool2d(known[:, None].float(), 3, stride=1, padding=1)[:, 0] > 0
