"""How good a fill is: against the truth, against its surroundings; and means with intervals."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from svhn.metrics import psnr, ssim
from svhn.torch_inpaint.removal import widen

MOST_PSNR = 60.0
# Grey levels added to both sides of a ratio, so that a flat background does not decide a mean.
QUANTUM = 0.25
RING = 6


def against_truth(image: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Compare a filled picture with the true one inside the mask: all (H, W, 3) uint8 and (H, W) bool."""
    error = np.abs(image[mask].astype(np.float64) - truth[mask])
    return {
        "psnr": min(psnr(image, truth, mask), MOST_PSNR),
        "ssim": ssim(image, truth, mask),
        "error": float(error.mean()),
        "texture": _ratio(texture(image, mask), texture(truth, mask)),
        "seam": _ratio(seam(image, mask), seam(truth, mask)),
    }


def against_surroundings(image: np.ndarray, mask: np.ndarray, known: np.ndarray) -> dict[str, float] | None:
    """Compare texture and seam of a filled mask with the known pixels around it; None without any."""
    ring = widen(mask, RING) & known & ~mask
    if ring.sum() < 20 or not mask.any():
        return None
    return {
        "texture": _ratio(texture(image, mask), texture(image, ring)),
        "seam": _ratio(seam(image, mask), _steps(image, lambda a, b: a & b, ring)),
    }


def texture(image: np.ndarray, mask: np.ndarray) -> float:
    """Standard deviation inside the mask of what a Gaussian of one pixel takes away, in grey levels."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float((gray - cv2.GaussianBlur(gray, (0, 0), 1.0))[mask].std())


def seam(image: np.ndarray, mask: np.ndarray) -> float:
    """Mean difference of neighbouring pixels of which one lies inside the mask and one outside."""
    return _steps(image, lambda a, b: a != b, mask)


def _steps(image: np.ndarray, which, mask: np.ndarray) -> float:
    values = image.astype(np.float32)
    across = np.abs(np.diff(values, axis=1))[which(mask[:, 1:], mask[:, :-1])]
    down = np.abs(np.diff(values, axis=0))[which(mask[1:], mask[:-1])]
    both = np.concatenate([across, down])
    return float(both.mean()) if len(both) else 0.0


def _ratio(value: float, reference: float) -> float:
    return (value + QUANTUM) / (reference + QUANTUM)


def mean_interval(values: Sequence[float], groups: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the mean, its 95 % interval (none for one photo) and n; values of one photo are averaged first."""
    values = np.asarray(values, float)
    if groups is not None:
        names = np.asarray(groups)
        values = np.array([values[names == name].mean() for name in dict.fromkeys(groups)])
    mean, n = float(values.mean()) if len(values) else None, len(values)
    if n < 2:
        return {"mean": mean, "low": None, "high": None, "n": n}
    half = float(1.96 * values.std(ddof=1) / np.sqrt(n))
    return {"mean": mean, "low": mean - half, "high": mean + half, "n": n}


def show(entry: dict[str, Any] | None, form: str = ".2f") -> str:
    """Write a mean with the half width of its interval."""
    if entry is None or entry["mean"] is None:
        return "-"
    half = "" if entry["high"] is None else f" ±{entry['high'] - entry['mean']:{form}}"
    return f"{entry['mean']:{form}}{half}"


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a text table; the first column is set to the left, the others to the right."""
    cells = [[str(cell) for cell in row] for row in [columns, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    lines = [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]
    return "\n".join(["", title, *lines[:1], "-" * len(lines[0]), *lines[1:]])
