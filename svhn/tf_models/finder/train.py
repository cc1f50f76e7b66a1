"""Training of the finder: one run and its folder."""

from pathlib import Path

from svhn.data import Report, silent
from svhn.data.extra import UNLABELLED
from svhn.data.samples import (
    SampleConfig,
    read_labelled,
    read_listed,
    source_of_photos,
    split_validation,
)
from svhn.runs import Plan, ProgressReport, RunFolder, RunRecord, RunResult, ignore, run_training
from svhn.tf_models.finder.config import FINDER_COMMAND, FinderTrainConfig
from svhn.tf_models.finder.learner import FinderLearner

PACKAGES = ("tensorflow", "keras", "numpy", "onnx", "opencv-python-headless")
SAMPLES = SampleConfig()


def train_finder_network(
    folder: str | Path,
    config: FinderTrainConfig,
    run_dir: str | Path,
    pseudo: str | Path | None = None,
    resume: bool = False,
    report: ProgressReport = ignore,
    steps: Report = silent,
) -> RunResult:
    """Train the finder and leave a run folder with `finder.onnx` behind, which can be used as a finder.

    Parameters
    ----------
    folder : str or Path
        With SVHN's `train/` in Format 1, and where there are any, photos without labels in `unlabelled/`.
    config : FinderTrainConfig
    run_dir : str or Path
        A new or empty folder, or with `resume` the folder of a run with the same config.
    pseudo : str or Path, optional
        CSV file with digits of the unlabelled photos, as for `svhn.data.extra.digits`; without it they are not used.
    resume : bool
        Go on where the run was stopped or, if it was killed, after its last interval, as if nothing had happened.
    report : callable
        Called with a `svhn.runs.Progress`, see `svhn.runs.run_training`.
    steps : callable
        Called as `svhn.data.Report` while photos are made ready.

    Raises
    ------
    InputError
        When there are no photos, or the run folder is used or of another run.
    """
    run_folder, source = RunFolder(run_dir), source_of_photos(folder, pseudo)
    run_folder.open(FINDER_COMMAND, config, source, resume, samples=SAMPLES)
    photos = read_labelled(folder, "train", steps)
    training, validation = split_validation(photos, config.seed)
    listed = read_listed(Path(folder) / UNLABELLED, pseudo)
    learned = [photos[name] for name in training] + listed
    learner = FinderLearner(config, SAMPLES, learned, [photos[name] for name in validation])
    counts = {"train": len(training), "validation": len(validation), "unlabelled": len(listed)}
    record = RunRecord.new(FINDER_COMMAND, config, source | {"photos": counts}, PACKAGES, samples=SAMPLES)
    return run_training(learner, run_folder, Plan(config.iterations, config.interval), record, resume, report)
