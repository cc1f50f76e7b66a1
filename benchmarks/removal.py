"""Removal measured: what a reader still reads, how close to the truth the fill is, photos per second.

Three methods get the same boxes: ours, and OpenCV's two inpainting methods over the whole boxes.

    python -m benchmarks.removal --data ../shared/data/svhn --split test --photos 1-400 --output removal.json

The reader is the TensorFlow seed graph, which the removal does not know; it runs in a process of its own. The true
scene behind a number is known for rendered photos only, so closeness is measured on those.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import cv2
import numpy as np

from svhn.boxes import Box, clip_digits
from svhn.crops import crop_digit
from svhn.data.digit_struct import FILE_NAME, DigitStruct
from svhn.data.synthetic import render_photo
from svhn.metrics import accuracy_interval, psnr, ssim
from svhn.photos import read_rgb
from svhn.records import RunRecord

PACKAGES = ("torch", "tensorflow", "numpy", "opencv-python-headless")


def methods():
    """Return name -> function of (photo, boxes) -> picture without the digits."""
    from svhn.torch_inpaint import DigitRemover

    remover = DigitRemover.from_checkpoint(device="cpu")

    def over_boxes(flag):
        def fill(photo, boxes):
            mask = np.zeros(photo.shape[:2], np.uint8)
            for box in boxes:
                mask[box.grow(2).clip(photo.shape[1], photo.shape[0]).slices] = 255
            return cv2.inpaint(photo, mask, 3, flag)

        return fill

    return {
        "ours": lambda photo, boxes: remover.remove(photo, boxes).image,
        "whole boxes, Telea": over_boxes(cv2.INPAINT_TELEA),
        "whole boxes, Navier-Stokes": over_boxes(cv2.INPAINT_NS),
    }


def real_photos(folder: Path, first: int, last: int):
    """Yield (photo, digits) of the photos `first` to `last` of a Format-1 folder."""
    with DigitStruct(folder / FILE_NAME) as annotations:
        for name in list(annotations)[first - 1 : last]:
            photo = read_rgb(folder / name)
            yield photo, clip_digits(annotations[name], photo.shape[1], photo.shape[0])


def read_back(samples, fills, reader: str) -> dict:
    """Return for each method the share of digits that are read right before and after."""
    crops = {"before": []} | {name: [] for name in fills}
    seconds = dict.fromkeys(fills, 0.0)
    labels = []
    for photo, digits in samples:
        boxes: list[Box] = [digit.box for digit in digits]
        labels += [digit.label for digit in digits]
        crops["before"] += [crop_digit(photo, box) for box in boxes]
        for name, fill in fills.items():
            began = time.perf_counter()
            image = fill(photo, boxes)
            seconds[name] += time.perf_counter() - began
            crops[name] += [crop_digit(image, box) for box in boxes]
    read = read_apart({name: np.array(values) for name, values in crops.items()}, reader)
    labels = np.array(labels)
    result = {}
    for name, probabilities in read.items():
        right = int((probabilities.argmax(axis=1) == labels).sum())
        confident = float(((probabilities.argmax(axis=1) == labels) & (probabilities.max(axis=1) > 0.9)).mean())
        result[name] = {
            "true_digit_read": right / len(labels),
            "interval": accuracy_interval(right, len(labels)),
            "true_digit_read_above_0.9": confident,
            "photos_per_second": len(samples) / seconds[name] if name in seconds else None,
        }
    frequencies = np.bincount(labels, minlength=10) / len(labels)
    guesses = {name: np.bincount(p.argmax(axis=1), minlength=10) / len(labels) for name, p in read.items()}
    for name, guess in guesses.items():
        result[name]["chance"] = float(frequencies @ guess)  # if guesses did not depend on the digit
    return {"photos": len(samples), "digits": len(labels), "methods": result}


def read_apart(crops: dict[str, np.ndarray], reader: str) -> dict[str, np.ndarray]:
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
from svhn.tf_models.predict import load_classifier
classify = load_classifier(find_model(sys.argv[1]).path)
with np.load(sys.argv[2]) as crops:
    np.savez(sys.argv[3], **{name: classify(crops[name]) for name in crops.files})
"""


def closeness(count: int, fills) -> dict:
    """Return for each method PSNR and SSIM against the clean scene, within the true mask of rendered photos."""
    scores = {name: [] for name in fills}
    for seed in range(10_000, 10_000 + count):
        sample = render_photo(seed)
        boxes = [digit.box for digit in sample.digits]
        for name, fill in fills.items():
            image = fill(sample.photo, boxes)
            scores[name].append((psnr(image, sample.clean, sample.mask), ssim(image, sample.clean, sample.mask)))
    means = {name: np.mean(np.minimum(values, 60), axis=0).tolist() for name, values in scores.items()}
    return {"photos": count, "methods": {name: {"psnr": p, "ssim": s} for name, (p, s) in means.items()}}


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder with test/ or train/.")
@click.option("--split", default="test", show_default=True)
@click.option("--photos", default="1-400", show_default=True, help="First and last photo.")
@click.option("--rendered", default=100, show_default=True, help="Number of rendered photos for closeness.")
@click.option("--reader", default="tf-seed", show_default=True, help="TensorFlow classifier that reads.")
@click.option("--output", type=click.Path(path_type=Path), help="Record to write.")
def main(data, split, photos, rendered, reader, output):
    """Compare removal methods; see the module's text."""
    first, last = (int(number) for number in photos.split("-"))
    fills = methods()
    config = {"split": split, "photos": photos, "rendered": rendered, "reader": reader}
    record = RunRecord.new("benchmarks.removal", config, {"source": "SVHN"}, PACKAGES)
    record.metrics["read_back"] = read_back(list(real_photos(data / split, first, last)), fills, reader)
    record.metrics["rendered"] = closeness(rendered, fills)
    for name, row in record.metrics["read_back"]["methods"].items():
        speed = f"{row['photos_per_second']:.0f} photos/s" if row["photos_per_second"] else ""
        read, sure = row["true_digit_read"], row["true_digit_read_above_0.9"]
        chance = row["chance"]
        click.echo(f"{name:<28} true digit read {read:6.1%}  above .9: {sure:6.1%}  chance {chance:6.1%}  {speed}")
    for name, row in record.metrics["rendered"]["methods"].items():
        click.echo(f"{name:<28} rendered: PSNR {row['psnr']:.2f} dB, SSIM {row['ssim']:.3f}")
    if output:
        record.write(output)


if __name__ == "__main__":
    main()
