"""What a run leaves on disk beside its models: settings, history, TensorBoard's logs. Nothing survives half-written."""

import csv
import dataclasses
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from svhn.data import PreparedData
from svhn.errors import InputError
from svhn.files import TEMPORARY_PREFIX, ensure_folder, remove_leftovers, replacing, write_json
from svhn.tf_models.classifier.config import TrainConfig

COMMAND = "train-tf"
HISTORY = ("iteration", "loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate", "seconds")
CHECKPOINTS, LOGS = "checkpoints", "logs"
# What `tf.summary.scalar` would say; that function needs the package tensorboard, which TensorFlow no longer brings.
_SCALAR = tf.compat.v1.SummaryMetadata(
    plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"), data_class="DATA_CLASS_SCALAR"
)


def read_config(run_dir: str | Path) -> TrainConfig:
    """Read the settings of a run folder."""
    return _read_settings(Path(run_dir))[0]


def create_run(run_dir: Path, config: TrainConfig, data: PreparedData) -> None:
    """Make the folder of a new run with its `config.json`."""
    if any(not path.name.startswith(TEMPORARY_PREFIX) for path in ensure_folder(run_dir).iterdir()):
        raise InputError(f"{run_dir}: this folder is not empty; choose another --run-dir or add --resume")
    settings = {"command": COMMAND, "train": dataclasses.asdict(config), "data": data.provenance}
    write_json(run_dir / "config.json", settings)


def check_run(run_dir: Path, config: TrainConfig, data: PreparedData) -> None:
    """Refuse to go on with a run of other settings or other data."""
    stored, provenance = _read_settings(run_dir)
    if stored != config:
        raise InputError(f"{run_dir}: this run has other settings than asked for; resume it without giving any")
    if provenance != json.loads(json.dumps(data.provenance)):
        raise InputError(f"{run_dir}: this run was started on other data; resume it with the --data it began with")


def sweep(run_dir: Path) -> None:
    """Remove what a killed process was writing: files under a temporary name, and checkpoints that never counted."""
    remove_leftovers(run_dir, older_than=0)
    state = tf.train.get_checkpoint_state(str(run_dir / CHECKPOINTS))
    kept = {Path(path).name for path in state.all_model_checkpoint_paths} if state else set()
    for path in (run_dir / CHECKPOINTS).glob("*"):
        if path.name != "checkpoint" and path.name.split(".")[0] not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def best_of(history: list[dict]) -> dict:
    """Return the row with the highest validation accuracy; ties, common on a small split, go by the loss."""
    return max(history, key=lambda row: (row["validation_accuracy"], -row["validation_loss"]))


def read_history(run_dir: str | Path) -> list[dict]:
    """Read `history.csv`: one dict per interval, by the names of its columns; empty when there is no such file."""
    path = Path(run_dir) / "history.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    return [row | {"iteration": int(row["iteration"])} for row in rows]


def write_history(run_dir: Path, history: list[dict], columns: Sequence[str] = HISTORY) -> None:
    """Write `history.csv`, a row per interval."""
    with (
        replacing(run_dir / "history.csv") as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(history)


class Logs:
    """TensorBoard's event files, `logs/train` and `logs/validation`: the history as scalars.

    They are written anew from the history when a run is resumed, so no step is ever there twice.
    """

    def __init__(self, run_dir: Path, history: list[dict]):
        shutil.rmtree(run_dir / LOGS, ignore_errors=True)
        self._writers = {
            name: tf.summary.create_file_writer(str(run_dir / LOGS / name)) for name in ("train", "validation")
        }
        self._previous = 0
        for row in history:
            self.add(row)

    def add(self, row: dict) -> None:
        """Log a row of the history."""
        iterations, self._previous = row["iteration"] - self._previous, row["iteration"]
        training = {name: row[name] for name in ("loss", "accuracy", "learning_rate")}
        training["iterations_per_second"] = iterations / row["seconds"]
        validation = {name: row[f"validation_{name}"] for name in ("loss", "accuracy")}
        for writer, values in zip(self._writers.values(), (training, validation), strict=True):
            with writer.as_default(step=row["iteration"]):
                for name, value in values.items():
                    tf.summary.write(name, tf.constant(value, tf.float32), metadata=_SCALAR)
            writer.flush()


def _read_settings(run_dir: Path) -> tuple[TrainConfig, dict]:
    path = run_dir / "config.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        return TrainConfig(**settings["train"]), settings["data"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: not the config of a train-tf run ({error}); name its folder with --run-dir"
        ) from error
