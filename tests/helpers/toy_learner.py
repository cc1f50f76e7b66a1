"""A learner without a framework: one number that walks towards a target, so that runs take no time."""

import json
from pathlib import Path

import numpy as np

from svhn.files import replacing, write_json
from svhn.runs import BY_ACCURACY
from svhn.runs.learner import Learner


class ToyLearner(Learner):
    """Its weight depends on all that came before, its batches on seed and iteration alone.

    `accuracies` are what it scores at the ends of its intervals.
    """

    means = ("loss", "accuracy")
    ranking = BY_ACCURACY
    report_every = 3
    files = ("model.txt",)
    title = "toy"

    def __init__(self, seed: int = 0, accuracies: tuple[float, ...] = (0.1, 0.5, 0.3, 0.4)):
        self.seed, self.accuracies, self.weight, self.steps = seed, accuracies, 0.0, 0

    @property
    def iteration(self) -> int:
        return self.steps

    @property
    def learning_rate(self) -> float:
        return 1 / (1 + self.steps)

    def advance(self, count: int) -> np.ndarray:
        return np.array([self._step() for _ in range(count)])

    def _step(self) -> tuple[float, float]:
        target = np.random.default_rng([self.seed, self.steps]).normal()
        self.weight += (target - self.weight) / 7
        self.steps += 1
        return abs(target - self.weight) / 3, self.weight / 9

    def measure(self) -> dict[str, float]:
        interval = -(-self.steps // 10) - 1
        return {"loss": abs(self.weight), "accuracy": self.accuracies[interval % len(self.accuracies)]}

    def keep(self, folder: Path) -> None:
        with replacing(folder / "model.txt") as temporary:
            temporary.write_text(f"{self.steps} {self.weight!r}")

    def save(self, path: Path, interval) -> None:
        write_json(path, {"weight": self.weight, "steps": self.steps, "interval": list(interval)})

    def restore(self, path: Path):
        if not path.exists():
            return None
        state = json.loads(path.read_text())
        self.weight, self.steps = state["weight"], state["steps"]
        return state["interval"]

    def results(self, folder: Path) -> dict:
        return {"parameters": 1}
