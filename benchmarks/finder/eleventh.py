"""What a judge who may say "no digit" still reads after `remove-digits` without boxes.

    python -m benchmarks.finder.eleventh --data ../shared/data/svhn --output benchmarks/records/eleventh.json

A reader that must name one of ten digits cannot go below the share of the commonest one. This judge has an eleventh
class, natural background: `tf-record`, which takes no part in a removal, with a last layer of its own, fitted to digits
and digit-free places of photos that are not measured (the other test photos, which no network knows).
"""

import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from svhn.alphabet import NUM_CLASSES
from svhn.boxes import Box, overlaps
from svhn.crops import crop_digit
from svhn.data.samples import FinderPhoto, read_labelled
from svhn.finder import Finder, FinderReader
from svhn.metrics import accuracy_interval
from svhn.runs import RunRecord
from svhn.torch_inpaint.removal import DigitRemover

PACKAGES = ("numpy", "torch", "tensorflow", "scikit-learn", "opencv-python-headless")
JUDGE = "tf-record"
# The class of what is no digit.
NO_DIGIT = NUM_CLASSES
# So many of the first photos of the test split are measured; the judge learns from the others.
MEASURED = 400
# Digit-free places of a photo that the judge learns, and how often one is looked for.
PLACES, TRIES = 4, 40
# The inverse of how strongly the judge's last layer is pulled to 0. On places of photos that are measured, as they are,
# larger values name no more digits.
FREEDOM = 5.0


def background_boxes(photo: FinderPhoto, rng: np.random.Generator) -> list[Box]:
    """Draw boxes of the digits' sizes that share nothing with a digit."""
    height, width = photo.pixels.shape[:2]
    found: list[Box] = []
    for _ in range(TRIES):
        left, top, right, bottom = photo.boxes[rng.integers(len(photo.boxes))]
        scale = float(np.exp(rng.uniform(-0.4, 0.2)))
        wide, tall = max(int(scale * (right - left)), 2), max(int(scale * (bottom - top)), 2)
        if wide >= width or tall >= height:
            continue
        x, y = int(rng.integers(width - wide)), int(rng.integers(height - tall))
        if overlaps(np.array([x, y, x + wide, y + tall], float), photo.boxes)[0].max() == 0:
            found.append(Box(x, y, x + wide, y + tall))
        if len(found) == PLACES:
            break
    return found


def cut(photos: Sequence[FinderPhoto], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the digits and digit-free places of photos as crops (N, 32, 32, 3) uint8 and classes (N,), 10 for none."""
    rng, crops, classes = np.random.default_rng(seed), [], []
    for photo in photos:
        places = background_boxes(photo, rng)
        boxes = [digit.box for digit in photo.digits] + places
        crops += [crop_digit(photo.pixels, box) for box in boxes]
        classes += [*photo.labels.tolist(), *[NO_DIGIT] * len(places)]
    return np.stack(crops), np.array(classes)


def removed(photos: Sequence[FinderPhoto], given: bool) -> np.ndarray:
    """Return the crops of all annotated digits after their removal, with the annotated boxes or without any."""
    finder = Finder()
    remover, crops = DigitRemover.from_checkpoint(readers=[FinderReader(finder)]), []
    for photo in photos:
        result = remover.remove(photo.pixels, photo.digits if given else finder.find(photo.pixels))
        crops += [crop_digit(result.image, digit.box) for digit in photo.digits]
    return np.stack(crops)


def features_of(crops: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what the judge's last layer sees of named crops; TensorFlow runs in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder, "crops.npz"), Path(folder, "features.npz")
        np.savez(given, **crops)
        subprocess.run([sys.executable, "-c", _FEATURES, JUDGE, str(given), str(answer)], check=True)
        with np.load(answer) as features:
            return dict(features)


_FEATURES = """
import sys
import numpy as np
from svhn.classifiers import load_keras_network
network = load_keras_network(sys.argv[1])
import keras
before = keras.Model(network.input, network.layers[-1].input)
with np.load(sys.argv[2]) as crops:
    values = {name: before.predict(crops[name].astype(np.float32), verbose=0, batch_size=64) for name in crops.files}
np.savez(sys.argv[3], **{name: value.reshape(len(value), -1) for name, value in values.items()})
"""


def measure(said: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Return in how many crops the true digit, and any digit, is read."""
    right = int((said == truth).sum())
    digit = int((said != NO_DIGIT).sum())
    return {
        "true_digit_read": right / len(said),
        "interval": list(accuracy_interval(right, len(said))),
        "any_digit_read": digit / len(said),
    }


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder with test/.")
@click.option("--photos", default=MEASURED, show_default=True, help="First test photos to measure.")
@click.option("--output", type=click.Path(path_type=Path), help="Record to write.")
def main(data: Path, photos: int, output: Path | None) -> None:
    """Judge what is left of the digits; see the module's text."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    test = list(read_labelled(data, "test").values())
    measured, learned = test[:photos], test[photos:]
    crops, classes = cut(learned, 0)
    seen, truth = cut(measured, 1)
    digit = truth != NO_DIGIT
    sets = {"learned": crops, "before": seen[digit], "background": seen[~digit]}
    sets |= {"without boxes": removed(measured, given=False), "boxes given": removed(measured, given=True)}
    features = features_of(sets)
    judge = LogisticRegression(C=FREEDOM, max_iter=500)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        judge.fit(features["learned"], classes)
    rows = {
        name: measure(judge.predict(features[name]), truth[digit])
        for name in sets
        if name not in ("learned", "background")
    }
    share = float((judge.predict(features["background"]) != NO_DIGIT).mean())
    for name, row in rows.items():
        click.echo(f"{name:14} true digit read {row['true_digit_read']:.2%}  any digit {row['any_digit_read']:.2%}")
    click.echo(f"a digit seen on {share:.2%} of {int((~digit).sum())} digit-free places")
    if output:
        settings = {"photos": photos, "judge": JUDGE, "learned_from": len(learned), "freedom": FREEDOM}
        record = RunRecord.new("benchmarks.finder.eleventh", settings, {"source": "SVHN test split"}, PACKAGES)
        record.metrics |= {
            "photos": photos,
            "digits": int(digit.sum()),
            "learned": len(classes),
            "places": int((~digit).sum()),
        }
        record.metrics |= {"digit_seen_on_background": share, "rows": rows}
        record.write(output)


if __name__ == "__main__":
    main()
