"""Training runs of the finder."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from svhn.data.extra import UNLABELLED
from svhn.data.samples import FinderPhoto, SampleConfig, make_batch, read_labelled, read_listed, split_validation
from svhn.finder import MODEL_FILE
from svhn.runs import RunRecord, open_run
from svhn.tf_models.export import export_network
from svhn.tf_models.finder.config import FinderTrainConfig
from svhn.tf_models.finder.learner import FinderLearner
from svhn.tf_models.finder.run import STATE, FinderRun

COMMAND = "train-finder"
SAMPLES = SampleConfig()


def train_finder(
    folder: str | Path,
    config: FinderTrainConfig,
    run_dir: str | Path,
    pseudo: str | Path | None = None,
    resume: bool = False,
    report: Callable[[dict[str, float]], None] = lambda row: None,
) -> RunRecord:
    """Train the finder and leave `finder.onnx`, `config.json`, `history.csv` and `record.json` in a run folder.

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
        Go on after the last interval, as if nothing had happened.
    report : callable
        Called with iteration, losses and rate every 50 iterations, and with a row of the history.
    """
    run_dir = Path(run_dir)
    settings = {"command": COMMAND, "train": dataclasses.asdict(config), "samples": dataclasses.asdict(SAMPLES)}
    open_run(run_dir, settings, STATE, resume)
    photos = read_labelled(folder, "train")
    training, validation = split_validation(photos, config.seed)
    listed = read_listed(Path(folder) / UNLABELLED, pseudo)
    learned = [photos[name] for name in training] + listed
    run = _Run(config, run_dir, learned, [photos[name] for name in validation], report)
    if resume:
        run.restore()
    run.advance(config.iterations)
    counts = {"train": len(training), "validation": len(validation), "unlabelled": len(listed)}
    return run.write_record(COMMAND, Path(folder).name, counts, SAMPLES)


class _Run(FinderRun):
    """A run in progress on `photos`."""

    losses = ("objectness", "label", "box")

    def __init__(
        self,
        config: FinderTrainConfig,
        run_dir: Path,
        photos: Sequence[FinderPhoto],
        validation: Sequence[FinderPhoto],
        report: Callable,
    ):
        super().__init__(config, run_dir, validation, report)
        self.photos, self.learner = photos, FinderLearner(config)
        self.averaged, self.optimizer = self.learner.averaged, self.learner.optimizer

    @property
    def variables(self) -> list[keras.Variable]:
        return self.learner.variables

    def make_batch(self, position: int) -> tuple[np.ndarray, ...]:
        return make_batch(self.photos, self.config.batch_size, self.config.seed, position, SAMPLES)

    def step(self, *batch: tf.Tensor) -> tf.Tensor:
        return self.learner.step(*batch)

    def export(self) -> None:
        export_network(self.averaged, self.run_dir / MODEL_FILE)
