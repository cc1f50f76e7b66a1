"""Before and after of real numbers in large photos, with given boxes: one picture a photo, to be looked at by eye.

    python -m benchmarks.removal.before_after ../shared/data/wild/dev --output OUT

The folder is one of `benchmarks.street`. OUT gets `boxes.json`, the labelled boxes as a COCO file that `remove-digits
--boxes` reads, and for every photo the surroundings of its numbers, before beside after, at the photo's resolution.
They show the photos: never commit them.
"""

import json
from pathlib import Path

import click
import numpy as np
from PIL import Image

from benchmarks.removal.photos import Picture, wild_photos
from svhn.boxes import union
from svhn.data.formats import write_coco
from svhn.torch_inpaint import DigitRemover
from svhn.torch_inpaint.removal import FillConfig, RemovalConfig

# Around the digits, as a fraction of their height and in pixels at least.
AROUND, LEAST_AROUND = 1.0, 24
GAP = 6


def numbers_of(folder: Path) -> list[Picture]:
    """Return the photos with their digits only, without the ignored regions."""
    pictures = wild_photos(folder)
    return [
        Picture(p.name, p.index, p.pixels, [digit for digit in p.digits if digit.label is not None]) for p in pictures
    ]


def before_after(picture: Picture, remover: DigitRemover) -> tuple[np.ndarray, dict]:
    """Return the surroundings of a photo's numbers before, after, and what was filled beside each other; and a note."""
    result = remover.remove(picture.pixels, picture.digits)
    box = union(digit.box for digit in picture.digits)
    height = float(np.median([digit.box.height for digit in picture.digits]))
    part = box.grow(max(LEAST_AROUND, round(AROUND * height))).inside(*picture.pixels.shape[1::-1]).slices
    gap = np.full((picture.pixels[part].shape[0], GAP, 3), 255, np.uint8)
    sheet = np.hstack([picture.pixels[part], gap, result.image[part]])
    rounds = [number.rounds for number in result.numbers]
    legible = [number.legible for number in result.numbers]
    return sheet, {"height": height, "filled": int(result.mask.sum()), "rounds": rounds, "legible": legible}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Folder for the pictures.")
@click.option("--fill", default=FillConfig.method, show_default=True)
@click.option("--least-height", default=0, show_default=True, help="Only photos with digits as tall, in pixels.")
def main(folder, output, fill, least_height):
    """Write the pictures; see the module's text."""
    output.mkdir(parents=True, exist_ok=True)
    pictures = numbers_of(folder)
    write_coco(output / "boxes.json", {p.name: (*p.pixels.shape[1::-1], p.digits) for p in pictures})
    remover = DigitRemover.from_checkpoint(device="cpu", config=RemovalConfig(fill=FillConfig(fill)))
    notes = {}
    for picture in pictures:
        if np.median([digit.box.height for digit in picture.digits]) >= least_height:
            sheet, notes[picture.name] = before_after(picture, remover)
            Image.fromarray(sheet).save(output / f"{Path(picture.name).stem}.png")
    (output / "notes.json").write_text(json.dumps(notes, indent=1), encoding="utf-8")
    click.echo(f"{len(notes)} pictures in {output}")


if __name__ == "__main__":
    main()
