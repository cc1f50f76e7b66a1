"""Many trainings: sweep."""

from pathlib import Path

import click

from svhn.commands.options import command
from svhn.commands.shared_options import at_least_1, cpu_option, data_option, device_option


@command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("action", type=click.Choice(["start", "status", "watch", "stop", "resume", "report"]), default="start")
@click.option("--jobs", type=at_least_1, default=1, show_default=True, help="Runs at a time.")
@data_option
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="Default: runs/sweep-<file's name>.")
@device_option
@cpu_option
@click.option(
    "--table",
    type=click.Path(path_type=Path),
    help="With report: also put the best run of every network into this CSV file.",
)
def sweep(file, action, jobs, data, folder, device, table):
    """Train the runs of a YAML file in the background, whatever happens to the terminal.

    FILE lists runs of train-torch, or, where it names a graph, of train-tf; or a grid of them. sweeps/ has three.
    ACTION is start (or resume: runs that are done stay, cut ones go on bit for bit), status (a table), watch (the
    table, live), stop, or report (the page, which is also written at the end). Each job computes with its share of the
    cores, or with $OMP_NUM_THREADS threads.

    \b
    Example:
      python cli.py sweep sweeps/family.yaml --jobs 2 --data data/svhn
    """
    from svhn import sweeps

    place = sweeps.sweep_folder(file, folder)
    if action in ("start", "resume"):
        click.echo(sweeps.start_sweep(file, place, data, jobs, device, resume=action == "resume"))
    elif action == "watch":
        sweeps.watch_sweep(place, click.echo)
    elif action == "report":
        click.echo(sweeps.report_sweep(place, table))
    else:
        click.echo({"status": sweeps.sweep_status, "stop": sweeps.stop_sweep}[action](place))
