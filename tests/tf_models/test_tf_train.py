import csv
import dataclasses
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from svhn.data.prepared import PreparedData, Split, write_prepared
from svhn.errors import InputError
from svhn.records import RunRecord
from svhn.tf_models import train as training
from svhn.tf_models.config import TrainConfig
from svhn.tf_models.predict import load_classifier
from svhn.tf_models.train import Progress, read_config, train


def history(run_dir: Path) -> list[dict[str, str]]:
    """Return the rows without the seconds, as text: equal text is equal to the last bit."""
    with (run_dir / "history.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def checkpoint(run_dir: Path) -> dict[str, np.ndarray]:
    """Return everything in the last checkpoint: weights, Adam's moments, dropout's random state, sums."""
    path = tf.train.latest_checkpoint(str(run_dir / "checkpoints"))
    reader = tf.train.load_checkpoint(path)
    names = [name for name, _ in tf.train.list_variables(path) if name.endswith("VARIABLE_VALUE")]
    return {name: reader.get_tensor(name) for name in names if not name.startswith("save_counter")}


def assert_same_end(run_dir: Path, reference: Path) -> None:
    assert history(run_dir) == history(reference)
    state, expected = checkpoint(run_dir), checkpoint(reference)
    assert state.keys() == expected.keys() and len(state) > 20
    for name, value in expected.items():
        np.testing.assert_array_equal(state[name], value, err_msg=name)
    best, expected = (keras.models.load_model(folder / "model.keras").get_weights() for folder in (run_dir, reference))
    for value, other in zip(best, expected, strict=True):
        np.testing.assert_array_equal(value, other)


def interrupt_at(iteration: int, measured: bool = False):
    """Return a report callback that presses Ctrl-C at an iteration (or right after its validation)."""

    def report(progress: Progress) -> None:
        if progress.iteration == iteration and (progress.validation_accuracy is not None) == measured:
            signal.raise_signal(signal.SIGINT)

    return report


@pytest.fixture
def frequent_reports(monkeypatch):
    monkeypatch.setattr(training, "REPORT_EVERY", 5)


def test_the_run_folder_tells_what_happened(finished, tiny, config):
    names = {"config.json", "history.csv", "record.json", "model.keras", "saved_model", "checkpoints"}
    assert {path.name for path in finished.iterdir()} == names
    assert (finished / "saved_model" / "saved_model.pb").is_file()
    assert read_config(finished) == config
    assert [row["iteration"] for row in history(finished)] == ["20", "40", "60"]
    record = RunRecord.read(finished / "record.json")
    assert record.command == "train-tf"
    assert record.config == dataclasses.asdict(config)
    assert record.data == tiny.provenance | {"digits": {"train": 300, "validation": 100}}
    assert record.metrics["parameters"] == 1_103_498
    assert record.metrics["seconds"] > 0
    assert "test_accuracy" not in record.metrics
    assert record.versions["tensorflow"] == tf.__version__


def test_it_learns(finished):
    rows = history(finished)
    for column in ("loss", "validation_loss"):
        assert float(rows[-1][column]) < 0.8 * float(rows[0][column])
    assert float(rows[-1]["validation_accuracy"]) > 0.8
    assert RunRecord.read(finished / "record.json").metrics["validation_accuracy"] > 0.8


def test_the_same_settings_give_the_same_run_and_another_seed_another(finished, tiny, config, tmp_path):
    for seed, same in ((0, True), (1, False)):
        run_dir = tmp_path / str(seed)
        train(tiny, dataclasses.replace(config, seed=seed), run_dir, report=interrupt_at(20, measured=True))
        assert (history(run_dir) == history(finished)[:1]) == same


def test_progress_is_reported(tiny, tmp_path, frequent_reports):
    seen = []
    train(tiny, TrainConfig(iterations=15, batch_size=16, interval=10), tmp_path / "run", report=seen.append)
    measured = [progress.validation_accuracy is not None for progress in seen]
    assert [progress.iteration for progress in seen] == [5, 10, 10, 15, 15]
    assert measured == [False, False, True, False, True]
    rows = history(tmp_path / "run")
    assert [row["iteration"] for row in rows] == ["10", "15"]
    for progress in seen:
        assert progress.iterations == 15 and progress.rate > 0 and 0 <= progress.accuracy <= 1
    first = np.mean([progress.loss for progress in seen[:2]])
    assert seen[2].loss == pytest.approx(first) == pytest.approx(float(rows[0]["loss"]))


def test_a_test_split_is_measured_once_at_the_end(tiny, tmp_path):
    data = PreparedData(tiny.splits | {"test": tiny["validation"]}, tiny.statistics, tiny.provenance)
    record = train(data, TrainConfig(iterations=3, batch_size=16), tmp_path / "run").record
    assert record.metrics["test_n"] == 100
    assert record.metrics["test_accuracy"] == record.metrics["validation_accuracy"]
    low, high = record.metrics["test_accuracy_interval"]
    assert low < record.metrics["test_accuracy"] < high


def test_model_keras_is_the_best_network_by_validation(tiny, tmp_path):
    """With every validation label wrong, training can only make things worse: the first measurement is the best."""
    split = tiny["validation"]
    wrong = Split(split.rgb, split.gray, (split.labels + 5) % 10, split.photos)
    data = PreparedData(tiny.splits | {"validation": wrong}, tiny.statistics, tiny.provenance)
    config = TrainConfig(iterations=60, batch_size=16, interval=15, augmentation=False)
    record = train(data, config, tmp_path / "run").record
    rows = history(tmp_path / "run")
    best = max(rows, key=lambda row: (float(row["validation_accuracy"]), -float(row["validation_loss"])))
    assert best is not rows[-1]
    assert record.metrics["best_iteration"] == int(best["iteration"])
    for model in ("model.keras", "saved_model"):
        probabilities = load_classifier(tmp_path / "run" / model)(wrong.rgb)
        right = probabilities[np.arange(len(wrong)), wrong.labels]
        assert (probabilities.argmax(axis=1) == wrong.labels).mean() == float(best["validation_accuracy"])
        assert -np.log(right).mean() == pytest.approx(float(best["validation_loss"]), rel=1e-4)


def test_a_folder_that_is_not_empty_is_refused(finished, tiny, config, tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    for folder in (finished, tmp_path):
        with pytest.raises(InputError, match=rf"{folder}.*not empty.*--resume"):
            train(tiny, config, folder)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_a_file_in_place_of_the_folder_is_refused(tiny, config, tmp_path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(InputError, match=f"{tmp_path / 'run'}"):
        train(tiny, config, tmp_path / "run")


@pytest.mark.parametrize("missing", ["train", "validation"])
def test_data_without_a_needed_split_is_refused_before_anything_is_made(missing, tiny, config, tmp_path):
    splits = {name: split for name, split in tiny.splits.items() if name != missing}
    with pytest.raises(InputError, match=rf"bars: no {missing} split.*--data"):
        train(PreparedData(splits, None, tiny.provenance), config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_resume_with_other_settings_is_refused(finished, tiny, config):
    before = (finished / "config.json").read_bytes()
    with pytest.raises(InputError, match=rf"{finished}.*other settings"):
        train(tiny, dataclasses.replace(config, learning_rate=1e-4), finished, resume=True)
    assert (finished / "config.json").read_bytes() == before


@pytest.mark.parametrize("content", [None, "{", json.dumps({"train": {"graph": "seed", "speed": 3}}), "[]"])
def test_resume_needs_a_run_folder(content, tiny, config, tmp_path):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(InputError, match=rf"{tmp_path / 'config.json'}.*--run-dir"):
        train(tiny, config, tmp_path, resume=True)


def test_ctrl_c_loses_nothing(finished, tiny, config, tmp_path, frequent_reports):
    """Three times: inside an interval, at its last iteration, and just after its validation."""
    run_dir = tmp_path / "run"
    handler = signal.getsignal(signal.SIGINT)
    presses = [(25, False), (40, False), (60, True)]
    for (iteration, measured), resume in zip(presses[:2], (False, True), strict=True):
        result = train(tiny, config, run_dir, resume, interrupt_at(iteration, measured))
        assert (result.finished, result.iteration, result.record) == (False, iteration, None)
        assert not (run_dir / "record.json").exists()
        assert tf.train.latest_checkpoint(str(run_dir / "checkpoints")).endswith(f"ckpt-{iteration}")
        assert signal.getsignal(signal.SIGINT) == handler
        run_dir = run_dir.rename(tmp_path / f"moved after {iteration}")
    result = train(tiny, config, run_dir, resume=True, report=interrupt_at(60, measured=True))
    assert result.finished  # there was nothing left to interrupt
    assert_same_end(run_dir, finished)


def test_a_finished_run_resumes_to_itself(finished, tiny, config, tmp_path):
    run_dir = shutil.copytree(finished, tmp_path / "copy")
    result = train(tiny, config, run_dir, resume=True)
    assert result.finished and result.iteration == 60
    assert_same_end(run_dir, finished)
    assert (run_dir / "model.keras").read_bytes() == (finished / "model.keras").read_bytes()


KILLED = """
import os, signal, sys
from svhn.data.prepared import read_prepared
from svhn.tf_models.config import TrainConfig
from svhn.tf_models.train import train

def report(progress):
    if progress.iteration == 40:
        os.kill(os.getpid(), signal.SIGKILL)

train(read_prepared(sys.argv[1]), TrainConfig(**eval(sys.argv[2])), sys.argv[3], report=report)
"""


def test_a_killed_run_resumes_as_if_nothing_had_happened(finished, tiny, config, tmp_path):
    """Killed between the validation at 40 and its checkpoint: row 40 is on disk, the last checkpoint is 20."""
    write_prepared(tmp_path / "tiny.h5", tiny)
    settings = repr(dataclasses.asdict(config))
    run_dir = tmp_path / "run"
    command = [sys.executable, "-c", KILLED, str(tmp_path / "tiny.h5"), settings, str(run_dir)]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [row["iteration"] for row in history(run_dir)] == ["20", "40"]
    assert tf.train.latest_checkpoint(str(run_dir / "checkpoints")).endswith("ckpt-20")
    assert train(tiny, config, run_dir, resume=True).finished
    assert_same_end(run_dir, finished)


def test_a_run_killed_before_its_first_checkpoint_starts_again(finished, tiny, config, tmp_path):
    (tmp_path / "config.json").write_bytes((finished / "config.json").read_bytes())
    (tmp_path / "history.csv").write_bytes((finished / "history.csv").read_bytes())
    result = train(tiny, config, tmp_path, resume=True, report=interrupt_at(20, measured=True))
    assert result.iteration == 20
    assert history(tmp_path) == history(finished)[:1]


def test_a_checkpoint_without_sums_can_be_resumed(finished, tiny, config, tmp_path):
    """Runs begun before checkpoints held the sums of the interval in hand."""
    train(tiny, config, tmp_path / "run", report=interrupt_at(40, measured=True))
    folder = tmp_path / "run" / "checkpoints"
    values = checkpoint(tmp_path / "run")
    variables = [tf.Variable(values[f"variables/{i}/.ATTRIBUTES/VARIABLE_VALUE"]) for i in range(len(values) - 1)]
    old = tf.train.CheckpointManager(tf.train.Checkpoint(variables=variables), str(folder), max_to_keep=2)
    old.save(checkpoint_number=40)
    assert len(checkpoint(tmp_path / "run")) == len(values) - 1
    train(tiny, config, tmp_path / "run", resume=True)
    assert_same_end(tmp_path / "run", finished)
