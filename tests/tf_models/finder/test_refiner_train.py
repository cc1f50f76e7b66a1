"""The refiner's training: losses, the ONNX file, and runs that end, resume and repeat."""

import csv
import json
from dataclasses import replace

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from tf_runs import train_in_two_parts

from svhn.errors import InputError
from svhn.finder.config import VIEWS
from svhn.finder.finder import Finder
from svhn.finder.refiner import place
from svhn.photos.photo import write_rgb
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


@pytest.fixture
def folder(tiny_svhn, tmp_path, monkeypatch):
    """150 rendered training photos, one with a pseudo-label, and a finder that sees digits everywhere."""
    (tiny_svhn.folder / "unlabelled").mkdir()
    write_rgb(tiny_svhn.folder / "unlabelled" / "0.png", next(iter(tiny_svhn.photos["test"].values())))
    (tmp_path / "pseudo.csv").write_text("photo,left,top,width,height,label\n0.png,4,8,16,22,5\n")
    keras.utils.set_random_seed(0)
    finder = build_finder((8, 8, 16, 16))
    kernel, bias = finder.get_layer("answer").get_weights()
    bias[0] = -3.2
    finder.get_layer("answer").set_weights([0.1 * kernel, bias])
    export_network(finder, tmp_path / "finder.onnx")
    monkeypatch.setattr(proposals, "RENDERED", 3)
    monkeypatch.setattr(proposals, "EMPTY", 3)
    monkeypatch.setattr(proposals, "LETTERED", 3)
    return tiny_svhn.folder


def settings(tmp_path) -> RefinerTrainConfig:
    return RefinerTrainConfig(4, 4, warmup=1, interval=2, finder=str(tmp_path / "finder.onnx"))


def test_a_run_leaves_everything_behind_and_ends_the_same_when_it_was_cut(folder, tmp_path):
    config, whole, cut, pseudo = settings(tmp_path), tmp_path / "whole", tmp_path / "cut", tmp_path / "pseudo.csv"
    train_refiner(folder, config, whole, pseudo)
    assert (whole / "finder.onnx").read_bytes() == (tmp_path / "finder.onnx").read_bytes()
    assert Finder(whole).find(np.zeros((40, 60, 3), np.uint8)) is not None
    stored = RunRecord.read(whole / "record.json")
    photos = stored.data["photos"]
    assert photos["train"] + photos["validation"] == 150 and photos["unlabelled"] == 1
    with (whole / "history.csv").open() as file:
        assert [row["iteration"] for row in csv.DictReader(file)] == ["2", "4"]
    assert json.loads((whole / "config.json").read_text())["command"] == "train-refiner"
    train_in_two_parts(train_refiner, folder, config, cut, pseudo)
    assert (cut / "refiner.onnx").read_bytes() == (whole / "refiner.onnx").read_bytes()


def test_a_wide_refiner_joins_the_networks_before_it(folder, tmp_path):
    config = replace(settings(tmp_path), view="wide")
    with pytest.raises(InputError, match=r"refiner\.onnx: not found; .* train that first"):
        train_refiner(folder, config, tmp_path / "early")
    assert not (tmp_path / "early").exists()
    close, wide = tmp_path / "close", tmp_path / "wide"
    train_refiner(folder, settings(tmp_path), close)
    config = replace(config, finder=str(close))
    train_refiner(folder, config, wide)
    for name in ("finder.onnx", "refiner.onnx"):
        assert (wide / name).read_bytes() == (close / name).read_bytes()
    assert [refiner.view for refiner in Finder(wide).refiners] == [*VIEWS.values()]
    train_in_two_parts(train_refiner, folder, config, tmp_path / "cut")
    assert (tmp_path / "cut" / "wide-refiner.onnx").read_bytes() == (wide / "wide-refiner.onnx").read_bytes()


def test_a_refiner_is_trained_further(folder, tmp_path):
    """At a learning rate of nothing the network stays about what it was."""
    first, further = tmp_path / "first", tmp_path / "further"
    config = replace(settings(tmp_path), start=str(first), learning_rate=1e-9)
    with pytest.raises(InputError, match="first: no finder found"):
        train_refiner(folder, config, further)
    assert not further.exists()
    train_refiner(folder, replace(settings(tmp_path), learning_rate=0.01), first)
    train_refiner(folder, config, further)
    photo, boxes = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8), np.array([[20, 20, 40, 50]])
    before, after = (Finder(run).refiners[0].judge(photo, boxes).probabilities for run in (first, further))
    np.testing.assert_allclose(after, before, atol=0.02)


def test_run_folders_are_guarded(folder, tmp_path):
    config = settings(tmp_path)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    with pytest.raises(InputError, match="not empty"):
        train_refiner(folder, config, tmp_path / "used")
    with pytest.raises(InputError, match="no run"):
        train_refiner(folder, config, tmp_path / "none", resume=True)
