"""The finder's training: losses, the ONNX file, and runs that end, resume and repeat."""

import csv
import json

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from tf_runs import copy_at

from svhn.data.samples.heat_map import Targets, make_targets
from svhn.errors import InputError
from svhn.finder import Finder
from svhn.finder.search import decode
from svhn.runs.record import RunRecord
from svhn.tf_models.export.to_onnx import export_network
from svhn.tf_models.finder.config import FinderTrainConfig
from svhn.tf_models.finder.graph import build_finder
from svhn.tf_models.finder.learner import encode_boxes, finder_loss, make_optimizer
from svhn.tf_models.finder.train import train_finder_network as train_finder

CONFIG = FinderTrainConfig(iterations=4, batch_size=2, warmup=1, interval=2)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A network whose normalisation has something to fold."""
    keras.utils.set_random_seed(3)
    model, rng = build_finder((8, 8, 16, 16)), np.random.default_rng(3)
    for variable in model.variables:
        if variable.name in ("moving_variance", "gamma"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif variable.name in ("moving_mean", "beta"):
            variable.assign(rng.normal(0, 0.2, variable.shape))
    return model


@pytest.mark.parametrize("size", [(1, 48, 80), (2, 96, 64), (1, 16, 16)])
def test_opencv_gives_the_outputs_of_keras(network, tmp_path, size):
    export_network(network, tmp_path / "finder.onnx")
    assert (tmp_path / "finder.onnx").stat().st_size < 2.5 * network.count_params()  # half precision
    images = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.float32)
    net = cv2.dnn.readNetFromONNX(str(tmp_path / "finder.onnx"))
    net.setInput(images.transpose(0, 3, 1, 2).copy())
    np.testing.assert_allclose(net.forward().transpose(0, 2, 3, 1), network(images), atol=1e-2)


def perfect_answer(targets: Targets, sure: float = 12.0) -> np.ndarray:
    """What a network without faults answers, (1, h, w, 15)."""
    objectness = np.where(targets.heat == 1, sure, -sure)[..., None]
    labels = np.where(np.arange(10) == targets.label[..., None], sure, 0.0)
    boxes = encode_boxes(tf.constant(targets.box)).numpy()
    return np.concatenate([objectness, labels, boxes], axis=-1)[None].astype(np.float32)


TWO = make_targets(np.array([[10, 12, 22, 32], [60.0, 40, 75, 70]]), np.array([3, 8]), np.ones(2), (96, 96))


def loss_of(answer: np.ndarray) -> np.ndarray:
    fields = (TWO.heat, TWO.weight, TWO.label, TWO.box)
    return finder_loss(tf.constant(answer), *(tf.constant(field[None]) for field in fields)).numpy()


def test_decoding_undoes_what_is_learned():
    found = decode(perfect_answer(TWO)[0].transpose(2, 0, 1), 0.5)
    np.testing.assert_allclose(found.boxes, [[10, 12, 22, 32], [60, 40, 75, 70]], atol=1e-3)
    assert found.probabilities.argmax(axis=1).tolist() == [3, 8]


def test_each_fault_raises_its_own_loss():
    perfect = loss_of(perfect_answer(TWO))
    assert perfect[0] < 1e-3 and perfect[2] < 1e-4
    channels = {0: slice(0, 1), 1: slice(1, 11), 2: slice(11, 15)}
    for part, changed in channels.items():
        answer = perfect_answer(TWO)
        answer[..., changed] = np.roll(answer[..., changed], 1, axis=-1) if part else -answer[..., changed]
        losses = loss_of(answer)
        assert losses[part] > perfect[part] + 0.05
        others = [other for other in range(3) if other != part]
        np.testing.assert_allclose(losses[others], perfect[others], atol=1e-5)


def test_every_parameter_of_the_network_gets_a_gradient():
    network, fields = build_finder(), (TWO.heat, TWO.weight, TWO.label, TWO.box)
    images = np.random.default_rng(0).integers(0, 256, (1, 96, 96, 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        losses = finder_loss(network(images, training=True), *(tf.constant(field[None]) for field in fields))
        loss = tf.reduce_sum(losses)
    assert all(np.any(gradient) for gradient in tape.gradient(loss, network.trainable_variables))


@pytest.mark.parametrize("iterations", [400, 100])
def test_the_learning_rate_rises_and_falls_also_in_a_run_shorter_than_its_warmup(network, iterations):
    config = FinderTrainConfig(iterations=iterations)
    optimizer, rates = make_optimizer(config, network.trainable_variables), []
    for step in range(iterations):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    warm = min(iterations, config.warmup)
    assert rates[0] < 0.01 * config.learning_rate and (np.diff(rates[:warm]) > 0).all()
    assert (np.diff(rates[warm:]) < 0).all()
    assert rates[-1] == pytest.approx((0.01 if iterations > warm else 0.5) * config.learning_rate, rel=0.02)


def test_nothing_is_asked_where_a_digit_is_cut_off():
    targets = make_targets(np.array([[0, 10, 6, 40.0]]), np.array([4]), np.array([0.3]), (64, 64))
    assert (targets.heat == -1).any() and not (targets.heat == 1).any() and not targets.weight.any()
    answer = np.zeros((1, 16, 16, 15), np.float32)
    answer[0, ..., 0] = np.where(targets.heat == -1, 9.0, -9.0)
    fields = (targets.heat, targets.weight, targets.label, targets.box)
    assert finder_loss(tf.constant(answer), *(tf.constant(field[None]) for field in fields)).numpy()[0] < 1e-3


@pytest.mark.usefixtures("small_networks")
def test_a_run_leaves_everything_behind_and_ends_the_same_when_it_was_cut(photos, pseudo, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    record = train_finder(photos, CONFIG, whole, pseudo, report=copy_at(2, whole, cut)).record
    assert Finder(whole).find(np.zeros((40, 60, 3), np.uint8)) is not None
    stored = RunRecord.read(whole / "record.json")
    assert stored.metrics == json.loads(json.dumps(record.metrics)) and stored.config["seed"] == 0
    counts = stored.data["photos"]
    assert counts["train"] + counts["validation"] == 150 and counts["unlabelled"] == 1
    with (whole / "history.csv").open() as file:
        assert [row["iteration"] for row in csv.DictReader(file)] == ["2", "4"]
    assert train_finder(photos, CONFIG, cut, pseudo, resume=True).finished
    assert (cut / "finder.onnx").read_bytes() == (whole / "finder.onnx").read_bytes()


def test_run_folders_are_guarded(photos, tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    with pytest.raises(InputError, match="not empty"):
        train_finder(photos, CONFIG, tmp_path / "used")
    with pytest.raises(InputError, match="no run"):
        train_finder(photos, CONFIG, tmp_path / "none", resume=True)
