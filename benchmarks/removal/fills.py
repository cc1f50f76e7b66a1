"""Protocol 1: fills against the known truth, and milliseconds per hole."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.removal.holes import KINDS, Hole
from benchmarks.removal.methods import OURS, RIVAL, SLOW, Fill, ours_batched
from benchmarks.removal.scores import against_truth, mean_interval, show, table
from benchmarks.removal.sheets import holed

BATCH = 16


@dataclass(frozen=True)
class Filled:
    """What all methods made of one hole: name -> picture (h, w, 3) uint8, and name -> seconds."""

    hole: Hole
    images: dict[str, np.ndarray]
    seconds: dict[str, float]


def fill_holes(holes: Sequence[Hole], methods: dict[str, Fill], slow_limit: int = 0) -> list[Filled]:
    """Let all methods fill all holes in turns, each hole with another method first.

    The slow methods fill the first `slow_limit` holes of each kind only.
    """
    results, left = [], dict.fromkeys(KINDS, slow_limit)
    for number, hole in enumerate([*holes[:2], *holes]):  # the first two warm up
        slow = number >= 2 and left[hole.kind] > 0
        left[hole.kind] -= slow
        names = [name for name in methods if slow or name not in SLOW]
        first = number % len(names)
        images, seconds = {}, {}
        for name in names[first:] + names[:first]:
            began = time.perf_counter()
            images[name] = methods[name](hole.truth, hole.mask, hole.known)
            seconds[name] = time.perf_counter() - began
        results.append(Filled(hole, {name: images[name] for name in names}, seconds))
    return results[len(holes[:2]) :]


def score_fills(filled: Sequence[Filled]) -> dict[str, Any]:
    """Return the measures of protocol 1 by kind of hole and method."""
    by_kind = {kind: [item for item in filled if item.hole.kind == kind] for kind in KINDS}
    return {kind: _score_kind(items) for kind, items in by_kind.items() if items}


def _score_kind(filled: Sequence[Filled]) -> dict[str, Any]:
    methods = list(dict.fromkeys(name for item in filled for name in item.images))
    scores = [
        {name: against_truth(image, item.hole.truth, item.hole.mask) for name, image in item.images.items()}
        for item in filled
    ]
    rows = {name: _score_method(name, filled, scores) for name in methods}
    return {"holes": len(filled), "photos": len({item.hole.group for item in filled}), "methods": rows}


def _score_method(name: str, filled: Sequence[Filled], scores: Sequence[dict]) -> dict[str, Any]:
    """Average one method's scores over the holes that it filled."""
    pairs = [(item, score) for item, score in zip(filled, scores, strict=True) if name in score]
    groups = [item.hole.group for item, _ in pairs]
    own = [score[name] for _, score in pairs]
    row = {key: mean_interval([values[key] for values in own], groups) for key in own[0]}
    if RIVAL in scores[0]:
        gain = np.array([score[name]["psnr"] - score[RIVAL]["psnr"] for _, score in pairs])
        row["gain"] = mean_interval(gain, groups)
        row["wins"] = mean_interval((gain > 0) + 0.5 * (gain == 0), groups)
    times = [1000 * item.seconds[name] for item, _ in pairs]
    return row | {"milliseconds": {"median": float(np.median(times)), "mean": float(np.mean(times))}}


def batched_milliseconds(holes: Sequence[Hole]) -> float:
    """Return our milliseconds per hole when `BATCH` holes are filled in one call."""
    began = time.perf_counter()
    for start in range(0, len(holes), BATCH):
        part = holes[start : start + BATCH]
        ours_batched([hole.truth for hole in part], [hole.mask for hole in part], [hole.known for hole in part])
    return 1000 * (time.perf_counter() - began) / max(1, len(holes))


def fill_tables(report: dict[str, Any], where: str) -> str:
    """Write the measures of `score_fills` as text."""
    columns = ("method", "n", "PSNR dB", "over biharm.", "wins", "SSIM", "error", "texture", "seam", "ms")
    texts = []
    for kind in (kind for kind in KINDS if kind in report):
        part = report[kind]
        rows = [
            (
                name,
                row["psnr"]["n"],
                show(row["psnr"]),
                show(row.get("gain")),
                f"{row['wins']['mean']:.0%}" if "wins" in row else "-",
                show(row["ssim"], ".3f"),
                show(row["error"]),
                show(row["texture"]),
                show(row["seam"]),
                f"{row['milliseconds']['median']:.2f}",
            )
            for name, row in part["methods"].items()
        ]
        title = f"1. {kind} holes, {where}: {part['holes']} holes in {part['photos']} photos (mean, 95 % interval)"
        texts.append(table(title, columns, rows))
    texts.append(f"ours, {BATCH} holes in one call: {report['batched_milliseconds']:.2f} ms per hole")
    return "\n".join(texts)


def fill_rows(filled: Sequence[Filled], every: int) -> list[dict[str, np.ndarray]]:
    """Return the contact sheet's rows: photos 1, 1 + every, 1 + 2 every, ..."""
    rows = []
    for item in filled:
        if (item.hole.index - 1) % every == 0:
            order = sorted(item.images, key=lambda name: (not name.startswith(OURS), name))
            shown = {"truth": item.hole.truth, "hole": holed(item.hole.truth, item.hole.mask)}
            rows.append(shown | {name: item.images[name] for name in order})
    return rows
