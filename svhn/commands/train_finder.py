"""The finder's networks: train-finder and train-refiner."""

import click

from svhn.commands.options import command, options_of
from svhn.commands.shared_options import photos_option, resume_option, run_dir_option
from svhn.commands.training_line import shown
from svhn.tf_models.finder import FinderTrainConfig, RefinerTrainConfig


@command()
@photos_option
@options_of(FinderTrainConfig, "settings", given=True)
@run_dir_option
@resume_option
@click.pass_context
def train_finder(ctx, data, settings, run_dir, resume):
    """Train the network that finds and reads digits in any photo, and export it as ONNX.

    \b
    Example:
      python cli.py train-finder --data data/svhn
    """
    from svhn.tf_models import train_finder as train

    result = train(data, settings, run_dir, resume, **shown())
    click.echo(result.text)
    ctx.exit(result.exit_code)


@command()
@photos_option
@options_of(RefinerTrainConfig, "settings", given=True)
@run_dir_option
@resume_option
@click.pass_context
def train_refiner(ctx, data, settings, run_dir, resume):
    """Train the network that judges what a finder proposes: is it a digit, which, and where exactly.

    The run's folder holds the networks before it, too, and can be used as --finder.

    \b
    Examples:
      python cli.py train-refiner --data data/svhn --finder runs/train-finder-1
      python cli.py train-refiner --data data/svhn --start finder --iterations 3000 --learning-rate 0.0015
    """
    from svhn.tf_models import train_refiner as train

    result = train(data, settings, run_dir, resume, **shown())
    click.echo(result.text)
    ctx.exit(result.exit_code)
