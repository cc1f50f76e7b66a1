"""One run of a sweep in a process of its own: `python -m svhn.sweeps.worker FOLDER RUN`, started by the supervisor."""

import dataclasses
import os
import sys
import threading

from svhn.errors import InputError
from svhn.sweeps.folder import SweepFolder
from svhn.torch_inpaint import train_classifier


def work(folder: SweepFolder, name: str) -> None:
    """Begin a run, or go on with it where it was cut."""
    plan = folder.read_plan()
    settings = next(dataclasses.asdict(run.config) for run in plan.runs if run.name == name)
    run_dir = folder.run_dir(name)
    train_classifier(plan.data, settings, run_dir, (run_dir / "config.json").exists(), plan.device)


def _end_with_the_supervisor() -> None:
    """Leave at once when the other end of standard input closes: the run is saved up to its last epoch."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(3)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_supervisor, daemon=True).start()
    try:
        work(SweepFolder(sys.argv[1]), sys.argv[2])
    except InputError as error:
        sys.exit(f"Error: {error}")
