"""Removal measured, side by side, in one run.

    python -m benchmarks.removal --data ../shared/data/svhn --split test --photos 1-400 --output removal.json

Protocol 1 fills holes whose truth is known, in SVHN's photos and in general pictures; 2 removes numbers that were
drawn over known backgrounds, given their boxes; 3 removes real numbers and lets an independent reader look; 4 lets a
classifier tell the fills of protocol 1 from the truth. Methods that are not installed are left out:
`pip install -e '.[bench]'` brings scikit-image's biharmonic fill, and an OpenCV with contributed modules brings FSR.
"""

from pathlib import Path

import click
import cv2

from benchmarks.removal.detect import detect_table, detectability
from benchmarks.removal.drawn import draw_numbers
from benchmarks.removal.fills import batched_milliseconds, fill_holes, fill_rows, fill_tables, score_fills
from benchmarks.removal.holes import make_holes
from benchmarks.removal.legible import legible_table, remove_numbers
from benchmarks.removal.methods import RIVAL, SLOW, chosen, fill_methods, removers
from benchmarks.removal.photos import SvhnPhotos, general_pictures
from benchmarks.removal.sheets import write_sheets
from benchmarks.removal.whole import remove_drawn, remove_rendered, whole_table
from svhn.runs import RunRecord

PACKAGES = (
    "torch",
    "tensorflow",
    "numpy",
    "opencv-python-headless",
    "opencv-contrib-python-headless",
    "scikit-image",
    "scikit-learn",
)
PER_GENERAL_PICTURE = 8


def compare_fills(photos: SvhnPhotos, settings: dict, sheets: Path | None) -> dict:
    """Run protocols 1 and 4."""
    methods = chosen(fill_methods(), settings["methods"])
    places = {"svhn": make_holes(photos, photos, settings["seed"])[: 2 * settings["limit"] or None]}
    if 1 in settings["protocols"] and settings["general"]:
        places["general"] = make_holes(general_pictures(), photos, settings["seed"], PER_GENERAL_PICTURE)
    metrics = {}
    for where, holes in places.items():
        if not holes:
            continue
        filled = fill_holes(holes, methods, settings["slow_limit"] if where == "svhn" else 0)
        if 1 in settings["protocols"]:
            metrics[f"fill_{where}"] = score_fills(filled)
            metrics[f"fill_{where}"]["batched_milliseconds"] = batched_milliseconds(holes)
            click.echo(fill_tables(metrics[f"fill_{where}"], where))
        if 4 in settings["protocols"] and where == "svhn":
            metrics["detect"] = detectability(filled, settings["seed"])
            click.echo(detect_table(metrics["detect"], where))
        if sheets:
            every = settings["sheet_every"] if where == "svhn" else 1
            write_sheets(sheets, f"fill-{where}", fill_rows(filled, every))
    return metrics


def compare_removal(photos: SvhnPhotos, settings: dict, sheets: Path | None) -> dict:
    """Run protocols 2 and 3."""
    methods = chosen(removers(), settings["methods"])
    if not settings["methods"]:  # those take many seconds for whole boxes and run only when they are named
        methods = {name: method for name, method in methods.items() if not name.endswith(SLOW)}
    limit, metrics, rows = settings["limit"] or None, {}, {}
    if 3 in settings["protocols"]:
        pictures = [picture for picture in photos if picture.digits][:limit]
        metrics["read_back"], rows["numbers"] = remove_numbers(
            pictures, methods, settings["reader"], settings["sheet_every"]
        )
        click.echo(legible_table(metrics["read_back"]))
    if 2 in settings["protocols"]:
        numbers = draw_numbers(photos, settings["seed"])[:limit]
        oracle = fill_methods().get(RIVAL)
        metrics["drawn"], rows["drawn"] = remove_drawn(numbers, methods, oracle, settings["sheet_every"])
        click.echo(whole_table("numbers drawn on photos, inside the boxes", metrics["drawn"]))
        metrics["rendered"] = remove_rendered(settings["rendered"], methods)
        click.echo(whole_table("rendered photos, inside the true mask", metrics["rendered"]))
    for name, pictures in rows.items():
        if sheets and pictures:
            write_sheets(sheets, name, pictures)
    return metrics


def set_threads(count: int) -> None:
    """Let OpenCV, PyTorch and the linear algebra use `count` threads."""
    import threadpoolctl
    import torch

    torch.set_num_threads(count)
    cv2.setNumThreads(count)
    threadpoolctl.threadpool_limits(count)


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder with test/ or train/.")
@click.option("--split", default="test", show_default=True)
@click.option("--photos", default="1-400", show_default=True, help="First and last photo.")
@click.option("--limit", default=0, help="Most photos of each protocol; 0 for all.")
@click.option("--protocols", default="1,2,3,4", show_default=True)
@click.option("--methods", default="", help="Parts of the names of the methods to run; all without it.")
@click.option("--slow-limit", default=6, show_default=True, help="Holes of each kind for grnn-seed in protocol 1.")
@click.option("--general/--no-general", default=True, show_default=True, help="Protocol 1 on general pictures too.")
@click.option("--rendered", default=100, show_default=True, help="Number of rendered photos in protocol 2.")
@click.option("--reader", default="tf-record", show_default=True, help="TensorFlow classifier that reads.")
@click.option("--threads", default=2, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="Record to write.")
@click.option("--sheets", type=click.Path(path_type=Path), help="Folder for contact sheets; they show SVHN's pixels.")
@click.option("--sheet-every", default=20, show_default=True, help="Show photos 1, 1 + this, 1 + twice this, ...")
def main(data, output, sheets, **settings):
    """Compare removal methods; see the module's text."""
    settings["protocols"] = [int(number) for number in settings["protocols"].split(",")]
    settings["methods"] = [name for name in settings["methods"].split(",") if name]
    set_threads(settings["threads"])
    first, last = (int(number) for number in settings["photos"].split("-"))
    photos = SvhnPhotos(data / settings["split"], first, last)
    record = RunRecord.new("benchmarks.removal", settings, {"source": "SVHN"}, PACKAGES)
    asked = set(settings["protocols"])
    for compare, protocols in ((compare_fills, {1, 4}), (compare_removal, {2, 3})):
        if protocols & asked:
            record.metrics |= compare(photos, settings, sheets)
            if output:  # now, so that a run that is cut short leaves what it has
                record.write(output)


if __name__ == "__main__":
    main()
