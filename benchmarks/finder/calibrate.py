"""Fit the presence of a finder's refiner to the networks before it, after one of these was replaced.

    python -m benchmarks.finder.calibrate --data ../shared/data/svhn --finder runs/finder --view close

Rewrites the refiner's file in that folder, as `train-refiner` does after every interval; with several refiners the
close one comes first, then the wide one.
"""

from pathlib import Path

import click
import cv2

from svhn.data.samples import read_labelled, split_validation
from svhn.finder import VIEWS, Finder
from svhn.tf_models.finder import calibrate


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder with train/.")
@click.option("--finder", "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option("--view", type=click.Choice(list(VIEWS)), default="close", show_default=True)
def main(data, folder, view):
    """Calibrate a refiner; see the module's text."""
    cv2.setNumThreads(1)
    finder, photos = Finder(folder), read_labelled(data, "train")
    finder.refiners = finder.refiners[: list(VIEWS).index(view) + 1]
    scale, shift = calibrate(folder / VIEWS[view].file, finder, [photos[name] for name in split_validation(photos)[1]])
    click.echo(f"{folder / VIEWS[view].file}: presence x {scale:.3f} {shift:+.3f}")


if __name__ == "__main__":
    main()
