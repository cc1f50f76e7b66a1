"""Classifiers in TensorFlow: train-tf."""

import click

from svhn.commands.options import command, options_of
from svhn.commands.shared_options import data_option, resume_option, run_dir_option
from svhn.commands.training_line import shown
from svhn.tf_models.classifier import PRESETS, STRATEGIES, TrainConfig, recipes_text


def _list_recipes(ctx, param, value):
    """Print the presets and graphs of train-tf and leave."""
    if value and not ctx.resilient_parsing:
        click.echo(recipes_text())
        ctx.exit()


@command()
@data_option
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    help="Where the settings start; an option given beside it wins. The defaults below are the reference's.  "
    "[default: reference]",
)
@click.option(
    "--list", is_flag=True, is_eager=True, callback=_list_recipes, expose_value=False, help="Show presets and graphs."
)
@options_of(TrainConfig, "settings", given=True)
@run_dir_option
@resume_option
@click.option(
    "--distribute",
    type=click.Choice(STRATEGIES),
    help="Over all GPUs of this machine, or over the machines in $TF_CONFIG. See docs/training.md.",
)
@click.pass_context
def train_tf(ctx, data, preset, settings, run_dir, resume, distribute):
    """Train a digit classifier with Keras on TensorFlow and export it as a SavedModel.

    Ctrl-C saves the run; --resume goes on with it, bit for bit, also after a crash.

    \b
    Example:
      python cli.py train-tf --data data/svhn --preset record --seed 1
    """
    from svhn.tf_models import train_classifier

    result = train_classifier(data, preset, settings, run_dir, resume, distribute, **shown())
    click.echo(result.text)
    ctx.exit(result.exit_code)
