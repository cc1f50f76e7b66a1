"""What all trainings in PyTorch share: steps, the running average of the weights, and the state of a run."""

import io
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from svhn.errors import InputError
from svhn.files import replacing
from svhn.runs import Learner

Tensors = tuple[torch.Tensor, ...] | list[torch.Tensor]

# The average follows faster while it is young: its decay is at most n / (n + this) after n steps.
YOUTH = 9


def average_of(net: nn.Module, decay: float) -> AveragedModel:
    """Return the running average of a network's weights and buffers, to be updated after every step.

    Parameters
    ----------
    net : Module
        Its weights are where the average begins.
    decay : float
        Share of the average that every step keeps, 0 to 1; with 0 it is the network itself.
    """

    @torch.no_grad()
    def follow(averages: Tensors, values: Tensors, _: torch.Tensor | int) -> None:
        steps = float(averaged.n_averaged)  # which stays on the CPU, so that no step waits for a GPU
        kept = min(decay, steps / (steps + YOUTH))
        for average, value in zip(averages, values, strict=True):
            average.lerp_(value, 1 - kept) if average.is_floating_point() else average.copy_(value)

    # Batch normalisation's statistics are averaged as the weights are: they belong to them.
    averaged = AveragedModel(net, multi_avg_fn=follow, use_buffers=True)
    averaged.n_averaged += 1  # the fresh weights count as the first; else PyTorch forgets them at the first step
    return averaged.eval().requires_grad_(False)


class TorchLearner(Learner):
    """A network, the running average of its weights, and its optimiser, on one device.

    Attributes
    ----------
    parts : tuple of str
        Names of the attributes whose `state_dict` a resumed run needs.
    """

    parts: ClassVar[tuple[str, ...]] = ("net", "averaged", "optimizer")

    def __init__(self, net: nn.Module, optimizer: torch.optim.Optimizer, average: float):
        self.net, self.optimizer = net, optimizer
        self.averaged = average_of(net, average)
        self._iteration = 0

    @property
    def iteration(self) -> int:
        return self._iteration

    @property
    def learning_rate(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    @abstractmethod
    def step(self) -> torch.Tensor:
        """Learn from the batch of this iteration and return its means, (len(means),) float64."""

    def advance(self, count: int) -> np.ndarray:
        values = []
        for _ in range(count):
            values.append(self.step())
            self._iteration += 1
        # Once for all of them: on a GPU nothing waits for a single step.
        return torch.stack(values).cpu().numpy()

    def save(self, path: Path, interval: Sequence[float]) -> None:
        buffer = io.BytesIO()
        torch.save({"iteration": self.iteration, "interval": list(interval)} | self.state(), buffer)
        with replacing(path) as temporary:
            temporary.write_bytes(buffer.getvalue())

    def restore(self, path: Path) -> Sequence[float] | None:
        state = self.read_state(path)
        if state is None:
            return None
        self._iteration = state["iteration"]
        self.set_state(state)
        return state["interval"]

    def read_state(self, path: Path) -> dict[str, Any] | None:
        """Return what `save` wrote, or None when there is no file; InputError when it is damaged."""
        if not path.exists():
            return None
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds of error on damaged files
            raise InputError(f"{path}: damaged ({error}); delete it to begin this run anew") from error

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs, as `torch.load` takes it back with `weights_only`."""
        return {name: getattr(self, name).state_dict() for name in self.parts}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go back to what `state` returned."""
        for name in self.parts:
            getattr(self, name).load_state_dict(state[name])


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give an optimiser the learning rate of its next step.

    Rates are a function of the iteration (`svhn.runs.rate_share`), so nothing of them has to be saved and resumed.
    """
    for group in optimizer.param_groups:
        group["lr"] = rate
