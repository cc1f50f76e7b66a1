"""Commands that load TensorFlow, called in this process, in which it is loaded; one runs as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from svhn.classifiers import load_classifier
from svhn.commands import cli
from svhn.data import loading
from svhn.data.formats import read_cropped

ROOT = Path(__file__).parents[2]


def run(*arguments, code=0):
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


COUNTS = {"train": 60, "validation": 20, "test": 20}
# Starts the script in its first argument, with few generated digits.
FEWER_DIGITS = f"""
import runpy, sys
from svhn.data import loading
loading.SYNTHETIC_COUNTS = {COUNTS}
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_train_tf_in_a_process_of_its_own_and_what_resume_says_of_the_last_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loading, "SYNTHETIC_COUNTS", COUNTS)
    data, lengths = ("--data", "synthetic"), ("--iterations", "6", "--warmup", "2", "--interval", "3")
    settings = ("--preset", "quick", "--graph", "seed", *lengths)
    script = [sys.executable, "-c", FEWER_DIGITS, ROOT / "cli.py", "train-tf", *data, *settings]
    result = subprocess.run(script, capture_output=True, text=True, timeout=400)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert "generated digits" in result.stdout + result.stderr and "fetch" in result.stdout + result.stderr
    (run_dir,) = (tmp_path / "runs").iterdir()
    assert f"Run: {run_dir.relative_to(tmp_path)}" in result.stdout and "validation: " in result.stdout
    record = json.loads((run_dir / "record.json").read_text())
    assert record["data"]["source"] == "synthetic"
    assert [record["config"][name] for name in ("graph", "iterations", "warmup", "batch_size")] == ["seed", 6, 2, 96]
    assert (run_dir / "report.png").is_file()
    assert "this run is finished" in run("train-tf", *data, "--resume", code=1)
    (run_dir / "record.json").unlink()  # as if killed before it
    assert "this run has iterations 6, not 7" in run("train-tf", *data, "--resume", "--iterations", 7, code=1)


def test_to_caffe_and_back(tiny_svhn, tmp_path, quick_end):
    output = run("prepare", "--data", tiny_svhn.folder, "--format", "lmdb", "--output", tmp_path / "lmdb")
    assert "validation" in output and (tmp_path / "lmdb" / "mean.binaryproto").is_file()
    settings = ("--graph", "caffe", "--batch-size", 8, "--iterations", 2)
    run("train-tf", "--data", tmp_path / "lmdb", *settings, "--run-dir", tmp_path / "run")
    run("export", tmp_path / "run", "--to", "caffe", "--output", tmp_path / "files")
    files = (tmp_path / "files" / "deploy.prototxt", tmp_path / "files" / "weights.caffemodel")
    assert "88,234 weights" in run("import-caffe", *files, "--output", tmp_path / "back.keras")
    assert (tmp_path / "back.keras").is_file()


@pytest.mark.svhn
@pytest.mark.parametrize(
    "model, least", [("tf-seed/saved_model", 0.94), ("tf-caffe", 0.94), ("tf-caffe-lrn", 0.92), ("tf-record", 0.955)]
)
def test_shipped_models_are_as_good_as_their_cards_say(svhn_dir, model, least):
    """On every second test digit; `evaluate` reads all of them below."""
    rgb, labels = (values[::2] for values in read_cropped(svhn_dir / "test_32x32.mat"))
    assert (load_classifier(model)(rgb).argmax(axis=1) == labels).mean() >= least


@pytest.mark.svhn
def test_evaluate_says_so_too(svhn_dir, tmp_path):
    (tmp_path / "test_32x32.mat").symlink_to(svhn_dir / "test_32x32.mat")
    run("evaluate", "tf-seed", "--data", tmp_path, "--split", "test", "--report", tmp_path)
    assert json.loads((tmp_path / "report.json").read_text())["accuracy"] >= 0.94


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["train-tf", "--resume", "--run-dir", "nowhere"], "--run-dir"),
        (["import-caffe", "a.prototxt", "b.caffemodel", "--output", "m.keras"], "a.prototxt"),
    ],
)
def test_errors_are_one_clear_line(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = run(*arguments, code=1)
    assert words in output and len(output.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
