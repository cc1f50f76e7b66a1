"""Training of the refiners, on what the networks before them propose: one run and its folder."""

from pathlib import Path

from svhn.data import Report, silent
from svhn.data.samples import RefinerSampleConfig, read_labelled, source_of_photos, split_validation
from svhn.errors import InputError
from svhn.files import write_whole
from svhn.finder import MODEL_FILE, VIEWS, Finder, find_finder
from svhn.runs import Plan, ProgressReport, RunFolder, RunRecord, RunResult, ignore, run_training
from svhn.tf_models.finder.config import REFINER_COMMAND, RefinerTrainConfig
from svhn.tf_models.finder.proposals import gather_photos, join_proposals
from svhn.tf_models.finder.refiner_learner import RefinerLearner
from svhn.tf_models.finder.train import PACKAGES

# The wide view looks where the close one says, so boxes are displaced less.
SAMPLES = {"close": RefinerSampleConfig(), "wide": RefinerSampleConfig(shift=0.07, scale=0.12, aspect=0.15)}


def train_refiner_network(
    folder: str | Path,
    config: RefinerTrainConfig,
    run_dir: str | Path,
    pseudo: str | Path | None = None,
    resume: bool = False,
    report: ProgressReport = ignore,
    steps: Report = silent,
) -> RunResult:
    """Train a refiner and leave a run folder with its network behind, which can be used as a finder.

    Parameters
    ----------
    folder : str or Path
        With SVHN's `train/` in Format 1, and where there are any, photos without labels in `unlabelled/`.
    config : RefinerTrainConfig
    run_dir : str or Path
        A new or empty folder, or with `resume` the folder of a run with the same config. The networks whose proposals
        are judged are copied into it.
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
        When there are no photos, a network that this one relies on is missing, or the run folder is used or of
        another run.
    """
    run_folder, samples = RunFolder(run_dir), SAMPLES[config.view]
    networks = _missing_networks(config, run_folder.path)  # wrong ones are told of before there is a folder
    source = source_of_photos(folder, pseudo)
    run_folder.open(REFINER_COMMAND, config, source, resume, samples=samples)
    for name, network in networks.items():
        write_whole(run_folder.path / name, network.read_bytes())
    labelled = read_labelled(folder, "train", steps)
    training, validation = split_validation(labelled, config.seed)
    photos = gather_photos([labelled[name] for name in training], folder, pseudo, config.seed, steps)
    groups = join_proposals(photos, run_folder.path, config.view, steps)
    before = [run_folder.path / name for name in networks_before(config.view)]
    learner = RefinerLearner(config, samples, groups, before, [labelled[name] for name in validation])
    if config.start and not run_folder.state.exists():
        learner.load(_refiner_file(config.start, config.view))
    counts = {kind: len(part) for kind, part in photos.items()} | {"validation": len(validation)}
    record = RunRecord.new(REFINER_COMMAND, config, source | {"photos": counts}, PACKAGES, samples=samples)
    return run_training(learner, run_folder, Plan(config.iterations, config.interval), record, resume, report)


def networks_before(view: str) -> list[str]:
    """Return the names of the networks that propose what the refiner of a view judges."""
    names = [MODEL_FILE, *(known.file for known in VIEWS.values())]
    return names[: names.index(VIEWS[view].file)]


def _missing_networks(config: RefinerTrainConfig, run_dir: Path) -> dict[str, Path]:
    """Return the networks before this one that are not yet in the run folder: name there -> file."""
    missing = [name for name in networks_before(config.view) if not (run_dir / name).is_file()]
    if not missing:
        return {}
    path = Finder(config.finder).path
    if config.start and not (start := _refiner_file(config.start, config.view)).is_file():
        raise InputError(f"{start}: not found; expected a {config.view} refiner to train further")
    files = {name: path if name == MODEL_FILE else path.with_name(name) for name in missing}
    for file in files.values():
        if not file.is_file():
            raise InputError(f"{file}: not found; a wide refiner judges what a close one leaves, so train that first")
    return files


def _refiner_file(finder: str, view: str) -> Path:
    return find_finder(finder).with_name(VIEWS[view].file)
