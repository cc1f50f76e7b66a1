"""Many trainings: sweep."""

import os
import sys
import time
from pathlib import Path

import click

from svhn.commands.options import command
from svhn.commands.shared_options import at_least_1, data_option


@command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("action", type=click.Choice(["start", "status", "watch", "stop", "resume", "report"]), default="start")
@click.option("--jobs", type=at_least_1, default=1, show_default=True, help="Runs at a time.")
@data_option
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="Default: runs/sweep-<file's name>.")
@click.option("--cpu", is_flag=True, help="Compute on the CPU even where there is CUDA.")
@click.option(
    "--table",
    type=click.Path(path_type=Path),
    help="With report: also put the best run of every network into this CSV file.",
)
def sweep(file, action, jobs, data, folder, cpu, table):
    """Train the runs of a YAML file in the background, whatever happens to the terminal.

    FILE lists runs of train-torch, or a grid of them; sweeps/ has two. ACTION is start (or resume: runs that are done
    stay, cut ones go on bit for bit), status (a table), watch (the table, live), stop, or report (the page, which is
    also written at the end). Each job computes with its share of the cores, or with $OMP_NUM_THREADS threads.

    \b
    Example:
      python cli.py sweep sweeps/family.yaml --jobs 2 --data data/svhn
    """
    from svhn.cores import available_cores
    from svhn.sweeps import (
        Plan,
        SweepFolder,
        format_table,
        model_rows,
        read_plan,
        start,
        stop,
        update_table,
        write_page,
    )

    place = SweepFolder(folder or Path("runs") / f"sweep-{file.stem}")
    if action in ("start", "resume"):
        from svhn.data import SYNTHETIC, resolve_source

        runs = read_plan(file)
        if action == "resume":
            place.read_plan()
        source, message = resolve_source(data)
        threads = int(os.environ.get("OMP_NUM_THREADS") or max(1, available_cores() // jobs))
        source = source if source == SYNTHETIC else str(Path(source).resolve())
        pid = start(place, Plan(runs, source, jobs, threads, cpu))
        click.echo(message)
        click.echo(f"{place.path}: {len(runs)} runs, {jobs} at a time, in the background (process {pid})")
        click.echo(f"See and end it with: sweep {file} watch, sweep {file} stop")
    elif action == "stop":
        pid = stop(place)
        click.echo(f"{place.path}: stopped; resume goes on with it" if pid else f"{place.path}: was not running")
    elif action == "report":
        write_page(place)
        click.echo(f"{place.report}: written")
        if table:
            update_table(table, model_rows(place.statuses()))
            click.echo(f"{table}: written")
    else:
        live = action == "watch" and sys.stdout.isatty()
        while True:
            running, text = place.supervisor(), format_table(place.statuses())
            click.echo(("\x1b[H\x1b[2J" if live else "") + text)
            if action == "status" or not running:
                break
            time.sleep(2 if live else 30)
        click.echo(f"running (process {running})" if running else f"not running; the page: {place.report}")
