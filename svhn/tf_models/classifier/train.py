"""Training of the classifiers in Keras: one run and its folder."""

from pathlib import Path

import tensorflow as tf

from svhn.data import PreparedData
from svhn.errors import InputError
from svhn.runs import Plan, ProgressReport, RunFolder, RunRecord, RunResult, ignore, run_training
from svhn.tf_models.classifier.config import COMMAND, TrainConfig
from svhn.tf_models.classifier.distribute import check_batch_size, is_alone, is_chief
from svhn.tf_models.classifier.learner import ClassifierLearner

PACKAGES = ("tensorflow", "keras", "numpy", "h5py")


def train_network(
    data: PreparedData,
    config: TrainConfig,
    run_dir: str | Path,
    resume: bool = False,
    report: ProgressReport = ignore,
    strategy: tf.distribute.Strategy | None = None,
) -> RunResult:
    """Train a network and leave a run folder behind.

    Beside what every run has (`svhn.runs.RunFolder`) the folder holds `logs/` for TensorBoard, `model.keras`, the best
    by validation, and at the end `saved_model/`.

    Parameters
    ----------
    data : PreparedData
        Needs `validation` and the splits of `config.mix`; `test` is read once, at the end, when it is there.
    config : TrainConfig
    run_dir : str or Path
        A new or empty folder, or with `resume` the folder of a run with the same config.
    resume : bool
        Go on where the run was stopped or killed, as if nothing had happened.
    report : callable
        Called with a `svhn.runs.Progress`, see `svhn.runs.run_training`.
    strategy : tf.distribute.Strategy, optional
        Of `svhn.tf_models.classifier.make_strategy`. Of several workers, only the chief writes and reports; all of them
        read `run_dir` to resume, and SIGINT ends them without saving.

    Raises
    ------
    InputError
        When the data lack a split, the batch does not suit the replicas, or the folder is used or of another run.
    """
    if missing := {*config.mix, "validation"} - data.splits.keys():
        raise InputError(
            f"{data.provenance['source']}: no {' and no '.join(sorted(missing))} split; give another --data, "
            "or make it with the options --synthetic, --copy-paste and --pseudo of python cli.py prepare"
        )
    strategy = strategy or tf.distribute.get_strategy()
    check_batch_size(strategy, config.batch_size)
    folder, leads = RunFolder(run_dir), is_chief(strategy)
    if leads:
        folder.open(COMMAND, config, data.provenance, resume)
    elif resume:
        folder.check(COMMAND, config, data.provenance)
    learner = ClassifierLearner(config, data, strategy)
    plan = Plan(config.iterations, config.interval, leads, is_alone(strategy))
    counts = {name: len(split) for name, split in data.splits.items()}
    record = RunRecord.new(COMMAND, config, data.provenance | {"digits": counts}, PACKAGES)
    return run_training(learner, folder, plan, record, resume, report)
