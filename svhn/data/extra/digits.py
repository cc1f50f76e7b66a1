"""Training digits beside the labelled ones: rendered, copied and pasted, and read by a model (pseudo-labels)."""

import csv
import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from svhn.boxes import Box, DigitBox
from svhn.cores import available_cores
from svhn.crops import CROP_SIZE, WIDE_SIZE, crop_digit, crop_wide, to_gray
from svhn.data.extra.config import ExtraDigits
from svhn.data.extra.copy_paste import harvest, swap_digits
from svhn.data.formats import FILE_NAME, DigitStruct
from svhn.data.prepared import Split
from svhn.data.render import mine_walls, render_crops
from svhn.errors import InputError
from svhn.photos import read_rgb

# Digits are made in lots of this many, each with a seed of its own, so that the number of workers does not matter.
LOT = 500
# Splits draw from different random numbers.
STREAMS = {"synthetic": 1, "copy_paste": 2, "train": 3, "validation": 4, "test": 5}
COLUMNS = ("photo", "left", "top", "width", "height", "label")
UNLABELLED = "unlabelled"


def make_extra_digits(folder: Path, photos: np.ndarray, seed: int, extra: ExtraDigits) -> dict[str, Split]:
    """Make the splits `synthetic`, `copy_paste` and `pseudo`, as far as `extra` asks for them.

    Parameters
    ----------
    folder : Path
        Holds `train/` with photos and `digitStruct.mat`; rendered digits can do without them.
    photos : ndarray of int
        Positions in `digitStruct.mat` of the photos of the training part; no others are used.
    seed : int
    extra : ExtraDigits
    """
    struct = folder / "train" / FILE_NAME
    if extra.copy_paste and not struct.is_file():
        raise InputError(
            f"{struct}: no such file; copy-paste needs the training photos (python cli.py fetch --split train)"
        )
    numbers = (
        list(_numbers(struct, set(photos.tolist())))
        if struct.is_file() and (extra.synthetic or extra.copy_paste)
        else []
    )
    material: dict[str, object] = {}
    if extra.synthetic:
        material["synthetic"] = mine_walls(numbers)
    if extra.copy_paste:
        material["copy_paste"] = harvest(numbers)
    counts = {"synthetic": extra.synthetic, "copy_paste": extra.copy_paste}
    made = _in_lots({name: counts[name] for name in material}, material, seed, extra.workers)
    if extra.pseudo:
        made["pseudo"] = read_pseudo_labels(extra.pseudo, folder / UNLABELLED)
    return made


def render_splits(counts: dict[str, int], seed: int, workers: int | None = None) -> dict[str, Split]:
    """Render whole splits, without a photo to start from; they share no picture.

    Parameters
    ----------
    counts : dict[str, int]
        Split (train, validation or test) -> how many digits.
    seed : int
    workers : int or None
        Processes to make them with; None for one per core. The digits do not depend on it.

    Returns
    -------
    dict[str, Split]
        Each with wide crops; all digits equally often, but for a remainder; each counts as a photo of its own.
    """
    return _in_lots(counts, dict.fromkeys(counts), seed, workers or available_cores())


def _numbers(struct: Path, wanted: set[int]) -> Iterator[tuple[np.ndarray, list[DigitBox]]]:
    with DigitStruct(struct) as annotations:
        for i, name in enumerate(annotations):
            if i in wanted:
                yield read_rgb(struct.parent / name), annotations.listed(name)


# Lots


@dataclass(frozen=True)
class _Lot:
    name: str
    count: int
    seed: tuple[int, ...]


# What this process makes digits from, by split; worker processes get it once, when they start.
_material: dict[str, object] = {}


def _in_lots(counts: dict[str, int], material: dict[str, object], seed: int, workers: int) -> dict[str, Split]:
    """Make `counts[name]` digits of every split in lots; the result does not depend on the number of workers."""
    lots = [
        _Lot(name, min(LOT, count - start), (seed, STREAMS[name], start // LOT))
        for name, count in counts.items()
        for start in range(0, count, LOT)
    ]
    if workers > 1 and len(lots) > 1:
        context = multiprocessing.get_context("spawn")
        with context.Pool(min(workers, len(lots)), _start_worker, (material,)) as pool:
            made = pool.map(_make_lot, lots, chunksize=1)
    else:
        _material.update(material)
        made = [_make_lot(lot) for lot in lots]
        _material.clear()
    return {name: _join([part for lot, part in zip(lots, made, strict=True) if lot.name == name]) for name in counts}


def _start_worker(material: dict[str, object]) -> None:
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


# Pseudo-labels


def read_pseudo_labels(path: str | Path, folder: str | Path) -> Split:
    """Cut the digits that a CSV file lists out of unlabelled photos.

    Parameters
    ----------
    path : str or Path
        CSV with a header line that names at least photo, left, top, width, height, label.
    folder : str or Path
        Where the photos are.

    Raises
    ------
    InputError
        When the file, a column or a photo is missing, or a row makes no sense.
    """
    rows = read_boxes(Path(path))
    names = sorted({name for name, _ in rows})
    by_photo: dict[str, list[int]] = {name: [] for name in names}
    for position, (name, _) in enumerate(rows):
        by_photo[name].append(position)
    rgb = np.empty((len(rows), CROP_SIZE, CROP_SIZE, 3), np.uint8)
    wide = np.empty((len(rows), WIDE_SIZE, WIDE_SIZE, 3), np.uint8)
    photos = np.empty(len(rows), np.int64)
    for number, name in enumerate(names):
        photo = read_rgb(Path(folder) / name)
        for position in by_photo[name]:
            box = rows[position][1].box
            if box.clip(photo.shape[1], photo.shape[0]) is None:
                raise InputError(
                    f"{path}: the box {box.as_list()} lies outside {name} ({photo.shape[1]} x {photo.shape[0]} "
                    "pixels); correct the row or remove it"
                )
            rgb[position], wide[position], photos[position] = crop_digit(photo, box), crop_wide(photo, box), number
    labels = np.array([digit.label for _, digit in rows], np.int64)
    return Split(rgb, to_gray(rgb), labels, photos, wide)


def read_boxes(path: Path) -> list[tuple[str, DigitBox]]:
    """Return photo name and digit of every row."""
    expected = f"expected CSV with the columns {', '.join(COLUMNS)}"
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path}: has no column {', '.join(missing)}; {expected}")
            rows = [_read_row(path, reader.line_num, row) for row in reader]
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; {expected}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error}); {expected}") from error
    if not rows:
        raise InputError(f"{path}: lists no digits; {expected}")
    return rows


def _read_row(path: Path, line: int, row: dict[str, str | None]) -> tuple[str, DigitBox]:
    try:
        left, top, width, height = (float(row[column]) for column in COLUMNS[1:5])
        label = int(row["label"])
        box = Box.from_size(left, top, width, height)
        if not 0 <= label <= 9 or not row["photo"] or box.width < 1 or box.height < 1:
            raise ValueError
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{path}, line {line}: expected a photo's name, left, top, width >= 1, height >= 1 in pixels and a label "
            f"0..9, received {', '.join(str(row[column]) for column in COLUMNS)}; correct the row or remove it"
        ) from error
    return row["photo"], DigitBox(box, label)
