"""Classifiers in TensorFlow: train-tf."""

import dataclasses
import sys

import click

from svhn.commands.options import command
from svhn.commands.progress import print_metrics, progress_line
from svhn.commands.shared_options import (
    at_least_1,
    data_option,
    is_given,
    positive,
    recipe_options,
    run_dir_option,
    seed_option,
)
from svhn.errors import InputError
from svhn.tf_models.classifier import config as tf_config


def _list_recipes(ctx, param, value):
    """Print the presets and graphs of train-tf and leave."""
    if not value or ctx.resilient_parsing:
        return
    click.echo("Presets:")
    for name, preset in tf_config.PRESETS.items():
        config = preset.config
        mix = ", ".join(f"{split} {part:.0%}" for split, part in config.mix.items())
        click.echo(f"  {name:<11}{preset.text}")
        click.echo(f"{'':13}graph {config.graph}, {config.iterations:,} iterations of {config.batch_size}; {mix}")
        if config.teachers:
            click.echo(f"{'':13}teacher {', '.join(config.teachers)}")
    click.echo("Graphs:")
    for name, graph in tf_config.GRAPHS.items():
        kind = "colour" if graph.colour else "gray"
        click.echo(f"  {name:<11}{graph.parameters:>9,} parameters, {kind}: {graph.text}")
    ctx.exit()


@command()
@data_option
@click.option(
    "--preset",
    type=click.Choice(tf_config.PRESETS),
    default="reference",
    show_default=True,
    help="Where the settings start; an option given beside it wins. The defaults below are the reference's.",
)
@click.option(
    "--list", is_flag=True, is_eager=True, callback=_list_recipes, expose_value=False, help="Show presets and graphs."
)
@click.option("--graph", type=click.Choice(tf_config.GRAPHS), default=tf_config.TrainConfig.graph, show_default=True)
@click.option("--iterations", type=at_least_1, default=tf_config.TrainConfig.iterations, show_default=True)
@click.option("--batch-size", type=at_least_1, default=tf_config.TrainConfig.batch_size, show_default=True)
@click.option("--learning-rate", type=positive, default=tf_config.TrainConfig.learning_rate, show_default=True)
@click.option(
    "--warmup",
    type=click.IntRange(min=0),
    default=tf_config.TrainConfig.warmup,
    show_default=True,
    help="Iterations in which the learning rate rises.",
)
@recipe_options(tf_config.TrainConfig())
@click.option(
    "--weights",
    default=tf_config.TrainConfig.weights,
    metavar="MODEL",
    help="Start from the weights of this network of the same graph, not from fresh ones.",
)
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    default=tf_config.TrainConfig.teachers,
    metavar="MODEL",
    help="Also learn what this network answers; may be given several times, then their mean.",
)
@click.option(
    "--distillation",
    type=click.FloatRange(0, 1),
    default=tf_config.TrainConfig.distillation,
    show_default=True,
    help="Share of the teachers' answer in what is learned; the rest is the label.",
)
@click.option(
    "--interval",
    type=at_least_1,
    default=tf_config.TrainConfig.interval,
    show_default=True,
    help="Between checkpoints.",
)
@seed_option
@run_dir_option
@click.option("--resume", is_flag=True, help="Go on with the run in --run-dir, or with the last one in runs/.")
@click.option(
    "--distribute",
    type=click.Choice(tf_config.STRATEGIES),
    help="Over all GPUs of this machine, or over the machines in $TF_CONFIG. See docs/training.md.",
)
@click.pass_context
def train_tf(ctx, data, preset, run_dir, resume, distribute, **settings):
    """Train a digit classifier with Keras on TensorFlow and export it as a SavedModel.

    Ctrl-C saves a checkpoint; --resume goes on from it, bit for bit, also after a crash.

    \b
    Example:
      python cli.py train-tf --data data/svhn --preset record --seed 1
    """
    if distribute == "multiworker" and not run_dir:
        raise InputError("expected --run-dir, a folder that all workers share, beside --distribute multiworker")
    from svhn.checkpoints import pseudo_labels
    from svhn.data import load_mix, resolve_source
    from svhn.runs import last_run, new_run_dir

    given = {name: value for name, value in settings.items() if is_given(ctx, name)}
    if not resume:  # settings that cannot be are told of before TensorFlow has started
        run_dir = run_dir or new_run_dir("train-tf")
        config = dataclasses.replace(tf_config.PRESETS[preset].config, **given)
    from svhn.tf_models import start_tensorflow

    start_tensorflow(compute=distribute != "multiworker")
    from svhn.tf_models.classifier import make_strategy, read_config
    from svhn.tf_models.classifier.train import train

    if resume:
        run_dir = run_dir or last_run("train-tf")
        config = read_config(run_dir)
        if is_given(ctx, "preset"):
            given = dataclasses.asdict(tf_config.PRESETS[preset].config) | given
        for name, value in given.items():
            if value != getattr(config, name):
                raise InputError(
                    f"{run_dir}: this run has {name} {getattr(config, name)}; resume it without another one"
                )
    strategy = make_strategy(distribute)
    source, message = resolve_source(data)
    click.echo(message)
    click.echo(f"Run: {run_dir}")
    digits = load_mix(source, config.mix, pseudo_labels(), config.seed)
    result = train(digits, config, run_dir, resume, progress_line(), strategy)
    if not result.finished:
        click.echo(f"\nStopped after iteration {result.iteration}; go on with: train-tf --resume --run-dir {run_dir}")
        sys.exit(130)
    if result.record:
        _draw_run(run_dir, config, digits, result.record.metrics["best_iteration"])
        print_metrics(result.record.metrics, run_dir)


def _draw_run(run_dir, config, digits, best):
    """Draw report.png from what a run left behind, on the validation split."""
    from svhn.figures import write_run_picture
    from svhn.tf_models.classifier import load_classifier, read_history

    split, history = digits["validation"], read_history(run_dir)
    probabilities = load_classifier(run_dir / "model.keras")(split.rgb)
    title = f"{run_dir.name}: graph {config.graph}, {config.iterations:,} iterations of {config.batch_size}"
    row = next(row for row in history if row["iteration"] == best)
    write_run_picture(run_dir / "report.png", history, row, title, (split.rgb, split.labels, probabilities))
