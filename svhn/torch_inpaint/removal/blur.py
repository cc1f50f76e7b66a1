"""Normalised convolution: blurring where only some of the values count."""

import cv2
import numpy as np


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
