"""Where models are: the shipped checkpoints with what is known about them, and what kind of model a path holds."""

import functools
import json
import logging
import multiprocessing
import os
from dataclasses import dataclass
from pathlib import Path

from svhn.errors import InputError

TENSORFLOW = "tensorflow"
PYTORCH = "pytorch"
ONNX = "onnx"
TENSORFLOW_SUFFIXES = (".keras", ".tflite")
# Of what `torch.save` writes; the last is that of the reference's weights.
TORCH_SUFFIXES = (".pt", ".pth", ".pkl")
# What a checkpoint's use, input, output, licence and score are; see `shipped_models`.
ABOUT = "about.json"
# A network by the names of its files, the one that is used first; `.` is a SavedModel folder itself.
_KERAS_OR_TORCH = ("model.keras", "model.pt", "saved_model", ".")


@dataclass(frozen=True)
class ModelFile:
    """A model on disk: `path` is a `.keras` file, one of `TORCH_SUFFIXES` or a SavedModel folder; what it needs."""

    path: Path
    framework: str


@dataclass(frozen=True)
class ModelInfo:
    """A shipped checkpoint and what is needed to use it.

    Attributes
    ----------
    name : str
        What `--model`, `--finder` and so on take.
    path : Path or None
        The file of the network, or for the finder the folder of its networks; None where only its card is installed.
    framework : str
        "tensorflow", "pytorch" or "onnx"; "" where the network is not installed.
    size : int
        Bytes of the network's files.
    score : str
        What it reaches on SVHN; "" where that is not known.
    use, input, output, licence : str
        One sentence each.
    """

    name: str
    path: Path | None
    framework: str
    size: int
    score: str
    use: str
    input: str
    output: str
    licence: str


def checkpoint_folder() -> Path:
    """Return the folder of the shipped checkpoints: `$SVHN_CHECKPOINTS`, else beside or inside the package."""
    if chosen := os.environ.get("SVHN_CHECKPOINTS"):
        return Path(chosen)
    package = Path(__file__).parent
    beside = package.parent / "checkpoints"
    return beside if beside.is_dir() else package / "_checkpoints"


def pseudo_labels() -> Path:
    """Return the shipped CSV file with labels of SVHN's unlabelled photos, for `svhn.data.load_mix`."""
    return checkpoint_folder() / "pseudo_labels.csv"


def locate_checkpoint(path: str | Path) -> Path:
    """Return the file or folder that a path, or the name of a shipped checkpoint, means; it need not exist.

    The name of a shipped checkpoint always means that one: nothing in the current folder, which may be a folder of
    somebody else's photos, takes its place. One's own of the same name is asked for by a text with a separator or a
    suffix, for example `./finder`; a `pathlib.Path` forgets the `./`, so there it takes a whole path.
    """
    shipped = checkpoint_folder() / path
    if _is_name(path) and shipped.is_dir():
        if os.path.exists(path):
            _say_which(os.fspath(path), shipped)
        return shipped
    return shipped if shipped.exists() and not os.path.exists(path) else Path(path)


def _is_name(path: str | Path) -> bool:
    """Tell whether a text is a name, without separators, that stands for no folder by itself."""
    text = os.fspath(path)
    return os.path.basename(text) == text and text not in ("", os.curdir, os.pardir)


@functools.cache
def _say_which(name: str, shipped: Path) -> None:
    """Say once, on standard error, that a shipped checkpoint is used and not the user's own of its name."""
    if multiprocessing.parent_process() is None:
        own = os.path.join(os.curdir, name)
        logging.getLogger(__name__).warning("%s: the shipped %s is used, not %s; name that one so", name, shipped, own)


def find_model(path: str | Path) -> ModelFile:
    """Find the model that a path means.

    Parameters
    ----------
    path : str or Path
        A `.keras`, `.pt`, `.onnx` or `.tflite` file, a SavedModel folder, a folder with a `model.keras`, `model.pt` or
        `saved_model/` in it (a shipped checkpoint or a run), or the name of a shipped checkpoint, see
        `locate_checkpoint`.

    Raises
    ------
    InputError
        When there is no model.
    """
    path = locate_checkpoint(path)
    if found := _model_at(path):
        return found
    if _is_card_only(path):
        raise InputError(
            f"{path}: this network comes with the repository, not with the installed package; clone the repository "
            "and set $SVHN_CHECKPOINTS to its folder checkpoints"
        )
    shipped = sorted(folder.name for folder in checkpoint_folder().glob("*/"))
    raise InputError(
        f"{path}: no model found; expected a .keras, .pt, .onnx or .tflite file, a SavedModel folder, a run folder, or "
        f"one of {', '.join(shipped) or 'the shipped checkpoints (none found)'}"
    )


def shipped_models() -> list[ModelInfo]:
    """Return the shipped checkpoints, by name.

    Each is a folder with `about.json`: one sentence each for use, input, output and licence, and the score. Where it
    names a record beside it, the score is a format string of the record's metrics.

    Raises
    ------
    InputError
        When an `about.json` or a record is damaged.
    """
    return [_read_info(path.parent) for path in sorted(checkpoint_folder().glob(f"*/{ABOUT}"))]


def _model_at(path: Path) -> ModelFile | None:
    candidates = [path / name for name in _KERAS_OR_TORCH] if path.is_dir() else [path]
    for candidate in candidates:
        if candidate.suffix in TORCH_SUFFIXES and candidate.is_file():
            return ModelFile(candidate, PYTORCH)
        if candidate.suffix == ".onnx" and candidate.is_file():
            return ModelFile(candidate, ONNX)
        if (candidate.suffix in TENSORFLOW_SUFFIXES and candidate.is_file()) or (
            candidate / "saved_model.pb"
        ).is_file():
            return ModelFile(candidate, TENSORFLOW)
    return None


def _is_card_only(path: Path) -> bool:
    """Tell whether a path means a shipped checkpoint whose network is left out of the wheel."""
    return (path / ABOUT).is_file() and not any(path.glob("*.onnx"))


def _read_info(folder: Path) -> ModelInfo:
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        score = _score(folder, about)
        texts = {name: str(about[name]) for name in ("use", "input", "output", "licence")}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{folder / ABOUT}: damaged, or its record is ({type(error).__name__}: {error}); copy the checkpoint again"
        ) from error
    networks = sorted(folder.glob("*.onnx"))
    if networks:
        return ModelInfo(folder.name, folder, ONNX, sum(path.stat().st_size for path in networks), score, **texts)
    found = _model_at(folder)
    if found is None:
        return ModelInfo(folder.name, None, "", 0, score, **texts)
    return ModelInfo(folder.name, found.path, found.framework, _size(found.path), score, **texts)


def _score(folder: Path, about: dict) -> str:
    if "record" not in about:
        return about.get("score", "")
    metrics = json.loads((folder / about["record"]).read_text(encoding="utf-8"))["metrics"]
    return about["score"].format(**metrics)


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
