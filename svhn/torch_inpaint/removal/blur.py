"""Normalised convolution: blurring where only some of the values count."""

import cv2
import numpy as np

# Wide Gaussians are taken of pictures that are reduced until the Gaussian is this wide (sigma, pixels).
ENOUGH = 4.0
# Weights are not smaller where they are divided by.
LEAST = 1e-6


def normalised_blur(
    values: np.ndarray,
    weight: np.ndarray,
    sigma: float,
    prior: np.ndarray | float = 0.0,
    prior_weight: float = 1e-4,
    border: int = cv2.BORDER_DEFAULT,
) -> np.ndarray:
    """Average values around every pixel with a Gaussian, each counting by its weight.

    With a Gaussian g this is (g * (w v) + e p) / (g * w + e): the normalised convolution of Knutsson and Westin
    (CVPR 1993), drawn towards a prior p where the weights are small.

    Parameters
    ----------
    values : ndarray (H, W) or (H, W, C) float32
    weight : ndarray (H, W) float32
        0 for values that are not known, 1 for those that count fully.
    sigma : float
        Of the Gaussian, in pixels.
    prior : float or ndarray (C,)
        What is answered far from all weights.
    prior_weight : float
        e: how much the prior counts beside a neighbourhood that counts fully, which has 1.
    border : int
        OpenCV's rule for what lies beyond the border; with `cv2.BORDER_CONSTANT` nothing there counts.

    Returns
    -------
    ndarray float32, shaped as `values`
    """
    weighted = values * (weight if values.ndim == 2 else weight[..., None])
    summed = cv2.GaussianBlur(weighted, (0, 0), sigma, borderType=border)
    total = cv2.GaussianBlur(weight, (0, 0), sigma, borderType=border) + prior_weight
    return (summed + prior_weight * prior) / (total if values.ndim == 2 else total[..., None])


def wide_blur(values: np.ndarray, weight: np.ndarray, sigma: float) -> np.ndarray:
    """Average values as `normalised_blur` does, far from all weights by their overall mean, at a smaller scale.

    Parameters
    ----------
    values : ndarray (H, W) or (H, W, C) float32
    weight : ndarray (H, W) float32
    sigma : float
        Of the Gaussian, in pixels.

    Returns
    -------
    ndarray float32, shaped as `values`
    """
    scale = min(1.0, ENOUGH / sigma)
    size = [max(1, round(scale * side)) for side in weight.shape[::-1]]
    weights = weight if values.ndim == 2 else weight[..., None]
    weighted, total = (cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in (values * weights, weight))
    overall = (values * weights).sum(axis=(0, 1)) / max(float(weight.sum()), 1.0)
    totals = np.maximum(total if values.ndim == 2 else total[..., None], np.float32(LEAST))
    mean = normalised_blur(weighted / totals, total, scale * sigma, overall.astype(np.float32))
    return cv2.resize(mean, weight.shape[::-1], interpolation=cv2.INTER_LINEAR)
