"""Where models are: the shipped checkpoints, and what kind of model a path holds."""

import os
from dataclasses import dataclass
from pathlib import Path

from svhn.errors import InputError

TENSORFLOW, PYTORCH = "tensorflow", "pytorch"


@dataclass(frozen=True)
class ModelFile:
    """A model on disk: `path` is a `.keras` or `.pt` file or a SavedModel folder, `framework` what it needs."""

    path: Path
    framework: str


def checkpoint_folder() -> Path:
    """Return the folder of the shipped checkpoints: `$SVHN_CHECKPOINTS`, else beside or inside the package."""
    if chosen := os.environ.get("SVHN_CHECKPOINTS"):
        return Path(chosen)
    package = Path(__file__).parent
    beside = package.parent / "checkpoints"
    return beside if beside.is_dir() else package / "_checkpoints"


def pseudo_labels() -> Path:
    """Return the shipped CSV file with labels of SVHN's unlabelled photos, for `svhn.data.prepare.load_mix`."""
    return checkpoint_folder() / "pseudo_labels.csv"


def find_model(path: str | Path) -> ModelFile:
    """Find the model that a path means.

    Parameters
    ----------
    path : str or Path
        A `.keras` or `.pt` file, a SavedModel folder, a folder with a `model.keras`, `model.pt` or `saved_model/`
        in it (a shipped checkpoint or a run), or the name of a shipped checkpoint.

    Raises
    ------
    InputError
        When there is no model.
    """
    path = Path(path)
    if not path.exists() and (checkpoint_folder() / path).is_dir():
        path = checkpoint_folder() / path
    if path.is_dir():
        names = ("model.keras", "model.pt", "saved_model", ".")
        candidates = [path / name for name in names]
    else:
        candidates = [path]
    for candidate in candidates:
        if candidate.suffix == ".pt" and candidate.is_file():
            return ModelFile(candidate, PYTORCH)
        if (candidate.suffix == ".keras" and candidate.is_file()) or (candidate / "saved_model.pb").is_file():
            return ModelFile(candidate, TENSORFLOW)
    shipped = sorted(folder.name for folder in checkpoint_folder().glob("*/"))
    raise InputError(
        f"{path}: no model found; expected a .keras or .pt file, a SavedModel folder, a run folder, or one of "
        f"{', '.join(shipped) or 'the shipped checkpoints (none found)'}"
    )
