"""Writing a network in another format, and the check that what was written gives the network's answers."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from svhn.crops import CROP_SIZE
from svhn.data.render import render_crops
from svhn.errors import InputError
from svhn.files import replacing, replacing_folder
from svhn.tf_models.classifier import logits_of, prepare_pixels
from svhn.tf_models.export.targets import TARGETS, ExportTarget, Run

# So many random and so many rendered crops an export is checked on, and how far its probabilities may be off.
CHECKED = 100
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Export:
    """What was written: its size in bytes, and the greatest difference from the network's own probabilities."""

    path: Path
    size: int
    difference: float


def export_model(model: keras.Model, kind: str, path: str | Path) -> Export:
    """Write a network in another format, load it again and compare its outputs with the network's.

    Parameters
    ----------
    model : keras.Model
        Raw pixels 0..255, float32 (N, 32, 32, 1 or 3) -> logits; one that ends in a softmax is taken without it, see
        `svhn.tf_models.classifier.logits_of`.
    kind : str
        One of `svhn.tf_models.export.TARGETS`, for example "onnx".
    path : str or Path
        A folder or a file whose name ends as the target's files do. Written whole or not at all.

    Raises
    ------
    InputError
        When `path` cannot be used or a package is missing.
    RuntimeError
        When what was written gives other outputs than the network; then nothing is left of it.
    """
    path, target, model = Path(path), TARGETS[kind], logits_of(model)
    _check_output(path, target)
    with _replacing(path, target) as temporary:
        try:
            target.write(model, temporary)
            runs = target.load(temporary)
        except ImportError as error:
            raise InputError(f"{path}: {kind} needs further packages ({error}): pip install {target.needs}") from error
        difference = max(_difference(model, run, path) for run in runs)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return Export(path, sum(file.stat().st_size for file in files), difference)


def _replacing(path: Path, target: ExportTarget) -> AbstractContextManager[Path]:
    return replacing(path) if target.suffix else replacing_folder(path)


def _check_output(path: Path, target: ExportTarget) -> None:
    if target.suffix:
        if path.suffix != target.suffix or path.is_dir():
            raise InputError(f"{path}: expected the name of a file that ends in {target.suffix}")
    elif path.is_file() or (path.is_dir() and any(path.iterdir()) and not (path / target.marker).is_file()):
        raise InputError(f"{path}: this exists and holds no {target.marker}; choose a new folder")


@cache
def _check_crops() -> np.ndarray:
    random = np.random.default_rng(0).integers(0, 256, (CHECKED, CROP_SIZE, CROP_SIZE, 3), np.uint8)
    return np.concatenate([random, render_crops(CHECKED, 0)[0]])


def _difference(model: keras.Model, run: Run, path: Path) -> float:
    """Compare an export with the network on random and rendered crops; raise RuntimeError when they disagree.

    The label has to be one of the most likely digits, since equal probabilities may be told apart by rounding.
    """
    rgb = _check_crops()
    pixels = prepare_pixels(tf.constant(rgb), model.input_shape[-1])
    expected = tf.nn.softmax(model(pixels, training=False)).numpy()
    answer = {name: np.asarray(value) for name, value in run(rgb, pixels.numpy().astype(np.uint8)).items()}
    highest = expected.max(axis=1)
    chosen = np.take_along_axis(expected, answer["label"][:, None], axis=1)[:, 0]
    off = {
        "probabilities": float(np.abs(answer["probabilities"] - expected).max()),
        "label": float(np.abs(chosen - highest).max()),
        "confidence": float(np.abs(answer["confidence"] - highest).max()),
    }
    if wrong := [name for name, difference in off.items() if not difference <= TOLERANCE]:  # a NaN is wrong, too
        raise RuntimeError(
            f"{path}: the exported model does not give the network's outputs: "
            + ", ".join(f"{name} off by {off[name]:.2g}" for name in wrong)
        )
    return off["probabilities"]
