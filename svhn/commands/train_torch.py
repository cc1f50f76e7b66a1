"""Classifiers in PyTorch: train-torch."""

import dataclasses
import sys
from pathlib import Path

import click

from svhn.commands.options import command
from svhn.commands.progress import print_metrics
from svhn.commands.shared_options import (
    at_least_1,
    data_option,
    is_given,
    positive,
    precision_option,
    recipe_options,
    seed_option,
    share,
)
from svhn.torch_inpaint.classifier import config as torch_config


@command()
@data_option
@click.option("--net", type=click.Choice(torch_config.NETS), default=torch_config.TrainConfig.net, show_default=True)
@click.option("--batch", type=at_least_1, default=torch_config.TrainConfig.batch, show_default=True)
@click.option("--epochs", type=at_least_1, default=torch_config.TrainConfig.epochs, show_default=True)
@click.option(
    "--opt", type=click.Choice(torch_config.OPTIMIZERS), default=torch_config.TrainConfig.opt, show_default=True
)
@click.option("--lr", type=positive, default=torch_config.TrainConfig.lr, show_default=True)
@click.option(
    "--schedule",
    type=click.Choice(torch_config.SCHEDULES),
    default=torch_config.TrainConfig.schedule,
    show_default=True,
)
@click.option(
    "--warmup",
    type=click.IntRange(min=0),
    default=torch_config.TrainConfig.warmup,
    show_default=True,
    help="Epochs over which the learning rate rises.",
)
@click.option("--momentum", type=share, default=torch_config.TrainConfig.momentum, show_default=True, help="Of SGD.")
@recipe_options(torch_config.TrainConfig())
@click.option(
    "--blur/--no-blur", default=torch_config.TrainConfig.blur, show_default=True, help="With augmentation: also blur."
)
@click.option(
    "--colour/--no-colour",
    default=torch_config.TrainConfig.colour,
    show_default=True,
    help="With augmentation: also turn colours to gray in other ways.",
)
@click.option(
    "--standardise/--no-standardise",
    default=torch_config.TrainConfig.standardise,
    show_default=True,
    help="Bring every crop to its own mean and contrast.",
)
@precision_option
@seed_option
@click.option("--cpu", is_flag=True, help="Compute on the CPU even where there is CUDA.")
@click.option("--id", "run_id", help="Name of the run: runs/ID. Default: from the time.")
@click.option("--resume", is_flag=True, help="Go on with the run named by --id, or with the last one, bit for bit.")
@click.pass_context
def train_torch(ctx, data, cpu, run_id, resume, **settings):
    """Train one of the reference's ConvNets with PyTorch.

    With torchrun the processes it starts share every batch: torchrun --nproc-per-node 2 cli.py train-torch ...
    A run that was cut at any moment goes on with --resume from the last epoch it finished. docs/pytorch.md has more.

    \b
    Example:
      python cli.py train-torch --data data/svhn --net ConvNet48_Dropout3 --epochs 100 --id dropout3
    """
    from svhn.checkpoints import pseudo_labels
    from svhn.data import load_mix, resolve_source
    from svhn.runs import last_run, new_run_dir
    from svhn.torch_inpaint import choose_device
    from svhn.torch_inpaint.classifier import join, read_config
    from svhn.torch_inpaint.classifier.train import train

    given = {name: value for name, value in settings.items() if is_given(ctx, name)}
    run_dir = Path("runs") / run_id if run_id else last_run("train-torch") if resume else new_run_dir("train-torch")
    config = dataclasses.replace(read_config(run_dir), **given) if resume else torch_config.TrainConfig(**settings)
    source, message = resolve_source(data)
    with join(str(choose_device("cpu" if cpu else "auto"))) as group:

        def show(epoch):
            click.echo(
                f"epoch {epoch.epoch}/{config.epochs}  loss {epoch.loss:.4f}  "
                f"validation {epoch.validation_accuracy:.2%}  {epoch.seconds:.1f} s"
            )

        if group.leads:
            click.echo(message)
            click.echo(f"Run: {run_dir}")
        try:
            digits = load_mix(source, config.mix, pseudo_labels(), config.seed)
            record = train(digits, config, run_dir, report=show, resume=resume, group=group)
        except KeyboardInterrupt:
            click.echo(f"\nStopped; go on with: train-torch --resume --id {run_dir.name}")
            sys.exit(130)
        if record:
            print_metrics(record.metrics, run_dir)
