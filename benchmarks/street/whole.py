"""Whole removals of labelled photos: what is left, what is told of it, and how much of the photos is changed.

    for g in numbers text plain; do svhn remove-digits DEV/$g --output-dir OUT/$g --save-masks; done
    python -m benchmarks.street.whole DEV OUT --output benchmarks/records/street-whole.json

What is left is judged by a reader that the removal does not use: PP-OCRv4 of the package rapidocr-onnxruntime 1.4.4,
which has other networks than rapidocr. It looks at the surroundings of each labelled number, before and after. A digit
is left when its true label is read at its place, or the mask does not cover it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np

from svhn.boxes import Box, union
from svhn.photos import read_mask, read_rgb
from svhn.runs import RunRecord

PACKAGES = ("numpy", "opencv-python-headless", "onnxruntime", "rapidocr", "rapidocr-onnxruntime", "torch")
DIGIT_FREE = ("text", "plain")
# The judge sees digits of about this height in pixels; it is believed from this confidence on.
JUDGED_HEIGHT, SURE = 48.0, 0.5
# A digit is covered when the mask, which follows its strokes, has this share of its box.
COVERED = 0.1


@dataclass(frozen=True)
class Removed:
    """A photo of a job: its name, its line of the report, and its mask (H, W) bool, None where nothing was changed."""

    name: str
    line: dict[str, Any]
    mask: np.ndarray | None

    @property
    def is_warned_of(self) -> bool:
        """Whether the line says that perhaps a digit is left."""
        return bool(self.line["unsure"]) or self.line.get("perhaps_left") is True

    @property
    def share(self) -> float:
        """The share of the photo that was changed."""
        return 0.0 if self.mask is None else float(self.mask.mean())


def read_job(folder: Path) -> dict[str, Removed]:
    """Return the photos of a job by name; the last line of each counts."""
    lines = [json.loads(text) for text in (folder / "report.jsonl").read_text().splitlines()]
    photos = {}
    for line in lines:
        mask = read_mask(folder / line["mask"]) if line.get("mask") else None
        name = Path(line["photo"]).name
        photos[name] = Removed(name, line, mask)
    return photos


class Judge:
    """A reader that the removal does not use."""

    def __init__(self) -> None:
        from rapidocr_onnxruntime import RapidOCR

        self._engine = RapidOCR()

    def __call__(self, photo: np.ndarray, boxes: Sequence[Box]) -> list[tuple[str, tuple[float, float]]]:
        """Return what is read around the digits of a number: characters with the photo's points where they are."""
        height = float(np.median([box.height for box in boxes]))
        around = union(boxes).grow(round(height)).inside(photo.shape[1], photo.shape[0])
        scale = JUDGED_HEIGHT / height
        part = cv2.resize(photo[around.slices], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found, _ = self._engine(np.ascontiguousarray(part[..., ::-1]))
        read = []
        for quad, text, sure in found or []:
            if float(sure) >= SURE:
                places = characters(np.array(quad, float), text) / scale + [around.left, around.top]
                read += [(character, (x, y)) for character, (x, y) in zip(text, places.tolist(), strict=True)]
        return read


def characters(quad: np.ndarray, text: str) -> np.ndarray:
    """Return the middles (N, 2) of the characters of a line, cut evenly out of its corners (4, 2)."""
    start, end = (quad[0] + quad[3]) / 2, (quad[1] + quad[2]) / 2
    shares = (np.arange(len(text)) + 0.5) / len(text)
    return start + shares[:, None] * (end - start)


def digits_read(digits: Sequence[dict[str, Any]], read: Sequence[tuple[str, tuple[float, float]]]) -> int:
    """Return how many labelled digits are read at their places."""
    return sum(
        any(character == str(digit["label"]) and _is_at(point, digit["box"]) for character, point in read)
        for digit in digits
    )


def _is_at(point: tuple[float, float], box: Sequence[float]) -> bool:
    left, top, right, bottom = box
    rim = 0.2 * (bottom - top)
    return left - rim <= point[0] <= right + rim and top - rim <= point[1] <= bottom + rim


def judge_photo(judge: Judge, label: dict[str, Any], removed: Removed, before: np.ndarray, after: np.ndarray) -> dict:
    """Return what the judge reads of a photo's labelled digits before and after, and how many are not covered."""
    row = {"photo": removed.name, "digits": 0, "read_before": 0, "read_after": 0, "uncovered": 0}
    for number in label["numbers"]:
        digits = number["digits"]
        boxes = [Box(*(round(edge) for edge in digit["box"])) for digit in digits]
        row["digits"] += len(digits)
        row["read_before"] += digits_read(digits, judge(before, boxes))
        row["read_after"] += digits_read(digits, judge(after, boxes))
        row["uncovered"] += sum(not _is_covered(box, removed.mask) for box in boxes)
    return row | {
        "warned": removed.is_warned_of,
        "legible_after": any(n["legible_after"] for n in removed.line["numbers"]),
    }


def _is_covered(box: Box, mask: np.ndarray | None) -> bool:
    return mask is not None and bool(mask[box.inside(mask.shape[1], mask.shape[0]).slices].mean() >= COVERED)


def summarise(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of photos with a number."""
    left = [row for row in rows if row["read_after"] or row["uncovered"]]
    digits = sum(row["digits"] for row in rows)
    return {
        "photos": len(rows),
        "digits": digits,
        "read_before": sum(row["read_before"] for row in rows) / digits,
        "read_after": sum(row["read_after"] for row in rows) / digits,
        "uncovered": sum(row["uncovered"] for row in rows) / digits,
        "photos_with_a_digit_left": len(left) / len(rows),
        "photos_with_a_digit_read": sum(row["read_after"] > 0 for row in rows) / len(rows),
        "left_without_a_warning": sum(not row["warned"] for row in left) / len(rows),
        "warned_of": sum(row["warned"] for row in rows) / len(rows),
    }


def changed(photos: Sequence[Removed]) -> dict[str, float]:
    """Return how many photos are changed, how much of them, and how many are doubtful."""
    shares = [photo.share for photo in photos]
    return {
        "photos": len(photos),
        "changed": sum(share > 0 for share in shares) / len(shares),
        "area_mean": float(np.mean(shares)),
        "area_worst": max(shares),
        "doubtful": sum(photo.line["status"] == "doubtful" for photo in photos) / len(photos),
        "warned_of": sum(photo.is_warned_of for photo in photos) / len(photos),
    }


@click.command()
@click.argument("dev", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Record to write.")
def main(dev: Path, out: Path, output: Path | None) -> None:
    """Measure whole removals of labelled photos."""
    labels, judge = json.loads((dev / "labels.json").read_text()), Judge()
    jobs = {group: read_job(out / group) for group in ("numbers", *DIGIT_FREE)}
    rows = []
    for name, removed in sorted(jobs["numbers"].items()):
        after = read_rgb(out / "numbers" / removed.line["output"])
        rows.append(judge_photo(judge, labels[name], removed, read_rgb(dev / "numbers" / name), after))
        if rows[-1]["read_after"] or rows[-1]["uncovered"]:
            click.echo(json.dumps(rows[-1]))
    metrics = {"numbers": summarise(rows) | {"area": changed(list(jobs["numbers"].values()))}}
    metrics |= {group: changed(list(jobs[group].values())) for group in DIGIT_FREE}
    metrics["digit_free"] = changed([photo for group in DIGIT_FREE for photo in jobs[group].values()])
    click.echo(json.dumps(metrics, indent=1))
    if output:
        record = RunRecord.new(
            "benchmarks.street.whole", {"judge": "PP-OCRv4"}, {"source": "labelled photos"}, PACKAGES
        )
        record.metrics |= metrics
        record.write(output)


if __name__ == "__main__":
    main()
