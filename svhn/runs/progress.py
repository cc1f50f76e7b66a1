"""What a run tells while it goes on, and what it came to."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from svhn.runs.history import SHARES, scores_of
from svhn.runs.record import RunRecord

# What a shell reports of a program that SIGINT ended.
INTERRUPTED = 130


@dataclass(frozen=True)
class Progress:
    """Where a run is.

    Attributes
    ----------
    iteration, iterations : int
        Optimiser steps so far, and of the whole run.
    means : dict of str to float
        What training measured: means since the last report, or over the interval where there are scores.
    rate : float
        Iterations per second; recent ones count most.
    scores : dict of str to float or None
        What validation measured, when an interval has just ended and been saved.
    """

    iteration: int
    iterations: int
    means: dict[str, float]
    rate: float
    scores: dict[str, float] | None = None

    @property
    def seconds_left(self) -> float:
        """Seconds of training that are left at this rate; the measurements on validation come on top."""
        return (self.iterations - self.iteration) / self.rate


ProgressReport = Callable[[Progress], None]


def ignore(progress: Progress) -> None:
    """ProgressReport to nobody."""


def say_nothing(text: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class RunResult:
    """What a run came to.

    Attributes
    ----------
    command : str
        For example "train-tf".
    run_dir : Path
    finished : bool
        False when it was stopped.
    iteration : int
        Where it is.
    record : RunRecord or None
        None when it was stopped, and in processes that do not lead.
    files : tuple of str
        What else lies in the folder, for people.
    """

    command: str
    run_dir: Path
    finished: bool
    iteration: int
    record: RunRecord | None = None
    files: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """Exit code of a command that ran it."""
        return 0 if self.finished else INTERRUPTED

    @property
    def text(self) -> str:
        """A few lines for people: the scores and what was written, or how to go on; empty beside a leader."""
        if not self.finished:
            # On a line of its own: a live line may stand on the terminal.
            return (
                f"\nStopped after iteration {self.iteration:,}; go on with: {self.command} --resume --run-dir "
                f"{self.run_dir}"
            )
        if not self.record:
            return ""
        return "\n".join([*_score_lines(self.record.metrics), f"{self.run_dir}: {', '.join(self.files)} written"])


def _score_lines(metrics: dict) -> list[str]:
    lines = [f"validation: {format_values(scores_of(metrics))}"]
    if "test_accuracy" in metrics:
        low, high = metrics["test_accuracy_interval"]
        lines.append(f"test: accuracy {metrics['test_accuracy']:.2%} (95 % interval {low:.2%} to {high:.2%})")
    return lines


def format_values(values: dict[str, float]) -> str:
    """Return "accuracy 92.10%  loss 0.2713": shares in percent, other values with four digits."""
    parts = {name: f"{value:.2%}" if name in SHARES else f"{value:.4g}" for name, value in values.items()}
    return "  ".join(f"{name.replace('_', ' ')} {value}" for name, value in parts.items())
