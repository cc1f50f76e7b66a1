import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from tf_runs import end_without_picture, history, interrupt_at

from svhn.data.prepared import PreparedData, Split
from svhn.errors import InputError
from svhn.runs.folder import RunFolder
from svhn.runs.record import RunRecord
from svhn.tf_models.classifier.config import TrainConfig
from svhn.tf_models.classifier.predict import load_classifier
from svhn.tf_models.classifier.train import train_network as train


def test_the_run_folder_tells_what_happened(finished, tiny, config):
    names = {"config.json", "history.csv", "record.json", "model.keras", "saved_model", "report.png", "logs"}
    assert {path.name for path in finished.iterdir()} == names
    assert (finished / "saved_model" / "saved_model.pb").is_file()
    assert RunFolder(finished).read_config("train-tf", TrainConfig) == config
    assert [row["iteration"] for row in history(finished)] == ["20", "40", "60"]
    record = RunRecord.read(finished / "record.json")
    assert record.command == "train-tf"
    assert record.config == json.loads(json.dumps(dataclasses.asdict(config)))
    assert record.data == tiny.provenance | {"digits": {"train": 300, "validation": 100, "synthetic": 70}}
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


@pytest.mark.usefixtures("small_graph")
def test_the_same_settings_give_the_same_run_and_another_seed_another(small_finished, tiny, config, tmp_path):
    for seed, same in ((0, True), (1, False)):
        run_dir = tmp_path / str(seed)
        train(tiny, dataclasses.replace(config, seed=seed), run_dir, report=interrupt_at(20, measured=True))
        assert (history(run_dir) == history(small_finished)[:1]) == same


@pytest.mark.usefixtures("small_graph")
def test_progress_is_reported(tiny, tmp_path, frequent_reports, quick_end):
    seen = []
    train(tiny, TrainConfig(iterations=15, batch_size=16, interval=10), tmp_path / "run", report=seen.append)
    measured = [progress.scores is not None for progress in seen]
    assert [progress.iteration for progress in seen] == [5, 10, 10, 15, 15]
    assert measured == [False, False, True, False, True]
    rows = history(tmp_path / "run")
    assert [row["iteration"] for row in rows] == ["10", "15"]
    for progress in seen:
        assert progress.iterations == 15 and progress.rate > 0 and 0 <= progress.means["accuracy"] <= 1
    first = np.mean([progress.means["loss"] for progress in seen[:2]])
    assert seen[2].means["loss"] == pytest.approx(first) == pytest.approx(float(rows[0]["loss"]))


@pytest.mark.usefixtures("small_graph")
def test_a_test_split_is_measured_once_at_the_end(tiny, tmp_path, quick_end):
    data = PreparedData(tiny.splits | {"test": tiny["validation"]}, tiny.statistics, tiny.provenance)
    record = train(data, TrainConfig(iterations=3, batch_size=16), tmp_path / "run").record
    assert record.metrics["test_n"] == 100
    assert record.metrics["test_accuracy"] == record.metrics["validation_accuracy"]
    low, high = record.metrics["test_accuracy_interval"]
    assert low < record.metrics["test_accuracy"] < high


@pytest.mark.usefixtures("small_graph")
def test_model_keras_is_the_best_network_by_validation(tiny, tmp_path, monkeypatch):
    """With every validation label wrong, training can only make things worse: the first measurement is the best."""
    split = tiny["validation"]
    wrong = Split(split.rgb, split.gray, (split.labels + 5) % 10, split.photos)
    data = PreparedData(tiny.splits | {"validation": wrong}, tiny.statistics, tiny.provenance)
    config = TrainConfig(iterations=60, batch_size=16, interval=15, augmentation=False)
    end_without_picture(monkeypatch)
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
