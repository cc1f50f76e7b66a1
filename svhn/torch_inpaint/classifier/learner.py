"""How the PyTorch classifiers learn."""

import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from svhn.data import PreparedData, Split
from svhn.metrics import classification_report
from svhn.runs import BY_ACCURACY, best_of, rate_share, read_history
from svhn.torch_inpaint.classifier.adapter import classify, normalise, to_batch
from svhn.torch_inpaint.classifier.batches import DROPOUT, Batches, seed_of
from svhn.torch_inpaint.classifier.config import ConvNetTrainConfig
from svhn.torch_inpaint.classifier.distributed import Group, share_batch_norm
from svhn.torch_inpaint.classifier.nets import (
    Classifier,
    ConvNet,
    Preprocessing,
    build_net,
    load_classifier,
    save_classifier,
)
from svhn.torch_inpaint.classifier.results import write_results
from svhn.torch_inpaint.device import channels_last
from svhn.torch_inpaint.learner import TorchLearner, set_rate

MODEL = "model.pt"
# Digits that are classified at a time, and that are prepared for it.
VALIDATION_BATCH, PREPARED_BATCH = 256, 1024
# Of `speed_of`: digits of a pass, and passes after the one to warm up.
SPEED_DIGITS, SPEED_PASSES = 1024, 5


class ClassifierLearner(TorchLearner):
    """A classifier while it learns, alone or in a group of processes that share every batch.

    Parameters
    ----------
    data : PreparedData
        Needs `validation` and the splits of `config.mix`; `test` is read at the end, when it is there.
    config : ConvNetTrainConfig
    group : Group
    """

    ranking = BY_ACCURACY
    files = (MODEL,)

    def __init__(self, data: PreparedData, config: ConvNetTrainConfig, group: Group):
        torch.backends.cudnn.deterministic = True
        torch.manual_seed(config.seed)
        self.data, self.config, self.group = data, config, group
        self.preprocessing = Preprocessing(standardise=config.standardise, crops=config.crops)
        net = channels_last(build_net(config.net, self.preprocessing).to(group.device))
        if group.size > 1:
            share_batch_norm(net)
        super().__init__(net.train(), optimizer_of(config, net), config.average)
        self.batches = Batches(data.splits, config, self.preprocessing.size, group.device)
        self.validation = _prepare(data["validation"], self.preprocessing, group) if group.leads else None

    @property
    def title(self) -> str:
        config = self.config
        return f"{config.net}, {config.epochs} epochs, {config.optimizer} on batches of {config.batch_size}"

    def advance(self, count: int) -> np.ndarray:
        """Learn from the next batches; the losses are those of the whole group."""
        sums = self.group.sum(torch.from_numpy(super().advance(count)).to(self.group.device)).cpu().numpy()
        sizes = [len(self.batches.digits(step)) for step in range(self.iteration - count, self.iteration)]
        return sums / np.array(sizes)[:, None]

    def step(self) -> torch.Tensor:
        """Take one step; return the sum of losses of this process's digits, (1,) float64."""
        config, number, size = self.config, self.iteration, len(self.batches.digits(self.iteration))
        images, labels = self.batches.take(number, self.group.share(size))
        torch.manual_seed(seed_of(config.seed, DROPOUT, number, self.group.rank))
        images = normalise(images, self.preprocessing).contiguous(memory_format=torch.channels_last)
        half = config.precision == "bfloat16"
        with torch.autocast(self.group.device.split(":")[0], torch.bfloat16, enabled=half):
            logits = self.net(images)
        loss = functional.cross_entropy(logits.float(), labels, label_smoothing=config.label_smoothing, reduction="sum")
        self.optimizer.zero_grad(set_to_none=True)
        (loss / size).backward()
        self.group.sum_gradients(self.net)
        self._update(learning_rate(config, number, self.batches.per_epoch))
        return loss.detach().double()[None]

    @torch.no_grad()
    def _update(self, rate: float) -> None:
        if self.config.weight_decay:
            for weights in self.net.parameters():
                if weights.ndim > 1:
                    weights.mul_(1 - rate * self.config.weight_decay)
        set_rate(self.optimizer, rate)
        self.optimizer.step()
        self.averaged.update_parameters(self.net)

    def measure(self) -> dict[str, float]:
        """Return loss and accuracy on the validation split."""
        assert self.validation is not None  # only the leader measures
        with torch.inference_mode():
            logits = torch.cat([self.averaged(part) for part in self.validation.split(VALIDATION_BATCH)])
        labels = torch.from_numpy(self.data["validation"].labels).to(logits.device)
        right = int((logits.argmax(dim=1) == labels).sum())
        return {"loss": float(functional.cross_entropy(logits, labels)), "accuracy": right / len(labels)}

    def keep(self, folder: Path) -> None:
        net = cast(ConvNet, self.averaged.module)
        save_classifier(folder / MODEL, Classifier(net, self.config.net, self.preprocessing, self.data.provenance))

    def read_state(self, path: Path) -> dict[str, Any] | None:
        """Return the state that the leader reads; the other processes may have no such file."""
        return self.group.from_leader(super().read_state(path) if self.group.leads else None)

    def results(self, folder: Path) -> dict[str, Any]:
        """Measure the network that was kept once on the test split; write the reference's results file."""
        best, history = load_classifier(folder / MODEL, self.group.device), read_history(folder / "history.csv")
        seconds = sum(row["seconds"] for row in history)
        metrics: dict[str, Any] = {
            "parameters": sum(weights.numel() for weights in best.net.parameters()),
            "best_epoch": round(best_of(history, self.ranking)["iteration"] / self.batches.per_epoch),
            "seconds": seconds,
            "trained_per_second": len(self.data["train"]) * self.config.epochs / seconds,
            "images_per_second": speed_of(best, self.data["validation"]),
            "device": self.group.device,
            "processes": self.group.size,
            "threads": torch.get_num_threads(),
        }
        report = self._test(best)
        if report:
            metrics |= {f"test_{name}": report[name] for name in ("accuracy", "accuracy_interval", "n")}
        write_results(folder, best.net, self.optimizer, self.config, history, metrics, report)
        return metrics

    def _test(self, best: Classifier) -> dict[str, Any] | None:
        if "test" not in self.data.splits:
            return None
        test = self.data["test"]
        return classification_report(test.labels, classify(best, test.rgb).argmax(axis=1))

    def answers(self, folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        split = self.data["validation"]
        return split.rgb, split.labels, classify(load_classifier(folder / MODEL, self.group.device), split.rgb)


def learning_rate(config: ConvNetTrainConfig, step: int, per_epoch: int) -> float:
    """Return the learning rate of a step, counted from 0, where an epoch has `per_epoch` of them."""
    warmup, steps = config.warmup * per_epoch, config.epochs * per_epoch
    if config.schedule == "constant" and step >= warmup:
        return config.learning_rate
    return config.learning_rate * rate_share(step, steps, warmup)


def optimizer_of(config: ConvNetTrainConfig, net: nn.Module) -> torch.optim.Optimizer:
    """Return a new optimiser for a network."""
    options = {"momentum": config.momentum} if config.optimizer == "SGD" else {}
    return getattr(torch.optim, config.optimizer)(net.parameters(), lr=config.learning_rate, **options)


def speed_of(classifier: Classifier, split: Split) -> float:
    """Return how many crops of 32 x 32 a second are classified: the median of some passes."""
    crops, seconds = split.rgb[:SPEED_DIGITS], []
    for _ in range(1 + SPEED_PASSES):
        began = time.perf_counter()
        classify(classifier, crops)
        seconds.append(time.perf_counter() - began)
    return len(crops) / float(np.median(seconds[1:]))


def _prepare(split: Split, preprocessing: Preprocessing, group: Group) -> torch.Tensor:
    """Return the network's input for all digits of a split, float32 (N, 1, S, S)."""
    starts = range(0, len(split), PREPARED_BATCH)
    parts = [to_batch(split.rgb[start : start + PREPARED_BATCH], preprocessing, group.device) for start in starts]
    return torch.cat(parts).contiguous(memory_format=torch.channels_last)
