"""Compare generated training digits with real ones: `python -m benchmarks.synthetic_statistics --data DIR`.

Real digits are those of the training part only. Prints the 5th, 25th, 50th, 75th and 95th percentile over the
crops of each statistic.
"""

import argparse

import cv2
import numpy as np

from svhn.crops import LUMINANCE
from svhn.data import load_data

PERCENTILES = (5, 25, 50, 75, 95)


def statistics(rgb: np.ndarray) -> dict[str, np.ndarray]:
    """Measure every crop of (N, 32, 32, 3) uint8: name -> (N,) float."""
    pixels = rgb.astype(np.float32)
    gray = pixels @ LUMINANCE
    spread = gray.std(axis=(1, 2)) + 1
    down, across = np.gradient(gray, axis=(1, 2))
    fine = 4 * gray[:, 1:-1, 1:-1] - gray[:, :-2, 1:-1] - gray[:, 2:, 1:-1] - gray[:, 1:-1, :-2] - gray[:, 1:-1, 2:]
    blue, red = pixels[..., 2] - gray, pixels[..., 0] - gray
    return {
        "mean": gray.mean(axis=(1, 2)),
        "standard deviation": spread - 1,
        "gradient / deviation": np.hypot(down, across).mean(axis=(1, 2)) / spread,
        "Laplacian / deviation": np.abs(fine).mean(axis=(1, 2)) / spread,
        "saturation": (pixels.max(axis=-1) - pixels.min(axis=-1)).mean(axis=(1, 2)),
        "blue - luminance, deviation": blue.std(axis=(1, 2)),
        "red - luminance, deviation": red.std(axis=(1, 2)),
        **_strokes(rgb),
    }


def _strokes(rgb: np.ndarray) -> dict[str, np.ndarray]:
    """Tell strokes from ground by two colours in the middle of each crop, and measure both."""
    rows = np.array([_two_colours(crop) for crop in rgb])
    contrast, share, ground, top, bottom = rows.T
    return {
        "contrast": np.abs(contrast),
        "light digits": (contrast > 0).astype(float),
        "share of strokes": share,
        "ground": ground,
        "empty rows above": top,
        "empty rows below": bottom,
    }


def _two_colours(crop: np.ndarray) -> tuple[float, ...]:
    """Return contrast, share of strokes, luminance of the ground, empty rows above and below."""
    middle = crop[2:30, 7:25].reshape(-1, 3).astype(np.float32)
    mean = middle.mean(axis=0)
    axis = np.linalg.svd(middle - mean, full_matrices=False)[2][0]
    axis *= 1 if axis.sum() > 0 else -1
    tone = (crop.astype(np.float32) - mean) @ axis
    low, high = np.percentile(tone[2:30, 7:25], [1, 99])
    level = np.clip((tone - low) * (255 / max(high - low, 1e-3)), 0, 255).astype(np.uint8)
    threshold, _ = cv2.threshold(np.ascontiguousarray(level[2:30, 7:25]), 0, 255, cv2.THRESH_OTSU)
    strokes = level > threshold
    if strokes[[0, 1, -2, -1]].mean() > 0.5:
        strokes = ~strokes
    gray, window = crop @ LUMINANCE, np.zeros((32, 32), bool)
    window[2:30, 7:25] = True
    ink, ground = (gray[window & side].mean() if (window & side).any() else 0.0 for side in (strokes, ~strokes))
    rows = strokes[:, 10:22].any(axis=1)
    return ink - ground, strokes[:, 7:25].mean(), ground, rows.argmax(), rows[::-1].argmax()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder with SVHN's train split")
    parser.add_argument("--count", type=int, default=3000, help="generated digits of each kind")
    arguments = parser.parse_args()
    data = load_data(arguments.data, 0, ("train",), synthetic=arguments.count, copy_paste=arguments.count)
    measured = {name: statistics(data[name].rgb) for name in ("train", "synthetic", "copy_paste")}
    print(f"{'':<30}{'':<12}{'mean':>8}" + "".join(f"{part:>7} %" for part in PERCENTILES))
    for statistic in measured["train"]:
        for name, values in measured.items():
            parts = np.percentile(values[statistic], PERCENTILES)
            numbers = "".join(f"{part:>9.2f}" for part in parts)
            print(f"{statistic:<30}{name:<12}{values[statistic].mean():>8.2f}{numbers}")


if __name__ == "__main__":
    main()
