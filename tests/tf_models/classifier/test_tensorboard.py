"""TensorBoard's logs of a run, and the history that they show."""

from pathlib import Path

import pytest
import tensorflow as tf
from tf_runs import interrupt_at

from svhn.runs.history import read_history, write_history
from svhn.tf_models.classifier.tensorboard import Logs
from svhn.tf_models.classifier.train import train_network as train

VALIDATION = {"loss": "validation_loss", "accuracy": "validation_accuracy"}


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Read TensorBoard's event files as TensorBoard does: tag -> (step, value) in the order of the files."""
    found = {}
    for path in sorted(folder.glob("events.*")):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                assert value.metadata.plugin_data.plugin_name == "scalars"
                found.setdefault(value.tag, []).append((event.step, float(tf.make_ndarray(value.tensor))))
    return found


def assert_logs_say_what_the_history_says(run_dir: Path) -> None:
    rows = read_history(run_dir / "history.csv")
    training, validation = (scalars(run_dir / "logs" / name) for name in ("train", "validation"))
    columns = {"loss": "loss", "accuracy": "accuracy", "learning_rate": "learning_rate"}
    assert training.keys() == columns.keys() | {"iterations_per_second"} and validation.keys() == VALIDATION.keys()
    for found, names in ((training, columns), (validation, VALIDATION)):
        for tag, column in names.items():
            expected = [(row["iteration"], pytest.approx(row[column], rel=1e-6)) for row in rows]
            assert found[tag] == expected
    rates = [(20 * (i + 1), pytest.approx(20 / row["seconds"], rel=1e-6)) for i, row in enumerate(rows)]
    assert training["iterations_per_second"] == rates


def test_tensorboard_gets_the_history(finished):
    assert len(read_history(finished / "history.csv")) == 3
    assert_logs_say_what_the_history_says(finished)


@pytest.mark.usefixtures("small_graph")
def test_tensorboard_shows_no_step_twice_after_a_resume(tiny, config, tmp_path, frequent_reports, quick_end):
    """Stopped inside an interval; and rows past the state, as a killed process leaves them, are gone."""
    run_dir = tmp_path / "run"
    train(tiny, config, run_dir, report=interrupt_at(45))
    rows = read_history(run_dir / "history.csv")
    write_history(run_dir / "history.csv", [*rows, rows[-1] | {"iteration": 60}])
    Logs(run_dir, read_history(run_dir / "history.csv"))
    assert train(tiny, config, run_dir, resume=True).finished
    assert [row["iteration"] for row in read_history(run_dir / "history.csv")] == [20, 40, 60]
    assert_logs_say_what_the_history_says(run_dir)


def test_the_learning_rate_in_the_history_falls(finished):
    rates = [row["learning_rate"] for row in read_history(finished / "history.csv")]
    assert 1e-3 > rates[0] > rates[1] > rates[2] == pytest.approx(1e-5)
