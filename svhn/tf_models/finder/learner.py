"""The finder's losses and its optimiser steps."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from svhn.metrics import NUM_CLASSES
from svhn.tf_models.classifier import follow
from svhn.tf_models.finder.config import FinderTrainConfig, RefinerTrainConfig
from svhn.tf_models.finder.graph import build_finder

# Decay of the running average of the weights, per step.
AVERAGE = 0.998


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
    logits = answer[..., 0]
    centre = tf.cast(heat == 1.0, tf.float32)
    # Cells near a centre are forgiven for saying "digit"; cells with heat -1 are not asked.
    absent = tf.where(heat < 0.0, 0.0, (1.0 - heat) ** 4)
    probability = tf.sigmoid(logits)
    present_loss = centre * (1.0 - probability) ** 2 * tf.nn.softplus(-logits)
    objectness = tf.reduce_sum(present_loss + absent * probability**2 * tf.nn.softplus(logits))
    smooth = tf.one_hot(label, NUM_CLASSES) * 0.95 + 0.05 / NUM_CLASSES
    labels = tf.nn.softmax_cross_entropy_with_logits(smooth, answer[..., 1 : 1 + NUM_CLASSES])
    off = tf.abs(answer[..., -4:] - encode_boxes(box)) * box_scale(box)
    return tf.stack([objectness, tf.reduce_sum(weight * labels), tf.reduce_sum(weight[..., None] * off)]) / digits


def encode_boxes(box: tf.Tensor) -> tf.Tensor:
    """Turn offsets and sizes in pixels (..., 4) into what the network answers."""
    return tf.concat([box[..., :2] / 8.0, tf.math.log(box[..., 2:] / 16.0)], axis=-1)


def box_scale(box: tf.Tensor) -> tf.Tensor:
    """Weigh errors of the centre by the digit's size, so that large and small digits count alike."""
    return tf.concat([16.0 / box[..., 2:], tf.ones_like(box[..., 2:])], axis=-1)


def make_optimizer(
    config: FinderTrainConfig | RefinerTrainConfig, variables: Sequence[keras.Variable]
) -> keras.Optimizer:
    """Return AdamW whose learning rate rises during the warm-up and falls along a cosine to 1 % at the end.

    Norms and biases do not decay.
    """
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        max(config.iterations - config.warm_up, 1),
        0.01,
        warmup_target=config.learning_rate,
        warmup_steps=config.warm_up,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=config.weight_decay, clipnorm=10.0)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    optimizer.build(variables)
    return optimizer


class FinderLearner:
    """A network in training and its running average, which is the one to use."""

    def __init__(self, config: FinderTrainConfig):
        keras.utils.set_random_seed(config.seed)
        tf.config.experimental.enable_op_determinism()
        self.model, self.averaged = build_finder(), build_finder()
        self.averaged.set_weights(self.model.get_weights())
        self.optimizer = make_optimizer(config, self.model.trainable_variables)
        self.step = tf.function(self._step, autograph=False)

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything that a resumed run needs."""
        return self.model.variables + self.averaged.variables + self.optimizer.variables

    def _step(self, images, heat, weight, label, box) -> tf.Tensor:
        with tf.GradientTape() as tape:
            answer = self.model(tf.cast(images, tf.float32), training=True)
            losses = finder_loss(answer, heat, weight, label, box)
            loss = tf.reduce_sum(losses)
        variables = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        follow(self.averaged, self.model, self.optimizer.iterations, AVERAGE)
        return losses
