"""One run of a sweep in a process of its own: `python -m svhn.sweeps.worker FOLDER RUN`, started by the supervisor."""

import os
import sys
import threading

from svhn.checkpoints import pseudo_labels
from svhn.data import load_mix
from svhn.errors import InputError
from svhn.sweeps.folder import SweepFolder
from svhn.torch_inpaint import choose_device
from svhn.torch_inpaint.classifier.train import train


def work(folder: SweepFolder, name: str) -> None:
    """Begin a run, or go on with it where it was cut."""
    plan = folder.read_plan()
    config = next(run.config for run in plan.runs if run.name == name)
    run_dir = folder.run_dir(name)
    device = str(choose_device("cpu" if plan.cpu else "auto"))
    digits = load_mix(plan.data, config.mix, pseudo_labels(), config.seed)
    train(digits, config, run_dir, device, resume=(run_dir / "config.json").exists())


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
