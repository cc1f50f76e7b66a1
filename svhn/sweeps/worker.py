"""One run of a sweep in a process of its own: `python -m svhn.sweeps.worker FOLDER RUN`, started by the supervisor."""

import dataclasses
import os
import sys
import threading
from pathlib import Path

from svhn.errors import InputError
from svhn.sweeps.folder import SweepFolder, SweepPlan
from svhn.sweeps.kinds import TENSORFLOW, RunConfig, kind_of


def work(folder: SweepFolder, name: str) -> None:
    """Begin a run, or go on with it where it was cut."""
    plan = folder.read_plan()
    config = next(run.config for run in plan.runs if run.name == name)
    run_dir = folder.run_dir(name)
    _train(plan, config, run_dir, resume=(run_dir / "config.json").exists())


def _train(plan: SweepPlan, config: RunConfig, run_dir: Path, resume: bool) -> None:
    """Train in the framework that the settings are of, which is imported here."""
    settings = dataclasses.asdict(config)
    if kind_of(config) is not TENSORFLOW:
        from svhn import torch_inpaint

        torch_inpaint.train_classifier(plan.data, settings, run_dir, resume, plan.device)
        return
    if plan.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    from svhn import tf_models

    tf_models.train_classifier(plan.data, None, settings, run_dir, resume)


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
