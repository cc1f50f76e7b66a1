"""The remover's networks: train-finisher and train-segmenter."""

import click

from svhn.commands.options import command
from svhn.commands.progress import interval_line
from svhn.commands.shared_options import (
    at_least_1,
    interval_resume_option,
    model_option,
    photos_option,
    positive,
    precision_option,
    run_dir_option,
    seed_option,
)
from svhn.torch_inpaint.training import config as training_config


@command()
@photos_option
@click.option(
    "--iterations", type=at_least_1, default=training_config.FinisherTrainConfig.iterations, show_default=True
)
@click.option(
    "--patches",
    type=at_least_1,
    default=training_config.FinisherTrainConfig.patches,
    show_default=True,
    help="Holes that are made and filled before the first iteration.",
)
@click.option("--batch", type=at_least_1, default=training_config.FinisherTrainConfig.batch, show_default=True)
@click.option("--lr", type=positive, default=training_config.FinisherTrainConfig.lr, show_default=True)
@click.option("--interval", type=at_least_1, default=training_config.FinisherTrainConfig.interval, show_default=True)
@precision_option
@click.option(
    "--critic",
    type=click.FloatRange(min=0),
    default=training_config.FinisherTrainConfig.critic,
    show_default=True,
    help="Weight of a second network's verdict on how real the fill looks; 0 for none.",
)
@click.option(
    "--critic-from",
    type=click.IntRange(min=0),
    default=training_config.FinisherTrainConfig.critic_from,
    show_default=True,
    help="Iteration from which it has a say.",
)
@seed_option
@run_dir_option
@interval_resume_option
def train_finisher(data, run_dir, resume, **settings):
    """Train the network that finishes what the GRNN paints, on holes where there are no digits.

    The labels' boxes are only used to keep away from digits. The run can be used as --finisher.

    \b
    Example:
      python cli.py train-finisher --data data/svhn
    """
    from svhn.checkpoints import pseudo_labels
    from svhn.runs import new_run_dir
    from svhn.torch_inpaint.training import train_finisher as train

    run_dir = run_dir or new_run_dir("train-finisher")
    click.echo(f"Run: {run_dir}")
    config = training_config.FinisherTrainConfig(**settings)
    show = interval_line(("loss",), "{psnr:.2f} dB, {gain:+.2f} by the finisher, better in {wins:.0%} of the holes")
    scores = train(data, config, run_dir, pseudo_labels(), resume, show).metrics
    click.echo(f"validation: {scores['validation_psnr']:.2f} dB, {scores['validation_gain']:+.2f} by the finisher")
    click.echo(f"{run_dir}: model.pt and record.json written")


@command()
@model_option
@click.option(
    "--iterations", type=at_least_1, default=training_config.SegmenterTrainConfig.iterations, show_default=True
)
@click.option(
    "--samples",
    type=at_least_1,
    default=training_config.SegmenterTrainConfig.samples,
    show_default=True,
    help="Numbers that are rendered before the first iteration.",
)
@click.option("--batch", type=at_least_1, default=training_config.SegmenterTrainConfig.batch, show_default=True)
@click.option("--lr", type=positive, default=training_config.SegmenterTrainConfig.lr, show_default=True)
@click.option("--interval", type=at_least_1, default=training_config.SegmenterTrainConfig.interval, show_default=True)
@precision_option
@seed_option
@run_dir_option
@interval_resume_option
def train_segmenter(model, run_dir, resume, **settings):
    """Train the network that tells strokes from background, on rendered numbers; it needs no photos.

    The run can be used as --segmenter, with the same --model.

    \b
    Example:
      python cli.py train-segmenter --precision bfloat16
    """
    from svhn.runs import new_run_dir
    from svhn.torch_inpaint.training import train_segmenter as train

    run_dir = run_dir or new_run_dir("train-segmenter")
    click.echo(f"Run: {run_dir}")
    config = training_config.SegmenterTrainConfig(**settings)
    show = interval_line(("loss",), "finds {recall:.1%} of what numbers change; {precision:.1%} of what it finds")
    scores = train(config, run_dir, model, resume, show).metrics
    click.echo(f"validation: recall {scores['validation_recall']:.1%}, precision {scores['validation_precision']:.1%}")
    click.echo(f"{run_dir}: model.pt and record.json written")
