"""Protocol 5: holes in sharp photos, as tall as large digits, beside real numbers and in general pictures.

    python -m benchmarks.removal.sharp ../shared/data/wild/dev --output benchmarks/records/removal-sharp.json

The folder has `numbers` with photos and `labels.json`, as `benchmarks.street` takes it. Of every photo that is large
enough a digit's shape, 40 to 400 pixels tall, is cut out beside its number, so that the truth is known. Methods that
are not installed are left out: scikit-image has the general pictures and a biharmonic fill, `pypatchmatch` PatchMatch,
an OpenCV with contributed modules FSR.
"""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.removal.detect import features, told_apart
from benchmarks.removal.fills import Filled
from benchmarks.removal.holes import Hole
from benchmarks.removal.methods import Fill, chosen, sharp_fills
from benchmarks.removal.photos import Picture, general_pictures, wild_photos
from benchmarks.removal.scores import against_truth, mean_interval, show, table, texture
from benchmarks.removal.sheets import holed, write_sheets
from svhn.boxes import union
from svhn.data.render import TYPEFACES, draw_digits
from svhn.data.samples import find_place
from svhn.runs import RunRecord
from svhn.torch_inpaint.removal import widen

PACKAGES = ("torch", "numpy", "opencv-python-headless", "scikit-image", "scikit-learn", "pypatchmatch")
# Of the shapes, in pixels, and at most this share of the photo's shorter side.
HEIGHTS = (40, 80, 200, 400)
MOST_OF_PHOTO = 0.45
# Shapes are at most so many times as tall as the photo's own digits, where these are not smaller than the least height.
MOST_OF_DIGITS = 2.5
# How far a shape may be from the number, and how far its crop reaches around it; in heights of the shape.
NEAR, CONTEXT = 1.0, 1.6
# A mask is as wide as that of a removal, which takes soft edges too: a fraction of the height, in pixels at least 1.
EDGE = 0.03
GAP = 3
COVERED = 0.3
TILE = 360


def sharp_holes(pictures: Iterable[Picture], seed: int) -> list[Hole]:
    """Cut at most one hole of each height into every picture; its `kind` is the height."""
    found = []
    for picture in pictures:
        for height in _heights(picture):
            hole = _hole(picture, height, np.random.default_rng([seed, picture.index, height]))
            found += [hole] if hole else []
    return found


def _heights(picture: Picture) -> list[int]:
    most = MOST_OF_PHOTO * min(picture.pixels.shape[:2])
    own = [digit.box.height for digit in picture.digits if digit.label is not None]
    if own:
        most = min(most, max(HEIGHTS[0], MOST_OF_DIGITS * float(np.median(own))))
    return [height for height in HEIGHTS if height <= most]


def _hole(picture: Picture, height: int, rng: np.random.Generator) -> Hole | None:
    shape = _shape(height, rng)
    usable = np.ones(picture.pixels.shape[:2], bool)
    for digit in picture.digits:
        usable[digit.box.grow(GAP).clip(usable.shape[1], usable.shape[0]).slices] = False
    near = np.zeros_like(usable)
    own = [digit.box for digit in picture.digits if digit.label is not None]
    around = union(own).grow(round(NEAR * height) + shape.shape[1]) if own else None
    near[around.clip(usable.shape[1], usable.shape[0]).slices if around else ...] = True
    place = find_place(usable & near, shape.shape, rng)
    return None if place is None else _cut(picture, usable, shape, place, height)


def _shape(height: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a digit's mask (h, w) bool, tightly cut."""
    (glyph,) = draw_digits(rng, (int(rng.integers(10)),), str(rng.choice(TYPEFACES)), height)
    edge = max(1, round(EDGE * height))
    mask = widen(np.pad(glyph > COVERED, edge), edge)
    return mask[np.ix_(mask.any(axis=1), mask.any(axis=0))]


def _cut(picture: Picture, usable: np.ndarray, shape: np.ndarray, place: tuple[int, int], height: int) -> Hole:
    mask = np.zeros(usable.shape, bool)
    mask[place[0] : place[0] + shape.shape[0], place[1] : place[1] + shape.shape[1]] = shape
    reach = round(CONTEXT * height)
    part = tuple(
        slice(max(0, start - reach), start + length + reach) for start, length in zip(place, shape.shape, strict=True)
    )
    truth = np.ascontiguousarray(picture.pixels[part])
    return Hole(picture.name, picture.index, str(height), truth, mask[part], usable[part] & ~mask[part])


def fill_sharp(holes: Sequence[Hole], methods: dict[str, Fill]) -> list[Filled]:
    """Let all methods fill all holes; the first hole is filled twice, to warm up."""
    results = []
    for hole in [holes[0], *holes]:
        images, seconds = {}, {}
        for name, method in methods.items():
            began = time.process_time()
            images[name] = method(hole.truth, hole.mask, hole.known)
            seconds[name] = time.process_time() - began
        results.append(Filled(hole, images, seconds))
    return results[1:]


def score_sharp(filled: Sequence[Filled], seed: int) -> dict[str, Any]:
    """Return the measures by height and for all together."""
    heights = [str(height) for height in HEIGHTS if any(item.hole.kind == str(height) for item in filled)]
    parts = {kind: [item for item in filled if item.hole.kind == kind] for kind in heights} | {"all": list(filled)}
    report = {kind: _score(items) for kind, items in parts.items()}
    for name, row in report["all"]["methods"].items():
        row["detect"] = _detect(filled, name, seed)
    return report


def _score(filled: Sequence[Filled]) -> dict[str, Any]:
    busy = np.array([texture(item.hole.truth, item.hole.mask) for item in filled])
    rows = {name: _score_method(filled, name, busy >= np.median(busy)) for name in filled[0].images}
    return {"holes": len(filled), "photos": len({item.hole.group for item in filled}), "methods": rows}


def _score_method(filled: Sequence[Filled], name: str, busy: np.ndarray) -> dict[str, Any]:
    scores = [against_truth(item.images[name], item.hole.truth, item.hole.mask) for item in filled]
    groups = [item.hole.group for item in filled]
    row: dict[str, Any] = {key: mean_interval([score[key] for score in scores], groups) for key in scores[0]}
    ratios = np.array([score["texture"] for score in scores])
    row["texture_median"] = {"all": float(np.median(ratios)), "busier_half": float(np.median(ratios[busy]))}
    return row | {"seconds": float(np.mean([item.seconds[name] for item in filled]))}


def _detect(filled: Sequence[Filled], name: str, seed: int) -> dict[str, float]:
    true = [features(item.hole.truth, item.hole.mask, item.hole.known) for item in filled]
    fake = [features(item.images[name], item.hole.mask, item.hole.known) for item in filled]
    return told_apart(np.array(true), np.array(fake), np.array([item.hole.group for item in filled]), seed)


def sharp_table(report: dict[str, Any]) -> str:
    """Write the measures of `score_sharp` as text."""
    columns = ("method", "PSNR dB", "SSIM", "texture", "busier half", "seam", "AUC", "CPU s")
    texts = []
    for kind, part in report.items():
        rows = [
            (
                name,
                show(row["psnr"]),
                show(row["ssim"], ".3f"),
                *(f"{row['texture_median'][half]:.2f}" for half in ("all", "busier_half")),
                show(row["seam"]),
                f"{row['detect']['auc']:.2f}" if "detect" in row else "-",
                f"{row['seconds']:.2f}",
            )
            for name, row in part["methods"].items()
        ]
        texts.append(table(f"5. {kind} px: {part['holes']} holes in {part['photos']} photos", columns, rows))
    return "\n".join(texts)


def sharp_rows(filled: Sequence[Filled]) -> list[dict[str, np.ndarray]]:
    """Return the contact sheet's rows: truth, hole, and all methods."""
    return [{"truth": item.hole.truth, "hole": holed(item.hole.truth, item.hole.mask)} | item.images for item in filled]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--methods", default="", help="Parts of the names of the methods to run; all without it.")
@click.option("--every", default=1, show_default=True, help="Use every so manieth hole.")
@click.option("--seed", default=0, show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="Record to write.")
@click.option("--sheets", type=click.Path(path_type=Path), help="Folder for contact sheets; they show the photos.")
def main(folder, methods, every, seed, output, sheets):
    """Compare fills of large holes; see the module's text."""
    from benchmarks.removal.__main__ import set_threads

    set_threads(1)
    settings = {"methods": methods, "every": every, "seed": seed}
    holes = sharp_holes([*wild_photos(folder), *general_pictures()], seed)[::every]
    filled = fill_sharp(holes, chosen(sharp_fills(), [name for name in methods.split(",") if name]))
    record = RunRecord.new("benchmarks.removal.sharp", settings, {"source": "photos of streets"}, PACKAGES)
    record.metrics["sharp"] = score_sharp(filled, seed)
    click.echo(sharp_table(record.metrics["sharp"]))
    if output:
        record.write(output)
    if sheets:
        write_sheets(sheets, "sharp", sharp_rows(filled), TILE)


if __name__ == "__main__":
    main()
