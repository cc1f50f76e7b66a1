"""The refiner's training: losses, the ONNX file, and runs that end, resume and repeat."""

import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from tf_runs import copy_at

from svhn.errors import InputError
from svhn.finder.config import VIEWS
from svhn.finder.finder import Finder
from svhn.finder.refiner import place
from svhn.runs.record import RunRecord
from svhn.tf_models.export.from_onnx import import_network
from svhn.tf_models.export.to_onnx import export_network, scale_presence
from svhn.tf_models.finder import proposals
from svhn.tf_models.finder.calibration import fit_logistic
from svhn.tf_models.finder.config import RefinerTrainConfig
from svhn.tf_models.finder.graph import build_finder
from svhn.tf_models.finder.refiner_graph import build_refiner
from svhn.tf_models.finder.refiner_learner import refiner_loss
from svhn.tf_models.finder.refiner_train import train_refiner_network as train_refiner

LABELS = tf.constant([3, 8, -1], tf.int32)
PRESENCE = tf.constant([1.0, 1.0, 0.0])
BOXES = tf.constant([[0.05, -0.1, 0.3, 0.6], [0.0, 0.0, 0.4, 0.7], [0.0, 0.0, 1.0, 1.0]])


def perfect_answer(sure: float = 12.0) -> np.ndarray:
    """What a network without faults answers, (3, 15)."""
    presence = np.where(PRESENCE.numpy() > 0, np.log(99), -np.log(99))[:, None]  # targets are .99 and .01
    labels = np.where(np.arange(10) == LABELS.numpy()[:, None], sure, 0.0)
    boxes = np.concatenate([BOXES[:, :2], np.log(BOXES[:, 2:])], axis=1)
    return np.concatenate([presence, labels, boxes], axis=1).astype(np.float32)


def loss_of(answer: np.ndarray) -> np.ndarray:
    return refiner_loss(tf.constant(answer), PRESENCE, LABELS, BOXES).numpy()


def test_each_fault_raises_its_own_loss():
    perfect = loss_of(perfect_answer())
    assert perfect[2] == pytest.approx(0, abs=1e-6)
    for part, changed in {0: slice(0, 1), 1: slice(1, 11), 2: slice(11, 15)}.items():
        answer = perfect_answer()
        answer[:2, changed] = np.roll(answer[:2, changed], 1, axis=1) if part else -answer[:2, changed]
        losses = loss_of(answer)
        assert losses[part] > perfect[part] + 0.1
        others = [other for other in range(3) if other != part]
        np.testing.assert_allclose(losses[others], perfect[others], atol=1e-6)


def test_what_is_not_asked_does_not_count():
    answer, unasked = perfect_answer(), tf.constant([1.0, 1.0, -1.0])
    other = answer.copy()
    other[2] = 5.0
    losses = [refiner_loss(tf.constant(a), unasked, LABELS, BOXES).numpy() for a in (answer, other)]
    np.testing.assert_array_equal(*losses)


def test_placing_undoes_what_is_learned():
    """A window of a box 20 pixels high has a side of 30 pixels in the close view."""
    boxes = place(perfect_answer()[:1, 11:], np.array([[100, 50, 110, 70]], np.float32), VIEWS["close"])
    centre, half = np.array([105 + 30 * 0.05, 60 - 30 * 0.1]), 15 * np.array([0.3, 0.6])
    np.testing.assert_allclose(boxes[0], [*(centre - half), *(centre + half)], rtol=1e-5)


def lived_in_refiner(view: str) -> keras.Model:
    """A small network whose batch normalisation does something."""
    keras.utils.set_random_seed(3)
    model, rng = build_refiner(view, (8, 8, 16, 16)), np.random.default_rng(3)
    for variable in model.variables:
        if variable.name in ("moving_variance", "gamma"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif variable.name in ("moving_mean", "beta"):
            variable.assign(rng.normal(0, 0.2, variable.shape))
    return model


@pytest.mark.parametrize("view", VIEWS)
def test_opencv_gives_the_outputs_of_keras(tmp_path, view):
    model, rng = lived_in_refiner(view), np.random.default_rng(3)
    export_network(model, tmp_path / "refiner.onnx")
    net = cv2.dnn.readNetFromONNX(str(tmp_path / "refiner.onnx"))
    for count in (1, 7, 3):
        crops = rng.normal(0, 1, (count, *model.input_shape[1:])).astype(np.float32)
        net.setInput(crops.transpose(0, 3, 1, 2).copy())
        np.testing.assert_allclose(net.forward().reshape(count, 15), model(crops)[:, 0, 0], atol=1e-2)


@pytest.mark.parametrize("view", VIEWS)
def test_an_exported_network_comes_back(tmp_path, view):
    model, rng = lived_in_refiner(view), np.random.default_rng(4)
    crops = rng.normal(0, 1, (16, *model.input_shape[1:])).astype(np.float32)
    export_network(model, tmp_path / "refiner.onnx")
    loaded = build_refiner(view, (8, 8, 16, 16), dropout=0.0)
    import_network(loaded, tmp_path / "refiner.onnx", crops)
    expected = model(crops)
    np.testing.assert_allclose(loaded(crops), expected, atol=1e-2)
    np.testing.assert_allclose(loaded(crops, training=True), expected, atol=1e-2)  # with the statistics of a batch
    with pytest.raises(InputError, match="not a network of this architecture"):
        import_network(build_refiner(view, (8, 8, 16, 24)), tmp_path / "refiner.onnx", crops)
    (tmp_path / "broken.onnx").write_text("not a network")
    with pytest.raises(InputError, match=r"broken\.onnx: not a readable ONNX network"):
        import_network(loaded, tmp_path / "broken.onnx", crops)


def test_presence_alone_is_scaled(tmp_path):
    path, rng = tmp_path / "refiner.onnx", np.random.default_rng(0)
    export_network(build_refiner("wide", (8, 8, 16)), path)
    crops = rng.normal(0, 1, (4, 3, 64, 64)).astype(np.float32)

    def answers() -> np.ndarray:
        net = cv2.dnn.readNetFromONNX(str(path))
        net.setInput(crops)
        return net.forward().reshape(4, 15)

    before = answers()
    scale_presence(path, 0.7, -1.5)
    after = answers()
    np.testing.assert_allclose(after[:, 0], 0.7 * before[:, 0] - 1.5, atol=2e-3)
    np.testing.assert_array_equal(after[:, 1:], before[:, 1:])


def test_calibration_finds_scale_and_shift():
    rng = np.random.default_rng(0)
    prior, evidence = rng.normal(0, 1, 20_000), rng.normal(0, 3, 20_000)
    right = rng.random(20_000) < 1 / (1 + np.exp(-(prior + 0.7 * evidence - 1.5)))
    np.testing.assert_allclose(fit_logistic(prior, evidence, right), (0.7, -1.5), atol=0.1)
    nothing = np.zeros(0)
    assert fit_logistic(nothing, nothing, nothing.astype(bool)) == (1.0, 0.0)
    scale, shift = fit_logistic(prior, evidence, np.zeros(20_000, bool))  # nothing is ever right
    assert np.isfinite(scale) and shift < -3


@pytest.mark.parametrize("view", VIEWS)
def test_every_parameter_of_the_network_gets_a_gradient(view):
    network = build_refiner(view)
    crops = np.random.default_rng(0).normal(0, 1, (3, *network.input_shape[1:])).astype(np.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(refiner_loss(network(crops, training=True)[:, 0, 0], PRESENCE, LABELS, BOXES))
    assert all(np.any(gradient) for gradient in tape.gradient(loss, network.trainable_variables))


@pytest.fixture(scope="module")
def eager_finder(tmp_path_factory) -> Path:
    """A finder that sees digits everywhere."""
    keras.utils.set_random_seed(0)
    finder = build_finder((8, 8, 16, 16))
    kernel, bias = finder.get_layer("answer").get_weights()
    bias[0] = -3.2
    finder.get_layer("answer").set_weights([0.1 * kernel, bias])
    path = tmp_path_factory.mktemp("eager") / "finder.onnx"
    export_network(finder, path)
    return path


@pytest.fixture(scope="module", autouse=True)
def few_rendered_photos():
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("RENDERED", "EMPTY", "LETTERED"):
            patch.setattr(proposals, kind, 3)
        yield


@pytest.fixture(scope="module")
def config(eager_finder) -> RefinerTrainConfig:
    return RefinerTrainConfig(4, 4, warmup=1, interval=2, learning_rate=0.01, finder=str(eager_finder))


@dataclass
class Runs:
    """A whole run of the close view, and its folder as it was after half of the iterations."""

    whole: Path
    cut: Path


@pytest.fixture(scope="module")
def runs(small_networks, photos, pseudo, config, tmp_path_factory) -> Runs:
    """What all tests below start from; only `cut` is changed, by one of them."""
    folder = tmp_path_factory.mktemp("close")
    runs = Runs(folder / "whole", folder / "cut")
    train_refiner(photos, config, runs.whole, pseudo, report=copy_at(2, runs.whole, runs.cut))
    return runs


def test_a_run_leaves_everything_behind_and_ends_the_same_when_it_was_cut(runs, photos, pseudo, config, eager_finder):
    assert (runs.whole / "finder.onnx").read_bytes() == eager_finder.read_bytes()
    assert Finder(runs.whole).find(np.zeros((40, 60, 3), np.uint8)) is not None
    counts = RunRecord.read(runs.whole / "record.json").data["photos"]
    assert counts["train"] + counts["validation"] == 150 and counts["unlabelled"] == 1
    with (runs.whole / "history.csv").open() as file:
        assert [row["iteration"] for row in csv.DictReader(file)] == ["2", "4"]
    assert json.loads((runs.whole / "config.json").read_text())["command"] == "train-refiner"
    assert train_refiner(photos, config, runs.cut, pseudo, resume=True).finished
    assert (runs.cut / "refiner.onnx").read_bytes() == (runs.whole / "refiner.onnx").read_bytes()


def test_a_wide_refiner_joins_the_networks_before_it(runs, photos, config, tmp_path):
    config = replace(config, view="wide")
    with pytest.raises(InputError, match=r"refiner\.onnx: not found; .* train that first"):
        train_refiner(photos, config, tmp_path / "early")
    assert not (tmp_path / "early").exists()
    wide, cut = tmp_path / "wide", tmp_path / "cut"
    config = replace(config, finder=str(runs.whole))
    train_refiner(photos, config, wide, report=copy_at(2, wide, cut))
    for name in ("finder.onnx", "refiner.onnx"):
        assert (wide / name).read_bytes() == (runs.whole / name).read_bytes()
    assert [refiner.view for refiner in Finder(wide).refiners] == [*VIEWS.values()]
    assert train_refiner(photos, config, cut, resume=True).finished
    assert (cut / "wide-refiner.onnx").read_bytes() == (wide / "wide-refiner.onnx").read_bytes()


def test_a_refiner_is_trained_further(runs, photos, config, tmp_path):
    """At a learning rate of nothing the network stays about what it was; a fresh one would be another."""
    nowhere, further = tmp_path / "nowhere", tmp_path / "further"
    config = replace(config, learning_rate=1e-9)
    with pytest.raises(InputError, match="nowhere: no finder found"):
        train_refiner(photos, replace(config, start=str(nowhere)), further)
    assert not further.exists()
    train_refiner(photos, replace(config, start=str(runs.whole)), further)
    photo, boxes = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8), np.array([[20, 20, 40, 50]])
    before, after = (Finder(run).refiners[0].judge(photo, boxes).probabilities for run in (runs.whole, further))
    np.testing.assert_allclose(after, before, atol=0.02)


def test_run_folders_are_guarded(photos, config, tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    with pytest.raises(InputError, match="not empty"):
        train_refiner(photos, config, tmp_path / "used")
    with pytest.raises(InputError, match="no run"):
        train_refiner(photos, config, tmp_path / "none", resume=True)
