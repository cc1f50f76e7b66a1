"""What a run asks of the network that it trains; each framework answers in its own way."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from svhn.runs.history import LAST, Ranking, Row


class Learner(ABC):
    """A network while it learns.

    Batches, augmentation and dropout are functions of the seed and the iteration (or their random state is part of
    `save`), so that a run which was stopped anywhere goes on to the very network that it would have come to.

    Attributes
    ----------
    means : tuple of str
        What training measures in every iteration, for example the parts of the loss.
    ranking : Ranking
        By which rows of the history the network that is kept is chosen; by default the last one is kept.
    report_every : int
        Iterations between two reports of progress, and between two chances to stop.
    files : tuple of str
        Names of what `keep` and `results` leave in the run folder.
    """

    means: tuple[str, ...] = ("loss",)
    ranking: Ranking = LAST
    report_every: int = 10
    files: tuple[str, ...] = ()

    @property
    @abstractmethod
    def title(self) -> str:
        """What is trained and how, in a few words for the head of the report."""

    @property
    @abstractmethod
    def iteration(self) -> int:
        """Optimiser steps so far."""

    @property
    @abstractmethod
    def learning_rate(self) -> float:
        """Learning rate of the last step."""

    @abstractmethod
    def advance(self, count: int) -> np.ndarray:
        """Learn from the next `count` batches.

        Returns
        -------
        ndarray (count, len(means)) float64
            The value of each mean in each iteration.
        """

    @abstractmethod
    def measure(self) -> dict[str, float]:
        """Return the scores on the validation data of the network that would be kept now."""

    @abstractmethod
    def keep(self, folder: Path) -> None:
        """Write the network that was just measured into the run folder, whole or not at all."""

    @abstractmethod
    def save(self, path: Path, interval: Sequence[float]) -> None:
        """Write all that a resumed run needs to a file, whole or not at all.

        Parameters
        ----------
        path : Path
        interval : sequence of float
            Numbers of the run's own, for `restore` to give back.
        """

    @abstractmethod
    def restore(self, path: Path) -> Sequence[float] | None:
        """Go back to what `save` wrote and return its `interval`; do nothing and return None when there is no file.

        Raises
        ------
        InputError
            When the file is damaged.
        """

    def log(self, folder: Path, history: Sequence[Row]) -> None:  # noqa: B027 - most learners have no logs
        """Write logs of the framework's own; called after every interval with all rows."""

    def results(self, folder: Path) -> dict[str, Any]:
        """Finish the run: export the network that was kept, measure it once on test data; return metrics of both."""
        return {}

    def answers(self, folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Return what the kept classifier says of the validation digits, for the report; None for other networks.

        Returns
        -------
        rgb : ndarray (N, H, W, 3) uint8
        labels : ndarray (N,) int, 0..9
        probabilities : ndarray (N, 10) float, 0..1
        """
        return None
