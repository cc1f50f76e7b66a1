"""Numbers in raw photos, no boxes given: how many are read exactly, what is found, what is seen where nothing is.

    python -m benchmarks.finder --data ../shared/data/svhn --split validation
    python -m benchmarks.finder --data ../shared/data/svhn --split test --output benchmarks/records/finder.json
    python -m benchmarks.finder --data ../shared/data/svhn --split test --limit 500 --compare
    python -m benchmarks.finder --data ../shared/data/svhn --split test --limit 500 --judge tf-record

Baselines that are not installed are left out: Tesseract is the Debian package tesseract-ocr, RapidOCR comes with the
extra [ocr]. How much larger annotators' boxes are than the networks see them is measured by
`python -m benchmarks.finder.slack`; `python -m benchmarks.finder.calibrate` fits a refiner to new networks before it.
"""

import time
from pathlib import Path

import click
import cv2
import numpy as np

from benchmarks.finder.baselines import baselines
from benchmarks.finder.pictures import annotated_photos, pictures_without_numbers
from benchmarks.finder.removed import describe, remove_found
from benchmarks.finder.sheet import write_failures
from benchmarks.removal.photos import general_pictures
from svhn.finder import DEFAULT_FINDER, Finder, most_prominent
from svhn.jobs import read_photos as read_files
from svhn.runs import RunRecord
from svhn.tf_models.finder import Tally

PACKAGES = ("numpy", "opencv-python-headless", "scikit-image", "scikit-learn")
# Width and height of the pictures for timing.
SIZES = ((128, 57), (320, 240), (640, 480), (1280, 960), (1920, 1080), (4000, 3000))


def read_photos(find, photos) -> tuple[Tally, list, float]:
    """Read all photos with `find` (photo -> numbers); return scores, (name, photo, numbers) and photos/s."""
    tally, results, seconds = Tally(), [], 0.0
    for name, photo in photos.items():
        began = time.perf_counter()
        numbers = find(photo.pixels)
        seconds += time.perf_counter() - began
        first = most_prominent(numbers)
        found = [digit for number in numbers for digit in number.digits]
        tally.add(photo.digits, found, [digit.reading_confidence for digit in found], first.text if first else "")
        results.append((name, photo, numbers))
    return tally, results, len(photos) / seconds


def rate_of_read(path: str, folder: Path, names, workers: int) -> float:
    """Return how many photos per second `read` does, from file to line, without its start."""
    began = time.perf_counter()
    read_files([folder / name for name in names], path, workers=workers)
    return len(names) / (time.perf_counter() - began)


def false_digits(finder: Finder, photos, count: int) -> dict[str, dict[str, float]]:
    """Count digits that are found in pictures that have none."""
    report = {}
    for kind, pictures in pictures_without_numbers(photos, count).items():
        found = [sum(len(number.digits) for number in finder.find_numbers(picture)) for picture in pictures]
        megapixels = sum(picture.shape[0] * picture.shape[1] for picture in pictures) / 1e6
        per_picture = float(np.mean(found)) if found else 0.0
        pictures_hit = float(np.mean(np.array(found) > 0)) if found else 0.0
        report[kind] = {
            "pictures": len(found),
            "false_digits_per_picture": per_picture,
            "pictures_with_false_digits": pictures_hit,
            "false_digits_per_megapixel": sum(found) / max(megapixels, 1e-9),
        }
    return report


def seconds_by_size(finder: Finder) -> dict[str, float]:
    """Time a picture of each size, the best of several; the scene is the same in all sizes."""
    scene, report = general_pictures()[-1].pixels, {}
    for width, height in SIZES:
        picture = cv2.resize(scene, (width, height), interpolation=cv2.INTER_AREA)
        seconds = []
        for _ in range(10 if width * height < 1e6 else 2):
            began = time.perf_counter()
            finder.find(picture)
            seconds.append(time.perf_counter() - began)
        report[f"{width} x {height}"] = min(seconds)
    return report


def show_scores(name: str, scores: dict[str, float]) -> None:
    click.echo(
        f"{name:28} whole number {scores['whole_number']:.1%}  F1 {scores['f1']:.3f} "
        f"(precision {scores['precision']:.3f}, recall {scores['recall']:.3f})  AP {scores['ap']:.3f}  "
        f"any label: F1 {scores['f1_any_label']:.3f}  {scores['photos_per_second']:.1f} photos/s"
    )


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder with train/ and test/.")
@click.option("--split", type=click.Choice(["validation", "test"]), default="validation", show_default=True)
@click.option("--finder", "path", default=DEFAULT_FINDER, show_default=True)
@click.option("--limit", default=0, help="Most photos; 0 for all.")
@click.option("--negatives", default=200, show_default=True, help="Rendered pictures without a number, of each kind.")
@click.option("--compare", is_flag=True, help="Baselines too; they take seconds a photo, so give a --limit.")
@click.option("--judge", help="TensorFlow model that reads the digits again after their removal; takes a while.")
@click.option("--threads", default=2, show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="Record to write.")
@click.option(
    "--failures", type=click.Path(path_type=Path), help="Picture of the first ten failures; shows SVHN's pixels."
)
def main(data, split, path, limit, negatives, compare, judge, threads, output, failures):
    """Measure the finder; see the module's text."""
    cv2.setNumThreads(threads)
    settings = {"split": split, "limit": limit, "negatives": negatives, "threads": threads}
    record = RunRecord.new("benchmarks.finder", settings, {"source": "SVHN"}, PACKAGES)
    photos = annotated_photos(data, split)
    photos = {name: photos[name] for name in list(photos)[: limit or None]}
    began = time.perf_counter()
    finder = Finder(path)
    record.metrics["load_seconds"] = time.perf_counter() - began
    record.metrics["seconds_by_size"] = seconds_by_size(finder)
    for size, seconds in record.metrics["seconds_by_size"].items():
        click.echo(f"{size:12} {seconds:.3f} s")
    methods = {"finder": finder.find_numbers} | (baselines() if compare else {})
    for name, find in methods.items():
        tally, results, rate = read_photos(find, photos)
        scores = tally.report() | {"photos_per_second": rate}
        record.metrics[name] = scores
        show_scores(name, scores)
        if name == "finder" and failures:
            wrong = [result for result, exact in zip(results, tally.exact, strict=True) if not exact]
            write_failures(failures, wrong[:10])
    folder = data / ("train" if split == "validation" else split)
    rate = record.metrics["read_photos_per_second"] = rate_of_read(path, folder, list(photos), threads)
    click.echo(f"read with {threads} workers: {rate:.1f} photos/s")
    record.metrics["without_numbers"] = false_digits(finder, photos, negatives)
    for kind, counts in record.metrics["without_numbers"].items():
        click.echo(
            f"{kind:44} {counts['pictures']:5} pictures  {counts['false_digits_per_picture']:.3f} false digits each"
        )
    if judge:
        record.metrics["removed"] = remove_found(finder, photos, judge)
        click.echo(describe(record.metrics["removed"]))
    if output:
        record.write(output)


if __name__ == "__main__":
    main()
