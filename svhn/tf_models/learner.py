"""One network while it learns: weights, their average, optimiser, and the iteration as a TensorFlow graph."""

import keras
import tensorflow as tf

from svhn.data.prepared import Statistics
from svhn.metrics import NUM_CLASSES
from svhn.tf_models.config import TrainConfig
from svhn.tf_models.distribute import synchronise_normalisation
from svhn.tf_models.graphs import build_graph


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
            self.optimizer = make_optimizer(config, self.model)
            self.averaged = _copy(self.model) if config.average else self.model
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
            losses = smoothed_loss(labels, logits, self.config.label_smoothing)
            loss = tf.reduce_sum(losses) / self.config.batch_size
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)  # sums the gradients of all replicas
        if self.config.average:
            follow(self.averaged, self.model, self.optimizer.iterations, self.config.average)
        right = tf.reduce_sum(tf.cast(tf.argmax(logits, axis=1) == labels, tf.float32)) / self.config.batch_size
        return tf.cast(tf.stack([loss, right]), tf.float64)


def follow(averaged: keras.Model, model: keras.Model, iteration: tf.Variable, decay: float) -> None:
    """Move averaged weights a step towards a model's; larger steps at first, when the average is young."""
    iteration = tf.cast(iteration, tf.float32)
    step = 1 - tf.minimum(decay, (1 + iteration) / (10 + iteration))
    for slow, fast in zip(averaged.weights, model.weights, strict=True):
        slow.value.assign_add(step * (fast.value - slow.value))


def smoothed_loss(labels: tf.Tensor, logits: tf.Tensor, smoothing: float) -> tf.Tensor:
    """Cross entropy, (B,), with `smoothing` of every target spread over all classes: labels (B,), logits (B, 10)."""
    targets = (1 - smoothing) * tf.one_hot(labels, NUM_CLASSES) + smoothing / NUM_CLASSES
    return tf.nn.softmax_cross_entropy_with_logits(targets, logits)


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
