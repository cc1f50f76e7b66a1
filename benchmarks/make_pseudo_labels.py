"""Label digits of unlabelled photos with two models: `python -m benchmarks.make_pseudo_labels --data DIR`.

The finder says where digits are, a classifier says which. A digit is kept where both name the same one, the finder is
sure that there is one, and the classifier is sure of its label. Neither model may have seen validation or test photos.
The result, `checkpoints/pseudo_labels.csv`, holds boxes and labels only, no pixels; `prepare --pseudo` and the presets
of `train-tf` cut the digits out of DIR/unlabelled.
"""

import argparse
import csv
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from svhn.alphabet import NUM_CLASSES
from svhn.checkpoints import find_model
from svhn.crops import crop_digit
from svhn.files import replacing
from svhn.finder import DEFAULT_FINDER, Finder, FinderConfig, FoundDigit
from svhn.photos import read_rgb
from svhn.tf_models.classifier import load_classifier

COLUMNS = ("photo", "left", "top", "width", "height", "label", "confidence")


def main() -> None:
    arguments = _parse()
    finder = Finder(arguments.finder, FinderConfig(min_confidence=arguments.presence))
    found, crops = _find(Path(arguments.data) / "unlabelled", finder)
    probabilities = load_classifier(find_model(arguments.classifier).path)(crops)
    labels, sure = probabilities.argmax(axis=1), probabilities.max(axis=1) >= arguments.confidence
    agreed = labels == [digit.label for _, digit in found]
    rows = [
        (name, digit.box.left, digit.box.top, digit.box.width, digit.box.height, label, f"{row.max():.3f}")
        for (name, digit), label, row, kept in zip(found, labels, probabilities, agreed & sure, strict=True)
        if kept
    ]
    with replacing(arguments.output) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    counts = np.bincount([row[5] for row in rows], minlength=NUM_CLASSES)
    print(f"{len(found)} digits found, the same label by both {agreed.mean():.1%}; kept {len(rows)}: {counts.tolist()}")


def _find(folder: Path, finder: Finder) -> tuple[list[tuple[str, FoundDigit]], np.ndarray]:
    """Return (photo, digit) of all found digits, and their crops (N, 32, 32, 3)."""
    found, crops = [], []
    for path in sorted(folder.glob("*.png")):
        photo = read_rgb(path)
        digits = finder.find(photo)
        found += [(path.name, digit) for digit in digits]
        crops += [crop_digit(photo, digit.box) for digit in digits]
    return found, np.array(crops)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder that holds unlabelled/")
    parser.add_argument("--finder", default=DEFAULT_FINDER)
    parser.add_argument("--classifier", required=True, help="a TensorFlow model, as for evaluate")
    parser.add_argument("--presence", type=float, default=0.4, help="least certainty of the finder")
    parser.add_argument("--confidence", type=float, default=0.8, help="least probability of the classifier's label")
    parser.add_argument("--output", default="checkpoints/pseudo_labels.csv")
    return parser.parse_args()


if __name__ == "__main__":
    main()
