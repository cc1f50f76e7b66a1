"""Training: iterations, checkpoints, resume, and the run folder that tells what happened."""

import signal
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from svhn.data import PreparedData
from svhn.errors import InputError
from svhn.files import replacing
from svhn.metrics import classification_report
from svhn.runs import RunRecord
from svhn.tf_models.classifier.config import TrainConfig
from svhn.tf_models.classifier.distribute import check_batch_size, is_alone, is_chief, spread
from svhn.tf_models.classifier.learner import Learner
from svhn.tf_models.classifier.pipeline import training_batches
from svhn.tf_models.classifier.predict import load_classifier, probabilities_of
from svhn.tf_models.classifier.run_folder import (
    CHECKPOINTS,
    COMMAND,
    HISTORY,
    Logs,
    best_of,
    check_run,
    create_run,
    read_history,
    sweep,
    write_history,
)
from svhn.tf_models.export import export_model

PACKAGES = ("tensorflow", "keras", "numpy", "h5py")
# Iterations between two reports of progress, and between two chances to stop.
REPORT_EVERY = 10
VALIDATION_BATCH = 512


@dataclass(frozen=True)
class Progress:
    """Where a run is: averages since the last report, and `validation_accuracy` when one was just measured."""

    iteration: int
    iterations: int
    loss: float
    accuracy: float
    rate: float
    validation_accuracy: float | None = None


@dataclass(frozen=True)
class TrainResult:
    """What a run came to: `finished` is False when it was interrupted; then, and beside a chief, there is no record."""

    run_dir: Path
    finished: bool
    iteration: int
    record: RunRecord | None = None


def train(
    data: PreparedData,
    config: TrainConfig,
    run_dir: str | Path,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda progress: None,
    strategy: tf.distribute.Strategy | None = None,
) -> TrainResult:
    """Train a network and leave a run folder behind.

    The folder holds `config.json`, `history.csv` (a row per interval), `logs/` for TensorBoard, `checkpoints/`, and
    at the end `model.keras` (best by validation), `saved_model/` and `record.json`. SIGINT stops within
    `REPORT_EVERY` iterations and saves a checkpoint; `resume` goes on from the last checkpoint as if nothing had
    happened, also when the process was killed.

    Parameters
    ----------
    data : PreparedData
        Needs `validation` and the splits of `config.mix`; `test` is read once, at the end, when it is there.
    config : TrainConfig
    run_dir : str or Path
        A new or empty folder, or with `resume` the folder of a run with the same config.
    resume : bool
    report : callable
        Called with a Progress every `REPORT_EVERY` iterations and after each interval.
    strategy : tf.distribute.Strategy, optional
        Of `svhn.tf_models.classifier.make_strategy`. Of several workers, only the chief writes and reports; all of them
        read `run_dir` to resume, and none stops at SIGINT in a way that can be resumed before the last checkpoint.
    """
    if missing := {*config.mix, "validation"} - data.splits.keys():
        raise InputError(
            f"{data.provenance['source']}: no {' and no '.join(sorted(missing))} split; give another --data, "
            "or make it with the options --synthetic, --copy-paste and --pseudo of python cli.py prepare"
        )
    run_dir, strategy = Path(run_dir), strategy or tf.distribute.get_strategy()
    check_batch_size(strategy, config.batch_size)
    if resume:
        check_run(run_dir, config, data)
    elif is_chief(strategy):
        create_run(run_dir, config, data)
    run = Run(data, config, run_dir, strategy, report if is_chief(strategy) else lambda progress: None)
    if resume:
        run.restore()
    with _interruptible(is_alone(strategy)) as interrupted:
        while run.iteration < config.iterations and not interrupted():
            target = min((run.iteration // config.interval + 1) * config.interval, config.iterations)
            run.advance(target, interrupted)
            if is_chief(strategy):
                if run.iteration == target:
                    run.measure()
                run.save()
    finished = run.iteration == config.iterations
    record = run.finish() if finished and is_chief(strategy) else None
    return TrainResult(run_dir, finished, run.iteration, record)


class Run:
    """A run in progress: the learner, its checkpoints, its history."""

    def __init__(
        self,
        data: PreparedData,
        config: TrainConfig,
        run_dir: Path,
        strategy: tf.distribute.Strategy,
        report: Callable[[Progress], None],
    ):
        self.learner = Learner(config, data.statistics, strategy)
        self.data, self.config, self.run_dir, self.report = data, config, run_dir, report
        self.iteration, self.history, self._batches, self._logs = 0, [], None, None
        self._probabilities = probabilities_of(self.learner.averaged)
        # Loss, accuracy, iterations and seconds, summed over the interval in hand.
        self._sums = tf.Variable(tf.zeros(4, tf.float64))
        checkpoint = tf.train.Checkpoint(variables=self.learner.variables, sums=self._sums)
        self._saver = tf.train.CheckpointManager(checkpoint, str(run_dir / CHECKPOINTS), max_to_keep=2)

    def advance(self, stop: int, interrupted: Callable[[], bool] = lambda: False) -> None:
        """Run the iterations up to `stop`, or fewer when `interrupted` says so."""
        sums = self._sums.numpy()
        while self.iteration < stop and not interrupted():
            count, began = min(REPORT_EVERY, stop - self.iteration), time.perf_counter()
            before = sums.copy()
            sums[:2] = self.learner.advance(self._iterator(), tf.constant(count), tf.constant(sums[:2])).numpy()
            sums[2:] += count, time.perf_counter() - began
            self.iteration += count
            self._report(sums - before)
        self._sums.assign(sums)

    def _iterator(self):
        if self._batches is None:
            config, strategy = self.config, self.learner.strategy
            channels = self.learner.model.input_shape[-1]
            batches = training_batches(self.data.splits, config, channels, self.iteration, config.iterations)
            self._batches = iter(spread(strategy, batches, config.batch_size))
        return self._batches

    def _report(self, sums: np.ndarray, validation_accuracy: float | None = None) -> None:
        loss, accuracy, count, seconds = sums.tolist()
        means = (loss / count, accuracy / count, count / seconds)
        self.report(Progress(self.iteration, self.config.iterations, *means, validation_accuracy))

    def measure(self) -> None:
        """Measure on the validation split, keep the network when it is the best so far, add to the history."""
        sums, split = self._sums.numpy(), self.data["validation"]
        self._sums.assign(tf.zeros_like(self._sums))
        probabilities = self._predict(split.rgb)
        right = np.clip(probabilities[np.arange(len(split)), split.labels], 1e-12, 1)
        row = {
            "iteration": self.iteration,
            "loss": sums[0] / sums[2],
            "accuracy": sums[1] / sums[2],
            "validation_loss": -np.log(right).mean(),
            "validation_accuracy": (probabilities.argmax(axis=1) == split.labels).mean(),
            "learning_rate": self.learner.optimizer.learning_rate.numpy(),
            "seconds": sums[3],
        }
        row = {name: row[name] if name == "iteration" else float(row[name]) for name in HISTORY}
        self.history.append(row)
        if best_of(self.history) is row:
            with replacing(self.run_dir / "model.keras") as temporary:
                self.learner.averaged.save(temporary)
        write_history(self.run_dir, self.history)
        self._logs = self._logs or Logs(self.run_dir, self.history[:-1])
        self._logs.add(row)
        self._report(sums, row["validation_accuracy"])

    def _predict(self, rgb: np.ndarray) -> np.ndarray:
        starts = range(0, len(rgb), VALIDATION_BATCH)
        return np.concatenate([self._probabilities(tf.constant(rgb[i : i + VALIDATION_BATCH])) for i in starts])

    def save(self) -> None:
        """Write a checkpoint."""
        self._saver.save(checkpoint_number=self.iteration)

    def restore(self) -> None:
        """Load the last checkpoint, if there is one, and forget what happened after it."""
        if self._saver.latest_checkpoint is not None:
            self._saver.checkpoint.restore(self._saver.latest_checkpoint).assert_consumed()
            self.iteration = int(self.learner.optimizer.iterations.numpy())
        if is_chief(self.learner.strategy):
            sweep(self.run_dir)
            self.history = [row for row in read_history(self.run_dir) if row["iteration"] <= self.iteration]

    def finish(self) -> RunRecord:
        """Export the best network, measure it once on the test split, and write the record."""
        best = self.run_dir / "model.keras"
        export_model(keras.models.load_model(best, compile=False), "savedmodel", self.run_dir / "saved_model")
        counts = {name: len(split) for name, split in self.data.splits.items()}
        record = RunRecord.new(COMMAND, self.config, self.data.provenance | {"digits": counts}, PACKAGES)
        chosen = best_of(self.history)
        record.metrics = {
            "parameters": self.learner.model.count_params(),
            "best_iteration": chosen["iteration"],
            "validation_accuracy": chosen["validation_accuracy"],
            "seconds": sum(row["seconds"] for row in self.history),
        }
        if "test" in self.data.splits:
            test = self.data["test"]
            measured = classification_report(test.labels, load_classifier(best)(test.rgb).argmax(axis=1))
            record.metrics["test_accuracy"] = measured["accuracy"]
            record.metrics["test_accuracy_interval"] = measured["accuracy_interval"]
            record.metrics["test_n"] = measured["n"]
        record.write(self.run_dir / "record.json")
        return record


@contextmanager
def _interruptible(alone: bool):
    """Turn SIGINT into a question that the loop asks; beside other workers it ends the process as usual."""
    asked = threading.Event()
    if not alone or threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    previous = signal.signal(signal.SIGINT, lambda *_: asked.set())
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, previous)
