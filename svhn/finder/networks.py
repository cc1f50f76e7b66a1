"""The files of a finder's networks, and how OpenCV reads them."""

import itertools
from pathlib import Path

import cv2

from svhn.checkpoints import checkpoint_folder
from svhn.errors import InputError
from svhn.finder.config import VIEWS

MODEL_FILE = "finder.onnx"
# The older of OpenCV's two engines takes a fifth less time for these networks; before 4.11 it was the only one.
ENGINE = (cv2.dnn.ENGINE_CLASSIC,) if hasattr(cv2.dnn, "ENGINE_CLASSIC") else ()


def find_finder(path: str | Path) -> Path:
    """Return the ONNX file that a path or the name of a shipped checkpoint means; raise InputError without one."""
    path = Path(path)
    shipped = checkpoint_folder() / path
    for candidate in (path, path / MODEL_FILE, shipped / MODEL_FILE):
        if candidate.suffix == ".onnx" and candidate.is_file():
            return candidate
    raise InputError(f"{path}: no finder found; expected a .onnx file or a folder with {MODEL_FILE} (train-finder)")


def network_files(path: str | Path) -> list[Path]:
    """Return the ONNX files that a finder uses: that of `find_finder`, and of the refiners that lie beside it.

    They are in the order of `VIEWS`; a refiner counts when all before it are there, on which it relies.
    """
    first = find_finder(path)
    beside = (first.with_name(view.file) for view in VIEWS.values())
    return [first, *itertools.takewhile(Path.is_file, beside)]


def read_network(path: Path, command: str) -> cv2.dnn.Net:
    """Read an ONNX file; InputError, with the command that writes such files, when it cannot be read."""
    try:
        return cv2.dnn.readNetFromONNX(str(path), *ENGINE)
    except cv2.error as error:
        raise InputError(f"{path}: not a readable ONNX network; export it again ({command})") from error
