"""Training runs of the finder."""

import dataclasses
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from svhn.data.extra_digits import UNLABELLED
from svhn.data.finder_photos import FinderPhoto, read_labelled, read_listed, split_validation
from svhn.data.finder_samples import SampleConfig, make_batch
from svhn.data.sources import LICENCE_NOTE
from svhn.files import replacing
from svhn.finder import MODEL_FILE, Finder, most_prominent
from svhn.records import RunRecord, open_run
from svhn.tf_models.ahead import make_ahead
from svhn.tf_models.finder_config import FinderTrainConfig
from svhn.tf_models.finder_learner import FinderLearner
from svhn.tf_models.finder_scores import Tally
from svhn.tf_models.onnx_export import export_network
from svhn.tf_models.run_folder import read_history, write_history

COMMAND = "train-finder"
STATE = "state.npz"
PACKAGES = ("tensorflow", "keras", "numpy", "onnx", "opencv-python-headless")
LOSSES = ("objectness", "label", "box")
HISTORY = ("iteration", *LOSSES, "whole_number", "precision", "recall", "f1", "seconds")
REPORT_EVERY = 50
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
        CSV file with digits of the unlabelled photos, as for `svhn.data.extra_digits`; without it they are not used.
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
    run = _Run(config, run_dir, [photos[name] for name in validation], report)
    if resume:
        run.restore()
    listed = read_listed(Path(folder) / UNLABELLED, pseudo)
    run.advance([photos[name] for name in training] + listed, config.iterations)
    data = {"source": Path(folder).name, "licence": LICENCE_NOTE, "split_rule": "by photo"}
    counts = {"train": len(training), "validation": len(validation), "unlabelled": len(listed)}
    record = RunRecord.new(COMMAND, config, data | {"photos": counts}, PACKAGES)
    record.config["samples"] = dataclasses.asdict(SAMPLES)
    record.metrics = {f"validation_{name}": run.history[-1][name] for name in HISTORY[4:-1]}
    record.metrics["parameters"] = run.learner.averaged.count_params()
    record.metrics["seconds"] = sum(row["seconds"] for row in run.history)
    record.write(run_dir / "record.json")
    return record


class _Run:
    """A run in progress: the learner and its history."""

    def __init__(self, config: FinderTrainConfig, run_dir: Path, validation: Sequence[FinderPhoto], report: Callable):
        self.config, self.run_dir, self.validation, self.report = config, run_dir, validation, report
        self.learner = FinderLearner(config)
        self.iteration, self.history = 0, []

    def advance(self, photos: Sequence[FinderPhoto], stop: int) -> None:
        """Train up to iteration `stop`."""
        began, losses = time.perf_counter(), []

        def make(position: int) -> tuple[np.ndarray, ...]:
            return make_batch(photos, self.config.batch_size, self.config.seed, position, SAMPLES)

        for batch in make_ahead(make, self.iteration, stop):
            losses.append(self.learner.step(*batch).numpy())
            self.iteration += 1
            if self.iteration % REPORT_EVERY == 0:
                mean = np.mean(losses[-REPORT_EVERY:], axis=0).tolist()
                rate = len(losses) / (time.perf_counter() - began)
                report = {"iteration": self.iteration, "iterations": self.config.iterations, "rate": rate}
                self.report(report | dict(zip(LOSSES, mean, strict=True)))
            if self.iteration % self.config.interval == 0 or self.iteration == stop:
                self._measure(np.mean(losses, axis=0).tolist(), time.perf_counter() - began)
                began, losses = time.perf_counter(), []

    def restore(self) -> None:
        with np.load(self.run_dir / STATE) as state:
            for i, variable in enumerate(self.learner.variables):
                variable.assign(state[str(i)])
        self.iteration = int(self.learner.optimizer.iterations.numpy())
        self.history = [row for row in read_history(self.run_dir) if row["iteration"] <= self.iteration]

    def _measure(self, losses: list[float], seconds: float) -> None:
        """Export the averaged network, read the validation photos with it, and save all."""
        export_network(self.learner.averaged, self.run_dir / MODEL_FILE)
        scores = measure(Finder(self.run_dir), self.validation).report()
        row = {"iteration": self.iteration} | dict(zip(LOSSES, losses, strict=True)) | {"seconds": seconds}
        row |= {name: scores[name] for name in HISTORY if name in scores}
        self.history.append(row)
        write_history(self.run_dir, self.history, HISTORY)
        with replacing(self.run_dir / STATE) as temporary:
            np.savez(temporary, **{str(i): variable.numpy() for i, variable in enumerate(self.learner.variables)})
        self.report(row)


def measure(finder: Finder, photos: Iterable[FinderPhoto]) -> Tally:
    """Find the digits of annotated photos."""
    tally = Tally()
    for photo in photos:
        numbers = finder.find_numbers(photo.pixels)
        found = [digit for number in numbers for digit in number.digits]
        first = most_prominent(numbers)
        tally.add(photo.digits, found, [digit.confidence for digit in found], first.text if first else "")
    return tally
