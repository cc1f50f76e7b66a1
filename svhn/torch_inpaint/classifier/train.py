"""Training of the PyTorch classifiers: train-torch."""

import ctypes
import platform
from pathlib import Path

from svhn.data import PreparedData
from svhn.errors import InputError
from svhn.runs import Plan, ProgressReport, RunFolder, RunRecord, RunResult, ignore, run_training
from svhn.torch_inpaint.classifier.config import COMMAND, ConvNetTrainConfig
from svhn.torch_inpaint.classifier.distributed import ALONE, Group
from svhn.torch_inpaint.classifier.learner import ClassifierLearner

PACKAGES = ("torch", "numpy", "h5py")


def train_network(
    data: PreparedData,
    config: ConvNetTrainConfig,
    run_dir: str | Path,
    resume: bool = False,
    report: ProgressReport = ignore,
    group: Group = ALONE,
) -> RunResult:
    """Train a network and leave a run folder behind.

    The folder holds `config.json`, `history.csv` (a row per epoch), `state` while the run goes on, `model.pt` (best by
    validation), and at the end `<folder's name>_results.txt`, `report.png` and `record.json`. A run that was killed at
    any moment goes on with `resume` from what it saved last, as if nothing had happened.

    Parameters
    ----------
    data : PreparedData
        Needs `validation` and the splits of `config.mix`; `test` is read once, at the end, when it is there.
    config : ConvNetTrainConfig
    run_dir : str or Path
        A new or empty folder, or with `resume` the folder of a run with the same config.
    resume : bool
    report : callable
        Called with a Progress, see `svhn.runs.run_training`.
    group : Group
        The processes that train together, and where, see `join`; by default this one alone, on the CPU.

    Raises
    ------
    InputError
        When a split is missing, or `run_dir` does not suit.
    """
    _check(config, data)
    folder = RunFolder(run_dir)
    if group.leads:
        folder.open(COMMAND, config, data.provenance, resume)
    _keep_memory()
    learner = ClassifierLearner(data, config, group)
    per_epoch = learner.batches.per_epoch
    plan = Plan(config.epochs * per_epoch, per_epoch, leads=group.leads, alone=group.size == 1)
    counts = {name: len(split) for name, split in data.splits.items()}
    record = RunRecord.new(COMMAND, config, data.provenance | {"digits": counts}, PACKAGES)
    return run_training(learner, folder, plan, record, resume, report)


def _check(config: ConvNetTrainConfig, data: PreparedData) -> None:
    if missing := {*config.mix, "validation"} - data.splits.keys():
        raise InputError(
            f"{data.provenance['source']}: no {' and no '.join(sorted(missing))} split; give another --data"
        )


def _keep_memory() -> None:
    """Tell glibc to keep freed memory: fetching it from the system again costs a third of a step on the CPU."""
    if platform.libc_ver()[0] == "glibc":
        most_mapped, trim_threshold, top_pad = -4, -1, -2  # names of malloc.h
        libc = ctypes.CDLL(None)
        libc.mallopt(most_mapped, 0)
        libc.mallopt(trim_threshold, 2**31 - 1)
        libc.mallopt(top_pad, 2**28)
