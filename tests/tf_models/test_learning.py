"""What all trainings in Keras share: state to the last bit, running average, schedule."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from svhn.errors import InputError
from svhn.tf_models.learning import KerasLearner, copy_of, follow, make_deterministic, make_schedule


class TinyLearner(KerasLearner):
    """A network with batch normalisation and dropout that learns to answer nothing."""

    title = "tiny"

    def __init__(self, average: float = 0.9):
        make_deterministic(0)
        layers = [keras.layers.Dense(3), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)]
        self.model = keras.Sequential([keras.Input((2,)), *layers])
        self.averaged = copy_of(self.model) if average else self.model
        self.optimizer = keras.optimizers.Adam(make_schedule(0.1, 10, 2))
        self.optimizer.build(self.model.trainable_variables)
        self.average = average

    def advance(self, count):
        return np.array([[self._step()] for _ in range(count)])

    def _step(self):
        inputs = tf.constant(np.random.default_rng(self.iteration).normal(size=(8, 2)), tf.float32)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self.model(inputs, training=True) - 1))
        weights = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        if self.average:
            follow(self.averaged, self.model, self.optimizer.iterations, self.average)
        return float(loss)

    def measure(self):
        raise NotImplementedError

    def keep(self, folder):
        raise NotImplementedError


@pytest.mark.parametrize("average", [0.9, 0.0])
def test_a_restored_learner_goes_on_to_the_last_bit(tmp_path, average):
    """Dropout's random state, Adam's moments, batch statistics and the average are all in the state."""
    whole, cut, later = TinyLearner(average), TinyLearner(average), TinyLearner(average)
    expected = whole.advance(6)
    cut.advance(3)
    cut.save(tmp_path / "state", [0.1 + 0.2, 3.0])
    later.advance(1)  # forgotten by what comes now
    assert later.restore(tmp_path / "state") == [0.1 + 0.2, 3.0] and later.iteration == 3
    np.testing.assert_array_equal(later.advance(3), expected[3:])
    assert len(whole.variables) == len(later.variables) > 10
    for value, other in zip(whole.variables, later.variables, strict=True):
        np.testing.assert_array_equal(value, other)


def test_without_a_state_nothing_changes(tmp_path):
    learner = TinyLearner()
    learner.advance(1)
    assert learner.restore(tmp_path / "state") is None and learner.iteration == 1


@pytest.mark.parametrize("content", [b"", b"rubbish", None])
def test_a_damaged_state_is_told_of(tmp_path, content):
    learner = TinyLearner()
    learner.save(tmp_path / "state", [1.0])
    whole = (tmp_path / "state").read_bytes()
    (tmp_path / "state").write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(InputError, match=r"state: damaged .* delete it to begin this run from the start"):
        learner.restore(tmp_path / "state")


def test_the_state_of_another_network_is_refused(tmp_path):
    TinyLearner(average=0.0).save(tmp_path / "state", [1.0])
    with pytest.raises(InputError, match="damaged"):
        TinyLearner().restore(tmp_path / "state")


def test_the_average_takes_the_statistics_of_batch_normalisation_with_it():
    learner = TinyLearner()
    expected = [weight.numpy() for weight in learner.model.weights]
    for number in range(1, 4):
        learner.advance(1)
        decay = min(0.9, (1 + number) / (10 + number))
        weights = [weight.numpy() for weight in learner.model.weights]
        expected = [decay * slow + (1 - decay) * fast for slow, fast in zip(expected, weights, strict=True)]
    for weight, value in zip(learner.averaged.weights, expected, strict=True):
        np.testing.assert_allclose(weight, value, atol=1e-6)


@pytest.mark.parametrize("warmup, first", [(20, 0.0), (0, 1.0)])
def test_the_learning_rate_rises_and_falls_along_a_cosine(warmup, first):
    schedule = make_schedule(1.0, 100, warmup)
    rates = np.array([float(schedule(iteration)) for iteration in range(101)])
    assert rates[0] == first and rates[warmup] == pytest.approx(1) and rates[-1] == pytest.approx(0.01)
    assert (np.diff(rates[:warmup]) > 0).all() and (np.diff(rates[warmup:]) < 0).all()
    assert rates[warmup + (100 - warmup) // 2] == pytest.approx(0.505)
