"""What tests of runs share: reading a run folder to the last bit, pressing Ctrl-C, and going on afterwards."""

import csv
import signal
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from svhn.tf_models.classifier.train import Progress


def history(run_dir: Path) -> list[dict[str, str]]:
    """Return the rows without the seconds, as text: equal text is equal to the last bit."""
    with (run_dir / "history.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def state(run_dir: Path) -> dict[str, np.ndarray]:
    """Return everything in the last checkpoint: weights, their average, Adam's moments, dropout's random state."""
    path = tf.train.latest_checkpoint(str(run_dir / "checkpoints"))
    reader = tf.train.load_checkpoint(path)
    names = [name for name, _ in tf.train.list_variables(path) if name.endswith("VARIABLE_VALUE")]
    return {name: reader.get_tensor(name) for name in names if not name.startswith("save_counter")}


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
        if progress.iteration == iteration and (progress.validation_accuracy is not None) == measured:
            signal.raise_signal(signal.SIGINT)

    return report


def train_in_two_parts(train: Callable, *arguments) -> None:
    """Interrupt a finder's or refiner's training after iteration 2, and resume it."""

    def stop(row: dict) -> None:
        if row["iteration"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(*arguments, report=stop)
    train(*arguments, resume=True)
