"""How well the shipped classifiers read digits outside SVHN, beside SVHN's test digits.

    python -m benchmarks.wild_digits --data ../shared/data/svhn --wild ../shared/data/wild/digits

The folder `--wild` holds zip files of crops of single digits, each with `index.csv`: file, label, and maybe quality.
A crop is taken as `svhn classify` takes a picture: made a square by repeating its border, then 32 x 32 pixels. No
network that is measured here has learned from these digits, and nothing was chosen by them. Each model has a process of
its own, because PyTorch and TensorFlow do not share one.
"""

import csv
import io
import multiprocessing
import zipfile
from pathlib import Path

import click
import numpy as np
from PIL import Image

from svhn.boxes import Box
from svhn.classifiers import load_classifier
from svhn.crops import crop_digit, square_up
from svhn.data import load_split
from svhn.metrics import accuracy_interval
from svhn.runs import RunRecord

MODELS = ("tf-record", "tf-teacher", "tf-seed", "tf-caffe", "tf-caffe-lrn", "torch-convnet48-dropout3")
PACKAGES = ("tensorflow", "keras", "torch", "numpy", "Pillow")


def read_crops(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return crops (N, 32, 32, 3) uint8, labels (N,) and qualities (N,) of a zip file; "" where none is known."""
    with zipfile.ZipFile(path) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("index.csv").decode())))
        pictures = [np.asarray(Image.open(archive.open(row["file"])).convert("RGB")) for row in rows]
    squares = [square_up(picture) for picture in pictures]
    crops = np.stack([crop_digit(square, Box(0, 0, *square.shape[1::-1])) for square in squares])
    return crops, np.array([int(row["label"]) for row in rows]), np.array([row.get("quality", "") for row in rows])


def right_of(model: str, data: str, wild: str) -> dict[str, list[int]]:
    """Return [right, n] of a model by source: SVHN's test digits, each zip file, and the qualities in one."""
    classify = load_classifier(model)
    test = load_split(data, "test")
    counts = {"svhn_test": count(classify(test.rgb), test.labels)}
    for path in sorted(Path(wild).glob("*.zip")):
        crops, labels, qualities = read_crops(path)
        said = classify(crops)
        counts[path.stem] = count(said, labels)
        for quality in sorted(set(qualities) - {""}):
            counts[f"{path.stem}_{quality}"] = count(said[qualities == quality], labels[qualities == quality])
    return counts


def count(probabilities: np.ndarray, labels: np.ndarray) -> list[int]:
    """Return how many digits are named right, and of how many."""
    return [int((probabilities.argmax(axis=1) == labels).sum()), len(labels)]


def measured(counts: dict[str, list[int]], sources: list[str]) -> dict[str, dict]:
    """Return accuracy, interval and n of every source, and of all wild digits together."""
    wild = [counts[name] for name in sources]
    counts = counts | {"wild": [sum(right for right, _ in wild), sum(n for _, n in wild)]}
    return {
        name: {"accuracy": right / n, "accuracy_interval": list(accuracy_interval(right, n)), "n": n}
        for name, (right, n) in counts.items()
    }


@click.command()
@click.option("--data", required=True, help="Folder with SVHN's files.")
@click.option("--wild", required=True, type=click.Path(exists=True, file_okay=False), help="Folder with the zip files.")
@click.option("--model", "models", multiple=True, default=MODELS, show_default=True, help="Classifiers to measure.")
@click.option("--output", type=click.Path(path_type=Path), default="benchmarks/records/wild-digits.json")
def main(data: str, wild: str, models: tuple[str, ...], output: Path) -> None:
    """Measure the classifiers and write the record; what it says of others stays."""
    sources = sorted(path.stem for path in Path(wild).glob("*.zip"))
    config = {"crops": "made square by repeating the border, then 32 x 32", "models": list(MODELS)}
    record = RunRecord.new("benchmarks.wild_digits", config, {"svhn": "test split", "wild": sources}, PACKAGES)
    record.metrics = RunRecord.read(output).metrics if output.is_file() else {}
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for model in models:
            counts = pool.apply(right_of, (model, data, wild))
            record.metrics[model] = measured(counts, sources)
            click.echo(f"{model}: " + ", ".join(f"{name} {right}/{n}" for name, (right, n) in counts.items()))
    record.write(output)


if __name__ == "__main__":
    main()
