"""The trainings in PyTorch from the first word of a user to the printed result."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from svhn.checkpoints import pseudo_labels
from svhn.data import Report, load_mix, resolve_source, silent
from svhn.runs import ProgressReport, RunResult, ignore, say_nothing, settle
from svhn.torch_inpaint.classifier import COMMAND, DEFAULT_CHECKPOINT, ConvNetTrainConfig, join, train_network
from svhn.torch_inpaint.device import choose_device
from svhn.torch_inpaint.training import (
    FINISHER_COMMAND,
    SEGMENTER_COMMAND,
    FinisherTrainConfig,
    SegmenterTrainConfig,
    train_finisher_network,
    train_segmenter_network,
)


def train_classifier(
    data: str | None = None,
    settings: Mapping[str, Any] | None = None,
    run_dir: str | Path | None = None,
    resume: bool = False,
    device: str = "auto",
    report: ProgressReport = ignore,
    steps: Report = silent,
    say: Callable[[str], None] = say_nothing,
) -> RunResult:
    """Train one of the reference's networks, together with the other processes where torchrun started this one.

    Parameters
    ----------
    data : str, optional
        As `svhn.data.resolve_source` takes it.
    settings : dict, optional
        Fields of `svhn.torch_inpaint.classifier.ConvNetTrainConfig` that differ from the defaults. A resumed run keeps
        its own; what is given must be equal.
    run_dir : str or Path, optional
        By default a new folder in runs/, or with `resume` that of the last run there.
    resume : bool
    device : str
        As `svhn.torch_inpaint.choose_device` takes it.
    report : callable
        Called with a `svhn.runs.Progress`.
    steps : callable
        Called as `svhn.data.Report` while the data are made ready.
    say : callable
        Called with a line about the data, and with one about the run folder, before the training.

    Raises
    ------
    InputError
        When settings, data and run folder do not go together.
    """
    run_dir, config = settle(COMMAND, ConvNetTrainConfig(), settings or {}, run_dir, resume)
    source, message = resolve_source(data)
    with join(str(choose_device(device))) as group:
        if group.leads:
            say(message)
            say(f"Run: {run_dir}")
        shown = steps if group.leads else silent
        digits = load_mix(
            source,
            config.mix,
            pseudo_labels(),
            config.seed,
            report=shown,
            validation=config.validation,
            crops=config.crops,
        )
        return train_network(digits, config, run_dir, resume, report, group)


def train_finisher(
    folder: str | Path,
    settings: Mapping[str, Any] | None = None,
    run_dir: str | Path | None = None,
    resume: bool = False,
    report: ProgressReport = ignore,
    steps: Report = silent,
    say: Callable[[str], None] = say_nothing,
) -> RunResult:
    """Train the network that finishes what the GRNN paints, on holes where there are no digits.

    Parameters
    ----------
    folder : str or Path
        With SVHN's `train/` in Format 1 and, if any, `unlabelled/`.
    settings : dict, optional
        Fields of `svhn.torch_inpaint.training.FinisherTrainConfig` that differ from the defaults.
    run_dir, resume, report, steps, say
        As in `train_classifier`.
    """
    run_dir, config = settle(FINISHER_COMMAND, FinisherTrainConfig(), settings or {}, run_dir, resume)
    say(f"Run: {run_dir}")
    return train_finisher_network(folder, config, run_dir, pseudo_labels(), resume, report, steps)


def train_segmenter(
    model: str | Path = DEFAULT_CHECKPOINT,
    settings: Mapping[str, Any] | None = None,
    run_dir: str | Path | None = None,
    resume: bool = False,
    report: ProgressReport = ignore,
    steps: Report = silent,
    say: Callable[[str], None] = say_nothing,
) -> RunResult:
    """Train the network that tells strokes from background, on rendered numbers; it needs no photos.

    Parameters
    ----------
    model : str or Path
        Checkpoint of the classifier whose first-layer feature maps it sees.
    settings : dict, optional
        Fields of `svhn.torch_inpaint.training.SegmenterTrainConfig` that differ from the defaults.
    run_dir, resume, report, steps, say
        As in `train_classifier`.
    """
    run_dir, config = settle(SEGMENTER_COMMAND, SegmenterTrainConfig(), settings or {}, run_dir, resume)
    say(f"Run: {run_dir}")
    return train_segmenter_network(config, run_dir, model, resume, report, steps)
