"""What finder and refiner share while they learn, and the finder's losses."""

import itertools
import tempfile
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from svhn.alphabet import NUM_CLASSES
from svhn.data.samples import FinderPhoto, SampleConfig, make_batch
from svhn.files import write_whole
from svhn.finder import LAYOUT, MODEL_FILE, Finder, FinderConfig, found_digits, most_prominent
from svhn.tf_models.export import export_network
from svhn.tf_models.finder.ahead import make_ahead
from svhn.tf_models.finder.config import FinderTrainConfig
from svhn.tf_models.finder.graph import build_finder
from svhn.tf_models.finder.scores import Tally
from svhn.tf_models.learning import KerasLearner, copy_of, follow, make_deterministic, make_schedule

# What validation measures, of `Tally.report`.
SCORES = ("whole_number", "precision", "recall", "f1")
# Norm to which the gradient of each variable is cut.
MOST_GRADIENT = 10.0


def make_optimizer(config: FinderTrainConfig, variables: Sequence[keras.Variable]) -> keras.Optimizer:
    """Return AdamW on a warm-up and a cosine; norms and biases do not decay."""
    schedule = make_schedule(config.learning_rate, config.iterations, config.warmup)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=config.weight_decay, clipnorm=MOST_GRADIENT)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    optimizer.build(variables)
    return optimizer


class DetectorLearner(KerasLearner):
    """A finder or refiner while it learns; the last network is kept.

    Parameters
    ----------
    config : FinderTrainConfig or RefinerTrainConfig
    model : keras.Model
        With fresh weights.
    validation : sequence of FinderPhoto
        That are read with the networks after every interval.
    """

    file: str
    """Name of the exported network."""

    def __init__(self, config: FinderTrainConfig, model: keras.Model, validation: Sequence[FinderPhoto]):
        self.config, self.model, self.validation = config, model, validation
        self.averaged = copy_of(model) if config.average else model
        self.optimizer = make_optimizer(config, model.trainable_variables)
        self._learn = tf.function(self._step, autograph=False)
        self._batches: Iterator[tuple[np.ndarray, ...]] | None = None
        self._measured = b""

    @property
    def title(self) -> str:
        return f"{self.config.iterations:,} iterations of {self.config.batch_size}"

    @abstractmethod
    def make_batch(self, position: int) -> tuple[np.ndarray, ...]:
        """Make the batch number `position`: images, and what `losses` takes beside the answer."""

    @abstractmethod
    def losses(self, answer: tf.Tensor, *targets: tf.Tensor) -> tf.Tensor:
        """Return the parts of the loss, float32 (len(means),), of the network's answer to a batch."""

    def export(self, folder: Path) -> None:
        """Leave the averaged network, with those that it relies on, in a folder that can be used as a finder."""
        export_network(self.averaged, folder / self.file)

    def advance(self, count: int) -> np.ndarray:
        if self._batches is None:
            self._batches = make_ahead(self.make_batch, self.iteration, self.config.iterations)
        batches = itertools.islice(self._batches, count)
        return np.array([self._learn(*batch).numpy() for batch in batches], np.float64)

    def _step(self, images: tf.Tensor, *targets: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            losses = self.losses(self.model(tf.cast(images, tf.float32), training=True), *targets)
            loss = tf.reduce_sum(losses)
        variables = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        if self.config.average:
            follow(self.averaged, self.model, self.optimizer.iterations, self.config.average)
        return losses

    def measure(self) -> dict[str, float]:
        """Read the validation photos with the exported network, as users will."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            self.export(folder)
            self._measured = (folder / self.file).read_bytes()
            scores = read_and_score(Finder(folder, FinderConfig(text_reader="none")), self.validation).report()
        return {name: float(scores[name]) for name in SCORES}

    def keep(self, folder: Path) -> None:
        write_whole(folder / self.file, self._measured)

    def results(self, folder: Path) -> dict[str, int]:
        return {"parameters": self.averaged.count_params()}


class FinderLearner(DetectorLearner):
    """The finder while it learns from `photos`."""

    means = ("objectness", "label", "box")
    file = MODEL_FILE
    files = (MODEL_FILE,)

    def __init__(
        self,
        config: FinderTrainConfig,
        samples: SampleConfig,
        photos: Sequence[FinderPhoto],
        validation: Sequence[FinderPhoto],
    ):
        make_deterministic(config.seed)
        super().__init__(config, build_finder(), validation)
        self.samples, self.photos = samples, photos

    def make_batch(self, position: int) -> tuple[np.ndarray, ...]:
        return make_batch(self.photos, self.config.batch_size, self.config.seed, position, self.samples)

    def losses(self, answer: tf.Tensor, *targets: tf.Tensor) -> tf.Tensor:
        return finder_loss(answer, *targets)


def read_and_score(finder: Finder, photos: Iterable[FinderPhoto]) -> Tally:
    """Read annotated photos, and score what is found."""
    tally = Tally()
    for photo in photos:
        numbers = finder.find_numbers(photo.pixels)
        found = [digit for number in numbers for digit in found_digits(number)]
        first = most_prominent(numbers)
        sure = [digit.reading_confidence for digit in found]
        tally.add(photo.digits, found, sure, first.text if first else "")
    return tally


def finder_loss(answer: tf.Tensor, heat: tf.Tensor, weight: tf.Tensor, label: tf.Tensor, box: tf.Tensor) -> tf.Tensor:
    """Return the losses of objectness, label and box, float32 (3,), per digit.

    Parameters
    ----------
    answer : float32 (N, h, w, 15)
        The network's output.
    heat, weight, label, box : (N, h, w), box (N, h, w, 4)
        As `svhn.data.samples.heat_map.Targets`.
    """
    digits = tf.maximum(tf.reduce_sum(weight), 1.0)
    logits = answer[..., LAYOUT.presence]
    centre = tf.cast(heat == 1.0, tf.float32)
    # Cells near a centre are forgiven for saying "digit"; cells with heat -1 are not asked.
    absent = tf.where(heat < 0.0, 0.0, (1.0 - heat) ** 4)
    probability = tf.sigmoid(logits)
    present_loss = centre * (1.0 - probability) ** 2 * tf.nn.softplus(-logits)
    objectness = tf.reduce_sum(present_loss + absent * probability**2 * tf.nn.softplus(logits))
    smooth = tf.one_hot(label, NUM_CLASSES) * 0.95 + 0.05 / NUM_CLASSES
    labels = tf.nn.softmax_cross_entropy_with_logits(smooth, answer[..., LAYOUT.labels])
    off = tf.abs(answer[..., LAYOUT.box] - encode_boxes(box)) * box_scale(box)
    return tf.stack([objectness, tf.reduce_sum(weight * labels), tf.reduce_sum(weight[..., None] * off)]) / digits


def encode_boxes(box: tf.Tensor) -> tf.Tensor:
    """Turn offsets and sizes in pixels (..., 4) into what the network answers."""
    return tf.concat([box[..., :2] / LAYOUT.centre_unit, tf.math.log(box[..., 2:] / LAYOUT.size_unit)], axis=-1)


def box_scale(box: tf.Tensor) -> tf.Tensor:
    """Weigh errors of the centre by the digit's size, so that large and small digits count alike."""
    return tf.concat([LAYOUT.size_unit / box[..., 2:], tf.ones_like(box[..., 2:])], axis=-1)
