"""Digits that a network learns in seconds: class d is a bright bar at a height of its own."""

import numpy as np

from svhn.crops import to_gray
from svhn.data.prepared import PreparedData, Split, Statistics


def draw_bars(count: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    rgb = rng.integers(0, 60, (count, 32, 32, 3), np.uint8)
    for image, label in zip(rgb, labels, strict=True):
        image[3 * label : 3 * label + 4, 4:28] = rng.integers(200, 256, 3)
    return Split(rgb, to_gray(rgb), labels.astype(np.int64), np.arange(count))


def bars() -> PreparedData:
    counts = {"train": 150, "validation": 40, "test": 50, "pseudo": 37}
    splits = {name: draw_bars(count, seed) for seed, (name, count) in enumerate(counts.items())}
    return PreparedData(splits, Statistics.of(splits["train"]), {"source": "bars", "licence": "none"})
