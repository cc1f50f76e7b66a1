"""Classifiers in PyTorch: train-torch."""

from pathlib import Path

import click

from svhn.commands.options import command, options_of
from svhn.commands.shared_options import cpu_option, data_option, device_option, resume_option, run_dir_option
from svhn.commands.training_line import shown
from svhn.torch_inpaint.classifier import ConvNetTrainConfig


@command()
@data_option
@options_of(ConvNetTrainConfig, "settings", given=True)
@device_option
@cpu_option
@run_dir_option
@click.option("--id", "run_id", help="Name of the run: --run-dir runs/ID.")
@resume_option
@click.pass_context
def train_torch(ctx, data, settings, device, run_dir, run_id, resume):
    """Train one of the reference's ConvNets with PyTorch.

    With torchrun the processes it starts share every batch: torchrun --nproc-per-node 2 cli.py train-torch ...
    A run that was cut at any moment goes on with --resume from the last epoch it finished. docs/pytorch.md has more.

    \b
    Example:
      python cli.py train-torch --data data/svhn --net ConvNet48_Dropout3 --epochs 100 --id dropout3
    """
    from svhn.torch_inpaint import train_classifier

    run_dir = Path("runs") / run_id if run_id else run_dir
    result = train_classifier(data, settings, run_dir, resume, device, **shown())
    click.echo(result.text, nl=bool(result.text))  # with torchrun only the leader has something to say
    ctx.exit(result.exit_code)
