"""The remover's networks: train-finisher and train-segmenter."""

import click

from svhn.commands.options import command, options_of
from svhn.commands.shared_options import model_option, photos_option, resume_option, run_dir_option
from svhn.commands.training_line import shown
from svhn.torch_inpaint.training import FinisherTrainConfig, SegmenterTrainConfig


@command()
@photos_option
@options_of(FinisherTrainConfig, "settings", given=True)
@run_dir_option
@resume_option
@click.pass_context
def train_finisher(ctx, data, settings, run_dir, resume):
    """Train the network that finishes what the GRNN paints, on holes where there are no digits.

    The labels' boxes are only used to keep away from digits. The run can be used as --finisher.

    \b
    Example:
      python cli.py train-finisher --data data/svhn
    """
    from svhn.torch_inpaint import train_finisher as train

    result = train(data, settings, run_dir, resume, **shown())
    click.echo(result.text)
    ctx.exit(result.exit_code)


@command()
@model_option
@options_of(SegmenterTrainConfig, "settings", given=True)
@run_dir_option
@resume_option
@click.pass_context
def train_segmenter(ctx, model, settings, run_dir, resume):
    """Train the network that tells strokes from background, on rendered numbers; it needs no photos.

    The run can be used as --segmenter, with the same --model.

    \b
    Example:
      python cli.py train-segmenter --precision bfloat16
    """
    from svhn.torch_inpaint import train_segmenter as train

    result = train(model, settings, run_dir, resume, **shown())
    click.echo(result.text)
    ctx.exit(result.exit_code)
