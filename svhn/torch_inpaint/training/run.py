"""Training runs of the small networks beside the classifier: steps, running average, history, checkpoints."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from svhn.data import LICENCE_NOTE
from svhn.errors import InputError
from svhn.files import replacing
from svhn.torch_inpaint.classifier import PRECISIONS, seed_of
from svhn.torch_inpaint.removal import save_network
from svhn.torch_inpaint.training.config import FinisherTrainConfig, SegmenterTrainConfig, lr_share

STATE = "state.pt"
REPORT_EVERY = 50
STEEPEST = 5.0


def check_precision(name: str) -> None:
    """Raise InputError unless `name` is one of `PRECISIONS`."""
    if name not in PRECISIONS:
        raise InputError(f"precision: expected one of {', '.join(PRECISIONS)}, received {name}")


class NetworkRun:
    """A run in progress: a network, its running average, its history. What is learned is up to the kind of run.

    Parameters
    ----------
    config : FinisherTrainConfig or SegmenterTrainConfig
    run_dir : Path
        Where `model.pt`, `history.csv` and the state for resuming go.
    make : callable
        Makes the network.
    report : callable
        Called with iteration, loss and rate every 50 iterations, and with every row of the history.
    """

    kind = ""  # of the network, see `save_network`
    parts = ("model", "averaged", "optimizer")  # attributes with a state

    def __init__(
        self,
        config: FinisherTrainConfig | SegmenterTrainConfig,
        run_dir: Path,
        make: Callable[[], nn.Module],
        report: Callable[[dict[str, float]], None],
    ):
        torch.manual_seed(seed_of(config.seed))
        self.config, self.run_dir, self.report = config, run_dir, report
        self.model, self.averaged = (make().to(memory_format=torch.channels_last) for _ in range(2))
        self.averaged.load_state_dict(self.model.state_dict())
        self.averaged.requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), config.lr, weight_decay=config.weight_decay)
        self.iteration, self.history = 0, []

    def step(self) -> float:
        """Learn from the next batch and return its loss."""
        raise NotImplementedError

    def measure(self) -> dict[str, float]:
        """Return what `kept` scores on validation."""
        raise NotImplementedError

    def kept(self) -> nn.Module:
        """Return the network that is measured and saved."""
        return self.averaged

    def advance(self) -> None:
        """Train up to the last iteration."""
        began, losses = time.perf_counter(), []
        while self.iteration < self.config.iterations:
            losses.append(self.step())
            if self.iteration % REPORT_EVERY == 0:
                rate = len(losses) / (time.perf_counter() - began)
                mean = float(np.mean(losses[-REPORT_EVERY:]))
                of = {"iteration": self.iteration, "iterations": self.config.iterations}
                self.report(of | {"rate": rate, "loss": mean})
            if self.iteration % self.config.interval == 0 or self.iteration == self.config.iterations:
                self._save(float(np.mean(losses)), time.perf_counter() - began)
                began, losses = time.perf_counter(), []

    def set_rate(self, optimizer: torch.optim.Optimizer, share: float = 1.0) -> None:
        """Give an optimiser this iteration's learning rate, or a share of it."""
        for group in optimizer.param_groups:
            group["lr"] = share * self.config.lr * lr_share(self.config, self.iteration)

    def learn(self, loss: torch.Tensor, cure: str) -> None:
        """Take a step down the loss, and let the running average follow.

        Raises
        ------
        InputError
            When the loss is not finite; `cure` says what to do.
        """
        if not torch.isfinite(loss):
            raise InputError(
                f"{self.run_dir}: the training ran away at iteration {self.iteration:,}; what was saved before is "
                f"whole. Start again with {cure}"
            )
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), STEEPEST)
        self.optimizer.step()
        decay = min(self.config.average, (1 + self.iteration) / (10 + self.iteration))
        with torch.no_grad():
            for slow, fast in zip(self.averaged.parameters(), self.model.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)
        self.iteration += 1

    def precision(self) -> torch.autocast:
        """Return the context in which the networks compute."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.config.precision == "bfloat16")

    def _save(self, loss: float, seconds: float) -> None:
        """Measure, and save all."""
        row = {"iteration": self.iteration, "loss": loss} | self.measure() | {"seconds": seconds}
        self.history.append(row)
        lines = [",".join(row), *(",".join(map(str, entry.values())) for entry in self.history)]
        with replacing(self.run_dir / "history.csv") as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
        info = {"licence": LICENCE_NOTE, "iteration": self.iteration, "validation": row}
        save_network(self.run_dir / "model.pt", self.kind, self.kept(), info)
        with replacing(self.run_dir / STATE) as temporary:
            torch.save(self.state(), temporary)
        self.report(row)

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs."""
        parts = {name: getattr(self, name).state_dict() for name in self.parts}
        return parts | {"iteration": self.iteration, "history": self.history}

    def restore(self) -> dict[str, Any]:
        """Go back to where the run in the folder was saved last, and return that state."""
        state = torch.load(self.run_dir / STATE, map_location="cpu", weights_only=True)
        for name in self.parts:
            getattr(self, name).load_state_dict(state[name])
        self.iteration, self.history = state["iteration"], state["history"]
        return state

    def metrics(self) -> dict[str, float]:
        """Return the last measures, for a record of the run."""
        rest = ("iteration", "loss", "seconds")
        found = {f"validation_{name}": value for name, value in self.history[-1].items() if name not in rest}
        found["parameters"] = sum(weights.numel() for weights in self.averaged.parameters())
        found["seconds"] = sum(row["seconds"] for row in self.history)
        return found
