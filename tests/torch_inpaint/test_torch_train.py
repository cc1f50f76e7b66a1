import csv
import json

import numpy as np
import pytest
import torch

from svhn.data.prepared import PreparedData, Split, Statistics
from svhn.errors import InputError
from svhn.torch_inpaint.adapter import classify
from svhn.torch_inpaint.classifiers import load_classifier
from svhn.torch_inpaint.config import OPTIMIZERS, TrainConfig
from svhn.torch_inpaint.train import augment, train


def easy_split(count, seed):
    """Digits as bright bars whose place tells the class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    gray = rng.integers(0, 60, (count, 32, 32), np.uint8)
    for image, label in zip(gray, labels, strict=True):
        image[3 * label : 3 * label + 4, 4:28] = 250
    rgb = np.repeat(gray[..., None], 3, axis=3)
    return Split(rgb, gray, labels.astype(np.int64), np.arange(count))


@pytest.fixture(scope="module")
def data():
    splits = {"train": easy_split(160, 0), "validation": easy_split(40, 1), "test": easy_split(50, 2)}
    return PreparedData(splits, Statistics.of(splits["train"]), {"source": "bars", "licence": "none"})


def test_a_run_learns_and_leaves_its_files(data, tmp_path):
    config = TrainConfig(epochs=4, augmentation=False, lr=0.02)
    seen = []
    record = train(data, config, tmp_path / "run", report=seen.append)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "config.json",
        "measures.csv",
        "model.pt",
        "record.json",
    }
    assert seen[-1].loss < 0.5 * seen[0].loss
    assert record.metrics["test_accuracy"] > 0.9
    rows = list(csv.DictReader((tmp_path / "run" / "measures.csv").open()))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    assert json.loads((tmp_path / "run" / "config.json").read_text())["train"]["lr"] == 0.02
    best = load_classifier(tmp_path / "run" / "model.pt")
    accuracy = (classify(best, data["validation"].gray).argmax(axis=1) == data["validation"].labels).mean()
    assert accuracy == pytest.approx(max(float(row["validation_accuracy"]) for row in rows))
    assert best.info["licence"] == "none"


def test_the_same_seed_gives_the_same_network(data, tmp_path):
    config = TrainConfig(epochs=1)
    for name in ("a", "b"):
        train(data, config, tmp_path / name)
    a, b = (load_classifier(tmp_path / name / "model.pt").net.state_dict() for name in ("a", "b"))
    assert all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("opt", OPTIMIZERS)
def test_every_optimiser_takes_a_step(data, tmp_path, opt):
    record = train(data, TrainConfig(net="ConvNet48_333", epochs=1, opt=opt, lr=0.001), tmp_path / "run")
    assert np.isfinite(record.metrics["validation_accuracy"])


def test_a_used_run_folder_is_refused(data, tmp_path):
    (tmp_path / "something").write_text("precious")
    with pytest.raises(InputError, match="not empty"):
        train(data, TrainConfig(epochs=1), tmp_path)


def test_augmentation_keeps_range_and_never_flips():
    images = torch.zeros(200, 1, 40, 40)
    images[:, :, 12:20, 12:20] = 200  # heavier towards the upper left
    changed = augment(images, torch.Generator().manual_seed(0))
    assert changed.min() >= 0 and changed.max() <= 255
    assert not torch.equal(changed, images)
    inverted = changed.mean(dim=(1, 2, 3)) > 127
    assert 0.3 < inverted.float().mean() < 0.7
    changed[inverted] = 255 - changed[inverted]
    weight = changed - changed.amin(dim=(2, 3), keepdim=True)
    rows = torch.arange(40.0)[:, None]
    middle_y = (weight * rows).sum(dim=(1, 2, 3)) / weight.sum(dim=(1, 2, 3))
    middle_x = (weight * rows.T).sum(dim=(1, 2, 3)) / weight.sum(dim=(1, 2, 3))
    # A shift of 9 % cannot carry the square past the middle; a flip would, for every second image.
    assert (middle_x < 22).float().mean() > 0.98 and (middle_y < 22).float().mean() > 0.98


def test_augmentation_is_repeatable():
    images = torch.rand(8, 1, 40, 40) * 255
    first, second = (augment(images, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
