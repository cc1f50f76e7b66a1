"""What users do with a sweep: start it, look at it, stop it, report on it."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from svhn.cores import available_cores
from svhn.data import SYNTHETIC, resolve_source
from svhn.errors import InputError, require_package
from svhn.sweeps.analysis import format_table, model_rows, update_table
from svhn.sweeps.folder import SweepFolder, SweepPlan
from svhn.sweeps.kinds import TENSORFLOW, Kind, kind_of
from svhn.sweeps.plan import read_plan
from svhn.sweeps.supervisor import start, stop

# Seconds between two tables of `watch_sweep`: on a terminal, and where lines stay.
LIVE, LASTING = 2.0, 30.0
CLEAR = "\x1b[H\x1b[2J"


def sweep_folder(file: Path, folder: Path | None = None) -> SweepFolder:
    """Return the folder of a file's sweep, by default `runs/sweep-<file's name>`."""
    return SweepFolder(folder or Path("runs") / f"sweep-{file.stem}")


def start_sweep(
    file: Path, folder: SweepFolder, data: str | None = None, jobs: int = 1, device: str = "auto", resume: bool = False
) -> str:
    """Start the runs of a file in the background; those that are done are not run again, cut ones go on.

    Parameters
    ----------
    file : Path
        See `read_plan`.
    folder : SweepFolder
    data : str, optional
        See `svhn.data.resolve_source`.
    jobs : int
        Runs at a time. Each computes with its share of the cores, or with $OMP_NUM_THREADS threads.
    device : str
        As `svhn.torch_inpaint.choose_device` takes it; for runs of train-tf "auto" or "cpu".
    resume : bool
        Refuse a folder without a sweep.

    Returns
    -------
    str
        What was started, and how to see and end it.

    Raises
    ------
    InputError
        When the file is no sweep, it is running already, or the folder holds another one;
        or the framework of its runs or the device is missing.
    """
    runs = read_plan(file)
    kind = kind_of(runs[0].config)
    require_package(*kind.package, "sweep")
    _check_device(kind, device)
    if resume:
        folder.read_plan()
    source, message = resolve_source(data)
    threads = int(os.environ.get("OMP_NUM_THREADS") or max(1, available_cores() // jobs))
    where = source if source == SYNTHETIC else str(Path(source).resolve())
    pid = start(folder, SweepPlan(runs, where, jobs, threads, device))
    return (
        f"{message}\n{folder.path}: {len(runs)} runs, {jobs} at a time, in the background (process {pid})\n"
        f"See and end it with: sweep {file} watch, sweep {file} stop"
    )


def _check_device(kind: Kind, device: str) -> None:
    """Raise InputError unless runs of this kind can compute there; what every machine has is not looked for."""
    if device in ("auto", "cpu"):
        return
    if kind is TENSORFLOW:
        raise InputError(
            f"device: expected auto or cpu for runs of train-tf, received {device!r}; which GPUs TensorFlow sees is "
            "said by $CUDA_VISIBLE_DEVICES"
        )
    from svhn.torch_inpaint import choose_device  # loads PyTorch

    choose_device(device)


def stop_sweep(folder: SweepFolder) -> str:
    """Stop a sweep, and say whether it was running."""
    return f"{folder.path}: stopped; resume goes on with it" if stop(folder) else f"{folder.path}: was not running"


def sweep_status(folder: SweepFolder) -> str:
    """Return the table of all runs, and whether the sweep is running."""
    running, table = folder.supervisor(), format_table(folder.statuses())
    return f"{table}\n" + (f"running (process {running})" if running else f"not running; the page: {folder.report}")


def watch_sweep(folder: SweepFolder, show: Callable[[str], object] = print, live: bool | None = None) -> None:
    """Show the table again and again until the sweep has ended.

    Parameters
    ----------
    folder : SweepFolder
    show : callable
        Called with a text.
    live : bool, optional
        Each table takes the place of the one before; by default on a terminal.
    """
    live = sys.stdout.isatty() if live is None else live
    while True:
        running = folder.supervisor()
        show((CLEAR if live else "") + sweep_status(folder))
        if not running:
            return
        time.sleep(LIVE if live else LASTING)


def report_sweep(folder: SweepFolder, table: Path | None = None) -> str:
    """Write the page, put the best run of every network into a CSV file when one is named, and say so."""
    from svhn.sweeps.report import write_report  # loads matplotlib, which the other actions do without

    write_report(folder)
    if table is None:
        return f"{folder.report}: written"
    update_table(table, model_rows(folder.statuses()))
    return f"{folder.report}: written\n{table}: written"
