"""One network while it learns: weights, their average, optimiser, and the iteration as a TensorFlow graph."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from svhn.checkpoints import find_model
from svhn.data import Statistics
from svhn.errors import InputError
from svhn.metrics import NUM_CLASSES
from svhn.tf_models.classifier.config import TrainConfig
from svhn.tf_models.classifier.distribute import synchronise_normalisation
from svhn.tf_models.classifier.graphs import build_graph
from svhn.tf_models.classifier.predict import load_network


class Learner:
    """The state of training and what an iteration does to it.

    Parameters
    ----------
    config : TrainConfig
    statistics : Statistics
        Of the training part.
    strategy : tf.distribute.Strategy

    Attributes
    ----------
    model, averaged : keras.Model
        The network, and the one with the running average of its weights (the same one without averaging).
    optimizer : keras.optimizers.Optimizer
    variables : list of tf.Variable
        Everything that a resumed run needs: weights, optimiser, dropout's random state.
    """

    def __init__(self, config: TrainConfig, statistics: Statistics, strategy: tf.distribute.Strategy):
        keras.utils.set_random_seed(config.seed)
        tf.config.experimental.enable_op_determinism()
        self.config, self.strategy = config, strategy
        with strategy.scope():
            self.model = build_graph(config.graph, statistics)
            if config.weights:
                load_weights(self.model, config.weights)
            self.optimizer = make_optimizer(config, self.model)
            self.averaged = _copy(self.model) if config.average else self.model
            self._teachers = load_teachers(config.teachers, self.model.input_shape[-1])
        synchronise_normalisation(self.model, strategy)
        variables = [*self.model.variables, *self.optimizer.variables]
        variables += self.averaged.weights if config.average else []
        self.variables = [variable.value for variable in variables]

    @tf.function
    def advance(self, batches, count: tf.Tensor, sums: tf.Tensor) -> tf.Tensor:
        """Learn from the next `count` batches, and add each one's mean loss and accuracy to `sums`, float64 (2,).

        One call for many iterations, because each call costs; added one by one, because then the sums of an interval
        do not depend on how it was divided into calls.
        """
        for _ in tf.range(count):
            parts = self.strategy.run(self._step, args=next(batches))
            sums += self.strategy.reduce("SUM", parts, axis=None)
        return sums

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


def load_weights(model: keras.Model, path: str) -> None:
    """Give a network the weights of another one, which must be of the same graph; InputError when it is not."""
    weights = load_network(find_model(path).path).get_weights()
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


def follow(averaged: keras.Model, model: keras.Model, iteration: tf.Variable, decay: float) -> None:
    """Move averaged weights a step towards a model's; larger steps at first, when the average is young."""
    iteration = tf.cast(iteration, tf.float32)
    step = 1 - tf.minimum(decay, (1 + iteration) / (10 + iteration))
    for slow, fast in zip(averaged.weights, model.weights, strict=True):
        slow.value.assign_add(step * (fast.value - slow.value))


def smoothed_targets(labels: tf.Tensor, smoothing: float) -> tf.Tensor:
    """Return (B, 10): 1 for the label (B,), with `smoothing` of it spread over all classes."""
    return (1 - smoothing) * tf.one_hot(labels, NUM_CLASSES) + smoothing / NUM_CLASSES


def make_optimizer(config: TrainConfig, model: keras.Model) -> keras.optimizers.Optimizer:
    """Adam on a warm-up and a cosine, with decoupled weight decay of the kernels."""
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if config.warmup else config.learning_rate,
        config.iterations - config.warmup,
        alpha=0.01,
        warmup_target=config.learning_rate if config.warmup else None,
        warmup_steps=config.warmup,
    )
    optimizer = keras.optimizers.Adam(schedule, weight_decay=config.weight_decay or None)
    optimizer.exclude_from_weight_decay([v for v in model.trainable_variables if v.path.split("/")[-1] != "kernel"])
    optimizer.build(model.trainable_variables)
    return optimizer


def _copy(model: keras.Model) -> keras.Model:
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy
