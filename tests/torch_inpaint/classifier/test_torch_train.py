import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from bars import bars
from killed_runs import CONFIG, POINTS

from svhn.data.prepared import PreparedData
from svhn.errors import InputError
from svhn.runs import read_history
from svhn.torch_inpaint.classifier.adapter import classify
from svhn.torch_inpaint.classifier.config import OPTIMIZERS, ConvNetTrainConfig
from svhn.torch_inpaint.classifier.learner import learning_rate
from svhn.torch_inpaint.classifier.nets import load_classifier
from svhn.torch_inpaint.classifier.train import train_network

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_pictures")]
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def data():
    return bars()


def weights(path):
    return load_classifier(path).net.state_dict()


def losses(run_dir):
    return [row["loss"] for row in read_history(run_dir / "history.csv")]


def same(a, b):
    """Whether two trees of containers hold the same tensors, bit for bit."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def test_a_run_learns_and_leaves_its_files(data, tmp_path):
    config = ConvNetTrainConfig(epochs=4, augmentation=False, learning_rate=0.02)
    seen = []
    result = train_network(data, config, tmp_path / "run", report=seen.append)
    files = {path.name for path in (tmp_path / "run").iterdir()}
    assert files == {"config.json", "history.csv", "run_results.txt", "model.pt", "record.json"}
    rows = read_history(tmp_path / "run" / "history.csv")
    assert rows[-1]["loss"] < 0.5 * rows[0]["loss"]
    assert result.finished and result.record.metrics["test_accuracy"] > 0.9
    assert [row["iteration"] for row in rows] == [5, 10, 15, 20]
    assert [progress.scores["accuracy"] for progress in seen if progress.scores] == [
        row["validation_accuracy"] for row in rows
    ]
    assert json.loads((tmp_path / "run" / "config.json").read_text())["train"]["learning_rate"] == 0.02
    best = load_classifier(tmp_path / "run" / "model.pt")
    accuracy = (classify(best, data["validation"].rgb).argmax(axis=1) == data["validation"].labels).mean()
    assert accuracy == pytest.approx(max(row["validation_accuracy"] for row in rows))
    assert best.info["licence"] == "none"


def test_the_results_tell_what_the_reference_told(data, tmp_path):
    config = ConvNetTrainConfig(epochs=1, net="ConvNet32", optimizer="Adagrad")
    record = train_network(data, config, tmp_path / "run").record
    text = (tmp_path / "run" / "run_results.txt").read_text()
    for words in ("Conv2d(1, 32, kernel_size=(5, 5)", "Adagrad", "Batch size: 32", "Epochs: 1", "Final loss", "cpu"):
        assert words in text
    assert f"50 test digits: {record.metrics['test_accuracy']:.2%}" in text
    assert text.count("Accuracy of ") == 10


def test_the_same_seed_gives_the_same_network(data, tmp_path):
    for name in ("a", "b"):
        train_network(data, ConvNetTrainConfig(epochs=1), tmp_path / name)
    train_network(data, ConvNetTrainConfig(epochs=1, seed=1), tmp_path / "c")
    a, b, c = (weights(tmp_path / name / "model.pt") for name in "abc")
    assert same(a, b) and not same(a, c)


@pytest.mark.parametrize("opt", OPTIMIZERS)
def test_every_optimiser_learns(data, tmp_path, opt):
    lr = {"Adam": 0.002, "Adadelta": 1.0}.get(opt, 0.02)
    config = ConvNetTrainConfig(net="ConvNet48_333", epochs=3, optimizer=opt, learning_rate=lr, augmentation=False)
    train_network(data, config, tmp_path / "run")
    assert losses(tmp_path / "run")[-1] < 0.7 * losses(tmp_path / "run")[0]


def test_the_average_is_what_is_kept(data, tmp_path):
    """With a decay of 0 and of nearly 1: other networks from the same training."""
    plain, slow = ConvNetTrainConfig(epochs=2), ConvNetTrainConfig(epochs=2, average=0.999)
    for name, config in {"plain": plain, "slow": slow}.items():
        train_network(data, config, tmp_path / name)
    assert losses(tmp_path / "plain") == losses(tmp_path / "slow")
    assert not same(weights(tmp_path / "plain" / "model.pt"), weights(tmp_path / "slow" / "model.pt"))


def test_weight_decay_shrinks_kernels(data, tmp_path):
    kernels = []
    for decay in (0.0, 5.0):
        train_network(data, ConvNetTrainConfig(epochs=2, learning_rate=0.01, weight_decay=decay), tmp_path / str(decay))
        kernels.append(weights(tmp_path / str(decay) / "model.pt")["features.4.weight"].norm())
    assert kernels[1] < 0.85 * kernels[0]


def test_bfloat16_trains_float32_weights(data, tmp_path):
    config = ConvNetTrainConfig(epochs=3, precision="bfloat16", augmentation=False, learning_rate=0.02)
    train_network(data, config, tmp_path / "run")
    assert losses(tmp_path / "run")[-1] < 0.7 * losses(tmp_path / "run")[0]
    assert weights(tmp_path / "run" / "model.pt")["features.0.weight"].dtype == torch.float32


def test_the_learning_rate_rises_and_falls():
    config = ConvNetTrainConfig(epochs=10, warmup=2, learning_rate=1.0)
    rates = [learning_rate(config, step, 5) for step in range(50)]
    assert rates[0] == pytest.approx(0.1) and rates[9] == pytest.approx(1.0) == rates[10]
    assert rates[10:] == sorted(rates[10:], reverse=True) and 0 < rates[-1] < 0.01
    constant = ConvNetTrainConfig(epochs=10, schedule="constant", learning_rate=0.3)
    assert {learning_rate(constant, step, 5) for step in range(50)} == {0.3}


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"optimizer": "Magic"}, "optimizer: expected one of SGD.*received 'Magic'"),
        ({"net": "ConvNet99"}, "ConvNet48_Dropout3"),
        ({"schedule": "steps"}, "cosine"),
        ({"mix": {"train": 0.5, "synthetic": 0.5}}, "no synthetic split"),
        ({"mix": {"pseudo": 1.0}}, "train"),
        ({"mix": {"train": 0.5, "pseudos": 0.5}}, "received pseudos"),
        ({"mix": {"train": 0.01, "pseudo": 0.99}}, "no room"),
    ],
)
def test_settings_that_cannot_be(data, tmp_path, settings, words):
    with pytest.raises(InputError, match=words):
        train_network(data, ConvNetTrainConfig(epochs=1, **settings), tmp_path / "run")


def test_a_used_run_folder_is_refused(data, tmp_path):
    (tmp_path / "something").write_text("precious")
    with pytest.raises(InputError, match="not empty"):
        train_network(data, ConvNetTrainConfig(epochs=1), tmp_path)


def test_only_the_same_run_is_resumed(data, tmp_path):
    config = ConvNetTrainConfig(epochs=1)
    with pytest.raises(InputError, match=r"config\.json"):
        train_network(data, config, tmp_path / "none", resume=True)
    train_network(data, config, tmp_path / "run")
    with pytest.raises(InputError, match="finished"):
        train_network(data, config, tmp_path / "run", resume=True)
    with pytest.raises(InputError, match="other settings"):
        train_network(data, ConvNetTrainConfig(epochs=2), tmp_path / "run", resume=True)
    other = PreparedData(data.splits, data.statistics, {"source": "elsewhere"})
    with pytest.raises(InputError, match="other data"):
        train_network(other, config, tmp_path / "run", resume=True)
    (tmp_path / "run" / "record.json").unlink()
    (tmp_path / "run" / "state").write_bytes(b"rubbish")
    with pytest.raises(InputError, match="state: damaged"):
        train_network(data, config, tmp_path / "run", resume=True)


def test_ctrl_c_saves_in_the_middle_of_an_epoch(data, tmp_path):
    config = ConvNetTrainConfig(net="ConvNet48_333", epochs=2, batch_size=8, average=0.9)

    def interrupt(progress):
        if progress.iteration == 10:
            signal.raise_signal(signal.SIGINT)

    result = train_network(data, config, tmp_path / "cut", report=interrupt)
    assert not result.finished and result.iteration == 10 and "go on with: train-torch --resume" in result.text
    assert train_network(data, config, tmp_path / "cut", resume=True).finished
    train_network(data, config, tmp_path / "whole")
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole") and len(losses(tmp_path / "cut")) == 2
    assert same(weights(tmp_path / "cut" / "model.pt"), weights(tmp_path / "whole" / "model.pt"))


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    helper = ROOT / "tests" / "helpers" / "killed_runs.py"
    paths = os.pathsep.join([str(ROOT), str(helper.parent)])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    subprocess.run([sys.executable, str(helper), str(folder)], check=True, env=environment, timeout=600)
    return folder


@pytest.mark.parametrize("name", POINTS)
def test_a_killed_run_ends_as_if_nothing_had_happened(killed, name):
    for file in (f"{name}.pt", f"{name}/model.pt"):
        whole = torch.load(killed / file.replace(name, "whole"), weights_only=True)
        resumed = torch.load(killed / file, weights_only=True)
        assert same(whole, resumed), file
    whole, resumed = (read_history(killed / run / "history.csv") for run in ("whole", name))
    for row in whole + resumed:
        row.pop("seconds")
    assert whole == resumed and len(whole) == CONFIG.epochs
    assert {path.name.replace(name, "whole") for path in (killed / name).iterdir()} == {
        path.name for path in (killed / "whole").iterdir()
    }


def test_the_shipped_network_still_answers_as_it_did():
    """As it did when its weights were shipped: nothing in preprocessing or in the network has changed since."""
    classifier = load_classifier(ROOT / "checkpoints" / "torch-convnet48-dropout3" / "model.pt")
    rgb = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    probabilities = classify(classifier, rgb)
    assert probabilities.argmax(axis=1).tolist() == [4, 4, 4]
    np.testing.assert_allclose(probabilities.max(axis=1), [0.53364, 0.7095, 0.41232], atol=1e-4)
