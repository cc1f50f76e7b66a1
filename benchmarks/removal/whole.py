"""Protocol 2: whole removal of numbers whose background is known; only their boxes are given."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from benchmarks.removal.drawn import DrawnNumber
from benchmarks.removal.methods import RIVAL, Fill, Remover, fill_near
from benchmarks.removal.scores import MOST_PSNR, mean_interval, show, table
from svhn.data.render import render_photo
from svhn.metrics import psnr, ssim
from svhn.torch_inpaint.removal import paint_boxes

FIRST_RENDERED = 10_000
# Grey levels.
LEVELS = (2, 5, 15)
ORACLE = f"oracle strokes, {RIVAL}"


def remove_drawn(
    numbers: Sequence[DrawnNumber], methods: dict[str, Remover], oracle: Fill | None, every: int
) -> tuple[dict[str, Any], list[dict[str, np.ndarray]]]:
    """Return PSNR and SSIM inside the boxes against the clean photo, and rows for a contact sheet.

    What share of the boxes the numbers themselves change is told, too: nobody can restore more than the rest by
    leaving it alone.
    """
    scores: dict[str, list] = {}
    sheet, changed = [], []
    for number in numbers:
        images = {name: method(number.photo, number.boxes)[0] for name, method in methods.items()}
        if oracle:
            images[ORACLE] = fill_near(oracle, number.photo, number.strokes)
        inside = paint_boxes(number.boxes, number.strokes.shape)
        for name, image in images.items():
            scores.setdefault(name, []).append(_compare(image, number.clean, inside))
        change = cv2.absdiff(number.photo, number.clean).max(axis=2)[inside]
        changed.append([(change > level).mean() for level in LEVELS])
        if (number.index - 1) % every == 0:
            sheet.append({"photo": number.photo, "clean": number.clean, **images})
    shares = dict(zip(map(str, LEVELS), np.mean(changed, axis=0).tolist(), strict=True)) if changed else {}
    return {"photos": len(numbers), "methods": _means(scores), "box_pixels_changed_by_more_than": shares}, sheet


def remove_rendered(count: int, methods: dict[str, Remover]) -> dict[str, Any]:
    """Return PSNR and SSIM within the true mask of wholly rendered photos."""
    scores: dict[str, list] = {}
    for seed in range(FIRST_RENDERED, FIRST_RENDERED + count):
        sample = render_photo(seed)
        boxes = [digit.box for digit in sample.digits]
        for name, method in methods.items():
            image = method(sample.photo, boxes)[0]
            scores.setdefault(name, []).append(_compare(image, sample.clean, sample.mask))
    return {"photos": count, "methods": _means(scores)}


def _compare(image: np.ndarray, clean: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    return min(psnr(image, clean, mask), MOST_PSNR), ssim(image, clean, mask)


def _means(scores: dict[str, list]) -> dict[str, Any]:
    columns = {name: np.array(values).T for name, values in scores.items()}
    return {name: {"psnr": mean_interval(p), "ssim": mean_interval(s)} for name, (p, s) in columns.items()}


def whole_table(title: str, report: dict[str, Any]) -> str:
    """Write the measures of `remove_drawn` or `remove_rendered` as text."""
    rows = [(name, show(row["psnr"]), show(row["ssim"], ".3f")) for name, row in report["methods"].items()]
    return table(f"2. {title}: {report['photos']} photos", ("method", "PSNR dB", "SSIM"), rows)
