"""The group of all commands; each command's module is imported when the command is asked for."""

import contextlib
import errno
import importlib
import os
import signal
import sys
from collections.abc import Iterator

import click

from svhn.errors import InputError
from svhn.files import printable

# In the order of work: what a user types -> the module here, the function in it, and the line in the list of commands.
COMMANDS = {
    "remove-digits": ("photos", "remove_digits", "Write the photos again without their house numbers."),
    "find": ("photos", "find", "Find what remove-digits would remove, and write it down as a plan to correct."),
    "read": ("photos", "read", "Find and read the house numbers of photos, without boxes."),
    "review": ("photos", "review", "Show on a page what is found in a folder's photos, correct it, and remove it."),
    "serve": ("photos", "serve", "Serve the same page for photos that are dropped on it, and its API."),
    "report": ("photos", "report", "Make one page of a job's report: totals, failures, and photos before and after."),
    "inpaint": ("photos", "inpaint", "Fill the white part of a mask of your own in one photo."),
    "explain": ("photos", "explain", "Draw how a photo's numbers are found and removed."),
    "fetch": ("data", "fetch", "Download the official SVHN files, verify and unpack them."),
    "prepare": ("data", "prepare", "Read SVHN's crops or photos, split them by photo, and store all in one place."),
    "explore": (
        "data",
        "explore",
        "Show what the data hold: samples, classes before and after the split, gray.",
    ),
    "train-tf": ("train_tf", "train_tf", "Train a digit classifier with Keras on TensorFlow."),
    "train-finder": ("train_finder", "train_finder", "Train the network that finds and reads digits in any photo."),
    "train-refiner": ("train_finder", "train_refiner", "Train the network that judges what a finder proposes."),
    "train-finisher": ("train_networks", "train_finisher", "Train the network that finishes what the GRNN paints."),
    "train-segmenter": ("train_networks", "train_segmenter", "Train the network that tells strokes from background."),
    "train-torch": ("train_torch", "train_torch", "Train one of the reference's ConvNets with PyTorch."),
    "sweep": ("sweep", "sweep", "Train the runs of a YAML file in the background."),
    "models": ("models", "models", "List the shipped checkpoints."),
    "classify": ("models", "classify", "Name the digits of pictures by any classifier."),
    "diagram": ("models", "diagram", "Draw a network: layers, shapes, parameters."),
    "explain-digits": ("models", "explain_digits", "Draw what a classifier makes of a photo's digits."),
    "evaluate": ("models", "evaluate", "Measure a classifier."),
    "export": ("models", "export", "Write a TensorFlow classifier for other programs."),
    "import-caffe": ("models", "import_caffe", "Turn a network of Caffe's files into a Keras model."),
}
# Package that may be missing -> what people call it, and the extra that brings it.
EXTRAS = {
    "torch": ("PyTorch", "torch"),
    "tensorflow": ("TensorFlow", "tf"),
    "keras": ("Keras", "tf"),
    "lmdb": ("lmdb", "caffe"),
    "google": ("protobuf", "caffe"),
    "onnx": ("onnx", "onnx"),
    "tf2onnx": ("tf2onnx", "onnx"),
    "onnxruntime": ("onnxruntime", "onnx"),
    "ray": ("Ray", "ray"),
    "fsspec": ("fsspec", "remote"),
    "fastapi": ("FastAPI", "web"),
    "starlette": ("FastAPI", "web"),
    "uvicorn": ("uvicorn", "web"),
    "multipart": ("python-multipart", "web"),
    "python_multipart": ("python-multipart", "web"),
}


class Commands(click.Group):
    """A group that imports a command when it is asked for, and turns errors that users can mend into messages."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, function, _ = COMMANDS[name]
        return getattr(importlib.import_module(f"svhn.commands.{module}"), function)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])

    def make_context(self, *arguments, **settings) -> click.Context:
        with _ending_quietly():
            return super().make_context(*arguments, **settings)

    def invoke(self, ctx: click.Context):
        try:
            with _ending_quietly():
                return super().invoke(ctx)
        except InputError as error:
            raise click.ClickException(printable(error)) from error
        except ModuleNotFoundError as error:
            if message := missing_package(error, ctx.invoked_subcommand):
                raise click.ClickException(message) from error
            raise


@contextlib.contextmanager
def _ending_quietly() -> Iterator[None]:
    """Turn a signal, a reader of the output that has gone, and a full disk behind it into an exit code."""
    try:
        yield
    except KeyboardInterrupt as error:
        click.echo("Aborted!", err=True)
        raise click.exceptions.Exit(128 + getattr(error, "number", signal.SIGINT)) from error
    except BrokenPipeError as error:
        _drop_output()
        raise click.exceptions.Exit(128 + signal.SIGPIPE) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _drop_output()
        raise click.ClickException(f"cannot write ({printable(error)}); make room, and run it again") from error


def _drop_output() -> None:
    """Send what is still to be written to standard output nowhere; Python would complain about it at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def missing_package(error: ModuleNotFoundError, command: str | None) -> str | None:
    """Return what to install when a package is missing, or None for an error in the program itself."""
    package = (error.name or "svhn").split(".")[0]
    if package == "svhn":
        return None
    name, extra = EXTRAS.get(package, (package, ""))
    what = f"svhn[{extra}]" if extra else "svhn"
    return f"{command} needs {name}; install it: pip install '{what}'"


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="svhn")
def cli() -> None:
    """Remove house numbers from street photos; train, measure and export digit classifiers on SVHN."""
