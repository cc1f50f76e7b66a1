"""Training runs of the refiner, on what a finder proposes and on what it does not."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from svhn.boxes import overlaps
from svhn.data.extra import UNLABELLED
from svhn.data.samples import (
    FinderPhoto,
    JudgedPhoto,
    RefinerSampleConfig,
    empty_front,
    empty_photo,
    largest_strip,
    lettered_photo,
    make_crops,
    read_labelled,
    read_listed,
    rendered_photo,
    split_validation,
)
from svhn.errors import InputError
from svhn.files import replacing
from svhn.finder import VIEWS, Finder, FinderConfig, find_finder, log_odds, standardise
from svhn.metrics import NUM_CLASSES
from svhn.runs import RunRecord, open_run
from svhn.tf_models.classifier import follow
from svhn.tf_models.export import export_network, import_network, scale_presence
from svhn.tf_models.finder.config import RefinerTrainConfig
from svhn.tf_models.finder.learner import make_optimizer
from svhn.tf_models.finder.refiner_graph import build_refiner
from svhn.tf_models.finder.run import STATE, FinderRun

COMMAND = "train-refiner"
PROPOSALS = "proposals.npz"
AVERAGE = 0.998
# The wide view looks where the close one says, so boxes are displaced less.
SAMPLES = {"close": RefinerSampleConfig(), "wide": RefinerSampleConfig(shift=0.07, scale=0.12, aspect=0.15)}
# How often photos of each kind are drawn, and how many are rendered.
SHARES = {"train": 0.38, "unlabelled": 0.28, "rendered": 0.07, "empty": 0.12, "lettered": 0.15}
RENDERED, EMPTY, LETTERED = 1_000, 1_500, 1_500
# Least presence of the proposals that are learned from.
LEAST_PROPOSAL = {"close": 0.05, "wide": 0.02}
# A network that is trained further is given the statistics of so many batches.
START_BATCHES = 4
# Of the calibration: intersections over union that tell nothing, Newton's steps, and the pull towards no change.
UNCLEAR, NEWTON_STEPS, PULL = (0.3, 0.4), 30, 1e-2


def train_refiner(
    folder: str | Path,
    config: RefinerTrainConfig,
    run_dir: str | Path,
    pseudo: str | Path | None = None,
    resume: bool = False,
    report: Callable[[dict[str, float]], None] = lambda row: None,
) -> RunRecord:
    """Train a refiner and leave its network, `config.json`, `history.csv` and `record.json` in a run folder.

    Parameters
    ----------
    folder : str or Path
        With SVHN's `train/` in Format 1, and where there are any, photos without labels in `unlabelled/`.
    config : RefinerTrainConfig
    run_dir : str or Path
        A new or empty folder, or with `resume` the folder of a run with the same config. The networks whose proposals
        are judged are copied into it, so that the folder can be used as a finder.
    pseudo : str or Path, optional
        CSV file with digits of the unlabelled photos, as for `svhn.data.extra.digits`; without it they are not used.
    resume : bool
        Go on after the last interval, as if nothing had happened.
    report : callable
        Called with iteration, losses and rate every 50 iterations, and with a row of the history.
    """
    run_dir = Path(run_dir)
    _open_run(run_dir, config, resume)
    labelled = read_labelled(folder, "train")
    training, validation = split_validation(labelled, config.seed)
    photos = {
        "train": [labelled[name] for name in training],
        "unlabelled": read_listed(Path(folder) / UNLABELLED, pseudo),
        "rendered": [rendered_photo(np.random.default_rng([config.seed, 1, i])) for i in range(RENDERED)],
        "empty": [_empty(np.random.default_rng([config.seed, 2, i])) for i in range(EMPTY)],
        "lettered": [lettered_photo(np.random.default_rng([config.seed, 3, i])) for i in range(LETTERED)],
    }
    groups = _proposed({kind: part for kind, part in photos.items() if part}, run_dir, config.view)
    run = _Run(config, run_dir, groups, [labelled[name] for name in validation], report)
    if resume:
        run.restore()
    elif config.start:
        run.load(_refiner_file(config.start, config.view))
    run.advance(config.iterations)
    counts = {kind: len(part) for kind, part in photos.items()} | {"validation": len(validation)}
    return run.write_record(COMMAND, Path(folder).name, counts, SAMPLES[config.view])


def refiner_loss(answer: tf.Tensor, presence: tf.Tensor, label: tf.Tensor, box: tf.Tensor) -> tf.Tensor:
    """Return the losses of presence, label and box, float32 (3,), per crop and per digit.

    Parameters
    ----------
    answer : float32 (N, 15)
        The network's output.
    presence, label, box : (N,), (N,), (N, 4)
        As `svhn.data.samples.refiner.make_crops`.
    """
    asked, named = tf.cast(presence >= 0, tf.float32), tf.cast(label >= 0, tf.float32)
    targets = 0.98 * tf.maximum(presence, 0.0) + 0.01
    present = asked * tf.nn.sigmoid_cross_entropy_with_logits(targets, answer[:, 0])
    smooth = tf.one_hot(label, NUM_CLASSES) * 0.95 + 0.05 / NUM_CLASSES
    labels = named * tf.nn.softmax_cross_entropy_with_logits(smooth, answer[:, 1 : 1 + NUM_CLASSES])
    size = tf.exp(tf.clip_by_value(answer[:, -2:], -5.0, 1.0))
    low, high = answer[:, -4:-2] - size / 2, answer[:, -4:-2] + size / 2
    true_low, true_high = box[:, :2] - box[:, 2:] / 2, box[:, :2] + box[:, 2:] / 2
    shared = tf.reduce_prod(tf.maximum(tf.minimum(high, true_high) - tf.maximum(low, true_low), 0.0), axis=1)
    area = tf.reduce_prod(size, axis=1) + tf.reduce_prod(box[:, 2:], axis=1) - shared
    off = tf.concat([(answer[:, -4:-2] - box[:, :2]) / box[:, 2:], answer[:, -2:] - tf.math.log(box[:, 2:])], axis=1)
    boxes = named * (1.0 - shared / area + 0.5 * tf.reduce_mean(tf.abs(off), axis=1))
    digits = tf.maximum(tf.reduce_sum(named), 1.0)
    return tf.stack(
        [
            2.0 * tf.reduce_sum(present) / tf.maximum(tf.reduce_sum(asked), 1.0),
            tf.reduce_sum(labels) / digits,
            tf.reduce_sum(boxes) / digits,
        ]
    )


def calibrate(path: str | Path, finder: Finder, photos: Sequence[FinderPhoto]) -> tuple[float, float]:
    """Change a refiner's file so that its presence is what has to be added to the log odds of the networks before it.

    The network learns from a mixture that has other shares of digits than what is proposed in photos, and other
    networks before it propose other places. Scale and shift of its presence logit are fitted to photos and the largest
    part of each that is free of digits.

    Parameters
    ----------
    path : str or Path
        Of `export_network`.
    finder : Finder
        With this network as its last refiner, as it is.
    photos : sequence of FinderPhoto
        That no network has learned from.

    Returns
    -------
    scale, shift : float
    """
    empty = [largest_strip(photo) for photo in photos if len(photo.boxes)]
    rows = [_judged(finder, photo) for photo in [*photos, *(strip for strip in empty if strip is not None)]]
    prior, evidence, right = (np.concatenate(column) for column in zip(*rows, strict=True))
    scale, shift = fit_logistic(prior, evidence, right)
    scale_presence(path, scale, shift)
    return scale, shift


def _judged(finder: Finder, photo: FinderPhoto) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each proposal the finder's log odds, the refiner's logit, and whether there is a digit."""
    found = finder.candidates(photo.pixels, len(finder.refiners) - 1)
    boxes, evidence, _ = finder.refiners[-1].judge(photo.pixels, found.boxes)
    shared = np.array([overlaps(box, photo.boxes)[0].max(initial=0) for box in boxes]).reshape(-1)
    clear = (shared < UNCLEAR[0]) | (shared > UNCLEAR[1])
    return log_odds(found.presence)[clear], evidence[clear], shared[clear] > UNCLEAR[1]


def fit_logistic(prior: np.ndarray, evidence: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Fit (scale, shift) of P(right) = sigmoid(prior + scale * evidence + shift) by Newton's method.

    A weak pull towards (1, 0) decides where there are no data. All arguments (N,).
    """
    inputs = np.stack([evidence, np.ones_like(evidence)], axis=1).astype(np.float64)
    found = start = np.array([1.0, 0.0])
    for _ in range(NEWTON_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(prior + inputs @ found, -30, 30)))
        slope = inputs.T @ (chance - right) + PULL * (found - start)
        curvature = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + PULL * np.eye(2)
        found = found - np.clip(np.linalg.solve(curvature, slope), -1, 1)
    return float(found[0]), float(found[1])


class _Run(FinderRun):
    """A run in progress on crops of `groups`."""

    losses = ("presence", "label", "box")

    def __init__(
        self,
        config: RefinerTrainConfig,
        run_dir: Path,
        groups: Sequence[tuple[float, Sequence[JudgedPhoto]]],
        validation: Sequence[FinderPhoto],
        report: Callable,
    ):
        super().__init__(config, run_dir, validation, report)
        keras.utils.set_random_seed(config.seed)
        tf.config.experimental.enable_op_determinism()
        self.groups = groups
        self.model, self.averaged = build_refiner(config.view), build_refiner(config.view)
        self.averaged.set_weights(self.model.get_weights())
        self.optimizer = make_optimizer(config, self.model.trainable_variables)
        self._step = tf.function(self._learn, autograph=False)

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything that a resumed run needs, the dropout's random state too."""
        return self.model.variables + self.averaged.variables + self.optimizer.variables

    def load(self, path: Path) -> None:
        """Start from the weights of an exported network."""
        crops = np.concatenate([self.make_batch(position)[0] for position in range(START_BATCHES)])
        import_network(self.model, path, crops)
        self.averaged.set_weights(self.model.get_weights())

    def make_batch(self, position: int) -> tuple[np.ndarray, ...]:
        config, view = self.config, self.config.view
        crops, *targets = make_crops(self.groups, config.batch_size, config.seed, position, SAMPLES[view], VIEWS[view])
        return standardise(crops), *targets

    def step(self, *batch: tf.Tensor) -> tf.Tensor:
        return self._step(*batch)

    def _learn(self, images, presence, label, box) -> tf.Tensor:
        with tf.GradientTape() as tape:
            losses = refiner_loss(self.model(images, training=True)[:, 0, 0], presence, label, box)
            loss = tf.reduce_sum(losses)
        variables = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        follow(self.averaged, self.model, self.optimizer.iterations, AVERAGE)
        return losses

    def export(self) -> None:
        """Leave the averaged network, calibrated, in the run folder."""
        path = self.run_dir / VIEWS[self.config.view].file
        export_network(self.averaged, path)
        calibrate(path, Finder(self.run_dir), self.validation)


def _empty(rng: np.random.Generator) -> FinderPhoto:
    return (empty_photo, empty_front)[rng.integers(2)](rng)


def _proposed(photos: dict[str, list[FinderPhoto]], run_dir: Path, view: str) -> list[tuple[float, list[JudgedPhoto]]]:
    """Join photos with what the finder proposes there, which is stored in the run folder."""
    stored = run_dir / PROPOSALS
    flat = [photo for part in photos.values() for photo in part]
    if not stored.exists():
        finder = Finder(run_dir, FinderConfig(min_confidence=LEAST_PROPOSAL[view]))
        found = [finder.candidates(photo.pixels) for photo in flat]
        counts = [len(candidates.presence) for candidates in found]
        with replacing(stored) as temporary:
            boxes = np.concatenate([candidates.boxes for candidates in found])
            np.savez(temporary, counts=counts, boxes=boxes, presence=np.concatenate([c.presence for c in found]))
    with np.load(stored) as rows:
        ends = np.cumsum(rows["counts"])[:-1]
        boxes, presence = np.split(rows["boxes"], ends), np.split(rows["presence"], ends)
    kinds = (kind for kind, part in photos.items() for _ in part)
    groups: dict[str, list[JudgedPhoto]] = {kind: [] for kind in photos}
    for kind, *parts in zip(kinds, flat, boxes, presence, strict=True):
        groups[kind].append(JudgedPhoto(*parts, complete=kind != "unlabelled"))
    return [(SHARES[kind], sources) for kind, sources in groups.items()]


def _open_run(run_dir: Path, config: RefinerTrainConfig, resume: bool) -> None:
    settings = {
        "command": COMMAND,
        "train": dataclasses.asdict(config),
        "samples": dataclasses.asdict(SAMPLES[config.view]),
    }
    networks = [] if resume else _networks_before(config)  # wrong ones are told before there is a folder
    open_run(run_dir, settings, STATE, resume)
    for network in networks:
        with replacing(run_dir / network.name) as temporary:
            temporary.write_bytes(network.read_bytes())


def _networks_before(config: RefinerTrainConfig) -> list[Path]:
    """Return the files of the networks that propose what the refiner of `config.view` judges."""
    path = Finder(config.finder).path
    if config.start and not (start := _refiner_file(config.start, config.view)).is_file():
        raise InputError(f"{start}: not found; expected a {config.view} refiner to train further")
    if config.view == "close":
        return [path]
    close = path.with_name(VIEWS["close"].file)
    if not close.is_file():
        raise InputError(f"{close}: not found; a wide refiner judges what a close one leaves, so train that first")
    return [path, close]


def _refiner_file(finder: str, view: str) -> Path:
    return find_finder(finder).with_name(VIEWS[view].file)
