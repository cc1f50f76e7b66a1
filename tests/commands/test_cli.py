import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from svhn.classifiers import load_classifier
from svhn.commands import cli
from svhn.commands.options import leaves
from svhn.data.extra import ExtraDigits
from svhn.data.formats import read_cropped
from svhn.finder import FinderConfig
from svhn.jobs import JobConfig, RunConfig
from svhn.tf_models.classifier import TrainConfig
from svhn.tf_models.classifier.config import GRAPHS, PRESETS
from svhn.tf_models.finder import FinderTrainConfig, RefinerTrainConfig
from svhn.torch_inpaint.classifier import ConvNetTrainConfig
from svhn.torch_inpaint.training import FinisherTrainConfig, SegmenterTrainConfig

pytestmark = pytest.mark.slow

SETTINGS = [
    ("remove-digits", JobConfig),
    ("remove-digits", RunConfig),
    ("read", FinderConfig),
    ("prepare", ExtraDigits),
    ("train-tf", TrainConfig),
    ("train-finder", FinderTrainConfig),
    ("train-refiner", RefinerTrainConfig),
    ("train-torch", ConvNetTrainConfig),
    ("train-finisher", FinisherTrainConfig),
    ("train-segmenter", SegmenterTrainConfig),
]
ROOT = Path(__file__).parents[2]
COMMANDS = {name: cli.get_command(click.Context(cli), name) for name in cli.list_commands(click.Context(cli))}


def run(*arguments, cwd=ROOT, code=0, start=(ROOT / "cli.py",)):
    """Run a command in a process of its own, as a user does."""
    script = [sys.executable, *map(str, (*start, *arguments))]
    result = subprocess.run(script, cwd=cwd, capture_output=True, text=True, timeout=400)
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout + result.stderr


def here(*arguments, code=0):
    """Run a command in this process, where the packages that it needs are loaded."""
    result = CliRunner().invoke(cli, list(map(str, arguments)))
    assert result.exit_code == code and isinstance(result.exception, SystemExit | None), result.output
    return result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_with_examples_that_parse(name):
    text = CliRunner().invoke(cli, [name, "--help"]).output
    examples = re.findall(rf"python cli\.py {name} (.*)", text)
    assert examples
    for example in examples:
        COMMANDS[name].make_context(name, example.split(), resilient_parsing=False)


def options_in(name):
    return [parameter for parameter in COMMANDS[name].params if isinstance(parameter, click.Option)]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_help(name):
    assert all(option.help for option in options_in(name)), [o.name for o in options_in(name) if not o.help]


@pytest.mark.parametrize("name", COMMANDS)
def test_no_two_options_share_a_spelling(name):
    spelled = [text for option in options_in(name) for text in (*option.opts, *option.secondary_opts)]
    assert len(set(spelled)) == len(spelled)


@pytest.mark.parametrize("name, settings", SETTINGS)
def test_defaults_come_from_the_dataclasses(name, settings):
    """Every field that says what it is for is an option, with its default."""
    defaults = {option.name: option.get_default(click.Context(COMMANDS[name])) for option in options_in(name)}
    found = list(leaves(settings))
    assert found
    for leaf in found:
        expected = leaf.default
        if isinstance(expected, dict):
            expected = [f"{key}={value:g}" for key, value in expected.items()]
        assert defaults[leaf.name] == expected, leaf.name


def test_train_tf_lists_its_recipes_and_graphs():
    lines = run("train-tf", "--list").splitlines()
    for name in (*PRESETS, *GRAPHS):
        assert any(line.split()[:1] == [name] for line in lines), name
    for graph in GRAPHS.values():
        assert any(f"{graph.parameters:,} parameters" in line for line in lines)


def test_remove_digits_on_the_samples(tmp_path):
    photos = sorted((ROOT / "samples").glob("house-*"))
    output = here("remove-digits", *photos, "--output-dir", tmp_path / "out", "--save-masks", "--workers", 0)
    assert f"{len(photos)} photos: {len(photos)} removed" in output
    assert {path.name for path in (tmp_path / "out").glob("house-*")} == {path.name for path in photos}
    assert len(list((tmp_path / "out" / "masks").iterdir())) == len(photos)


def test_a_bad_photo_gives_exit_code_1_and_the_others_are_done(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"")
    photos = (ROOT / "samples" / "house-1.png", tmp_path / "bad.png")
    output = here("remove-digits", *photos, "--output-dir", tmp_path / "o", "--workers", 0, code=1)
    assert "bad.png" in output and "1 removed" in output and "1 failed" in output


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["inpaint", "a.png", "--mask", "b.png", "--output", "c.png"], "a.png"),
        (["train-tf", "--mix", "train=1", "--mix", "tests=1"], "received tests"),
        (["train-tf", "--distribute", "multiworker"], "expected --run-dir"),
        (["import-caffe", "a.prototxt", "b.caffemodel", "--output", "m.h5"], "ends in .keras"),
    ],
)
def test_errors_of_a_process_are_one_clear_line(arguments, words, tmp_path):
    output = run(*arguments, cwd=tmp_path, code=1)
    assert words in output and "Traceback" not in output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["remove-digits", "x.png", "--model", "nothing"], "no model found"),
        (["prepare", "--data", "nowhere", "--output", "x.h5"], "no SVHN data found"),
        (["evaluate", "nothing", "--data", "synthetic"], "no model found"),
    ],
)
def test_errors_are_one_clear_line(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert words in here(*arguments, code=1)
    assert list(tmp_path.iterdir()) == []


def test_prepare_prints_the_counts(tiny_svhn, tmp_path):
    output = here("prepare", "--data", tiny_svhn.folder, "--output", tmp_path / "prepared.h5")
    assert "validation" in output and "test" in output and (tmp_path / "prepared.h5").is_file()


def test_evaluate_the_pytorch_checkpoint(tiny_svhn, tmp_path):
    report = tmp_path / "report"
    output = here("evaluate", "torch-convnet48-dropout3", "--data", tiny_svhn.folder, "--report", report)
    content = json.loads((report / "report.json").read_text())
    assert {"accuracy", "n", "per_class", "confusion"} <= set(content)
    assert 0 <= content["accuracy"] <= 1 and sum(map(sum, content["confusion"])) == content["n"]
    assert (report / "confusion.png").is_file() and (report / "misclassified.png").is_file()
    assert "accuracy" in output.lower()


# Starts the script in its first argument, with just enough test digits for two processes.
FEWER_DIGITS = """
import runpy, sys
from svhn.data import loading
from svhn.data.extra import digits
loading.SYNTHETIC_COUNTS["test"], digits.LOT = 60, 40
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_evaluate_on_generated_digits(tmp_path):
    """They are rendered in processes that import the command's script again."""
    start = ("-c", FEWER_DIGITS, ROOT / "cli.py")
    output = run("evaluate", "torch-convnet48-dropout3", "--data", "synthetic", "--report", tmp_path, start=start)
    assert "generated digits" in output
    assert json.loads((tmp_path / "report.json").read_text())["n"] == 60


@pytest.mark.svhn
def test_the_shipped_classifier_of_the_remover_is_as_good_as_its_card_says(svhn_dir):
    rgb, labels = read_cropped(svhn_dir / "test_32x32.mat")
    assert (load_classifier("torch-convnet48-dropout3")(rgb).argmax(axis=1) == labels).mean() >= 0.93


def test_train_torch_writes_a_run(tiny_svhn, tmp_path, monkeypatch):
    """Its picture is drawn in tests/torch_inpaint/test_torch_trainings.py."""
    monkeypatch.setattr("svhn.runs.loop.Run._draw", lambda run, best: None)
    monkeypatch.chdir(tmp_path)
    arguments = ["train-torch", "--data", tiny_svhn.folder, "--epochs", 1, "--cpu", "--id", "mine"]
    here(*arguments)
    assert (tmp_path / "runs" / "mine" / "model.pt").is_file()
    assert "not empty" in here(*arguments, code=1)
