"""Protocol 3: real numbers, and what a reader that the removal does not know still reads after it."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.removal.methods import Remover, box_mask
from benchmarks.removal.photos import Picture
from benchmarks.removal.scores import against_surroundings, mean_interval, show, table
from svhn.alphabet import NUM_CLASSES
from svhn.boxes import union
from svhn.crops import crop_digit
from svhn.metrics import accuracy_interval
from svhn.torch_inpaint.removal import paint_boxes

SURE = 0.9


def remove_numbers(
    pictures: Sequence[Picture], methods: dict[str, Remover], reader: str, every: int
) -> tuple[dict[str, Any], list[dict[str, np.ndarray]]]:
    """Let all methods remove the numbers; return the measures, and rows of pictures for a contact sheet."""
    crops = {"before": [crop_digit(p.pixels, digit.box) for p in pictures for digit in p.digits]}
    crops |= {name: [] for name in methods}
    rows = {name: [] for name in methods}
    sheet = []
    for number, picture in enumerate(pictures):
        shown = {"photo": picture.pixels}
        names = list(methods)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            image, row = _remove(picture, methods[name])
            rows[name].append(row)
            crops[name] += [crop_digit(image, digit.box) for digit in picture.digits]
            shown[name] = image
        if (picture.index - 1) % every == 0:
            part = _surroundings(picture)
            sheet.append({name: shown[name][part] for name in ("photo", *names)})
    labels = np.array([digit.label for picture in pictures for digit in picture.digits])
    report = read_report(crops, labels, reader)
    for name in methods:
        report[name] |= _summary(rows[name])
    return {"photos": len(pictures), "digits": len(labels), "methods": report}, sheet


def _surroundings(picture: Picture) -> tuple[slice, slice]:
    """Return where the digits and as much again above and below them lie."""
    box = union(digit.box for digit in picture.digits)
    return box.grow(box.height).clip(picture.pixels.shape[1], picture.pixels.shape[0]).slices


def _remove(picture: Picture, method: Remover) -> tuple[np.ndarray, dict[str, Any]]:
    boxes = [digit.box for digit in picture.digits]
    began = time.perf_counter()
    image, mask = method(picture.pixels, boxes)
    row: dict[str, Any] = {"seconds": time.perf_counter() - began}
    tight = paint_boxes(boxes, mask.shape)
    row["filled"] = mask[tight].mean()
    row["changed"] = (image != picture.pixels).any(axis=2)[tight].mean()
    row["around"] = against_surroundings(image, mask, ~mask & ~box_mask(picture.pixels, boxes))
    return image, row


def _summary(rows: Sequence[dict]) -> dict[str, Any]:
    around = [row["around"] for row in rows if row["around"]]
    seconds = [row["seconds"] for row in rows]
    return {
        "box_pixels_filled": mean_interval([row["filled"] for row in rows]),
        "box_pixels_changed": mean_interval([row["changed"] for row in rows]),
        "texture_against_around": mean_interval([row["texture"] for row in around]),
        "seam_against_around": mean_interval([row["seam"] for row in around]),
        "milliseconds": {"median": 1000 * float(np.median(seconds)), "mean": 1000 * float(np.mean(seconds))},
        "photos_per_second": len(seconds) / sum(seconds),
    }


def read_report(crops: dict[str, list], labels: np.ndarray, reader: str) -> dict[str, Any]:
    """Return for each set of crops the share read right, and what guesses alone would give."""
    frequencies = np.bincount(labels, minlength=NUM_CLASSES) / len(labels)
    report = {}
    for name, probabilities in _read_apart({key: np.array(value) for key, value in crops.items()}, reader).items():
        guesses = probabilities.argmax(axis=1)
        right = guesses == labels
        report[name] = {
            "true_digit_read": float(right.mean()),
            "interval": accuracy_interval(int(right.sum()), len(labels)),
            f"true_digit_read_above_{SURE}": float((right & (probabilities.max(axis=1) > SURE)).mean()),
            # The share read right if guesses did not depend on the digit.
            "chance": float(frequencies @ (np.bincount(guesses, minlength=NUM_CLASSES) / len(labels))),
        }
    return report


def _read_apart(crops: dict[str, np.ndarray], reader: str) -> dict[str, np.ndarray]:
    """Classify named crops with a TensorFlow model in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder) / "crops.npz", Path(folder) / "read.npz"
        np.savez(given, **crops)
        subprocess.run([sys.executable, "-c", _READER, reader, str(given), str(answer)], check=True)
        with np.load(answer) as read:
            return dict(read)


_READER = """
import sys
import numpy as np
from svhn.checkpoints import find_model
from svhn.tf_models.classifier import load_classifier
classify = load_classifier(find_model(sys.argv[1]).path)
with np.load(sys.argv[2]) as crops:
    np.savez(sys.argv[3], **{name: classify(crops[name]) for name in crops.files})
"""


def legible_table(report: dict[str, Any]) -> str:
    """Write the measures of `remove_numbers` as text."""
    columns = ("method", "read", "interval", "above .9", "chance", "box filled", "texture", "seam", "ms", "photos/s")
    rows = []
    for name, row in report["methods"].items():
        low, high = row["interval"]
        read = (f"{row['true_digit_read']:.1%}", f"{low:.1%}-{high:.1%}", f"{row[f'true_digit_read_above_{SURE}']:.1%}")
        rest = ("-",) * 5
        if "milliseconds" in row:
            rest = (
                f"{row['box_pixels_filled']['mean']:.1%}",
                show(row["texture_against_around"]),
                show(row["seam_against_around"]),
                f"{row['milliseconds']['median']:.1f}",
                f"{row['photos_per_second']:.0f}",
            )
        rows.append((name, *read, f"{row['chance']:.1%}", *rest))
    title = f"3. real numbers, boxes given: {report['digits']} digits in {report['photos']} photos"
    return table(title, columns, rows)
