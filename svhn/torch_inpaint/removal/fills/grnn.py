"""The Generalized Regression Neural Network: pattern nodes with known values, and inputs that ask for values.

A GRNN (Specht, IEEE Transactions on Neural Networks 2(6), 1991) answers a query q with the mean of the values v_k of
its patterns p_k, weighted by w_k = softmax_k(-d(q, p_k)^2 / 2 sigma^2). The locally linear answer is that of the plane
v + s (p - q) that solves the weighted ridge regression

    minimise over v, s:  sum_k w_k |v_k - v - s (p_k - q)|^2 + ridge sigma^2 |s|^2

(Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 6.1). With the weighted means m of the patterns
and u of the values, the weighted covariance C of the patterns and their weighted covariance c with the values, its
normal equations give s = (C + ridge sigma^2 I)^-1 c and the answer u + s (q - m).
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch

from svhn.torch_inpaint.removal.config import FillConfig

# Weights computed at once; bounds the memory at about 8 times as many bytes.
BUDGET = 1 << 22
# A product of matrices with 16 columns takes half as long as one with 14.
COLUMNS = 8
# Added to the exponent of what is no pattern: its weight is exactly 0 in float32.
NO_PATTERN = -1e9


@dataclass(frozen=True)
class Kernel:
    """How patterns are weighted around each query.

    Attributes
    ----------
    sigma : torch.Tensor (B, Q), or one that can be expanded to it
        Bandwidth in pixels.
    metric : torch.Tensor float32 (B, Q, 3), optional
        (a, b, c) of d^2 = a dx^2 + 2 b dx dy + c dy^2; without it d is Euclidean.
    ridge : float
        Pull of the plane towards the constant, in units of sigma^2.
    """

    sigma: torch.Tensor
    metric: torch.Tensor | None = None
    ridge: float = FillConfig.ridge

    def take(self, part: slice) -> "Kernel":
        """Return the kernel of some of the queries; sigma is expanded already."""
        metric = None if self.metric is None else self.metric[:, part]
        return dataclasses.replace(self, sigma=self.sigma[:, part], metric=metric)


def grnn(
    points: torch.Tensor,
    values: torch.Tensor,
    queries: torch.Tensor,
    kernel: Kernel,
    known: torch.Tensor | None = None,
    linear: bool = False,
    budget: int = BUDGET,
) -> torch.Tensor:
    """Answer for all queries of a batch at once, in chunks of bounded memory.

    The weights are a softmax, which, unlike the textbook quotient, never divides by zero.

    Parameters
    ----------
    points : torch.Tensor float32 (B, K, 2)
        Pattern nodes, (x, y) in pixels.
    values : torch.Tensor float32 (B, K, C)
    queries : torch.Tensor float32 (B, Q, 2)
    kernel : Kernel
    known : torch.Tensor bool (B, K), optional
        False for padding that is no pattern node; every row needs a True.
    linear : bool
        Fit a plane to the weighted patterns instead of a constant.
    budget : int
        Number of distances computed at once.

    Returns
    -------
    torch.Tensor float32 (B, Q, C)
        Within the range of `values` for the constant fit; a plane may leave it.
    """
    kernel = dataclasses.replace(kernel, sigma=kernel.sigma.to(points).expand(queries.shape[:2]))
    return Patterns.of(points, values, known, linear).answer(queries, kernel, budget)


class _Moments(NamedTuple):
    """What is averaged over the patterns of a query to fit a plane; the values v have C channels, the others one."""

    x: torch.Tensor
    y: torch.Tensor
    xx: torch.Tensor
    xy: torch.Tensor
    yy: torch.Tensor
    v: torch.Tensor
    xv: torch.Tensor
    yv: torch.Tensor

    @classmethod
    def of(cls, x: torch.Tensor, y: torch.Tensor, values: torch.Tensor) -> "_Moments":
        """Return the moments of patterns at x, y (B, K, 1) with values (B, K, C)."""
        return cls(x, y, x * x, x * y, y * y, values, x * values, y * values)

    @classmethod
    def split(cls, columns: torch.Tensor, channels: int) -> "_Moments":
        """Take apart columns (B, Q, 5 + 3 C or more), of which those that are too many only pad them."""
        widths = [1, 1, 1, 1, 1, channels, channels, channels]
        return cls(*columns[..., : sum(widths)].split(widths, dim=2))


@dataclass(frozen=True)
class Patterns:
    """What queries need of pattern nodes, for as many rounds as there are.

    Attributes
    ----------
    centre : torch.Tensor (B, 1, 2)
        Origin of all coordinates; small ones keep float32 exact.
    terms : torch.Tensor (B, 6, K)
        xx, xy, yy, x, y of the patterns, and `NO_PATTERN` for padding: see `_coefficients`.
    values : torch.Tensor (B, K, V)
        What is averaged: the patterns' values, or for the locally linear fit the columns of `_Moments`, padded.
    channels : int
        C, of the values.
    linear : bool
    """

    centre: torch.Tensor
    terms: torch.Tensor
    values: torch.Tensor
    channels: int
    linear: bool

    @classmethod
    def of(cls, points: torch.Tensor, values: torch.Tensor, known: torch.Tensor | None, linear: bool) -> "Patterns":
        """Prepare patterns; the parameters are those of `grnn`."""
        centre, channels = points.mean(dim=1, keepdim=True), values.shape[2]
        x, y = (points - centre).split(1, dim=2)
        padding = torch.zeros_like(x) if known is None else (~known[..., None]) * NO_PATTERN
        moments = _Moments.of(x, y, values)
        terms = torch.cat([moments.xx, moments.xy, moments.yy, x, y, padding], dim=2).transpose(1, 2)
        if linear:
            width = sum(column.shape[2] for column in moments)
            values = torch.cat([*moments, *[x] * (-width % COLUMNS)], dim=2)
        return cls(centre, terms, values, channels, linear)

    def answer(self, queries: torch.Tensor, kernel: Kernel, budget: int = BUDGET) -> torch.Tensor:
        """Answer queries (B, Q, 2): (B, Q, C); the kernel's sigma is expanded already."""
        answers = [self._answer(*part) for part in self._parts(queries - self.centre, kernel, budget)]
        return torch.cat(answers, dim=1) if len(answers) > 1 else answers[0]

    def _parts(self, queries: torch.Tensor, kernel: Kernel, budget: int) -> Iterator[tuple[torch.Tensor, Kernel]]:
        """Split queries and kernel so that a part has `budget` pairs of query and pattern at most."""
        rows = max(1, budget // (self.values.shape[0] * self.values.shape[1]))
        for start in range(0, queries.shape[1], rows):
            part = slice(start, start + rows)
            yield queries[:, part], kernel.take(part)

    def _answer(self, queries: torch.Tensor, kernel: Kernel) -> torch.Tensor:
        weights = (_coefficients(queries, kernel) @ self.terms).softmax(dim=2)
        averages = weights @ self.values
        return _plane(_Moments.split(averages, self.channels), queries, kernel) if self.linear else averages


def _coefficients(queries: torch.Tensor, kernel: Kernel) -> torch.Tensor:
    """Return (B, Q, 6): -d^2 / 2 sigma^2 as a linear function of a pattern's (xx, xy, yy, x, y, padding).

    So all exponents are one product of matrices. The part that is the same for all patterns of a query is left out,
    since softmax does not see it.
    """
    x, y = queries.unbind(dim=2)
    if kernel.metric is None:
        a, b, c = torch.ones_like(x), torch.zeros_like(x), torch.ones_like(x)
    else:
        a, b, c = kernel.metric.unbind(dim=2)
    scale = -0.5 / kernel.sigma**2
    terms = [a, 2 * b, c, -2 * (a * x + b * y), -2 * (b * x + c * y)]
    return torch.stack([term * scale for term in terms] + [torch.ones_like(x)], dim=2)


def _plane(mean: _Moments, queries: torch.Tensor, kernel: Kernel) -> torch.Tensor:
    """Solve the normal equations of this module's head for each query (B, Q, 2): (B, Q, C)."""
    pull = kernel.ridge * kernel.sigma[..., None] ** 2
    cxx, cxy, cyy = mean.xx - mean.x * mean.x + pull, mean.xy - mean.x * mean.y, mean.yy - mean.y * mean.y + pull
    cxv, cyv = mean.xv - mean.x * mean.v, mean.yv - mean.y * mean.v
    determinant = cxx * cyy - cxy * cxy
    slope_x, slope_y = (cyy * cxv - cxy * cyv) / determinant, (cxx * cyv - cxy * cxv) / determinant
    return mean.v + slope_x * (queries[..., :1] - mean.x) + slope_y * (queries[..., 1:] - mean.y)
