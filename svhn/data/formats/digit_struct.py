"""Format 1 of SVHN: whole photos with a `digitStruct.mat` (MATLAB v7.3, HDF5 with references) beside them."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from h5py import h5d, h5g, h5l, h5o, h5r, h5s, h5t

from svhn.boxes import Box, DigitBox
from svhn.data.formats.entries import MOST_DIGITS, Annotations, BoxEntry, Rectangle, checked_rectangle
from svhn.data.formats.known import PhotoBoxes
from svhn.errors import InputError
from svhn.files import printable, replacing

DIGIT_STRUCT_FILE = "digitStruct.mat"
_FIELDS = ("left", "top", "width", "height", "label")
# SVHN has a quarter of a million photos; file systems allow names of 255 bytes.
_MOST_PHOTOS, _MOST_LETTERS = 10_000_000, 4096
# How values lie in memory: numbers, letters, and references to either.
_NUMBERS, _LETTERS = (np.dtype(float), h5t.NATIVE_DOUBLE), (np.dtype(np.uint16), h5t.NATIVE_UINT16)
_REFERENCES = (h5py.ref_dtype, h5t.py_create(h5py.ref_dtype))
_DAMAGE = (KeyError, OSError, RuntimeError, ValueError, TypeError, AttributeError, MemoryError)
_CURE = "fetch it again (python cli.py fetch --format photos)"


class DigitStructFormat:
    """SVHN's Format 1: sizes of photos do not stand in it."""

    description = "a digitStruct.mat"
    file_names = (DIGIT_STRUCT_FILE,)

    def can_read(self, path: Path) -> bool:
        return path.suffix.lower() == ".mat"

    def open(self, path: Path) -> "DigitStruct":
        return DigitStruct(path)

    def write(self, path: Path, photos: Mapping[str, PhotoBoxes]) -> None:
        write_digit_struct(path, {name: digits for name, (_, _, digits) in photos.items()})


class DigitStruct(Annotations):
    """The boxes of a photo folder: a mapping from file name to the photo's digits, read when asked for.

    `digit_struct["1.png"]` is a list of DigitBox in reading order with labels 0..9 (the file's label 10 stands
    for the digit 0). Boxes are as annotated: they may reach over the photo's edge; see `svhn.boxes.clip_digits`.
    Iteration follows the file. Use it as a context manager, or call `close`.

    Files of one photo are as MATLAB writes them, too: there the fields hold the values themselves.

    Parameters
    ----------
    path : str or Path
        A `digitStruct.mat`.

    Raises
    ------
    InputError
        When the file is missing, truncated, of another MATLAB version or of another content.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._file = _open(self.path)
        try:
            names, self._boxes = self._photos(_member(self._file.id, "digitStruct"))
            if len(self._boxes) != len(names):
                raise ValueError(f"{len(names)} names for {len(self._boxes)} photos")
            self._times = Counter(names)
            self._index_of = {name: i for i, name in enumerate(names)}
        except _DAMAGE as error:
            self.close()
            raise self._damaged(error) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._index_of)

    def __len__(self) -> int:
        return len(self._index_of)

    def __enter__(self) -> "DigitStruct":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def listed(self, name: str) -> list[DigitBox]:
        """Return the digits of a photo in the order of the file, which is the order of the Format-2 crops."""
        entry = self.entry(name)
        boxes = [Box.from_size(*rectangle) for rectangle in entry.rectangles]
        return [DigitBox(box, label) for box, label in zip(boxes, entry.labels, strict=True)]

    def entry(self, name: str) -> BoxEntry:
        stored = self._boxes[self._index_of[name]]
        try:
            if self._times[name] > 1:
                raise ValueError(f"{self._times[name]} photos of this name, expected one")
            group = h5r.dereference(stored, self._file.id) if isinstance(stored, h5r.Reference) else stored
            if _is_empty(group):
                return BoxEntry()
            columns = [self._values(_member(group, field)) for field in _FIELDS]
            rows = list(zip(*columns, strict=True))
            return BoxEntry([_rectangle(row) for row in rows], [_label(row[4]) for row in rows])
        except _DAMAGE as error:
            raise self._damaged(error, f" at {printable(name)}") from error

    def _photos(self, root: h5g.GroupID) -> tuple[list[str], list]:
        """Return names, and groups of boxes or references to them; MATLAB keeps one photo without references."""
        names, boxes = _member(root, "name"), _member(root, "bbox")
        if not _has_references(names):
            return [_text(names)], [boxes]
        references = _content(names, _REFERENCES, _MOST_PHOTOS)
        return [_text(h5r.dereference(one, self._file.id)) for one in references], list(
            _content(boxes, _REFERENCES, _MOST_PHOTOS)
        )

    def _values(self, dataset: h5d.DatasetID) -> list[float]:
        """One digit is stored as a value, several as references to values."""
        if not _has_references(dataset):
            return _content(dataset, _NUMBERS, MOST_DIGITS).tolist()
        references = _content(dataset, _REFERENCES, MOST_DIGITS)
        values = [_content(h5r.dereference(one, self._file.id), _NUMBERS, 1) for one in references]
        return [float(value[0]) for value in values]

    def _damaged(self, error: Exception, where: str = "") -> InputError:
        return InputError(
            f"{printable(self.path)}: damaged or not SVHN's digitStruct layout{where} ({printable(error)}); {_CURE}"
        )


# What follows uses h5py's low-level interface: a photo of two digits has sixteen datasets.
def _member(group: h5g.GroupID, name: str) -> h5g.GroupID | h5d.DatasetID:
    """Return what a group holds under a name; ValueError where it lies in another file, KeyError where it is not."""
    if not isinstance(group, h5g.GroupID) or group.links.get_info(name.encode()).type != h5l.TYPE_HARD:
        raise ValueError(f"{name}: expected it in this file")
    return h5o.open(group, name.encode())


def _content(dataset: h5d.DatasetID, kind: tuple[np.dtype, h5t.TypeID], most: int) -> np.ndarray:
    """Return a dataset's values (N,); ValueError where it says to have too many, or has them in another file."""
    if not isinstance(dataset, h5d.DatasetID):
        raise ValueError("expected values in this file")
    created, shape = dataset.get_create_plist(), dataset.shape
    if created.get_layout() == h5d.VIRTUAL or created.get_external_count():
        raise ValueError("expected values in this file")
    if not shape or math.prod(shape) > most:
        raise ValueError(f"{math.prod(shape) if shape else 'no'} values, expected at most {most:,} in rows and columns")
    values = np.empty(shape, kind[0])
    dataset.read(h5s.ALL, h5s.ALL, values, kind[1])
    return values.reshape(-1)


def _has_references(dataset: h5d.DatasetID) -> bool:
    return isinstance(dataset, h5d.DatasetID) and dataset.get_type().get_class() == h5t.REFERENCE


def _text(dataset: h5d.DatasetID) -> str:
    return _content(dataset, _LETTERS, _MOST_LETTERS).tobytes().decode("utf-16-le")


def _is_empty(stored: h5g.GroupID | h5d.DatasetID) -> bool:
    """Tell whether this is MATLAB's empty struct: no digits."""
    return isinstance(stored, h5d.DatasetID) and bool(h5py.Dataset(stored).attrs.get("MATLAB_empty", 0))


def _rectangle(row: Sequence[float]) -> Rectangle:
    if not all(map(math.isfinite, row[:4])):
        raise ValueError(f"expected numbers, received NaN or infinity in {list(row[:4])}")
    return checked_rectangle(*row[:4])


def _label(value: float) -> int:
    if not 1 <= value <= 10:
        raise ValueError(f"expected a label 1..10, received {value:g}")
    return int(value) % 10


def _open(path: Path) -> h5py.File:
    if not path.is_file():
        raise InputError(f"{printable(path)}: no such file; {_CURE}")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        with path.open("rb") as file:
            start = file.read(19)
        if start == b"MATLAB 5.0 MAT-file":
            raise InputError(
                f"{path}: this is a MATLAB v5 file, expected digitStruct.mat in MATLAB v7.3 (HDF5); "
                "a *_32x32.mat is read as crops instead"
            ) from error
        raise InputError(f"{path}: not a readable MATLAB v7.3 (HDF5) file, truncated or altered; {_CURE}") from error


def write_digit_struct(path: str | Path, photos: Mapping[str, Sequence[DigitBox]]) -> None:
    """Write boxes in the layout of SVHN's own `digitStruct.mat`; every digit needs a label.

    Parameters
    ----------
    path : str or Path
        The file to write.
    photos : mapping
        File name -> the photo's digits, labels 0..9 (0 is written as SVHN's 10).
    """
    if unlabelled := [name for name, digits in photos.items() if any(digit.label is None for digit in digits)]:
        raise ValueError(f"expected a label for every digit, received none in {', '.join(unlabelled)}")
    with replacing(path) as temporary, h5py.File(temporary, "w", userblock_size=512) as file:
        references = file.create_group("#refs#")
        root = file.create_group("digitStruct")
        rows = []
        for i, (name, digits) in enumerate(photos.items()):
            characters = np.frombuffer(name.encode("utf-16-le"), np.uint16)[:, None]
            bbox = references.create_group(f"bbox{i}")
            for field, values in zip(_FIELDS, _columns(digits), strict=True):
                _write_values(references, bbox, field, values)
            rows.append((references.create_dataset(f"name{i}", data=characters).ref, bbox.ref))
        for column, field in enumerate(("name", "bbox")):
            data = np.array([row[column] for row in rows], dtype=object).reshape(-1, 1)
            root.create_dataset(field, data=data, dtype=h5py.ref_dtype)


def _columns(digits: Sequence[DigitBox]) -> list[list[int]]:
    boxes = [digit.box for digit in digits]
    return [
        [box.left for box in boxes],
        [box.top for box in boxes],
        [box.width for box in boxes],
        [box.height for box in boxes],
        [digit.label or 10 for digit in digits],
    ]


def _write_values(references: h5py.Group, bbox: h5py.Group, field: str, values: Sequence[int]) -> None:
    if len(values) == 1:
        bbox.create_dataset(field, data=np.array([[values[0]]], np.float64))
        return
    prefix = f"{bbox.name.rsplit('/', 1)[-1]}_{field}"
    stored = [
        references.create_dataset(f"{prefix}_{i}", data=np.array([[value]], np.float64)).ref
        for i, value in enumerate(values)
    ]
    data = np.array(stored, dtype=object).reshape(-1, 1)
    bbox.create_dataset(field, data=data, dtype=h5py.ref_dtype)


DIGIT_STRUCT = DigitStructFormat()
