"""Training: iterations, checkpoints, resume, and the run folder that tells what happened."""

import csv
import dataclasses
import json
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

from svhn.data.prepared import PreparedData, Split
from svhn.errors import InputError
from svhn.files import ensure_folder, replacing
from svhn.metrics import classification_report
from svhn.records import RunRecord, write_json
from svhn.tf_models.config import TrainConfig
from svhn.tf_models.export import export_saved_model
from svhn.tf_models.graphs import build_graph
from svhn.tf_models.pipeline import training_batches
from svhn.tf_models.predict import load_classifier, probabilities_of

PACKAGES = ("tensorflow", "keras", "numpy", "h5py")
HISTORY = ("iteration", "loss", "accuracy", "validation_loss", "validation_accuracy", "seconds")
# Iterations between two reports of progress.
REPORT_EVERY = 50


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
    """What a run came to: `finished` is False when it was interrupted; then there is no record yet."""

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
) -> TrainResult:
    """Train a network and leave a run folder behind.

    The folder holds `config.json`, `history.csv` (a row per interval), `checkpoints/`, and at the end
    `model.keras` (best by validation), `saved_model/` and `record.json`. SIGINT stops after the iteration in
    hand and saves a checkpoint; `resume` goes on from the last checkpoint as if nothing had happened.

    Parameters
    ----------
    data : PreparedData
        Needs `train` and `validation`; `test` is read once, at the end, when it is there.
    config : TrainConfig
    run_dir : str or Path
        A new or empty folder, or with `resume` the folder of a run with the same config.
    resume : bool
    report : callable
        Called with a Progress every 50 iterations and after each interval.
    """
    if missing := {"train", "validation"} - data.splits.keys():
        raise InputError(
            f"{data.provenance['source']}: no {' and no '.join(sorted(missing))} split; give another --data"
        )
    run_dir = _open_run(Path(run_dir), config, data, resume)
    run = _Run(data, config, run_dir)
    iteration = run.restore() if resume else 0
    with _interruptible() as interrupted:
        while iteration < config.iterations and not interrupted():
            target = min((iteration // config.interval + 1) * config.interval, config.iterations)
            iteration = run.advance(iteration, target, report, interrupted)
            if iteration == target:
                run.measure(iteration, report)
            run.save(iteration)
    if iteration < config.iterations:
        return TrainResult(run_dir, False, iteration)
    return TrainResult(run_dir, True, iteration, run.finish())


class _Run:
    """The state of one run; `self.saver` holds everything that a resumed run needs."""

    def __init__(self, data: PreparedData, config: TrainConfig, run_dir: Path):
        keras.utils.set_random_seed(config.seed)
        tf.config.experimental.enable_op_determinism()
        self.data, self.config, self.run_dir = data, config, run_dir
        self.model = build_graph(config.graph, data.statistics)
        schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.iterations, alpha=0.01)
        self.optimizer = keras.optimizers.Adam(schedule)
        self.optimizer.build(self.model.trainable_variables)
        self.images = _pixels(data["train"], self.model)
        self.probabilities = probabilities_of(self.model)
        # `model.variables` includes the state of dropout's random generators.
        variables = [variable.value for variable in self.model.variables + self.optimizer.variables]
        # Loss, accuracy, iterations and seconds, summed over the interval in hand.
        self.sums = tf.Variable(tf.zeros(4, tf.float64))
        checkpoint = tf.train.Checkpoint(variables=variables, sums=self.sums)
        self.saver = tf.train.CheckpointManager(checkpoint, str(run_dir / "checkpoints"), max_to_keep=2)
        self.history = _read_history(run_dir)
        self.step = tf.function(self._step)

    def _step(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = self.model(images, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        variables = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        correct = tf.cast(tf.argmax(logits, axis=1) == labels, tf.float32)
        return loss, tf.reduce_mean(correct)

    def advance(
        self,
        start: int,
        stop: int,
        report: Callable[[Progress], None] = lambda progress: None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> int:
        """Run iterations `start` to `stop` - 1, or fewer when `interrupted` says so; return the next iteration."""
        config = self.config
        batches = training_batches(
            self.images,
            self.data["train"].labels,
            config.batch_size,
            config.seed,
            start,
            stop,
            config.augmentation,
        )
        began = marked = time.perf_counter()
        sums, recent, iteration = self.sums.numpy(), np.zeros(2), start
        for images, labels in batches:
            measured = np.array([value.numpy() for value in self.step(images, labels)])
            sums[:3] += [*measured, 1]
            recent, iteration = recent + measured, iteration + 1
            if (iteration - start) % REPORT_EVERY == 0:
                now = time.perf_counter()
                rate = REPORT_EVERY / (now - marked)
                report(Progress(iteration, config.iterations, *(recent / REPORT_EVERY).tolist(), rate))
                recent, marked = np.zeros(2), now
            if interrupted():
                break
        sums[3] += time.perf_counter() - began
        self.sums.assign(sums)
        return iteration

    def measure(self, iteration: int, report: Callable[[Progress], None]) -> None:
        """Measure on the validation split, keep the network when it is the best so far, add to the history."""
        *training, count, seconds = self.sums.numpy().tolist()
        training = [value / count for value in training]
        self.sums.assign(tf.zeros_like(self.sums))
        split = self.data["validation"]
        probabilities = _predict(self.probabilities, split)
        right = np.clip(probabilities[np.arange(len(split)), split.labels], 1e-12, 1)
        accuracy = float((probabilities.argmax(axis=1) == split.labels).mean())
        loss = float(-np.log(right).mean())
        # Ties in accuracy are common on a small split: the loss decides.
        if all((accuracy, -loss) > (row["validation_accuracy"], -row["validation_loss"]) for row in self.history):
            with replacing(self.run_dir / "model.keras") as temporary:
                self.model.save(temporary)
        row = dict(zip(HISTORY, [iteration, *training, loss, accuracy, seconds], strict=True))
        self.history.append(row)
        _write_history(self.run_dir, self.history)
        report(Progress(iteration, self.config.iterations, *training, count / seconds, accuracy))

    def save(self, iteration: int) -> None:
        self.saver.save(checkpoint_number=iteration)

    def restore(self) -> int:
        """Load the last checkpoint, forget what happened after it, and return its iteration."""
        if self.saver.latest_checkpoint is None:
            self.history = []
            return 0
        status = self.saver.checkpoint.restore(self.saver.latest_checkpoint)
        if any(name.startswith("sums/") for name, _ in tf.train.list_variables(self.saver.latest_checkpoint)):
            status.assert_consumed()
        else:
            status.expect_partial()  # a run begun by a version that did not save the sums
        iteration = int(self.optimizer.iterations.numpy())
        self.history = [row for row in self.history if row["iteration"] <= iteration]
        return iteration

    def finish(self) -> RunRecord:
        """Export the best network, measure it once on the test split, and write the record."""
        best = self.run_dir / "model.keras"
        export_saved_model(keras.models.load_model(best, compile=False), self.run_dir / "saved_model")
        classify = load_classifier(best)
        counts = {name: len(split) for name, split in self.data.splits.items()}
        record = RunRecord.new("train-tf", self.config, self.data.provenance | {"digits": counts}, PACKAGES)
        chosen = max(self.history, key=lambda row: (row["validation_accuracy"], -row["validation_loss"]))
        record.metrics = {
            "parameters": self.model.count_params(),
            "best_iteration": chosen["iteration"],
            "validation_accuracy": chosen["validation_accuracy"],
            "seconds": sum(row["seconds"] for row in self.history),
        }
        if "test" in self.data.splits:
            test = self.data["test"]
            measured = classification_report(test.labels, classify(test.rgb).argmax(axis=1))
            record.metrics["test_accuracy"] = measured["accuracy"]
            record.metrics["test_accuracy_interval"] = measured["accuracy_interval"]
            record.metrics["test_n"] = measured["n"]
        record.write(self.run_dir / "record.json")
        return record


def read_config(run_dir: str | Path) -> TrainConfig:
    """Read the settings of a run folder."""
    return TrainConfig(**_read_settings(Path(run_dir))["train"])


def _read_settings(run_dir: Path) -> dict:
    path = run_dir / "config.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        TrainConfig(**settings["train"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: not the config of a train-tf run ({error}); name its folder with --run-dir"
        ) from error
    return settings


def _open_run(run_dir: Path, config: TrainConfig, data: PreparedData, resume: bool) -> Path:
    settings = {"command": "train-tf", "train": dataclasses.asdict(config), "data": data.provenance}
    if resume:
        stored = _read_settings(run_dir)
        if stored["train"] != settings["train"]:
            raise InputError(f"{run_dir}: this run has other settings than asked for; resume it without giving any")
        if stored.get("data", data.provenance) != json.loads(json.dumps(data.provenance)):
            raise InputError(f"{run_dir}: this run was started on other data; resume it with the --data it began with")
        return run_dir
    if any(ensure_folder(run_dir).iterdir()):
        raise InputError(f"{run_dir}: this folder is not empty; choose another --run-dir or add --resume")
    write_json(run_dir / "config.json", settings)
    return run_dir


def _pixels(split: Split, model: keras.Model) -> np.ndarray:
    """Return what the network takes: (N, 32, 32, 1) gray or (N, 32, 32, 3) RGB, uint8."""
    return split.gray[..., None] if model.input_shape[-1] == 1 else split.rgb


def _predict(probabilities: Callable, split: Split, batch: int = 512) -> np.ndarray:
    parts = [probabilities(tf.constant(split.rgb[i : i + batch])).numpy() for i in range(0, len(split), batch)]
    return np.concatenate(parts)


def _read_history(run_dir: Path) -> list[dict]:
    path = run_dir / "history.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    return [row | {"iteration": int(row["iteration"])} for row in rows]


def _write_history(run_dir: Path, history: list[dict]) -> None:
    with (
        replacing(run_dir / "history.csv") as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, HISTORY)
        writer.writeheader()
        writer.writerows(history)


@contextmanager
def _interruptible():
    """Turn SIGINT into a question that the loop asks between two iterations."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    previous = signal.signal(signal.SIGINT, lambda *_: asked.set())
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, previous)
