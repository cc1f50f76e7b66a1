"""`train-tf --optimizer`, and the sweep that compares the optimisers."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from svhn.data import write_prepared
from svhn.errors import InputError
from svhn.sweeps import PlannedRun, SweepFolder, SweepPlan, read_plan, sweep_status
from svhn.sweeps.worker import work
from svhn.tf_models.classifier.config import OPTIMIZERS, TrainConfig
from svhn.tf_models.classifier.learner import make_optimizer

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_goes_downhill_and_decays_kernels_alone(name):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    config = TrainConfig(optimizer=name, learning_rate=0.1, iterations=20, weight_decay=0.5)
    optimizer = make_optimizer(config, model)
    assert type(optimizer).__name__.lower() == name
    kernel, bias = model.trainable_variables
    bias.assign([1.0])
    start = np.abs(kernel).sum()
    optimizer.apply([tf.zeros((4, 1)), tf.zeros(1)], model.trainable_variables)
    assert np.abs(kernel).sum() < start and bias.numpy() == [1.0]
    x = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
    losses = []
    for _ in range(19):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x) - 5.0) ** 2)
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        losses.append(float(loss))
    assert losses[-1] < losses[0]


def test_momentum_is_that_of_sgd():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    assert make_optimizer(TrainConfig(optimizer="sgd", momentum=0.5), model).momentum == 0.5
    with pytest.raises(InputError, match=r"optimizer: expected one of adam, sgd, rmsprop, adagrad, adadelta"):
        TrainConfig(optimizer="lion")


def test_the_sweep_runs_on_tiny_data(tiny, tmp_path, small_graph, quick_end):
    runs = read_plan(ROOT / "sweeps" / "optimizers.yaml")
    assert [run.config.optimizer for run in runs[::2]] == ["adam", "rmsprop", "sgd", "adagrad", "adadelta"]
    assert runs[7].name == "seed-adagrad-b64-lr0.05"
    short = [PlannedRun(run.name, dataclasses.replace(run.config, iterations=3, interval=2)) for run in runs[1::2]]
    write_prepared(tmp_path / "bars.h5", tiny)
    folder = SweepFolder(tmp_path / "sweep")
    folder.write_plan(SweepPlan(short, str(tmp_path / "bars.h5"), device="cpu"))
    work(folder, short[3].name)
    table = sweep_status(folder).splitlines()
    assert table[0].split()[:3] == ["run", "state", "interval"]
    assert "0/2" in table[1] and "2/2" in table[4]
    assert "4 waiting, 1 done" in table
    assert folder.statuses()[3].record.metrics["validation_accuracy"] > 0
