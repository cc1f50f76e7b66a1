import os
from pathlib import Path

import numpy as np
import pytest

from svhn.crops import to_gray
from svhn.data.prepared import PreparedData, Split, Statistics
from svhn.tf_models.config import TrainConfig

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


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
    """300 digits to train on, 100 to validate, none to test."""
    splits = {"train": draw(300, 0), "validation": draw(100, 1)}
    return PreparedData(splits, Statistics.of(splits["train"]), {"source": "bars", "seed": 0})


@pytest.fixture(scope="session")
def config() -> TrainConfig:
    """One minute of a user's run in a second: three intervals, with augmentation and dropout."""
    return TrainConfig(iterations=60, batch_size=16, interval=20)


@pytest.fixture(scope="session")
def finished(tiny, config, tmp_path_factory) -> Path:
    """The folder of a run that nobody interrupted."""
    from svhn.tf_models.train import train

    run_dir = tmp_path_factory.mktemp("runs") / "finished"
    assert train(tiny, config, run_dir).finished
    return run_dir
