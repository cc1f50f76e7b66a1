"""Training digits beside the labelled ones: rendered, copied and pasted, and read by a model (pseudo-labels)."""

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from svhn.boxes import DigitBox
from svhn.cores import available_cores
from svhn.data.extra.config import ExtraDigits
from svhn.data.extra.copy_paste import harvest, swap_digits
from svhn.data.extra.pseudo import UNLABELLED, read_pseudo_labels
from svhn.data.formats import DIGIT_STRUCT_FILE, DigitStruct
from svhn.data.prepared import Split
from svhn.data.progress import Report, counted, silent
from svhn.data.render import mine_walls, render_crops
from svhn.errors import InputError
from svhn.photos import read_rgb

# Digits are made in lots of this many, each with a seed of its own, so that the number of workers does not matter.
LOT = 500
# Splits draw from different random numbers.
STREAMS = {"synthetic": 1, "copy_paste": 2, "train": 3, "validation": 4, "test": 5}

# A photo, ndarray (H, W, 3) uint8 RGB, with all its digits.
LabelledPhoto = tuple[np.ndarray, list[DigitBox]]


def make_extra_digits(
    folder: Path, photos: np.ndarray, seed: int, extra: ExtraDigits, report: Report = silent
) -> dict[str, Split]:
    """Make the splits `synthetic`, `copy_paste` and `pseudo`, as far as `extra` asks for them.

    Parameters
    ----------
    folder : Path
        Holds `train/` with photos and `digitStruct.mat`; rendered digits can do without them.
    photos : ndarray of int
        Positions in `digitStruct.mat` of the photos of the training part; no others are used.
    seed : int
    extra : ExtraDigits
    report : callable
        Called as report(done, total, what) after each photo read and each lot of digits made.

    Raises
    ------
    InputError
        When the photos that copy-paste needs are missing or unsuitable, or the list of pseudo-labels is unusable.
    """
    struct = folder / "train" / DIGIT_STRUCT_FILE
    if extra.copy_paste and not struct.is_file():
        raise InputError(
            f"{struct}: no such file; copy-paste needs the training photos (python cli.py fetch --split train)"
        )
    needed = struct.is_file() and (extra.synthetic or extra.copy_paste)
    numbers = list(_numbers(struct, photos, report)) if needed else []
    material: dict[str, Any] = {}
    if extra.synthetic:
        material["synthetic"] = mine_walls(numbers)
    if extra.copy_paste:
        material["copy_paste"] = harvest(counted(numbers, len(numbers), "photos taken apart", report))
    counts = {"synthetic": extra.synthetic, "copy_paste": extra.copy_paste}
    made = _in_lots({name: counts[name] for name in material}, material, seed, extra.workers, report)
    if extra.pseudo:
        made["pseudo"] = read_pseudo_labels(extra.pseudo, folder / UNLABELLED, report)
    return made


def render_splits(
    counts: dict[str, int], seed: int, workers: int | None = None, report: Report = silent
) -> dict[str, Split]:
    """Render whole splits, without a photo to start from; they share no picture.

    Parameters
    ----------
    counts : dict[str, int]
        Split (train, validation or test) -> how many digits.
    seed : int
    workers : int or None
        Processes to make them with; None for one per core. The digits do not depend on it.
    report : callable
        Called as report(done, total, what) after each lot of digits.

    Returns
    -------
    dict[str, Split]
        Each with wide crops; all digits equally often, but for a remainder; each counts as a photo of its own.
    """
    return _in_lots(counts, dict.fromkeys(counts), seed, workers or available_cores(), report)


def _numbers(struct: Path, wanted: np.ndarray, report: Report) -> Iterator[LabelledPhoto]:
    positions = set(wanted.tolist())
    with DigitStruct(struct) as annotations:
        names = [name for i, name in enumerate(annotations) if i in positions]
        for name in counted(names, len(names), "photos to start from", report):
            yield read_rgb(struct.parent / name), annotations.listed(name)


@dataclass(frozen=True)
class _Lot:
    """Digits of one split that are made at once."""

    name: str
    count: int
    seed: tuple[int, ...]


# What this process makes digits from, by split; worker processes get it once, when they start.
_material: dict[str, Any] = {}


def _in_lots(
    counts: dict[str, int], material: dict[str, Any], seed: int, workers: int, report: Report
) -> dict[str, Split]:
    """Make `counts[name]` digits of every split in lots; the result does not depend on the number of workers."""
    lots = [
        _Lot(name, min(LOT, count - start), (seed, STREAMS[name], start // LOT))
        for name, count in counts.items()
        for start in range(0, count, LOT)
    ]
    made, done, total = [], 0, sum(counts.values())
    for lot, part in zip(lots, _make_lots(lots, material, workers), strict=True):
        made.append(part)
        done += lot.count
        report(done, total, "generated digits")
    return {name: _join([part for lot, part in zip(lots, made, strict=True) if lot.name == name]) for name in counts}


def _make_lots(lots: list[_Lot], material: dict[str, Any], workers: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield wide crops and labels of each lot, in order."""
    if workers > 1 and len(lots) > 1:
        context = multiprocessing.get_context("spawn")
        with context.Pool(min(workers, len(lots)), _start_worker, (material,)) as pool:
            yield from pool.imap(_make_lot, lots)
    else:
        _material.update(material)
        yield from map(_make_lot, lots)
        _material.clear()


def _start_worker(material: dict[str, Any]) -> None:
    _material.update(material)
    cv2.setNumThreads(1)


def _make_lot(lot: _Lot) -> tuple[np.ndarray, np.ndarray]:
    material = _material[lot.name]
    if lot.name == "copy_paste":
        return swap_digits(lot.count, lot.seed, material)
    return render_crops(lot.count, lot.seed, walls=material, wide=True)


def _join(parts: list[tuple[np.ndarray, np.ndarray]]) -> Split:
    wide, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Split.of_wide(wide, labels, np.arange(len(labels)))
