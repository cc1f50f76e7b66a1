"""The finder's networks: train-finder and train-refiner."""

import click

from svhn.commands.options import command
from svhn.commands.progress import finder_line
from svhn.commands.shared_options import (
    at_least_1,
    finder_option,
    interval_resume_option,
    photos_option,
    positive,
    run_dir_option,
    seed_option,
)
from svhn.finder import VIEWS
from svhn.tf_models.finder import FinderTrainConfig, RefinerTrainConfig


@command()
@photos_option
@click.option("--iterations", type=at_least_1, default=FinderTrainConfig.iterations, show_default=True)
@click.option("--batch-size", type=at_least_1, default=FinderTrainConfig.batch_size, show_default=True)
@click.option("--learning-rate", type=positive, default=FinderTrainConfig.learning_rate, show_default=True)
@click.option("--interval", type=at_least_1, default=FinderTrainConfig.interval, show_default=True)
@seed_option
@run_dir_option
@interval_resume_option
def train_finder(data, run_dir, resume, **settings):
    """Train the network that finds and reads digits in any photo, and export it as ONNX.

    \b
    Example:
      python cli.py train-finder --data data/svhn
    """
    from svhn.tf_models import start_tensorflow

    start_tensorflow()
    from svhn.checkpoints import pseudo_labels
    from svhn.runs import new_run_dir
    from svhn.tf_models.finder import train_finder as train

    run_dir = run_dir or new_run_dir("train-finder")
    click.echo(f"Run: {run_dir}")
    config = FinderTrainConfig(**settings)
    scores = train(data, config, run_dir, pseudo_labels(), resume, finder_line("objectness")).metrics
    click.echo(f"validation: whole number {scores['validation_whole_number']:.1%}, F1 {scores['validation_f1']:.3f}")
    click.echo(f"{run_dir}: finder.onnx and record.json written")


@command()
@photos_option
@finder_option
@click.option(
    "--view",
    type=click.Choice(list(VIEWS)),
    default=RefinerTrainConfig.view,
    show_default=True,
    help="What it sees: the digit alone, or among its neighbours, after a close one.",
)
@click.option("--start", metavar="FINDER", help="Train the refiner of this folder or checkpoint further.")
@click.option("--iterations", type=at_least_1, default=RefinerTrainConfig.iterations, show_default=True)
@click.option("--batch-size", type=at_least_1, default=RefinerTrainConfig.batch_size, show_default=True)
@click.option("--learning-rate", type=positive, default=RefinerTrainConfig.learning_rate, show_default=True)
@click.option("--interval", type=at_least_1, default=RefinerTrainConfig.interval, show_default=True)
@seed_option
@run_dir_option
@interval_resume_option
def train_refiner(data, run_dir, resume, **settings):
    """Train the network that judges what a finder proposes: is it a digit, which, and where exactly.

    The run's folder holds the networks before it, too, and can be used as --finder.

    \b
    Examples:
      python cli.py train-refiner --data data/svhn --finder runs/train-finder-1
      python cli.py train-refiner --data data/svhn --start finder --iterations 3000 --learning-rate 0.0015
    """
    from svhn.tf_models import start_tensorflow

    start_tensorflow()
    from svhn.checkpoints import pseudo_labels
    from svhn.runs import new_run_dir
    from svhn.tf_models.finder import train_refiner as train

    run_dir = run_dir or new_run_dir("train-refiner")
    click.echo(f"Run: {run_dir}")
    config = RefinerTrainConfig(**settings)
    scores = train(data, config, run_dir, pseudo_labels(), resume, finder_line("presence")).metrics
    click.echo(f"validation: whole number {scores['validation_whole_number']:.1%}, F1 {scores['validation_f1']:.3f}")
    click.echo(f"{run_dir}: {VIEWS[config.view].file} and record.json written")
