"""The group: a command is imported when it is asked for, and an error that a user can mend is a message."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from svhn.commands import cli
from svhn.commands.group import COMMANDS, missing_package
from svhn.errors import InputError

ROOT = Path(__file__).parents[2]
MOST_CLI_LINES = 30
HELPERS = {"svhn.commands.group"}


def modules_after(code: str) -> set[str]:
    """Return the modules of the commands that a process has imported after some code."""
    script = f"import sys\n{code}\nprint(*(name for name in sys.modules if name.startswith('svhn.commands.')))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(result.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("code", ["import svhn.commands", "from svhn.commands import cli", "import svhn.__main__"])
def test_no_command_is_imported_before_it_is_asked_for(code):
    assert modules_after(code) <= HELPERS


def test_help_and_version_import_no_command():
    run = "from click.testing import CliRunner\nfrom svhn.commands import cli\nCliRunner().invoke(cli, [{!r}])"
    assert modules_after(run.format("--help")) == HELPERS
    assert modules_after(run.format("--version")) == HELPERS


def test_a_command_imports_its_own_module_only():
    run = (
        "from click.testing import CliRunner\nfrom svhn.commands import cli\nCliRunner().invoke(cli, ['report', '-h'])"
    )
    others = {f"svhn.commands.{module}" for module, _, _ in COMMANDS.values()} - {
        f"svhn.commands.{COMMANDS['report'][0]}"
    }
    assert not modules_after(run) & others


def test_help_lists_all_commands_in_the_order_of_work():
    lines = CliRunner().invoke(cli, ["--help"]).output.split("Commands:\n")[1].splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "] == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_in_the_list_is_the_beginning_of_the_commands_own_help(name):
    command = cli.get_command(click.Context(cli), name)
    assert command.name == name
    assert command.help.startswith(COMMANDS[name][2].removesuffix("."))


def test_an_unknown_command_is_wrong_usage():
    result = CliRunner().invoke(cli, ["remove-digit"])
    assert result.exit_code == 2 and "No such command 'remove-digit'" in result.output


class Failing(click.Command):
    def __init__(self, error: Exception):
        super().__init__("train-tf", callback=self.fail_now)
        self.error = error

    def fail_now(self):
        raise self.error


def outcome_of(error, monkeypatch):
    monkeypatch.setattr(type(cli), "get_command", lambda self, ctx, name: Failing(error))
    return CliRunner().invoke(cli, ["train-tf"])


def test_an_input_error_is_one_line_and_code_1(monkeypatch):
    result = outcome_of(InputError("a.png: empty"), monkeypatch)
    assert result.exit_code == 1 and result.output == "Error: a.png: empty\n"


@pytest.mark.parametrize(
    "package, words",
    [
        ("tensorflow", "train-tf needs TensorFlow; install it: pip install 'svhn[tf]'"),
        ("keras.layers", "train-tf needs Keras; install it: pip install 'svhn[tf]'"),
        ("torch", "train-tf needs PyTorch; install it: pip install 'svhn[torch]'"),
        ("lmdb", "train-tf needs lmdb; install it: pip install 'svhn[caffe]'"),
        ("google.protobuf", "train-tf needs protobuf; install it: pip install 'svhn[caffe]'"),
        ("ray", "train-tf needs Ray; install it: pip install 'svhn[ray]'"),
        ("fsspec", "train-tf needs fsspec; install it: pip install 'svhn[remote]'"),
        ("tf2onnx", "train-tf needs tf2onnx; install it: pip install 'svhn[onnx]'"),
        ("numpy", "train-tf needs numpy; install it: pip install 'svhn'"),
    ],
)
def test_a_missing_package_says_which_extra_to_install(package, words, monkeypatch):
    result = outcome_of(ModuleNotFoundError(f"No module named {package!r}", name=package), monkeypatch)
    assert result.exit_code == 1 and result.output == f"Error: {words}\n"


def test_a_module_of_our_own_that_is_missing_stays_a_traceback(monkeypatch):
    error = ModuleNotFoundError("No module named 'svhn.gone'", name="svhn.gone")
    assert missing_package(error, "read") is None
    assert outcome_of(error, monkeypatch).exception is error


def run_without(packages, arguments, folder):
    """Run a command in a process to which packages are missing."""
    hide = f"import sys\nsys.modules.update(dict.fromkeys({packages!r}))\n"
    run = f"{hide}from svhn.commands import cli\ncli({[str(argument) for argument in arguments]!r})"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", run], capture_output=True, text=True, cwd=folder, env=environment, timeout=300
    )


HOUSE = ROOT / "samples" / "house-1.png"


@pytest.mark.parametrize(
    "package, arguments, words",
    [
        ("torch", ["remove-digits", HOUSE], "PyTorch; install it: pip install 'svhn[torch]'"),
        ("torch", ["inpaint", HOUSE, "--mask", HOUSE, "--output", "x.png"], "PyTorch; install it: pip install 'svhn["),
        ("torch", ["sweep", ROOT / "sweeps" / "family.yaml"], "PyTorch; install it: pip install 'svhn[torch]'"),
        ("tensorflow", ["evaluate", "tf-seed", "--data", ROOT / "samples"], "TensorFlow; install it: pip install 's"),
        ("fastapi", ["serve"], "FastAPI; install it: pip install 'svhn[web]'"),
        ("uvicorn", ["review", ROOT / "samples"], "uvicorn; install it: pip install 'svhn[web]'"),
    ],
)
def test_a_command_without_its_framework_says_what_to_install(package, arguments, words, tmp_path):
    result = run_without([package], arguments, tmp_path)
    assert result.returncode == 1 and result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.startswith(f"Error: {arguments[0]} needs {words}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [["read", HOUSE], ["remove-digits", HOUSE, "--dry-run"], ["models"]])
def test_what_needs_no_framework_does_without(arguments, tmp_path):
    result = run_without(
        ["torch", "tensorflow", "keras", "lmdb", "google.protobuf", "ray", "fsspec"], arguments, tmp_path
    )
    assert result.returncode == 0 and result.stderr == ""
    assert "47" in result.stdout or arguments == ["models"]


def test_cli_has_few_lines():
    assert len((ROOT / "cli.py").read_text(encoding="utf-8").splitlines()) <= MOST_CLI_LINES


def start(*command: str, folder: Path = ROOT) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=60)


def test_without_the_packages_it_says_what_to_do_in_one_line(tmp_path):
    (tmp_path / "cli.py").write_text((ROOT / "cli.py").read_text())
    alone = start(sys.executable, "-S", "cli.py", "--help", folder=tmp_path)
    assert alone.returncode == 1 and alone.stdout == "" and alone.stderr.count("\n") == 1
    assert alone.stderr.startswith("cli.py: this Python has no ") and "make demo" in alone.stderr
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert start(sys.executable, "-S", "cli.py", folder=tmp_path).stderr.endswith(f"use {python}\n")


def test_an_old_python_is_told_of_in_one_line():
    script = "import runpy, sys\nsys.version_info, sys.version = (3, 9, 1), '3.9.1 (main)'\n"
    old = start(sys.executable, "-c", script + "runpy.run_path('cli.py', run_name='__main__')")
    assert old.returncode == 1 and old.stderr.count("\n") == 1
    assert old.stderr.startswith("cli.py: expected Python 3.10 or newer, this is 3.9.1; ")


def test_old_pythons_can_read_cli():
    ast.parse((ROOT / "cli.py").read_text(encoding="utf-8"), feature_version=(3, 4))


def test_the_package_can_be_run():
    result = start(sys.executable, "-m", "svhn", "--help")
    assert result.returncode == 0 and result.stdout.startswith("Usage: python -m svhn ")
