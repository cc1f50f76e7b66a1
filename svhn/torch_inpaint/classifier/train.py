"""Training of the PyTorch classifiers: one run, its files, its record, and its exact resume."""

import copy
import ctypes
import math
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from svhn.data import PreparedData, Split
from svhn.errors import InputError
from svhn.metrics import classification_report
from svhn.runs import RunRecord
from svhn.torch_inpaint.classifier.adapter import classify, normalise, to_batch
from svhn.torch_inpaint.classifier.batches import DROPOUT, Batches, seed_of
from svhn.torch_inpaint.classifier.config import OPTIMIZERS, PRECISIONS, SCHEDULES, TrainConfig
from svhn.torch_inpaint.classifier.distributed import Group, share_batch_norm
from svhn.torch_inpaint.classifier.nets import Classifier, Preprocessing, build_net, load_classifier, save_classifier
from svhn.torch_inpaint.classifier.run_folder import Epoch, RunFolder

PACKAGES = ("torch", "numpy", "h5py")


def train(
    data: PreparedData,
    config: TrainConfig,
    run_dir: str | Path,
    device: str = "cpu",
    report: Callable[[Epoch], None] = lambda epoch: None,
    resume: bool = False,
    group: Group | None = None,
) -> RunRecord | None:
    """Train a network and leave a run folder behind.

    The folder holds `config.json`, `<folder's name>_measures.csv` (a row per epoch), `state.pt` while the run goes on,
    `model.pt` (best by validation), and at the end `<folder's name>_results.txt` and `record.json`. A run that was
    killed at any moment goes on with `resume` from the last epoch that it finished, as if nothing had happened.

    Parameters
    ----------
    data : PreparedData
        Needs `validation` and the splits of `config.mix`; `test` is read once, at the end, when it is there.
    config : TrainConfig
    run_dir : str or Path
        A new or empty folder, or with `resume` the folder of a run with the same config.
    device : str
        "cpu" or "cuda".
    report : callable
        Called with an Epoch after each one.
    resume : bool
    group : Group, optional
        The processes that train together, see `svhn.torch_inpaint.classifier.distributed.join`; its device counts.

    Returns
    -------
    RunRecord or None
        None in processes that do not lead.
    """
    group = group or Group(device=device)
    _check(config, data)
    folder = RunFolder(Path(run_dir))
    if group.leads:
        folder.open(config, data.provenance, resume)
    state = group.from_leader(folder.read_state() if group.leads and resume else None)
    _keep_memory()
    run = _Run(data, config, group)
    if state:
        run.restore(state)
    for number in range(len(run.history) + 1, config.epochs + 1):
        best = run.epoch(number)
        if group.leads:
            if best:
                save_classifier(folder.model, run.averaged)
            folder.write_measures(run.history)
            folder.write_state(run.state())
            report(run.history[-1])
    return run.finish(folder) if group.leads else None


class _Run:
    """The state of one run; what `state` returns is all that a resumed run needs."""

    def __init__(self, data: PreparedData, config: TrainConfig, group: Group):
        torch.backends.cudnn.deterministic = True
        torch.manual_seed(config.seed)
        self.data, self.config, self.group = data, config, group
        preprocessing = Preprocessing(standardise=config.standardise)
        net = build_net(config.net, preprocessing).to(device=group.device, memory_format=torch.channels_last)
        if group.size > 1:
            share_batch_norm(net)
        # The learning rate comes from the step alone, so the optimiser needs no schedule of its own.
        self.optimizer = _optimizer(config, net)
        self.net = net.train()
        kept = copy.deepcopy(net).eval() if config.average else net
        self.averaged = Classifier(kept, config.net, preprocessing, data.provenance)
        self.batches = Batches(data.splits, config, preprocessing.size, group.device)
        self.validation = _prepare(data["validation"], preprocessing, group) if group.leads else None
        self.history: list[Epoch] = []

    def epoch(self, number: int) -> bool:
        """Train epoch `number`, counted from 1, and measure; return whether the network is the best so far."""
        began = time.perf_counter()
        first = (number - 1) * self.batches.per_epoch
        total = torch.zeros(2, dtype=torch.float64, device=self.group.device)
        for step in range(first, first + self.batches.per_epoch):
            total += self._step(step)
        loss, count = self.group.sum(total).tolist()
        if not self.group.leads:
            self.history.append(Epoch(number, loss / count, 0.0, 0.0, 0.0))
            return False
        measured = self._measure()
        rank = (measured[1], -measured[0])  # ties in accuracy are common on a small split: the loss decides
        best = all(rank > (row.validation_accuracy, -row.validation_loss) for row in self.history)
        self.history.append(Epoch(number, loss / count, *measured, time.perf_counter() - began))
        return best

    def _step(self, step: int) -> torch.Tensor:
        """Take one step; return this process's sum of losses and its number of digits, (2,) float64."""
        config, size = self.config, len(self.batches.digits(step))
        images, labels = self.batches.take(step, self.group.share(size))
        torch.manual_seed(seed_of(config.seed, DROPOUT, step, self.group.rank))
        images = normalise(images, self.averaged.preprocessing).contiguous(memory_format=torch.channels_last)
        half = config.precision == "bfloat16"
        with torch.autocast(self.group.device.split(":")[0], torch.bfloat16, enabled=half):
            logits = self.net(images)
        loss = functional.cross_entropy(logits.float(), labels, label_smoothing=config.label_smoothing, reduction="sum")
        self.optimizer.zero_grad(set_to_none=True)
        (loss / size).backward()
        self.group.sum_gradients(self.net)
        self._update(step)
        return torch.stack([loss.detach().double(), loss.new_tensor(len(labels), dtype=torch.float64)])

    @torch.no_grad()
    def _update(self, step: int) -> None:
        rate = learning_rate(self.config, step, self.batches.per_epoch)
        if self.config.weight_decay:
            for weights in self.net.parameters():
                if weights.ndim > 1:
                    weights.mul_(1 - rate * self.config.weight_decay)
        for settings in self.optimizer.param_groups:
            settings["lr"] = rate
        self.optimizer.step()
        if self.config.average:
            # Larger steps at first, when the average is young.
            decay = min(self.config.average, (1 + step) / (10 + step))
            slow, fast = self.averaged.net.state_dict().values(), self.net.state_dict().values()
            for mean, value in zip(slow, fast, strict=True):
                mean.lerp_(value, 1 - decay) if mean.is_floating_point() else mean.copy_(value)

    def _measure(self) -> tuple[float, float]:
        """Return loss and accuracy on the validation split."""
        net, labels = self.averaged.net.eval(), self.data["validation"].labels
        with torch.inference_mode():
            logits = torch.cat([net(part) for part in self.validation.split(256)])
        self.net.train()
        labels = torch.from_numpy(labels).to(logits.device)
        right = int((logits.argmax(dim=1) == labels).sum())
        return float(functional.cross_entropy(logits, labels)), right / len(labels)

    def state(self) -> dict[str, Any]:
        return {
            "net": self.net.state_dict(),
            "averaged": self.averaged.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": [row.as_row() for row in self.history],
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.averaged.net.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history = [Epoch(**row) for row in state["history"]]

    def finish(self, folder: RunFolder) -> RunRecord:
        """Measure the best network once on the test split; write the results and the record."""
        best = load_classifier(folder.model, self.group.device)
        counts = {name: len(split) for name, split in self.data.splits.items()}
        record = RunRecord.new("train-torch", self.config, self.data.provenance | {"digits": counts}, PACKAGES)
        chosen = max(self.history, key=lambda row: (row.validation_accuracy, -row.validation_loss))
        seconds = sum(row.seconds for row in self.history)
        record.metrics = {
            "parameters": sum(parameter.numel() for parameter in best.net.parameters()),
            "best_epoch": chosen.epoch,
            "validation_accuracy": chosen.validation_accuracy,
            "seconds": seconds,
            "trained_per_second": len(self.data["train"]) * self.config.epochs / seconds,
            "images_per_second": _speed(best, self.data["validation"]),
            "device": self.group.device,
            "processes": self.group.size,
            "threads": torch.get_num_threads(),
        }
        report = None
        if "test" in self.data.splits:
            test = self.data["test"]
            report = classification_report(test.labels, classify(best, test.rgb).argmax(axis=1))
            record.metrics["test_accuracy"] = report["accuracy"]
            record.metrics["test_accuracy_interval"] = report["accuracy_interval"]
            record.metrics["test_n"] = report["n"]
        folder.write_results(best.net, self.optimizer, self.history, record, report)
        folder.close(record)
        return record


def learning_rate(config: TrainConfig, step: int, per_epoch: int) -> float:
    """Return the learning rate of a step, counted from 0."""
    warmup, steps = config.warmup * per_epoch, config.epochs * per_epoch
    if step < warmup:
        return config.lr * (step + 1) / warmup
    if config.schedule == "constant":
        return config.lr
    return config.lr * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2


def _check(config: TrainConfig, data: PreparedData) -> None:
    for name, known in (("opt", OPTIMIZERS), ("schedule", SCHEDULES), ("precision", PRECISIONS)):
        if getattr(config, name) not in known:
            raise InputError(f"no {name} named {getattr(config, name)!r}; there are {', '.join(known)}")
    if missing := {*config.mix, "validation"} - data.splits.keys():
        raise InputError(
            f"{data.provenance['source']}: no {' and no '.join(sorted(missing))} split; give another --data"
        )


def _optimizer(config: TrainConfig, net: nn.Module) -> torch.optim.Optimizer:
    options = {"momentum": config.momentum} if config.opt == "SGD" else {}
    return getattr(torch.optim, config.opt)(net.parameters(), lr=config.lr, **options)


def _prepare(split: Split, preprocessing: Preprocessing, group: Group) -> torch.Tensor:
    """Return the network's input for all digits of a split, float32 (N, 1, S, S)."""
    parts = [to_batch(split.rgb[i : i + 1024], preprocessing, group.device) for i in range(0, len(split), 1024)]
    return torch.cat(parts).contiguous(memory_format=torch.channels_last)


def _speed(classifier: Classifier, split: Split, digits: int = 1024) -> float:
    """Return how many crops of 32 x 32 a second are classified: median of five passes after one to warm up."""
    crops, seconds = split.rgb[:digits], []
    for _ in range(6):
        began = time.perf_counter()
        classify(classifier, crops)
        seconds.append(time.perf_counter() - began)
    return len(crops) / sorted(seconds[1:])[2]


def _keep_memory() -> None:
    """Tell glibc to keep freed memory: fetching it from the system again costs a third of a step on the CPU."""
    if platform.libc_ver()[0] == "glibc":
        most_mapped, trim_threshold, top_pad = -4, -1, -2  # names of malloc.h
        libc = ctypes.CDLL(None)
        libc.mallopt(most_mapped, 0)
        libc.mallopt(trim_threshold, 2**31 - 1)
        libc.mallopt(top_pad, 2**28)
