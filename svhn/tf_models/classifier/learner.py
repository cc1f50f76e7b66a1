"""One classifier while it learns: the iteration as a TensorFlow graph, and what is measured and kept of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svhn.alphabet import NUM_CLASSES
from svhn.checkpoints import find_model
from svhn.data import PreparedData
from svhn.errors import InputError
from svhn.files import replacing
from svhn.metrics import classification_report
from svhn.runs import BY_ACCURACY, Row
from svhn.tf_models.classifier.config import TrainConfig
from svhn.tf_models.classifier.distribute import spread, synchronise_normalisation
from svhn.tf_models.classifier.graphs import build_graph
from svhn.tf_models.classifier.pipeline import training_batches
from svhn.tf_models.classifier.predict import load_network, probabilities_of
from svhn.tf_models.classifier.published import publish
from svhn.tf_models.classifier.tensorboard import Logs
from svhn.tf_models.export import export_model
from svhn.tf_models.folding import folded_weights
from svhn.tf_models.learning import KerasLearner, copy_of, follow, make_deterministic, make_schedule

Predict = Callable[[tf.Tensor], tf.Tensor]

# What lies in the run folder: the best network by validation, for Keras and for other tools.
BEST, SAVED_MODEL = "model.keras", "saved_model"
VALIDATION_BATCH = 512
# Probabilities are not believed to be lower than this, so that the loss stays finite.
LEAST_PROBABILITY = 1e-12


class ClassifierLearner(KerasLearner):
    """A classifier while it learns, on one device or spread over several.

    Parameters
    ----------
    config : TrainConfig
    data : PreparedData
        With `validation` and the splits of `config.mix`; `test` is read once, at the end, when it is there.
    strategy : tf.distribute.Strategy
        Of `svhn.tf_models.classifier.make_strategy`.
    """

    means = ("loss", "accuracy")
    ranking = BY_ACCURACY
    files = (BEST, SAVED_MODEL)

    def __init__(self, config: TrainConfig, data: PreparedData, strategy: tf.distribute.Strategy):
        if data.statistics is None:
            raise InputError(f"{data.provenance['source']}: has no training part; give another --data")
        make_deterministic(config.seed)
        self.config, self.data, self.strategy = config, data, strategy
        with strategy.scope():
            self.model = build_graph(config.graph, data.statistics)
            if config.weights:
                load_weights(self.model, config.weights)
            self.optimizer = make_optimizer(config, self.model)
            self.averaged = copy_of(self.model) if config.average else self.model
            self._teachers = load_teachers(config.teachers, self.model.input_shape[-1])
        synchronise_normalisation(self.model, strategy)
        self._predict = probabilities_of(self.averaged)
        self._batches: Iterator | None = None
        self._logs: Logs | None = None
        self._kept: Predict | None = None

    @property
    def title(self) -> str:
        config = self.config
        return f"graph {config.graph}, {config.iterations:,} iterations of {config.batch_size}"

    def advance(self, count: int) -> np.ndarray:
        if self._batches is None:
            self._batches = iter(self._make_batches())
        return self._advance(self._batches, tf.constant(count)).numpy()

    def _make_batches(self) -> Iterable:
        config, channels = self.config, self.model.input_shape[-1]
        batches = training_batches(self.data.splits, config, channels, self.iteration, config.iterations)
        return spread(self.strategy, batches, config.batch_size)

    @tf.function
    def _advance(self, batches: Iterator, count: tf.Tensor) -> tf.Tensor:
        """Learn from the next `count` batches; return loss and accuracy of each, float64 (count, 2).

        One call for many iterations, because each call costs.
        """
        rows = tf.TensorArray(tf.float64, count, element_shape=(2,))
        for i in tf.range(count):
            parts = self.strategy.run(self._step, args=next(batches))
            rows = rows.write(i, self.strategy.reduce("SUM", parts, axis=None))
        return rows.stack()

    @tf.autograph.experimental.do_not_convert
    def _step(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Learn from one replica's part of a batch; return what it adds to the mean loss and accuracy, float64 (2,)."""
        with tf.GradientTape() as tape:
            logits = self.model(images, training=True)
            losses = tf.nn.softmax_cross_entropy_with_logits(self._targets(images, labels), logits)
            loss = tf.reduce_sum(losses) / self.config.batch_size
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)  # sums the gradients of all replicas
        if self.config.average:
            follow(self.averaged, self.model, self.optimizer.iterations, self.config.average)
        right = tf.reduce_sum(tf.cast(tf.argmax(logits, axis=1) == labels, tf.float32)) / self.config.batch_size
        return tf.cast(tf.stack([loss, right]), tf.float64)

    def _targets(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Return what the network shall answer, (B, 10): the labels, smoothed, and a share of the teachers' mean."""
        targets = smoothed_targets(labels, self.config.label_smoothing)
        if not self._teachers:
            return targets
        answers = [tf.nn.softmax(teacher(images, training=False)) for teacher in self._teachers]
        share = self.config.distillation
        return (1 - share) * targets + share * tf.reduce_mean(tf.stack(answers), axis=0)

    def measure(self) -> dict[str, float]:
        split = self.data["validation"]
        probabilities = _in_batches(self._predict, split.rgb)
        right = np.clip(probabilities[np.arange(len(split)), split.labels], LEAST_PROBABILITY, 1)
        accuracy = (probabilities.argmax(axis=1) == split.labels).mean()
        return {"loss": float(-np.log(right).mean()), "accuracy": float(accuracy)}

    def keep(self, folder: Path) -> None:
        with replacing(folder / BEST) as temporary:
            publish(self.averaged).save(temporary)

    def log(self, folder: Path, history: Sequence[Row]) -> None:
        if self._logs is None:
            self._logs = Logs(folder, history[:-1])
        self._logs.add(history[-1])

    def results(self, folder: Path) -> dict[str, Any]:
        network = load_network(folder / BEST)
        export_model(network, "savedmodel", folder / SAVED_MODEL)
        self._kept = probabilities_of(network)
        metrics: dict[str, Any] = {"parameters": network.count_params()}
        if "test" in self.data.splits:
            test = self.data["test"]
            report = classification_report(test.labels, _in_batches(self._kept, test.rgb).argmax(axis=1))
            metrics |= {f"test_{name}": report[name] for name in ("accuracy", "accuracy_interval", "n")}
        return metrics

    def answers(self, folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        split = self.data["validation"]
        predict = self._kept or probabilities_of(load_network(folder / BEST))
        return split.rgb, split.labels, _in_batches(predict, split.rgb)


def _in_batches(predict: Predict, rgb: np.ndarray) -> np.ndarray:
    """Return probabilities, float32 (N, 10), of crops, uint8 (N, 32, 32, 3)."""
    starts = range(0, len(rgb), VALIDATION_BATCH)
    return np.concatenate([predict(tf.constant(rgb[i : i + VALIDATION_BATCH])) for i in starts])


def load_weights(model: keras.Model, path: str) -> None:
    """Give a network the weights of another one of its graph, or `caffe-lrn` those of `caffe`; else InputError."""
    network = load_network(find_model(path).path)
    folded = (model.name, network.name) == ("caffe-lrn", "caffe")
    weights = folded_weights(network) if folded else network.get_weights()
    if [value.shape for value in weights] != [value.shape for value in model.get_weights()]:
        raise InputError(
            f"{path}: not a network of graph {model.name}; give one that was trained with --graph {model.name}"
        )
    model.set_weights(weights)


def load_teachers(paths: Sequence[str], channels: int) -> list[keras.Model]:
    """Load the networks to learn from; InputError for one that takes pictures of another kind."""
    teachers = [load_network(find_model(path).path) for path in paths]
    for path, teacher in zip(paths, teachers, strict=True):
        if teacher.input_shape[-1] != channels:
            kinds = {1: "gray", 3: "colour"}
            raise InputError(
                f"{path}: this teacher takes {kinds[teacher.input_shape[-1]]} crops, the network to be trained "
                f"{kinds[channels]} ones; choose another teacher or --graph"
            )
    return teachers


def smoothed_targets(labels: tf.Tensor, smoothing: float) -> tf.Tensor:
    """Return (B, 10): 1 for the label (B,), with `smoothing` of it spread over all classes."""
    return (1 - smoothing) * tf.one_hot(labels, NUM_CLASSES) + smoothing / NUM_CLASSES


def make_optimizer(config: TrainConfig, model: keras.Model) -> keras.optimizers.Optimizer:
    """Return the chosen optimiser on a warm-up and a cosine, with decoupled weight decay of the kernels."""
    schedule = make_schedule(config.learning_rate, config.iterations, config.warmup)
    kind = type(keras.optimizers.get(config.optimizer))
    options = {"momentum": config.momentum} if config.optimizer == "sgd" else {}
    optimizer = kind(schedule, weight_decay=config.weight_decay or None, **options)
    optimizer.exclude_from_weight_decay([v for v in model.trainable_variables if v.path.split("/")[-1] != "kernel"])
    optimizer.build(model.trainable_variables)
    return optimizer
