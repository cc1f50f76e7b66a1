"""Format 1 of SVHN: whole photos with a `digitStruct.mat` (MATLAB v7.3, HDF5 with references) beside them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from svhn.boxes import Box, DigitBox, reading_order
from svhn.data.formats.known import PhotoBoxes
from svhn.errors import InputError
from svhn.files import replacing

DIGIT_STRUCT_FILE = "digitStruct.mat"
_FIELDS = ("left", "top", "width", "height", "label")
_CURE = "fetch it again (python cli.py fetch --format photos)"


class DigitStructFormat:
    """SVHN's Format 1: sizes of photos do not stand in it."""

    description = "a digitStruct.mat"
    file_names = (DIGIT_STRUCT_FILE,)

    def can_read(self, path: Path) -> bool:
        return path.suffix == ".mat"

    def open(self, path: Path) -> "DigitStruct":
        return DigitStruct(path)

    def write(self, path: Path, photos: Mapping[str, PhotoBoxes]) -> None:
        write_digit_struct(path, {name: digits for name, (_, _, digits) in photos.items()})


class DigitStruct(Mapping[str, list[DigitBox]]):
    """The boxes of a photo folder: a mapping from file name to the photo's digits, read when asked for.

    `digit_struct["1.png"]` is a list of DigitBox in reading order with labels 0..9 (the file's label 10 stands
    for the digit 0). Boxes are as annotated: they may reach over the photo's edge; see `svhn.boxes.clip_digits`.
    Iteration follows the file. Use it as a context manager, or call `close`.

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
            root = self._file["digitStruct"]
            self._boxes = root["bbox"][()].reshape(-1)
            names = (self._file[reference][()] for reference in root["name"][()].reshape(-1))
            self._index = {name.astype(np.uint16).tobytes().decode("utf-16-le"): i for i, name in enumerate(names)}
            if len(self._boxes) != len(root["name"]):
                raise ValueError(f"{len(root['name'])} names for {len(self._boxes)} photos")
        except (KeyError, OSError, RuntimeError, ValueError, TypeError, AttributeError) as error:
            self.close()
            raise self._damaged(error) from error

    def __getitem__(self, name: str) -> list[DigitBox]:
        return reading_order(self.listed(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def __enter__(self) -> "DigitStruct":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def listed(self, name: str) -> list[DigitBox]:
        """Return the digits of a photo in the order of the file, which is the order of the Format-2 crops."""
        reference = self._boxes[self._index[name]]
        try:
            group = self._file[reference]
            columns = [self._values(group[field]) for field in _FIELDS]
            return [DigitBox(Box.from_size(*row[:4]), _label(row[4])) for row in zip(*columns, strict=True)]
        except (KeyError, OSError, RuntimeError, ValueError, TypeError, AttributeError) as error:
            raise self._damaged(error, f" at {name}") from error

    def _values(self, dataset: h5py.Dataset) -> list[float]:
        """One digit is stored as a value, several as references to values."""
        values = dataset[()].reshape(-1)
        if dataset.dtype == h5py.ref_dtype:
            return [float(self._file[reference][0, 0]) for reference in values]
        return [float(value) for value in values]

    def _damaged(self, error: Exception, where: str = "") -> InputError:
        return InputError(f"{self.path}: damaged or not SVHN's digitStruct layout{where} ({error}); {_CURE}")


def _label(value: float) -> int:
    if not 1 <= value <= 10:
        raise ValueError(f"expected a label 1..10, received {value:g}")
    return int(value) % 10


def _open(path: Path) -> h5py.File:
    if not path.is_file():
        raise InputError(f"{path}: no such file; {_CURE}")
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
