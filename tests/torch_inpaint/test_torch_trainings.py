"""The commands that train with PyTorch: old and new spellings, resume, what they print."""

import json

import pytest
from bars import bars
from click.testing import CliRunner

from svhn.commands import cli
from svhn.data.prepared import write_prepared
from svhn.runs import read_history

pytestmark = pytest.mark.slow


@pytest.fixture
def command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_prepared("bars.h5", bars())

    def run(*arguments, code=0):
        result = CliRunner().invoke(cli, list(map(str, arguments)))
        assert result.exit_code == code, result.output
        return result.output

    return run


def test_train_torch_by_the_reference_spellings_and_again_by_ours(command, tmp_path, monkeypatch):
    common = ("train-torch", "--data", "bars.h5", "--net", "ConvNet48_333", "--epochs", 1)
    old = ("--batch", 30, "--opt", "Adam", "--lr", 0.002, "--cpu", "--id", "old")
    new = ("--batch-size", 30, "--optimizer", "Adam", "--learning-rate", 0.002, "--device", "cpu")
    output = command(*common, *old)
    assert "Run: runs/old" in output and "iteration 5/5" in output and "validation: loss" in output
    assert "test: accuracy" in output and "runs/old: " in output
    assert {path.name for path in (tmp_path / "runs" / "old").iterdir()} == {
        "config.json", "history.csv", "model.pt", "old_results.txt", "record.json", "report.png"
    }  # fmt: skip
    monkeypatch.setattr("svhn.runs.loop.Run._draw", lambda run, best: None)
    command(*common, *new, "--run-dir", "runs/new")
    histories = [read_history(tmp_path / "runs" / name / "history.csv") for name in ("old", "new")]
    for row in histories[0] + histories[1]:
        row.pop("seconds")
    assert histories[0] == histories[1]


def test_resume_takes_the_last_run_and_refuses_other_settings(command, tmp_path, monkeypatch):
    monkeypatch.setattr("svhn.runs.loop.Run._draw", lambda run, best: None)
    assert "no run of train-torch to resume" in command("train-torch", "--data", "bars.h5", "--resume", code=1)
    command("train-torch", "--data", "bars.h5", "--epochs", 1, "--net", "ConvNet48_333", "--id", "a")
    output = command("train-torch", "--data", "bars.h5", "--resume", code=1)
    assert "runs/a: this run is finished" in output
    output = command("train-torch", "--data", "bars.h5", "--resume", "--epochs", 2, code=1)
    assert "epochs" in output


def test_a_run_of_an_earlier_version_is_refused_with_a_clear_word(command, tmp_path):
    (tmp_path / "runs" / "old").mkdir(parents=True)
    settings = {"command": "train-torch", "train": {"net": "ConvNet32", "batch": 64, "opt": "SGD", "lr": 0.1}}
    (tmp_path / "runs" / "old" / "config.json").write_text(json.dumps(settings))
    output = command("train-torch", "--data", "bars.h5", "--resume", "--id", "old", code=1)
    assert "begun by another version of this program" in output and "start a new run" in output


def test_train_segmenter_by_both_spellings(command, tmp_path, monkeypatch):
    monkeypatch.setattr("svhn.torch_inpaint.training.segmenter.VALIDATION_SAMPLES", 5)
    short = ("--iterations", 2, "--samples", 6, "--warmup", 0)
    output = command("train-segmenter", *short, "--batch", 2, "--lr", 0.001, "--run-dir", "s")
    assert "iteration 2/2" in output and "cross entropy" in output and "recall" in output
    kept = json.loads((tmp_path / "s" / "config.json").read_text())["train"]
    assert kept["batch_size"] == 2 and kept["learning_rate"] == 0.001
    assert {path.name for path in (tmp_path / "s").iterdir()} == {
        "config.json", "history.csv", "model.pt", "record.json", "report.png"
    }  # fmt: skip
