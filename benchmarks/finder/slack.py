"""How much larger SVHN's annotators drew boxes than the finder's networks see them: `FinderConfig.slack`.

    python -m benchmarks.finder.slack --data ../shared/data/svhn

Fits, by least squares over the training photos without those of the validation split, the logarithms of the ratios of
heights and of widths against the logarithm of the digit's share of its photo's height.
"""

from pathlib import Path

import click
import cv2
import numpy as np

from svhn.data.samples import read_labelled, split_validation
from svhn.finder import DEFAULT_FINDER, Finder, FinderConfig

# A found digit with the annotated label and more than this intersection over union is the annotated one.
SAME = 0.15


def fit_slack(rows: np.ndarray, least_share: float) -> list[tuple[float, float]]:
    """Return (scale, power) of heights and widths from rows (N, 3): share, ratio of heights, ratio of widths."""
    shares = np.log(np.maximum(rows[:, 0], least_share))
    terms = np.stack([np.ones_like(shares), -shares], axis=1)
    heights, widths = np.linalg.lstsq(terms, np.log(rows[:, 1:]), rcond=None)[0].T
    return [(float(np.exp(constant)), float(power)) for constant, power in (heights, widths)]


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder with train/.")
@click.option("--finder", "path", default=DEFAULT_FINDER, show_default=True)
@click.option("--threads", default=2, show_default=True)
def main(data, path, threads):
    """Measure the slack; see the module's text."""
    cv2.setNumThreads(threads)
    config = FinderConfig(slack=((1.0, 0.0), (1.0, 0.0)))
    finder, photos, rows = Finder(path, config), read_labelled(data, "train"), []
    for name in split_validation(photos)[0]:
        photo = photos[name]
        found = finder.find(photo.pixels)
        for digit in photo.digits:
            same = [other.box for other in found if other.label == digit.label]
            nearest = max(same, key=digit.box.iou, default=None)
            if nearest and digit.box.iou(nearest) > SAME:
                share = nearest.height / photo.pixels.shape[0]
                rows.append((share, digit.box.height / nearest.height, digit.box.width / nearest.width))
    for side, (scale, power) in zip(("height", "width"), fit_slack(np.array(rows), config.least_share), strict=True):
        click.echo(f"{side}: {scale:.3f} x share ** -{power:.3f} ({len(rows):,} digits)")


if __name__ == "__main__":
    main()
