"""What tests of runs share: reading a run folder to the last bit, pressing Ctrl-C, and going on afterwards."""

import csv
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from svhn.runs.folder import RunFolder
from svhn.runs.progress import Progress


def keep_final_states(patch: pytest.MonkeyPatch) -> None:
    """Let runs that finish leave a copy of their state beside their folder."""
    close = RunFolder.close

    def keep(folder: RunFolder, record) -> None:
        shutil.copy(folder.state, _final_state(folder.path))
        close(folder, record)

    patch.setattr(RunFolder, "close", keep)


def end_without_picture(patch: pytest.MonkeyPatch) -> None:
    """Let runs that finish leave an empty file in place of their picture."""
    patch.setattr("svhn.figures.write_run_picture", lambda path, *_: path.touch())


def end_quickly(patch: pytest.MonkeyPatch) -> None:
    """Let runs that finish leave an empty file and folder in place of their picture and SavedModel.

    Both take longer than a short training; the run of the fixture `finished` has real ones.
    """
    end_without_picture(patch)
    patch.setattr("svhn.tf_models.classifier.learner.export_model", lambda network, kind, path: path.mkdir())


def build_small(patch: pytest.MonkeyPatch, normalised: bool = True) -> None:
    """Let runs train a network of two layers in place of any graph: what takes time is TensorFlow's work on each layer.

    The graphs themselves are trained by the run of the fixture `finished` and in test_learner.py.
    """
    patch.setattr("svhn.tf_models.classifier.learner.build_graph", lambda name, statistics: small_network(normalised))


def small_network(normalised: bool = True) -> keras.Model:
    """Gray crops -> logits, with dropout and, unless told otherwise, batch normalisation."""
    x = inputs = keras.Input((32, 32, 1), name="image")
    x = keras.layers.Rescaling(1 / 64, -2)(x)
    for filters in (8, 16):
        x = keras.layers.Conv2D(filters, 3, strides=2, use_bias=False, name=f"conv{filters}")(x)
        x = keras.layers.BatchNormalization(name=f"norm{filters}")(x) if normalised else x
        x = keras.layers.ReLU()(x)
    x = keras.layers.Dropout(0.5, name="dropout")(keras.layers.Flatten()(x))
    return keras.Model(inputs, keras.layers.Dense(10, name="logits")(x), name="small")


def _final_state(run_dir: Path) -> Path:
    return run_dir.with_name(f"{run_dir.name}.state")


def history(run_dir: Path) -> list[dict[str, str]]:
    """Return the rows without the seconds, as text: equal text is equal to the last bit."""
    with (run_dir / "history.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def state(run_dir: Path) -> dict[str, np.ndarray]:
    """Return everything in the last state: weights, their average, Adam's moments, dropout's random state."""
    kept = run_dir / "state"
    with np.load(kept if kept.exists() else _final_state(run_dir)) as values:
        return dict(values)


def assert_same_end(run_dir: Path, reference: Path) -> None:
    assert history(run_dir) == history(reference)
    found, expected = state(run_dir), state(reference)
    assert found.keys() == expected.keys() and len(found) > 30
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    best, expected = (keras.models.load_model(folder / "model.keras").get_weights() for folder in (run_dir, reference))
    for value, other in zip(best, expected, strict=True):
        np.testing.assert_array_equal(value, other)
    assert {path.name for path in run_dir.iterdir()} == {path.name for path in reference.iterdir()}


def interrupt_at(iteration: int, measured: bool = False) -> Callable[[Progress], None]:
    """Return a report callback that presses Ctrl-C at an iteration (or right after its validation)."""

    def report(progress: Progress) -> None:
        if progress.iteration == iteration and (progress.scores is not None) == measured:
            signal.raise_signal(signal.SIGINT)

    return report


def copy_at(iteration: int, run_dir: Path, copy: Path) -> Callable[[Progress], None]:
    """Return a report callback that copies a run's folder right after the validation at an iteration.

    The copy is what a run leaves that is killed at this moment.
    """

    def report(progress: Progress) -> None:
        if progress.iteration == iteration and progress.scores is not None:
            shutil.copytree(run_dir, copy)

    return report
