import os
from pathlib import Path

import numpy as np
import pytest
from tf_processes import leave_graphs

from svhn.crops import to_gray
from svhn.data.prepared import PreparedData, Split, Statistics
from svhn.tf_models.classifier.config import TrainConfig

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def pytest_collection_finish() -> None:
    leave_graphs()


def draw(count: int, seed: int) -> Split:
    """Digits that anybody can tell apart: class d is bars that rise 18 d degrees, on noise."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 10)
    y, x = np.mgrid[:32, :32]
    angles = np.deg2rad(18 * labels)[:, None, None]
    phases = rng.uniform(0, 2 * np.pi, (count, 1, 1))
    bars = np.sin((x * np.cos(angles) + y * np.sin(angles)) * 2 * np.pi / 8 + phases)
    rgb = 128 + 80 * bars[..., None] + rng.normal(0, 15, (count, 32, 32, 3))
    rgb = np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
    return Split(rgb, to_gray(rgb), labels.astype(np.int64), np.arange(count))


@pytest.fixture(scope="session")
def tiny() -> PreparedData:
    """300 digits to train on and 70 "generated" ones, 100 to validate, none to test."""
    splits = {"train": draw(300, 0), "validation": draw(100, 1), "synthetic": draw(70, 2)}
    return PreparedData(splits, Statistics.of(splits["train"]), {"source": "bars", "seed": 0})


@pytest.fixture(scope="session")
def config() -> TrainConfig:
    """Ten minutes of a user's run in a second: three intervals, with everything that a run can have."""
    return TrainConfig(
        iterations=60,
        batch_size=16,
        interval=20,
        warmup=5,
        weight_decay=0.01,
        label_smoothing=0.05,
        average=0.9,
        mix={"train": 0.75, "synthetic": 0.25},
    )


@pytest.fixture(scope="session")
def finished(tiny, config, tmp_path_factory) -> Path:
    """The folder of a run that nobody interrupted; its last state lies beside it."""
    from tf_runs import keep_final_states

    from svhn.tf_models.classifier.train import train_network as train

    run_dir = tmp_path_factory.mktemp("runs") / "finished"
    with pytest.MonkeyPatch.context() as patch:
        keep_final_states(patch)
        assert train(tiny, config, run_dir).finished
    return run_dir


@pytest.fixture(scope="session")
def small_finished(tiny, config, tmp_path_factory) -> Path:
    """Like `finished`, by a small network and without a picture."""
    from tf_runs import build_small, end_without_picture, keep_final_states

    from svhn.tf_models.classifier.train import train_network as train

    run_dir = tmp_path_factory.mktemp("runs") / "small"
    with pytest.MonkeyPatch.context() as patch:
        keep_final_states(patch)
        end_without_picture(patch)
        build_small(patch)
        assert train(tiny, config, run_dir).finished
    return run_dir


@pytest.fixture
def small_graph(monkeypatch):
    from tf_runs import build_small

    build_small(monkeypatch)


@pytest.fixture
def final_states(monkeypatch):
    from tf_runs import keep_final_states

    keep_final_states(monkeypatch)


@pytest.fixture
def quick_end(monkeypatch):
    from tf_runs import end_quickly

    end_quickly(monkeypatch)


@pytest.fixture
def frequent_reports(monkeypatch):
    from svhn.tf_models.classifier.learner import ClassifierLearner

    monkeypatch.setattr(ClassifierLearner, "report_every", 5)


@pytest.fixture(scope="session")
def caffe_run(tiny, tmp_path_factory) -> Path:
    """The folder of a short run of the graph `caffe`, as its preset has it but on `train` alone; it ends quickly."""
    from tf_runs import end_quickly

    from svhn.tf_models.classifier.train import train_network as train

    run_dir = tmp_path_factory.mktemp("runs") / "caffe"
    config = TrainConfig(graph="caffe", batch_size=32, iterations=50, interval=25, average=0.9)
    with pytest.MonkeyPatch.context() as patch:
        end_quickly(patch)
        assert train(tiny, config, run_dir).finished
    return run_dir


@pytest.fixture(scope="session")
def caffe_model(caffe_run):
    """The network of `caffe_run`: gray crops (N, 32, 32, 1) in 0..255 -> logits."""
    from svhn.tf_models.classifier.predict import load_network

    return load_network(caffe_run / "model.keras")
