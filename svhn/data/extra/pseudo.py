"""Pseudo-labels: digits of unlabelled photos as a model reads them, from a CSV file."""

import csv
from pathlib import Path

import numpy as np

from svhn.alphabet import NUM_CLASSES
from svhn.boxes import Box, DigitBox
from svhn.crops import CROP_SIZE, WIDE_SIZE, crop_digit, crop_wide, to_gray
from svhn.data.prepared import Split
from svhn.data.progress import Report, counted, silent
from svhn.errors import InputError
from svhn.photos import read_rgb

COLUMNS = ("photo", "left", "top", "width", "height", "label")
UNLABELLED = "unlabelled"


def read_pseudo_labels(path: str | Path, folder: str | Path, report: Report = silent) -> Split:
    """Cut the digits that a CSV file lists out of unlabelled photos.

    Parameters
    ----------
    path : str or Path
        CSV with a header line that names at least photo, left, top, width, height, label.
    folder : str or Path
        Where the photos are.
    report : callable
        Called as report(done, total, what) after each photo.

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
    for number, name in enumerate(counted(names, len(names), "unlabelled photos", report)):
        photo = read_rgb(Path(folder) / name)
        for position in by_photo[name]:
            box = rows[position][1].box
            _check_inside(path, name, box, photo)
            rgb[position], wide[position] = crop_digit(photo, box), crop_wide(photo, box)
            photos[position] = number
    labels = np.array([digit.label for _, digit in rows], np.int64)
    return Split(rgb, to_gray(rgb), labels, photos, wide)


def _check_inside(path: str | Path, name: str, box: Box, photo: np.ndarray) -> None:
    height, width = photo.shape[:2]
    if box.clip(width, height) is None:
        raise InputError(
            f"{path}: the box {box.as_list()} lies outside {name} ({width} x {height} pixels); correct the row or "
            "remove it"
        )


def read_boxes(path: Path) -> list[tuple[str, DigitBox]]:
    """Return photo name and digit of every row.

    Raises
    ------
    InputError
        When the file or a column is missing, or a row makes no sense.
    """
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


def _read_row(path: Path, line: int, row: dict[str, str]) -> tuple[str, DigitBox]:
    try:
        left, top, width, height = (float(row[column]) for column in COLUMNS[1:5])
        label = int(row["label"])
        box = Box.from_size(left, top, width, height)
        if not 0 <= label < NUM_CLASSES or not row["photo"] or box.width < 1 or box.height < 1:
            raise ValueError
    except (TypeError, ValueError, OverflowError) as error:  # a short row has None for what is missing
        raise InputError(
            f"{path}, line {line}: expected a photo's name, left, top, width >= 1, height >= 1 in pixels and a label "
            f"0..9, received {', '.join(str(row[column]) for column in COLUMNS)}; correct the row or remove it"
        ) from error
    return row["photo"], DigitBox(box, label)
