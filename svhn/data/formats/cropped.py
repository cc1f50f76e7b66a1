"""Format 2 of SVHN: `*_32x32.mat`, 32 x 32 crops of single digits in a MATLAB v5 file."""

from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from svhn.errors import InputError
from svhn.files import printable, replacing


def read_cropped(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a Format-2 file.

    Returns
    -------
    images : ndarray (N, 32, 32, 3) uint8, RGB
    labels : ndarray (N,) int64, 0..9 (the file's label 10 stands for the digit 0)

    Raises
    ------
    InputError
        When the file is missing, truncated, of another MATLAB version or of another content.
    """
    path = Path(path)
    variables, name = _load(path), printable(path)
    if missing := [variable for variable in ("X", "y") if variable not in variables]:
        raise InputError(
            f"{name}: expected the variables X and y of SVHN's Format 2, {' and '.join(missing)} not found; "
            "use the official *_32x32.mat (python cli.py fetch)"
        )
    images, labels = variables["X"], variables["y"]
    if (
        not isinstance(images, np.ndarray)
        or images.shape[:3] != (32, 32, 3)
        or images.ndim != 4
        or images.dtype != np.uint8
    ):
        raise InputError(f"{name}: expected X as (32, 32, 3, N) uint8, received {_kind(images)}")
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "uif":
        raise InputError(f"{name}: expected y as numbers, received {_kind(labels)}")
    labels = labels.reshape(-1)
    if len(labels) != images.shape[3]:
        raise InputError(f"{name}: expected one label per crop, received {len(labels)} for {images.shape[3]} crops")
    if len(labels) and not (labels.min() >= 1 and labels.max() <= 10):
        raise InputError(f"{name}: expected labels 1..10, received {labels.min()}..{labels.max()}")
    return np.ascontiguousarray(images.transpose(3, 0, 1, 2)), labels.astype(np.int64) % 10


def _kind(variable: Any) -> str:
    """Return what a variable is, as a message shows it: a sparse matrix, text or a struct may stand for numbers."""
    return f"{getattr(variable, 'shape', '')} {getattr(variable, 'dtype', type(variable).__name__)}"


def write_cropped(path: str | Path, images: np.ndarray, labels: np.ndarray) -> None:
    """Write (N, 32, 32, 3) uint8 crops with labels 0..9 as a Format-2 file, whole or not at all."""
    labels = np.where(labels == 0, 10, labels).astype(np.uint8)
    variables = {"X": images.transpose(1, 2, 3, 0), "y": labels[:, None]}
    with replacing(path) as temporary:
        scipy.io.savemat(temporary, variables, appendmat=False, do_compression=True)


def _load(path: Path) -> dict:
    cure, name = "fetch it again (python cli.py fetch --format crops)", printable(path)
    try:
        return scipy.io.loadmat(path)
    except FileNotFoundError as error:
        raise InputError(f"{name}: no such file; {cure}") from error
    except NotImplementedError as error:
        raise InputError(
            f"{name}: this is a MATLAB v7.3 (HDF5) file, expected Format 2 (MATLAB v5); "
            "a digitStruct.mat is read from its photo folder instead"
        ) from error
    except Exception as error:  # scipy raises a dozen kinds of error on a damaged file
        raise InputError(
            f"{name}: not a readable MATLAB v5 file, truncated or altered ({printable(error)}); {cure}"
        ) from error
