"""The trainings in TensorFlow from the first word of a user to the printed result; importable without TensorFlow."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from svhn.checkpoints import pseudo_labels
from svhn.data import Report, silent
from svhn.errors import InputError
from svhn.runs import ProgressReport, RunResult, ignore, say_nothing, settle
from svhn.tf_models.classifier import COMMAND, PRESETS
from svhn.tf_models.finder import FINDER_COMMAND, REFINER_COMMAND, FinderTrainConfig, RefinerTrainConfig
from svhn.tf_models.starting import start_tensorflow


def train_classifier(
    data: str | None = None,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    run_dir: str | Path | None = None,
    resume: bool = False,
    distribute: str | None = None,
    report: ProgressReport = ignore,
    steps: Report = silent,
    say: Callable[[str], None] = say_nothing,
) -> RunResult:
    """Train a digit classifier with Keras and export it as a SavedModel.

    Parameters
    ----------
    data : str, optional
        As `svhn.data.resolve_source` takes it.
    preset : str, optional
        One of `svhn.tf_models.classifier.PRESETS`, where the settings start; by default "reference".
    settings : dict, optional
        Fields of `svhn.tf_models.classifier.TrainConfig` that differ from the preset. A resumed run keeps its own; what
        is given must be equal.
    run_dir : str or Path, optional
        By default a new folder in runs/, or with `resume` that of the last run there.
    resume : bool
    distribute : str, optional
        "mirrored" or "multiworker", see `svhn.tf_models.classifier.make_strategy`.
    report : callable
        Called with a `svhn.runs.Progress` while the network learns.
    steps : callable
        Called as `svhn.data.Report` while the data are made ready.
    say : callable
        Called with a line about the data, and with one about the run folder, before the training.

    Raises
    ------
    InputError
        When settings, data and run folder do not go together; before TensorFlow has started where that can be.
    """
    if distribute == "multiworker" and not run_dir:
        raise InputError("expected --run-dir, a folder that all workers share, beside --distribute multiworker")
    if preset and preset not in PRESETS:
        raise InputError(f"preset: expected one of {', '.join(PRESETS)}, received {preset!r}")
    settings = dict(settings or {})
    if resume and preset:
        settings = vars(PRESETS[preset].config) | settings
    run_dir, config = settle(COMMAND, PRESETS[preset or "reference"].config, settings, run_dir, resume)
    start_tensorflow(compute=distribute != "multiworker")
    from svhn.data import load_mix, resolve_source
    from svhn.tf_models.classifier import make_strategy, train_network

    strategy = make_strategy(distribute)
    source, message = resolve_source(data)
    say(message)
    say(f"Run: {run_dir}")
    digits = load_mix(source, config.mix, pseudo_labels(), config.seed, report=steps, validation=config.validation)
    return train_network(digits, config, run_dir, resume, report, strategy)


def train_finder(
    folder: str | Path,
    settings: Mapping[str, Any] | None = None,
    run_dir: str | Path | None = None,
    resume: bool = False,
    report: ProgressReport = ignore,
    steps: Report = silent,
    say: Callable[[str], None] = say_nothing,
) -> RunResult:
    """Train the network that finds and reads digits in any photo, and export it as ONNX.

    Parameters
    ----------
    folder : str or Path
        With SVHN's `train/` in Format 1 and, if any, `unlabelled/`.
    settings : dict, optional
        Fields of `svhn.tf_models.finder.FinderTrainConfig` that differ from the defaults.
    run_dir, resume, report, steps, say
        As in `train_classifier`.
    """
    run_dir, config = settle(FINDER_COMMAND, FinderTrainConfig(), settings or {}, run_dir, resume)
    start_tensorflow()
    from svhn.tf_models.finder import train_finder_network

    say(f"Run: {run_dir}")
    return train_finder_network(folder, config, run_dir, pseudo_labels(), resume, report, steps)


def train_refiner(
    folder: str | Path,
    settings: Mapping[str, Any] | None = None,
    run_dir: str | Path | None = None,
    resume: bool = False,
    report: ProgressReport = ignore,
    steps: Report = silent,
    say: Callable[[str], None] = say_nothing,
) -> RunResult:
    """Train a network that judges what a finder proposes, and export it as ONNX.

    Parameters
    ----------
    folder : str or Path
        With SVHN's `train/` in Format 1 and, if any, `unlabelled/`.
    settings : dict, optional
        Fields of `svhn.tf_models.finder.RefinerTrainConfig` that differ from the defaults.
    run_dir, resume, report, steps, say
        As in `train_classifier`.
    """
    run_dir, config = settle(REFINER_COMMAND, RefinerTrainConfig(), settings or {}, run_dir, resume)
    start_tensorflow()
    from svhn.tf_models.finder import train_refiner_network

    say(f"Run: {run_dir}")
    return train_refiner_network(folder, config, run_dir, pseudo_labels(), resume, report, steps)
