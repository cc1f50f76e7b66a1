"""TensorBoard's logs of a classifier's run."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from svhn.runs import Row

LOGS = "logs"
# What `tf.summary.scalar` would say; that function needs the package tensorboard, which TensorFlow no longer brings.
_SCALAR = tf.compat.v1.SummaryMetadata(
    plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"), data_class="DATA_CLASS_SCALAR"
)


class Logs:
    """TensorBoard's event files, `logs/train` and `logs/validation`: the history as scalars.

    They are written anew from the history when a run begins or is resumed, so no step is ever there twice.
    """

    def __init__(self, run_dir: Path, history: Sequence[Row]):
        shutil.rmtree(run_dir / LOGS, ignore_errors=True)
        self._writers = {
            name: tf.summary.create_file_writer(str(run_dir / LOGS / name)) for name in ("train", "validation")
        }
        self._previous = 0
        for row in history:
            self.add(row)

    def add(self, row: Row) -> None:
        """Log a row of the history."""
        iteration = int(row["iteration"])
        iterations, self._previous = iteration - self._previous, iteration
        training = {name: row[name] for name in ("loss", "accuracy", "learning_rate")}
        training["iterations_per_second"] = iterations / row["seconds"]
        validation = {name: row[f"validation_{name}"] for name in ("loss", "accuracy")}
        for writer, values in zip(self._writers.values(), (training, validation), strict=True):
            with writer.as_default(step=iteration):
                for name, value in values.items():
                    tf.summary.write(name, tf.constant(value, tf.float32), metadata=_SCALAR)
            writer.flush()
