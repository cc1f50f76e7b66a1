"""Small numbers in photos of 12 megapixels: how many digits are found, and what finding and removing costs.

    python -m benchmarks.street.large ../shared/data/wild/dev ../shared/data/wild/pool --output large.json

The photos are made: scenes (`facade_*`), enlarged, into which numbers of labelled photos are put with digits of 12 to
20 pixels, so that the truth is known. The time is that of this process, in units of decoding and encoding the photo;
"whole" is that of finding, filling, looking again, and decoding and encoding together. `one_number` has the same of
photos with one number each, as most photos of a house are.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import torch

from svhn.boxes import overlaps
from svhn.finder import Finder, FinderReader
from svhn.photos import read_rgb
from svhn.runs import RunRecord
from svhn.torch_inpaint import DigitRemover

PACKAGES = ("numpy", "opencv-python-headless", "onnxruntime", "rapidocr")
WIDTH, HEIGHT = 4000, 3000
# Heights of the digits in pixels; a number is taken of which every digit is at least so high, and read well.
HEIGHTS, LEAST_SOURCE = (12, 20), 28
# What is cut out with a number on every side, and the part of that which fades into the scene, in heights of a digit.
SURROUNDINGS, FADE = 0.8, 0.3
NUMBERS_A_PHOTO, SEED, FOUND_IOU = 8, 20, 0.3
QUALITY = 90


@dataclass(frozen=True)
class Piece:
    """A number with its surroundings: pixels (H, W, 3) uint8 RGB and its digits' boxes (N, 4) float64 in them."""

    pixels: np.ndarray
    boxes: np.ndarray


def read_pieces(folder: Path, labels: dict[str, Any]) -> list[Piece]:
    """Cut all labelled numbers of a folder that are high enough and stand upright."""
    pieces = []
    for name, label in sorted(labels.items()):
        photo = read_rgb(folder / name)
        for number in label["numbers"]:
            boxes = np.array([digit["box"] for digit in number["digits"]], float)
            if len(boxes) and (boxes[:, 3] - boxes[:, 1]).min() >= LEAST_SOURCE and is_upright(boxes):
                pieces.append(cut_piece(photo, boxes))
    return pieces


def is_upright(boxes: np.ndarray) -> bool:
    """Tell whether digits with these boxes (N, 4) are higher than wide; on one sign they lie on their sides."""
    width, height = np.median(boxes[:, 2:] - boxes[:, :2], axis=0)
    return bool(height > width)


def cut_piece(photo: np.ndarray, boxes: np.ndarray) -> Piece:
    """Cut a number with its surroundings out of a photo."""
    margin = SURROUNDINGS * np.median(boxes[:, 3] - boxes[:, 1])
    low = np.maximum(boxes[:, :2].min(axis=0) - margin, 0).astype(int)
    high = np.minimum(boxes[:, 2:].max(axis=0) + margin, photo.shape[1::-1]).astype(int)
    return Piece(photo[low[1] : high[1], low[0] : high[0]], boxes - np.tile(low, 2))


def scaled(piece: Piece, height: float) -> Piece:
    """Make a piece smaller, so that its digits are `height` pixels high in the median."""
    scale = height / np.median(piece.boxes[:, 3] - piece.boxes[:, 1])
    size = [max(round(side * scale), 1) for side in piece.pixels.shape[1::-1]]
    return Piece(cv2.resize(piece.pixels, size, interpolation=cv2.INTER_AREA), piece.boxes * scale)


def put(scene: np.ndarray, piece: Piece, left: int, top: int, height: float) -> np.ndarray:
    """Blend a piece into a scene, which is changed; return the boxes (N, 4) of its digits there."""
    rows, columns = piece.pixels.shape[:2]
    inner = np.ones((rows, columns), np.float32)
    border = cv2.copyMakeBorder(inner, 1, 1, 1, 1, cv2.BORDER_CONSTANT).astype(np.uint8)
    distance = cv2.distanceTransform(border, cv2.DIST_L2, 3)[1:-1, 1:-1]
    weight = np.clip(distance / (FADE * height), 0, 1)[..., None]
    part = scene[top : top + rows, left : left + columns]
    part[:] = np.rint(weight * piece.pixels + (1 - weight) * part)
    return piece.boxes + np.array([left, top] * 2)


def make_photo(
    scene: np.ndarray, pieces: Sequence[Piece], rng: np.random.Generator, numbers: int = NUMBERS_A_PHOTO
) -> tuple[np.ndarray, np.ndarray]:
    """Return a scene of 12 megapixels with small numbers in it (H, W, 3) uint8, and their digits' boxes (N, 4)."""
    large = cv2.resize(scene, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    cells = rng.permutation(16)[:numbers]
    boxes = []
    for cell in cells:
        height = rng.uniform(*HEIGHTS)
        piece = scaled(pieces[rng.integers(len(pieces))], height)
        free = WIDTH // 4 - piece.pixels.shape[1], HEIGHT // 4 - piece.pixels.shape[0]
        left = WIDTH // 4 * (cell % 4) + int(rng.integers(max(free[0], 1)))
        top = HEIGHT // 4 * (cell // 4) + int(rng.integers(max(free[1], 1)))
        boxes.append(put(large, piece, left, top, height))
    return large, np.concatenate(boxes)


def make_photos(
    pool: Path, pieces: Sequence[Piece], count: int, numbers: int = NUMBERS_A_PHOTO
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield photos and boxes: the same ones every time."""
    rng = np.random.default_rng(SEED)
    scenes = sorted(pool.rglob("facade_*"))
    for index in rng.permutation(len(scenes))[:count]:
        yield make_photo(read_rgb(scenes[index]), pieces, rng, numbers)


def count_found(boxes: np.ndarray, found: Sequence[Any]) -> np.ndarray:
    """Return which of the boxes (N, 4) were found."""
    seen = np.array([digit.box.as_list() for digit in found], float).reshape(-1, 4)
    if not len(seen):
        return np.zeros(len(boxes), bool)
    return np.array([overlaps(box, seen)[0].max() >= FOUND_IOU for box in boxes], bool)


def codec_seconds(photo: np.ndarray) -> float:
    """Return what decoding and encoding a photo as JPEG takes: the unit of the times."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    content = cv2.imencode(".jpg", photo, quality)[1]
    began = time.process_time()
    cv2.imencode(".jpg", cv2.imdecode(content, cv2.IMREAD_COLOR), quality)
    return time.process_time() - began


def measure(finder: Finder, remover: DigitRemover, photo: np.ndarray, boxes: np.ndarray) -> dict[str, Any]:
    """Return what is found in a photo, and what finding and the whole removal without its codec took."""
    began = time.process_time()
    found = finder.find(photo)
    seconds = time.process_time() - began
    remover.remove(photo, found)
    whole = time.process_time() - began
    hit, heights = count_found(boxes, found), boxes[:, 3] - boxes[:, 1]
    return {
        "digits": len(boxes),
        "found": int(hit.sum()),
        "found_below_16": [int(hit[heights < 16].sum()), int((heights < 16).sum())],
        "others": len(found) - int(hit.sum()),
        "seconds": seconds,
        "whole_seconds": whole,
        "codec_seconds": codec_seconds(photo),
    }


def summarise(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of all photos together."""
    total = {
        name: sum(row[name] for row in rows)
        for name in ("digits", "found", "others", "seconds", "whole_seconds", "codec_seconds")
    }
    low = np.sum([row["found_below_16"] for row in rows], axis=0)
    return {
        "photos": len(rows),
        "digits": total["digits"],
        "found": total["found"] / total["digits"],
        "found_below_16_pixels": float(low[0] / max(low[1], 1)),
        "other_places_a_photo": total["others"] / len(rows),
        "find_over_codec": total["seconds"] / total["codec_seconds"],
        "whole_over_codec": 1 + total["whole_seconds"] / total["codec_seconds"],
    }


@click.command()
@click.argument("dev", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("pool", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--photos", default=12, show_default=True, help="How many.")
@click.option("--output", type=click.Path(path_type=Path), help="Record to write.")
def main(dev: Path, pool: Path, photos: int, output: Path | None) -> None:
    """Measure small numbers in large photos."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    pieces = read_pieces(dev / "numbers", json.loads((dev / "labels.json").read_text()))
    finder = Finder()
    remover = DigitRemover.from_checkpoint(device="cpu", readers=[FinderReader(finder)])
    for photo, boxes in make_photos(pool, pieces, 1):
        measure(finder, remover, photo, boxes)  # loads what is loaded when it is needed first
    figures = {}
    for numbers in (NUMBERS_A_PHOTO, 1):
        rows = []
        for photo, boxes in make_photos(pool, pieces, photos, numbers):
            rows.append(measure(finder, remover, photo, boxes))
            click.echo(json.dumps(rows[-1]))
        figures[numbers] = summarise(rows)
    result = figures[NUMBERS_A_PHOTO] | {"one_number": figures[1]}
    click.echo(json.dumps(result))
    if output:
        record = RunRecord.new(
            "benchmarks.street.large", {"seed": SEED}, {"source": "made of labelled photos"}, PACKAGES
        )
        record.metrics |= result
        record.write(output)


if __name__ == "__main__":
    main()
