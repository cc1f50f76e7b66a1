"""Confidences on photos of streets: how many of the places called .8 are digits?

    python -m benchmarks.street.calibration ../shared/data/wild/dev --output benchmarks/records/street-calibration.json

The digits of all labelled photos are compared with their labels, before and after the map of
`svhn.finder.evidence.calibration`. Since that was chosen on these photos, it is also made anew from halves of them,
drawn by photo, and looked at on the other halves. Which numbers are read whole is counted, too: the evidence is there.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import cv2
import matplotlib.pyplot as plt
import numpy as np

from benchmarks.street.__main__ import DIGIT_FREE, Asked, ask, is_ignored, pair
from svhn.finder import Finder
from svhn.finder.evidence.calibration import calibrated
from svhn.finder.evidence.fusion import fuse_sources
from svhn.runs import RunRecord

PACKAGES = ("numpy", "opencv-python-headless", "onnxruntime", "rapidocr", "scikit-learn")
# Limits of the bins of the reliability diagram; few places are called less than .6.
BINS = (0.0, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
HALVES, SEED = 100, 20


@dataclass(frozen=True)
class Places:
    """Digits that were found: confidences (N,) before and after the map, whether they are digits, and their photos."""

    said: np.ndarray
    meant: np.ndarray
    right: np.ndarray
    photos: np.ndarray


def places_of(photos: dict[str, list[Asked]]) -> Places:
    """Compare what is found in photos with their labels; what is found in ignored regions does not count."""
    rows = []
    for group in photos.values():
        for photo in group:
            found = fuse_sources(photo.evidence)
            hit = {j for _, j in pair(photo.label, found)[0]} if photo.label else set()
            ignored = photo.label.get("ignore", []) if photo.label else []
            meant = calibrated(found).presence
            rows += [
                (found.presence[j], meant[j], j in hit, photo.name)
                for j in range(len(found.presence))
                if j in hit or not is_ignored(found.boxes[j], ignored)
            ]
    said, meant, right, names = zip(*rows, strict=True)
    return Places(np.array(said, float), np.array(meant, float), np.array(right, float), np.array(names))


def share_read(photos: Sequence[Asked], reader: Finder) -> float:
    """Return the share of photos of which every number is read whole, as `svhn read` reads it.

    Of a number with several parts, "54-56", the parts may be read as numbers of their own.
    """
    right = 0
    for photo in photos:
        read = {number.text for number in reader.judge(replace(photo.evidence, config=reader.config)).numbers}
        parts = [re.findall(r"[0-9]+", number["text"]) for number in photo.label["numbers"]]
        right += all("".join(some) in read or all(part in read for part in some) for some in parts)
    return right / len(photos)


def reliability(sure: np.ndarray, right: np.ndarray) -> list[dict[str, float]]:
    """Return of each bin how many places it has, what they say in the mean, and the share that is right."""
    place = np.clip(np.digitize(sure, BINS) - 1, 0, len(BINS) - 2)
    return [
        {
            "places": int((place == k).sum()),
            "said": float(sure[place == k].mean()),
            "right": float(right[place == k].mean()),
        }
        for k in range(len(BINS) - 1)
        if (place == k).any()
    ]


def calibration_error(sure: np.ndarray, right: np.ndarray) -> float:
    """Return the expected calibration error: how far bins are from what they say, in the mean over places."""
    return sum(row["places"] * abs(row["said"] - row["right"]) for row in reliability(sure, right)) / len(sure)


def log_loss(sure: np.ndarray, right: np.ndarray) -> float:
    """Return the mean negative log likelihood of what is right."""
    likely = np.clip(np.where(right > 0, sure, 1 - sure), 1e-3, 1)
    return float(-np.log(likely).mean())


def split_half(places: Places) -> dict[str, float]:
    """Return error and loss on halves of the photos, as said and by a map that the other halves make."""
    from sklearn.isotonic import IsotonicRegression

    rng, names, rows = np.random.default_rng(SEED), np.unique(places.photos), []
    for _ in range(HALVES):
        first = np.isin(places.photos, rng.permutation(names)[: len(names) // 2])
        mapping = IsotonicRegression(out_of_bounds="clip", y_min=0.02, y_max=0.98)
        mapping.fit(places.said[first], places.right[first])
        said, right = places.said[~first], places.right[~first]
        other = mapping.predict(said)
        rows.append([f(sure, right) for f in (calibration_error, log_loss) for sure in (said, other)])
    names = ("error_said", "error_mapped", "loss_said", "loss_mapped")
    return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))


def draw(path: Path, rows: dict[str, list[dict[str, float]]]) -> None:
    """Draw the reliability diagram."""
    figure, axes = plt.subplots(figsize=(4.2, 4), layout="constrained")
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for name, bins in rows.items():
        axes.plot([row["said"] for row in bins], [row["right"] for row in bins], marker="o", label=name)
    axes.set(xlabel="confidence of a place", ylabel="share that is a digit", xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left")
    figure.savefig(path, dpi=150)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Record to write.")
@click.option("--figure", type=click.Path(path_type=Path), help="Reliability diagram to draw.")
def main(folder: Path, output: Path | None, figure: Path | None) -> None:
    """Measure whether confidences on labelled photos of streets mean what they say."""
    cv2.setNumThreads(1)
    labels = json.loads((folder / "labels.json").read_text())
    finder = Finder()
    photos = {group: ask(folder / group, labels, finder) for group in ("numbers", *DIGIT_FREE)}
    places = places_of(photos)
    bins = {"as fused": reliability(places.said, places.right), "calibrated": reliability(places.meant, places.right)}
    metrics: dict[str, Any] = {
        "numbers_read_whole": share_read(photos["numbers"], Finder()),
        "places": len(places.said),
        "digits": float(places.right.mean()),
        "error": {
            "said": calibration_error(places.said, places.right),
            "calibrated": calibration_error(places.meant, places.right),
        },
        "loss": {"said": log_loss(places.said, places.right), "calibrated": log_loss(places.meant, places.right)},
        "split_half": split_half(places),
        "bins": bins,
    }
    click.echo(json.dumps(metrics, indent=1))
    if figure:
        draw(figure, bins)
    if output:
        record = RunRecord.new("benchmarks.street.calibration", {"seed": SEED}, {"source": "labelled photos"}, PACKAGES)
        record.metrics |= metrics
        record.write(output)


if __name__ == "__main__":
    main()
