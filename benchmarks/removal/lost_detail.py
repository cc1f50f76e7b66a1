"""What regions of tall digits lose at working scale, in photos of SVHN and of streets: chooses `LEAST_DETAIL`.

    python -m benchmarks.removal.lost_detail ../shared/data/svhn/train ../shared/data/wild/dev

The first folder holds 1.png, 2.png, ... and digitStruct.mat, the second is one of `benchmarks.street`.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import cv2
import numpy as np

from benchmarks.removal.before_after import numbers_of
from svhn.boxes import DigitBox
from svhn.data.formats import DIGIT_STRUCT_FILE, DigitStruct
from svhn.photos import read_rgb
from svhn.runs import RunRecord
from svhn.torch_inpaint import DigitRemover
from svhn.torch_inpaint.removal.composite import LEAST_DETAIL, lost_detail

PACKAGES = ("torch", "numpy", "opencv-python-headless")
QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)


def svhn_photos(folder: Path, count: int) -> Iterator[tuple[np.ndarray, list[DigitBox]]]:
    """Yield the first photos with their digits."""
    with DigitStruct(folder / DIGIT_STRUCT_FILE) as listed:
        for number in range(1, count + 1):
            yield read_rgb(folder / f"{number}.png"), listed.listed(f"{number}.png")


def losses(remover: DigitRemover, photo: np.ndarray, digits: list[DigitBox]) -> Iterator[float]:
    """Yield what the region of each number loses that is brought to working scale, in grey levels."""
    for seen in remover.inspect(photo, digits):
        box, size = seen.region.box, seen.region.pixels.shape[:2]
        if size != (box.height, box.width):
            ink = cv2.resize(seen.keys.mask.astype(np.uint8), (box.width, box.height), interpolation=cv2.INTER_NEAREST)
            yield lost_detail(photo[box.slices], size, ink > 0)


@click.command()
@click.argument("svhn", type=click.Path(path_type=Path))
@click.argument("wild", type=click.Path(path_type=Path))
@click.option("--count", default=500, show_default=True, help="Photos of SVHN.")
@click.option("--output", type=click.Path(path_type=Path), help="Write a record to this JSON file.")
def main(svhn: Path, wild: Path, count: int, output: Path | None) -> None:
    """Measure, print, and write the record."""
    remover = DigitRemover.from_checkpoint(device="cpu")
    record = RunRecord.new("benchmarks.removal.lost_detail", {"count": count}, {"wild": wild.name}, PACKAGES)
    sources = {"svhn": svhn_photos(svhn, count), "wild": ((p.pixels, p.digits) for p in numbers_of(wild))}
    for name, photos in sources.items():
        found = np.array([loss for photo, digits in photos for loss in losses(remover, photo, digits)])
        record.metrics[name] = {
            "regions": len(found),
            "below": float((found < LEAST_DETAIL).mean()),
            "quantiles": dict(zip(map(str, QUANTILES), np.quantile(found, QUANTILES).round(2).tolist(), strict=True)),
        }
        click.echo(f"{name}: {record.metrics[name]}")
    if output:
        record.write(output)


if __name__ == "__main__":
    main()
