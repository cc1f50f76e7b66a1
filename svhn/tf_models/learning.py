"""What all trainings in Keras share: running average, schedule of the learning rate, state for an exact resume."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from svhn.errors import InputError
from svhn.files import replacing
from svhn.runs import Learner

# Share of the highest learning rate that is left at the end of a run.
RATE_FLOOR = 0.01


class KerasLearner(Learner):
    """A Keras network, the running average of its weights, and its optimiser.

    Attributes
    ----------
    model, averaged : keras.Model
        The network in training, and the one that is measured and kept; both are the same without averaging.
    optimizer : keras.Optimizer
    """

    model: keras.Model
    averaged: keras.Model
    optimizer: keras.Optimizer

    @property
    def iteration(self) -> int:
        return int(self.optimizer.iterations.numpy())

    @property
    def learning_rate(self) -> float:
        return float(self.optimizer.learning_rate.numpy())

    @property
    def variables(self) -> list[tf.Variable]:
        """Everything that a resumed run needs: weights, dropout's random state, optimiser, running average."""
        averaged = self.averaged.weights if self.averaged is not self.model else []
        return [variable.value for variable in (*self.model.variables, *self.optimizer.variables, *averaged)]

    def save(self, path: Path, interval: Sequence[float]) -> None:
        values = {str(i): variable.numpy() for i, variable in enumerate(self.variables)}
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, interval=np.array(interval, np.float64), **values)

    def restore(self, path: Path) -> Sequence[float] | None:
        if not path.exists():
            return None
        variables = self.variables
        try:
            with np.load(path, allow_pickle=False) as state:
                values = [state[str(i)] for i in range(len(variables))]
                interval = state["interval"].tolist()
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        except Exception as error:  # a damaged archive makes zipfile and NumPy raise almost anything
            raise InputError(f"{path}: damaged ({error}); delete it to begin this run from the start") from error
        return interval


def make_deterministic(seed: int) -> None:
    """Seed everything random in this process, and let operations give the same bits every time."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def make_schedule(
    learning_rate: float, iterations: int, warmup: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Return a learning rate that rises from 0 over the warm-up, then falls to 1 % along a cosine."""
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else learning_rate,
        max(iterations - warmup, 1),
        alpha=RATE_FLOOR,
        warmup_target=learning_rate if warmup else None,
        warmup_steps=warmup,
    )


def copy_of(model: keras.Model) -> keras.Model:
    """Return a network of the same structure with the same weights."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def follow(averaged: keras.Model, model: keras.Model, iteration: tf.Variable, decay: float) -> None:
    """Move averaged weights a step towards a model's; larger steps at first, when the average is young.

    Keras's own averaging (`use_ema`) is not used: it averages trainable weights only, and the statistics of batch
    normalisation belong to the weights that they were taken with.

    Parameters
    ----------
    averaged, model : keras.Model
        Of the same structure.
    iteration : tf.Variable
        Optimiser steps so far.
    decay : float
        Of the running average per step, 0 to 1, once it is old enough.
    """
    iteration = tf.cast(iteration, tf.float32)
    step = 1 - tf.minimum(decay, (1 + iteration) / (10 + iteration))
    for slow, fast in zip(averaged.weights, model.weights, strict=True):
        slow.value.assign_add(step * (fast.value - slow.value))
