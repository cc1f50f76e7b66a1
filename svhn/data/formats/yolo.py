"""Boxes as YOLO's label folders: a text file for each photo, with a line for each digit in parts of the picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from svhn.alphabet import DIGITS
from svhn.data.formats.entries import BoxEntry, Rectangle, checked_rectangle
from svhn.data.formats.foreign import parsed, read_text, shortened
from svhn.data.formats.known import PhotoBoxes
from svhn.data.formats.label_folder import LabelFolder, write_label_folder
from svhn.errors import InputError
from svhn.files import printable

_CURE = "expected YOLO's labels: class, centre x, centre y, width, height, in parts of the picture from 0 to 1"
_LISTS, _DESCRIPTIONS = ("classes.txt", "obj.names"), ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_OTHER_TEXTS = frozenset(
    (
        *("classes.txt", "train.txt", "val.txt", "valid.txt", "test.txt", "notes.txt"),
        *("readme.txt", "readme.dataset.txt", "readme.roboflow.txt"),
    )
)
# Tools round, and clip at the edge of the picture; parts further outside are pixels or another mistake.
_TOLERANCE = 0.01


class YoloFormat:
    """YOLO: the names of classes give the labels, from `classes.txt`, `obj.names` or `data.yaml`.

    A folder with `labels/` beside `images/` (or parts `train/`, `val/` in or around them), or with the label files
    beside the photos. Lines may be boxes, with a confidence too, or polygons. The pictures may be of any size.
    """

    description = "a folder of YOLO labels"
    file_names = ()

    def can_read(self, path: Path) -> bool:
        return path.is_dir()

    def open(self, path: Path) -> LabelFolder:
        labels = _class_labels(path)
        return LabelFolder(path, ".txt", lambda file: _read_labels(file, labels), _OTHER_TEXTS)

    def write(self, path: Path, photos: Mapping[str, PhotoBoxes]) -> None:
        files = {"classes.txt": "".join(f"{digit}\n" for digit in DIGITS)}
        for name, (width, height, digits) in photos.items():
            rows = [(digit.label, digit.box.centre, digit.box.width, digit.box.height) for digit in digits]
            lines = [f"{label} {x / width} {y / height} {w / width} {h / height}\n" for label, (x, y), w, h in rows]
            files[f"labels/{Path(name).with_suffix('.txt').as_posix()}"] = "".join(lines)
        write_label_folder(path, files)


def _class_labels(folder: Path) -> list[int | None]:
    """Return the digits that classes 0, 1, ... stand for; empty where no file names the classes."""
    for place in (folder, folder.parent):
        for name in _LISTS:
            if (place / name).is_file():
                return [_label(line.strip()) for line in read_text(place / name, _CURE).splitlines()]
        for name in _DESCRIPTIONS:
            if (place / name).is_file():
                return _described_labels(place / name)
    return []


def _described_labels(path: Path) -> list[int | None]:
    """Return the labels of the classes in a `data.yaml`: a list of names, or names by number."""
    try:
        content = yaml.safe_load(read_text(path, _CURE))
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, AttributeError, TypeError) as error:  # odd values
        raise InputError(f"{printable(path)}: not usable YAML ({printable(error)[:200]}); {_CURE}") from error
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict):
        numbers = [number for number in names if isinstance(number, int) and 0 <= number < len(names)]
        return [_label(names.get(number)) for number in range(max(numbers, default=-1) + 1)]
    return [_label(name) for name in names] if isinstance(names, list) else []


def _label(name: Any) -> int | None:
    return DIGITS.index(str(name)) if str(name) in DIGITS else None


def _read_labels(path: Path, labels: Sequence[int | None]) -> BoxEntry:
    """Read one label file; ValueError names the line that is none."""
    rows = [line.split() for line in read_text(path, _CURE).splitlines()]
    found = [_read_line(row, f"line {place}", labels) for place, row in enumerate(rows, start=1) if row]
    return BoxEntry([rectangle for rectangle, _ in found], [label for _, label in found], relative=True)


def _read_line(row: Sequence[str], where: str, labels: Sequence[int | None]) -> tuple[Rectangle, int | None]:
    values = [parsed(text, where) for text in row]
    if len(values) in (5, 6):
        x, y, width, height = values[1:5]
        corners = x - width / 2, y - height / 2, x + width / 2, y + height / 2
    elif len(values) >= 7 and len(values) % 2:
        xs, ys = values[1::2], values[2::2]
        corners = min(xs), min(ys), max(xs), max(ys)
    else:
        raise ValueError(f"{where}: {shortened(' '.join(row))}, {_CURE}")
    if min(corners) < -_TOLERANCE or max(corners) > 1 + _TOLERANCE:
        raise ValueError(f"{where}: outside the picture, {_CURE}")
    left, top, right, bottom = corners
    number = int(values[0])
    return checked_rectangle(left, top, right - left, bottom - top), _label_of(number, labels)


def _label_of(number: int, labels: Sequence[int | None]) -> int | None:
    return labels[number] if 0 <= number < len(labels) else None


YOLO = YoloFormat()
