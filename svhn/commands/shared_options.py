"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path

import click

from svhn.data import CROPS, VALIDATION_HELP
from svhn.finder import DEFAULT_FINDER
from svhn.settings import MOST_SEED
from svhn.torch_inpaint.classifier import DEFAULT_CHECKPOINT

data_option = click.option(
    "--data",
    metavar="DIR|FILE.h5|synthetic",
    help="Folder with SVHN's files, a prepared .h5 file, or 'synthetic'.  [default: $SVHN_DATA, else data/svhn, else "
    "digits from the built-in generator]",
)
boxes_option = click.option("--boxes", metavar="FILE", help="digitStruct.mat or COCO .json with the digits' boxes.")
model_option = click.option("--model", default=DEFAULT_CHECKPOINT, show_default=True, help="PyTorch checkpoint to use.")
device_option = click.option(
    "--device", metavar="auto|cpu|cuda|cuda:N|mps", default="auto", show_default=True, help="Where to compute."
)
cpu_option = click.option("--cpu", "device", flag_value="cpu", help="The same as --device cpu.")
finder_option = click.option(
    "--finder",
    default=DEFAULT_FINDER,
    show_default=True,
    help="Network: .onnx file, or run of train-finder or train-refiner.",
)
seed_option = click.option(
    "--seed", type=click.IntRange(0, MOST_SEED), default=0, show_default=True, help="Of everything random."
)
photos_option = click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Folder with train/ and, if any, unlabelled/."
)
run_dir_option = click.option(
    "--run-dir", type=click.Path(path_type=Path), help="Folder of the run.  [default: a new one in runs/]"
)
resume_option = click.option(
    "--resume", is_flag=True, help="Go on with the run in --run-dir, or with the last one in runs/."
)


def crops_option(default: str | None) -> Callable[[Callable], Callable]:
    """Return the option that says how digits are cut; without a default the model knows."""
    note = "" if default else "  [default: as the model learned them]"
    return click.option(
        "--crops",
        type=click.Choice(CROPS, case_sensitive=False),
        default=default,
        show_default=bool(default),
        help="The square about a digit's box, or the box alone, squashed to 40 x 40, as the reference's PyTorch "
        f"networks took it; for that the photos are needed.{note}",
    )


validation_option = click.option(
    "--validation",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help=VALIDATION_HELP,
)
at_least_1 = click.IntRange(min=1)
