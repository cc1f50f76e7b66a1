"""Options that several commands share."""

from pathlib import Path

import click

from svhn.finder import DEFAULT_FINDER
from svhn.torch_inpaint.classifier import config as torch_config

data_option = click.option(
    "--data",
    metavar="DIR|FILE.h5|synthetic",
    help="Folder with SVHN's files, a prepared .h5 file, or 'synthetic'. Default: $SVHN_DATA, else data/svhn, else "
    "digits from the built-in generator.",
)
boxes_option = click.option("--boxes", metavar="FILE", help="digitStruct.mat or COCO .json with the digits' boxes.")
model_option = click.option(
    "--model", default=torch_config.DEFAULT_CHECKPOINT, show_default=True, help="PyTorch checkpoint to use."
)
device_option = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True, help="Where to compute."
)
cpu_option = click.option("--cpu", "device", flag_value="cpu", help="The same as --device cpu.")
finder_option = click.option(
    "--finder",
    default=DEFAULT_FINDER,
    show_default=True,
    help="Network: .onnx file, or run of train-finder or train-refiner.",
)
# Seeds are 31 bits in every framework.
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of everything random."
)
photos_option = click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Folder with train/ and, if any, unlabelled/."
)
run_dir_option = click.option("--run-dir", type=click.Path(path_type=Path), help="Default: a new folder in runs/.")
resume_option = click.option(
    "--resume",
    is_flag=True,
    help="Go on with the run in --run-dir, or with the last one in runs/.",
)
interval_resume_option = click.option(
    "--resume", is_flag=True, help="Go on after the last interval of the run in --run-dir."
)
resume_option = click.option(
    "--resume",
    is_flag=True,
    help="Go on with the run in --run-dir, or with the last one in runs/, from what it saved last.",
)
at_least_1 = click.IntRange(min=1)
positive = click.FloatRange(min=0, min_open=True)
share = click.FloatRange(0, 1, max_open=True)


class Share(click.ParamType):
    """NAME=SHARE -> (name, share)."""

    name = "name=share"

    def convert(self, value, param, ctx):
        name, _, number = value.partition("=")
        try:
            return name, float(number)
        except ValueError:
            self.fail(f"expected NAME=SHARE, for example train=0.5, received {value!r}", param, ctx)


def recipe_options(defaults):
    """Add the options that both frameworks' training has; `defaults` is a TrainConfig of either."""
    mix = [f"{name}={value:g}" for name, value in defaults.mix.items()]
    options = [
        click.option(
            "--weight-decay",
            type=click.FloatRange(min=0),
            default=defaults.weight_decay,
            show_default=True,
            help="Of the kernels only, decoupled from the gradient.",
        ),
        click.option(
            "--label-smoothing",
            type=share,
            default=defaults.label_smoothing,
            show_default=True,
            help="Share of the target spread over all digits.",
        ),
        click.option(
            "--average",
            type=share,
            default=defaults.average,
            show_default=True,
            help="Decay of the running average of the weights; 0 keeps the last ones.",
        ),
        click.option("--augmentation/--no-augmentation", default=defaults.augmentation, show_default=True),
        click.option(
            "--mix",
            type=Share(),
            multiple=True,
            default=mix,
            show_default=True,
            callback=lambda ctx, param, value: dict(value),
            help="Share of a split in every batch: train, pseudo, synthetic or copy_paste. Repeat for several.",
        ),
    ]

    def add(command):
        for option in reversed(options):
            command = option(command)
        return command

    return add


def is_given(ctx, name):
    return ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE
