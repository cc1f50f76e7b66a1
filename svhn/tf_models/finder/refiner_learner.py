"""The refiner while it learns: its losses, and how its file comes to be."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from svhn.alphabet import NUM_CLASSES
from svhn.data.samples import FinderPhoto, JudgedPhoto, RefinerSampleConfig, make_crops
from svhn.finder import LAYOUT, VIEWS, Finder, level_contrast
from svhn.tf_models.export import import_network
from svhn.tf_models.finder.calibration import calibrate
from svhn.tf_models.finder.config import RefinerTrainConfig
from svhn.tf_models.finder.learner import DetectorLearner
from svhn.tf_models.finder.refiner_graph import build_refiner
from svhn.tf_models.learning import make_deterministic

# A network that is trained further is given the statistics of so many batches.
START_BATCHES = 4


class RefinerLearner(DetectorLearner):
    """A refiner while it learns from crops.

    Parameters
    ----------
    config : RefinerTrainConfig
    samples : RefinerSampleConfig
    groups : sequence of (share, sources)
        What crops are drawn from, and how often.
    before : sequence of Path
        The networks whose proposals it judges.
    validation : sequence of FinderPhoto
    """

    means = ("presence", "label", "box")

    def __init__(
        self,
        config: RefinerTrainConfig,
        samples: RefinerSampleConfig,
        groups: Sequence[tuple[float, Sequence[JudgedPhoto]]],
        before: Sequence[Path],
        validation: Sequence[FinderPhoto],
    ):
        make_deterministic(config.seed)
        super().__init__(config, build_refiner(config.view), validation)
        self.samples, self.groups, self.before, self.view = samples, groups, before, VIEWS[config.view]
        self.file = self.view.file
        self.files = (self.file,)

    def load(self, path: Path) -> None:
        """Start from the weights of an exported network."""
        crops = np.concatenate([self.make_batch(position)[0] for position in range(START_BATCHES)])
        import_network(self.model, path, crops)
        self.averaged.set_weights(self.model.get_weights())

    def make_batch(self, position: int) -> tuple[np.ndarray, ...]:
        config = self.config
        crops, *targets = make_crops(self.groups, config.batch_size, config.seed, position, self.samples, self.view)
        return level_contrast(crops), *targets

    def losses(self, answer: tf.Tensor, *targets: tf.Tensor) -> tf.Tensor:
        return refiner_loss(answer[:, 0, 0], *targets)

    def export(self, folder: Path) -> None:
        """Leave the averaged network, calibrated, beside those before it."""
        for network in self.before:
            (folder / network.name).write_bytes(network.read_bytes())
        super().export(folder)
        calibrate(folder / self.file, Finder(folder), self.validation)


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
    present = asked * tf.nn.sigmoid_cross_entropy_with_logits(targets, answer[:, LAYOUT.presence])
    smooth = tf.one_hot(label, NUM_CLASSES) * 0.95 + 0.05 / NUM_CLASSES
    labels = named * tf.nn.softmax_cross_entropy_with_logits(smooth, answer[:, LAYOUT.labels])
    centre, log_size = answer[:, LAYOUT.centre], answer[:, LAYOUT.size]
    size = tf.exp(tf.clip_by_value(log_size, *LAYOUT.refined_log_sizes))
    low, high = centre - size / 2, centre + size / 2
    true_low, true_high = box[:, :2] - box[:, 2:] / 2, box[:, :2] + box[:, 2:] / 2
    shared = tf.reduce_prod(tf.maximum(tf.minimum(high, true_high) - tf.maximum(low, true_low), 0.0), axis=1)
    area = tf.reduce_prod(size, axis=1) + tf.reduce_prod(box[:, 2:], axis=1) - shared
    off = tf.concat([(centre - box[:, :2]) / box[:, 2:], log_size - tf.math.log(box[:, 2:])], axis=1)
    boxes = named * (1.0 - shared / area + 0.5 * tf.reduce_mean(tf.abs(off), axis=1))
    digits = tf.maximum(tf.reduce_sum(named), 1.0)
    return tf.stack(
        [
            2.0 * tf.reduce_sum(present) / tf.maximum(tf.reduce_sum(asked), 1.0),
            tf.reduce_sum(labels) / digits,
            tf.reduce_sum(boxes) / digits,
        ]
    )
