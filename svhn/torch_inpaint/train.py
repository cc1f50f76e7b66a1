"""Training of the PyTorch classifiers: one run, its files, its record."""

import csv
import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from svhn.data.augmentation import AUGMENTATION, Augmentation
from svhn.data.prepared import PreparedData, Split
from svhn.errors import InputError
from svhn.files import ensure_folder, replacing
from svhn.metrics import classification_report
from svhn.records import RunRecord, write_json
from svhn.torch_inpaint.adapter import classify, normalise, resize, to_tensor
from svhn.torch_inpaint.classifiers import (
    Classifier,
    Preprocessing,
    build_net,
    load_classifier,
    save_classifier,
)
from svhn.torch_inpaint.config import OPTIMIZERS, TrainConfig

PACKAGES = ("torch", "numpy", "h5py")
MEASURES = ("epoch", "loss", "validation_accuracy", "seconds")


@dataclass(frozen=True)
class Epoch:
    """One row of the run's measures."""

    epoch: int
    loss: float
    validation_accuracy: float
    seconds: float


def train(
    data: PreparedData,
    config: TrainConfig,
    run_dir: str | Path,
    device: str = "cpu",
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> RunRecord:
    """Train a network and leave `config.json`, `measures.csv`, `model.pt` (best by validation) and `record.json`.

    Parameters
    ----------
    data : PreparedData
        Needs `train` and `validation`; `test` is read once, at the end, when it is there.
    config : TrainConfig
    run_dir : str or Path
        A new or empty folder.
    device : str
        "cpu" or "cuda".
    report : callable
        Called with an Epoch after each one.
    """
    run_dir = _open_run(Path(run_dir), config)
    torch.manual_seed(config.seed)
    preprocessing = Preprocessing()
    net = build_net(config.net, preprocessing).to(device=device, memory_format=torch.channels_last)
    images = resize(to_tensor(data["train"].gray).to(device), preprocessing.size)
    labels = torch.from_numpy(data["train"].labels).to(device)
    optimizer = _optimizer(config, net)
    steps = config.epochs * -(-len(labels) // config.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    current = Classifier(net, config.net, preprocessing, data.provenance)
    history: list[Epoch] = []
    for number in range(1, config.epochs + 1):
        began = time.perf_counter()
        loss = _epoch(current, optimizer, schedule, images, labels, config, number)
        net.eval()
        accuracy = _accuracy(current, data["validation"])
        history.append(Epoch(number, loss, accuracy, time.perf_counter() - began))
        if accuracy >= max(row.validation_accuracy for row in history):
            save_classifier(run_dir / "model.pt", current)
        _write_measures(run_dir / "measures.csv", history)
        report(history[-1])
    return _finish(data, config, run_dir, history, device)


def augment(images: torch.Tensor, generator: torch.Generator, ranges: Augmentation = AUGMENTATION) -> torch.Tensor:
    """Change a batch at random: affine motion, cutout, contrast, brightness, inversion.

    Parameters
    ----------
    images : torch.Tensor float32 (N, 1, H, W), 0..255
    generator : torch.Generator
        On the CPU.
    ranges : Augmentation

    Returns
    -------
    torch.Tensor
        The same shape and range.
    """
    count, device = len(images), images.device

    def draw(*shape: int) -> torch.Tensor:
        return (torch.rand(shape, generator=generator) * 2 - 1).to(device)

    grid = functional.affine_grid(_matrices(draw(6, count), ranges), list(images.shape), align_corners=False)
    images = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    images = _cutout(images, draw(3, count, 1, 1, 1), ranges)
    contrast, brightness, inversion = draw(3, count, 1, 1, 1)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = (images - mean) * (ranges.log_contrast * contrast).exp() + mean
    images = images + ranges.brightness * brightness
    inverted = (inversion + 1) / 2 < ranges.inversion_chance
    return torch.where(inverted, 255 - images, images).clamp(0, 255)


def _matrices(draws: torch.Tensor, ranges: Augmentation) -> torch.Tensor:
    """Turn (6, N) draws in -1..1 into the (N, 2, 3) matrices of `affine_grid`."""
    angle, shear, scale_x, scale_y, dx, dy = draws
    cos, sin = (ranges.rotation * angle).cos(), (ranges.rotation * angle).sin()
    scale_x, scale_y = (ranges.log_scale * scale_x).exp(), (ranges.log_scale * scale_y).exp()
    shear = ranges.shear * shear
    row_x = torch.stack([cos * scale_x, (shear * cos - sin) * scale_y, 2 * ranges.shift * dx], dim=1)
    row_y = torch.stack([sin * scale_x, (shear * sin + cos) * scale_y, 2 * ranges.shift * dy], dim=1)
    return torch.stack([row_x, row_y], dim=1)


def _cutout(images: torch.Tensor, draws: torch.Tensor, ranges: Augmentation) -> torch.Tensor:
    """Paint a square in the image's mean colour; half of it may lie outside the image."""
    x, y, chance = draws
    rows = torch.linspace(-1, 1, images.shape[2], device=images.device)[None, None, :, None]
    columns = torch.linspace(-1, 1, images.shape[3], device=images.device)[None, None, None, :]
    near = ((rows - y).abs() < ranges.cutout) & ((columns - x).abs() < ranges.cutout)
    covered = near & ((chance + 1) / 2 < ranges.cutout_chance)
    return torch.where(covered, images.mean(dim=(2, 3), keepdim=True), images)


def _epoch(classifier: Classifier, optimizer, schedule, images, labels, config: TrainConfig, number: int) -> float:
    """Go once over the training digits, in the order and with the changes of this epoch; return the mean loss."""
    net = classifier.net.train()
    generator = torch.Generator().manual_seed(config.seed * 100_003 + number)
    order = torch.randperm(len(labels), generator=generator).to(labels.device)
    total = torch.zeros((), device=labels.device)
    for chosen in order.split(config.batch):
        batch = augment(images[chosen], generator) if config.augmentation else images[chosen]
        batch = normalise(batch, classifier.preprocessing)
        logits = net(batch.contiguous(memory_format=torch.channels_last))
        loss = functional.cross_entropy(logits, labels[chosen])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.detach() * len(chosen)
    return float(total) / len(labels)


def _optimizer(config: TrainConfig, net: nn.Module) -> torch.optim.Optimizer:
    if config.opt not in OPTIMIZERS:
        raise InputError(f"no optimiser named {config.opt!r}; the optimisers are {', '.join(OPTIMIZERS)}")
    options = {"momentum": 0.9} if config.opt == "SGD" else {}
    return getattr(torch.optim, config.opt)(net.parameters(), lr=config.lr, **options)


def _accuracy(classifier: Classifier, split: Split) -> float:
    return float((classify(classifier, split.gray).argmax(axis=1) == split.labels).mean())


def _finish(data: PreparedData, config: TrainConfig, run_dir: Path, history: list[Epoch], device: str) -> RunRecord:
    """Measure the best network once on the test split and write the record."""
    best = load_classifier(run_dir / "model.pt", device)
    counts = {name: len(split) for name, split in data.splits.items()}
    record = RunRecord.new("train-torch", config, data.provenance | {"digits": counts}, PACKAGES)
    record.metrics = {
        "parameters": sum(parameter.numel() for parameter in best.net.parameters()),
        "validation_accuracy": max(row.validation_accuracy for row in history),
        "seconds": sum(row.seconds for row in history),
        "device": device,
    }
    if "test" in data.splits:
        test = data["test"]
        measured = classification_report(test.labels, classify(best, test.gray).argmax(axis=1))
        record.metrics["test_accuracy"] = measured["accuracy"]
        record.metrics["test_accuracy_interval"] = measured["accuracy_interval"]
        record.metrics["test_n"] = measured["n"]
    record.write(run_dir / "record.json")
    return record


def _open_run(run_dir: Path, config: TrainConfig) -> Path:
    if run_dir.exists() and any(run_dir.iterdir()):
        raise InputError(f"{run_dir}: this folder is not empty; choose another --run-dir or --id")
    ensure_folder(run_dir)
    write_json(run_dir / "config.json", {"command": "train-torch", "train": dataclasses.asdict(config)})
    return run_dir


def _write_measures(path: Path, history: list[Epoch]) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, MEASURES)
        writer.writeheader()
        writer.writerows(dataclasses.asdict(row) for row in history)
