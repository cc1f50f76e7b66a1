"""What one iteration does, against the same computed step by step."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from svhn.errors import InputError
from svhn.tf_models.classifier.config import GRAPHS, PRESETS, TrainConfig
from svhn.tf_models.classifier.graphs import build_graph
from svhn.tf_models.classifier.learner import ClassifierLearner, make_optimizer, smoothed_targets
from svhn.tf_models.classifier.pipeline import training_batches

CONFIG = TrainConfig(iterations=40, batch_size=8)


def learner(tiny, **settings) -> ClassifierLearner:
    return ClassifierLearner(dataclasses.replace(CONFIG, **settings), tiny, tf.distribute.get_strategy())


def weights(model: keras.Model) -> list[np.ndarray]:
    return [weight.numpy() for weight in model.weights]


def test_an_iteration_is_an_adam_step_on_the_mean_loss(tiny):
    """Against a plain Keras model, optimiser and loss, without dropout, whose masks are drawn elsewhere."""
    it = learner(tiny, average=0.9, label_smoothing=0.1)
    it.model.get_layer("dropout").rate = 0
    model = keras.models.clone_model(it.model)
    model.set_weights(it.model.get_weights())
    model.get_layer("dropout").rate = 0
    optimizer, loss = make_optimizer(it.config, model), keras.losses.CategoricalCrossentropy(True, label_smoothing=0.1)
    averages, losses, right = weights(model), [], []
    for number, (images, labels) in enumerate(training_batches(tiny.splits, it.config, 1, 0, 3), start=1):
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            losses.append(loss(tf.one_hot(labels, 10), logits))
        optimizer.apply(tape.gradient(losses[-1], model.trainable_variables), model.trainable_variables)
        right.append(np.mean(logits.numpy().argmax(axis=1) == labels))
        decay = min(0.9, (1 + number) / (10 + number))
        averages = [decay * slow + (1 - decay) * fast for slow, fast in zip(averages, weights(model), strict=True)]
    np.testing.assert_allclose(it.advance(3), np.stack([losses, right], axis=1), rtol=1e-5)
    for found, expected in ((it.model, weights(model)), (it.averaged, averages)):
        for value, other in zip(weights(found), expected, strict=True):
            np.testing.assert_allclose(value, other, atol=2e-5)


def test_calls_can_be_divided_in_any_way(tiny):
    """To the last bit, or a resumed run would not be the run."""
    one, many = learner(tiny), learner(tiny)
    parts = [many.advance(count) for count in (2, 1, 3)]
    np.testing.assert_array_equal(one.advance(6), np.concatenate(parts))
    for value, other in zip(one.variables, many.variables, strict=True):
        np.testing.assert_array_equal(value, other)


def test_the_average_is_a_running_one_of_every_weight(tiny):
    """Batch normalisation's statistics too; with a young average, early weights are soon forgotten."""
    it = learner(tiny, graph="record", average=0.95, batch_size=2)
    expected = weights(it.model)
    for number in range(1, 4):
        it.advance(1)
        decay = min(0.95, (1 + number) / (10 + number))
        expected = [decay * slow + (1 - decay) * fast for slow, fast in zip(expected, weights(it.model), strict=True)]
    for value, other in zip(weights(it.averaged), expected, strict=True):
        np.testing.assert_allclose(value, other, atol=1e-6)
    assert len(expected) > len(it.model.trainable_variables)


def test_without_an_average_the_weights_themselves_are_kept(tiny):
    it = learner(tiny)
    assert it.averaged is it.model


@pytest.mark.parametrize("name", ["seed", "record"])
def test_only_kernels_decay(name, tiny):
    """A step with gradients of zero leaves what weight decay does."""
    config = dataclasses.replace(CONFIG, graph=name, weight_decay=0.1, learning_rate=0.01)
    model = build_graph(name, tiny.statistics)
    before = [variable.numpy() for variable in model.trainable_variables]
    zeros = [tf.zeros_like(variable) for variable in model.trainable_variables]
    make_optimizer(config, model).apply(zeros, model.trainable_variables)
    shrunk = set()
    for variable, value in zip(model.trainable_variables, before, strict=True):
        decay = 1 - 0.1 * 0.01 if variable.path.endswith("/kernel") else 1
        shrunk.add(decay)
        np.testing.assert_allclose(variable.numpy(), decay * value, rtol=1e-5, err_msg=variable.path)
    assert len(shrunk) == 2


def rates(tiny, **settings) -> np.ndarray:
    config = dataclasses.replace(CONFIG, iterations=100, learning_rate=0.01, **settings)
    schedule = make_optimizer(config, build_graph("seed", tiny.statistics))._learning_rate
    return np.array([float(schedule(iteration)) for iteration in range(101)])


def test_the_learning_rate_rises_and_falls_along_a_cosine(tiny):
    with_warmup = rates(tiny, warmup=20)
    np.testing.assert_allclose(with_warmup[:21], np.linspace(0, 0.01, 21), rtol=1e-4, atol=1e-9)
    cosine = 0.01 * (0.01 + 0.99 * (1 + np.cos(np.pi * np.arange(81) / 80)) / 2)
    np.testing.assert_allclose(with_warmup[20:], cosine, rtol=1e-4)
    assert rates(tiny)[0] == pytest.approx(0.01) and rates(tiny)[-1] == pytest.approx(1e-4)


def test_label_smoothing_by_hand():
    smooth = smoothed_targets(tf.constant([0, 3], tf.int64), 0.2).numpy()
    expected = np.full((2, 10), 0.02)
    expected[0, 0] = expected[1, 3] = 0.82
    np.testing.assert_allclose(smooth, expected, rtol=1e-5)
    np.testing.assert_array_equal(smoothed_targets(tf.constant([7], tf.int64), 0.0), np.eye(10)[[7]])


@pytest.fixture
def teachers(tiny, tmp_path) -> list[str]:
    """Two networks that have learned nothing."""
    paths = []
    for number in range(2):
        keras.utils.set_random_seed(number + 10)
        paths.append(str(tmp_path / f"{number}.keras"))
        build_graph("seed", tiny.statistics).save(paths[-1])
    return paths


def test_the_teachers_mean_answer_is_a_share_of_the_target(tiny, teachers):
    it = learner(tiny, teachers=teachers, distillation=0.75, label_smoothing=0.1)
    images = tf.constant(np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 1)).astype(np.float32))
    labels = tf.constant([1, 0, 9, 9], tf.int64)
    answers = [keras.models.load_model(path, compile=False)(images) for path in teachers]
    mean = np.mean([tf.nn.softmax(answer) for answer in answers], axis=0)
    np.testing.assert_allclose(
        it._targets(images, labels), 0.25 * smoothed_targets(labels, 0.1) + 0.75 * mean, rtol=1e-5
    )
    np.testing.assert_array_equal(learner(tiny)._targets(images, labels), smoothed_targets(labels, 0.0))


def test_teachers_stay_as_they_are_and_are_not_part_of_a_checkpoint(tiny, teachers):
    it = learner(tiny, teachers=teachers)
    before = [weights(teacher) for teacher in it._teachers]
    it.advance(2)
    for teacher, values in zip(it._teachers, before, strict=True):
        for value, other in zip(weights(teacher), values, strict=True):
            np.testing.assert_array_equal(value, other)
    assert len(it.variables) == len(learner(tiny).variables)


def test_it_starts_from_the_weights_of_another_network_of_its_graph(tiny, teachers):
    it = learner(tiny, weights=teachers[0], average=0.9)
    wanted = keras.models.load_model(teachers[0], compile=False).get_weights()
    for model in (it.model, it.averaged):
        for value, other in zip(model.get_weights(), wanted, strict=True):
            np.testing.assert_array_equal(value, other)
    with pytest.raises(InputError, match=r"0\.keras: not a network of graph record"):
        learner(tiny, graph="record", weights=teachers[0])


def test_a_teacher_must_take_the_same_pictures(tiny, teachers):
    with pytest.raises(InputError, match="takes gray crops, the network to be trained colour"):
        learner(tiny, graph="record", teachers=teachers)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_name_a_graph_and_a_mix_that_fit(name):
    config = PRESETS[name].config
    assert config.graph in GRAPHS and sum(config.counts.values()) == config.batch_size
    assert config.mix["train"] > 0 and abs(sum(config.mix.values()) - 1) < 1e-9


def test_the_reference_preset_is_the_reference_s_protocol(tiny):
    config = PRESETS["reference"].config
    assert config == TrainConfig()
    assert (config.graph, config.batch_size, config.iterations, config.mix) == ("seed", 64, 50_000, {"train": 1.0})
    assert make_optimizer(config, build_graph("seed", tiny.statistics)).weight_decay is None
