"""Measures of classification, by scikit-learn, and of removal (PSNR, SSIM).

scikit-learn takes about a second to load, so it is imported where a classifier is measured: many modules want `psnr`
only.
"""

from typing import Any

import numpy as np
from scipy import ndimage

from svhn.alphabet import NUM_CLASSES


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, classes: int = NUM_CLASSES) -> np.ndarray:
    """Count (true, predicted) pairs: two (N,) integer arrays -> (classes, classes) int64, rows are true labels.

    Raises
    ------
    ValueError
        When a label or prediction is not 0..classes - 1; scikit-learn alone would leave it out.
    """
    from sklearn import metrics

    labels, predictions = np.asarray(labels, np.int64), np.asarray(predictions, np.int64)
    if not all(((values >= 0) & (values < classes)).all() for values in (labels, predictions)):
        raise ValueError(f"expected labels and predictions 0..{classes - 1}, received others")
    if not len(labels):  # which scikit-learn refuses
        return np.zeros((classes, classes), np.int64)
    return metrics.confusion_matrix(labels, predictions, labels=range(classes))


def accuracy_interval(correct: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson score interval of a proportion, by default at 95 %."""
    if n == 0:
        return 0.0, 1.0
    p, z2 = correct / n, z * z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z * np.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return float(middle - half), float(middle + half)


def classification_report(labels: np.ndarray, predictions: np.ndarray) -> dict[str, Any]:
    """Summarise predictions of digits.

    Parameters
    ----------
    labels, predictions : ndarray (N,) int, 0..9

    Returns
    -------
    dict
        `accuracy` (fraction), `accuracy_interval` (95 %), `n`, `per_class` (digit, precision, recall, f1,
        support; a ratio with an empty denominator is 0), `average` (the same, weighted by support, which is their
        total) and `confusion` (10 x 10, rows are true digits).
    """
    confusion = confusion_matrix(labels, predictions)
    correct, n = int(np.trace(confusion)), int(confusion.sum())
    rows = _scores(labels, predictions) if n else np.zeros((NUM_CLASSES, 4))
    weights = rows[:, 3] / max(n, 1)
    means = dict(zip(("precision", "recall", "f1"), (weights @ rows[:, :3]).tolist(), strict=True))
    return {
        "accuracy": correct / n if n else 0.0,
        "accuracy_interval": list(accuracy_interval(correct, n)),
        "n": n,
        "per_class": [
            {"digit": digit, "precision": precision, "recall": recall, "f1": f1, "support": int(support)}
            for digit, (precision, recall, f1, support) in enumerate(rows.tolist())
        ],
        "average": {**means, "support": n},
        "confusion": confusion.tolist(),
    }


def _scores(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Return precision, recall, F1 and support of every class: (NUM_CLASSES, 4) float64."""
    from sklearn import metrics

    classes = range(NUM_CLASSES)
    return np.array(metrics.precision_recall_fscore_support(labels, predictions, labels=classes, zero_division=0)).T


def psnr(image: np.ndarray, reference: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Peak signal-to-noise ratio in dB of two uint8 images, over the whole or over `mask` (H, W) bool."""
    error = (image.astype(np.float64) - reference.astype(np.float64)) ** 2
    mean = error.mean() if mask is None else error[mask].mean()
    return float("inf") if mean == 0 else float(10 * np.log10(255.0**2 / mean))


def ssim(image: np.ndarray, reference: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Structural similarity of two uint8 images, (H, W) or (H, W, 3), over the whole or over `mask`.

    Gaussian windows with sigma 1.5 (Wang et al. 2004), mean over channels and pixels; 1 means identical.
    """
    x, y = image.astype(np.float64), reference.astype(np.float64)
    sigma = (1.5, 1.5) + (0,) * (x.ndim - 2)

    def blur(values: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(values, sigma, truncate=3.5)

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_x, mean_y = blur(x), blur(y)
    var_x, var_y = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2
    covariance = blur(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (var_x + var_y + c2)
    similarity = luminance * structure
    return float(similarity.mean() if mask is None else similarity[mask].mean())
