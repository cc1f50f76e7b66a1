"""What the trainings of finder and refiner share: steps up to an interval's end, measurements, state, record."""

import dataclasses
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import ClassVar

import keras
import numpy as np
import tensorflow as tf

from svhn.data import LICENCE_NOTE
from svhn.data.samples import FinderPhoto
from svhn.files import replacing
from svhn.finder import Finder, most_prominent
from svhn.runs import RunRecord
from svhn.tf_models.classifier import read_history, write_history
from svhn.tf_models.finder.ahead import make_ahead
from svhn.tf_models.finder.config import FinderTrainConfig, RefinerTrainConfig
from svhn.tf_models.finder.scores import Tally

STATE = "state.npz"
SCORES = ("whole_number", "precision", "recall", "f1")
PACKAGES = ("tensorflow", "keras", "numpy", "onnx", "opencv-python-headless")
REPORT_EVERY = 50


class FinderRun(ABC):
    """A run in progress: the network, its running average, its history.

    Parameters
    ----------
    config : FinderTrainConfig or RefinerTrainConfig
    run_dir : Path
        Which, after `export`, can be used as a finder.
    validation : sequence of FinderPhoto
    report : callable
        Called with iteration, losses and rate every 50 iterations, and with a row of the history.
    """

    losses: ClassVar[tuple[str, ...]]
    averaged: keras.Model
    optimizer: keras.Optimizer

    def __init__(
        self,
        config: FinderTrainConfig | RefinerTrainConfig,
        run_dir: Path,
        validation: Sequence[FinderPhoto],
        report: Callable[[dict[str, float]], None],
    ):
        self.config, self.run_dir, self.validation, self.report = config, run_dir, validation, report
        self.iteration, self.history = 0, []

    @property
    @abstractmethod
    def variables(self) -> list[keras.Variable]:
        """Everything that a resumed run needs."""

    @abstractmethod
    def make_batch(self, position: int) -> tuple[np.ndarray, ...]:
        """Make the batch number `position`."""

    @abstractmethod
    def step(self, *batch: tf.Tensor) -> tf.Tensor:
        """Learn from a batch; return `losses`."""

    @abstractmethod
    def export(self) -> None:
        """Leave the averaged network in the run folder."""

    def advance(self, stop: int) -> None:
        """Train up to iteration `stop`."""
        began, losses = time.perf_counter(), []
        for batch in make_ahead(self.make_batch, self.iteration, stop):
            losses.append(self.step(*batch).numpy())
            self.iteration += 1
            if self.iteration % REPORT_EVERY == 0:
                mean = np.mean(losses[-REPORT_EVERY:], axis=0).tolist()
                rate = len(losses) / (time.perf_counter() - began)
                report = {"iteration": self.iteration, "iterations": self.config.iterations, "rate": rate}
                self.report(report | dict(zip(self.losses, mean, strict=True)))
            if self.iteration % self.config.interval == 0 or self.iteration == stop:
                self._measure(np.mean(losses, axis=0).tolist(), time.perf_counter() - began)
                began, losses = time.perf_counter(), []

    def restore(self) -> None:
        """Go on where the run folder's state was saved."""
        with np.load(self.run_dir / STATE) as state:
            for i, variable in enumerate(self.variables):
                variable.assign(state[str(i)])
        self.iteration = int(self.optimizer.iterations.numpy())
        self.history = [row for row in read_history(self.run_dir) if row["iteration"] <= self.iteration]

    def write_record(self, command: str, source: str, photos: dict[str, int], samples: object) -> RunRecord:
        """Write `record.json`: the last measurement, how many photos of each kind there were, settings of the samples.

        `samples` is a dataclass.
        """
        data = {"source": source, "licence": LICENCE_NOTE, "split_rule": "by photo", "photos": photos}
        record = RunRecord.new(command, self.config, data, PACKAGES)
        record.config["samples"] = dataclasses.asdict(samples)
        record.metrics = {f"validation_{name}": self.history[-1][name] for name in SCORES}
        record.metrics["parameters"] = self.averaged.count_params()
        record.metrics["seconds"] = sum(row["seconds"] for row in self.history)
        record.write(self.run_dir / "record.json")
        return record

    def _measure(self, losses: list[float], seconds: float) -> None:
        """Export the averaged network, read the validation photos with it, and save all."""
        self.export()
        scores = _read(Finder(self.run_dir), self.validation).report()
        row = {"iteration": self.iteration} | dict(zip(self.losses, losses, strict=True)) | {"seconds": seconds}
        self.history.append(row | {name: scores[name] for name in SCORES})
        write_history(self.run_dir, self.history, ("iteration", *self.losses, *SCORES, "seconds"))
        with replacing(self.run_dir / STATE) as temporary:
            np.savez(temporary, **{str(i): variable.numpy() for i, variable in enumerate(self.variables)})
        self.report(self.history[-1])


def _read(finder: Finder, photos: Iterable[FinderPhoto]) -> Tally:
    """Read annotated photos, and score what is found."""
    tally = Tally()
    for photo in photos:
        numbers = finder.find_numbers(photo.pixels)
        found = [digit for number in numbers for digit in number.digits]
        first = most_prominent(numbers)
        tally.add(photo.digits, found, [digit.confidence for digit in found], first.text if first else "")
    return tally
