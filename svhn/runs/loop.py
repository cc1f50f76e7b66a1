"""The loop of every training: intervals, measurements, state, stopping, record."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from svhn.runs.folder import RunFolder
from svhn.runs.history import Row, best_of, make_row, read_history, scores_of, write_history
from svhn.runs.learner import Learner
from svhn.runs.progress import Progress, ProgressReport, RunResult, ignore
from svhn.runs.record import RunRecord

# Share of the rate before in the one that is reported: start-up is soon forgotten, the last few reports count most.
INERTIA = 0.8


@dataclass(frozen=True)
class Plan:
    """How long a run goes on, and this process's part in it.

    Attributes
    ----------
    iterations : int
        Optimiser steps of the whole run.
    interval : int
        Iterations between two measurements on the validation data; the last interval may be shorter.
    leads : bool
        Whether this process measures, writes and reports. One of several that train together does; the others only
        learn.
    alone : bool
        Whether no other process would be left waiting if this one stopped. Only then SIGINT stops the run at an
        iteration and saves it; elsewhere it ends the process as usual.
    """

    iterations: int
    interval: int
    leads: bool = True
    alone: bool = True


def run_training(
    learner: Learner,
    folder: RunFolder,
    plan: Plan,
    record: RunRecord,
    resume: bool = False,
    report: ProgressReport = ignore,
) -> RunResult:
    """Train to the end, or until SIGINT; leave the history, the best network, `report.png` and the record.

    Parameters
    ----------
    learner : Learner
    folder : RunFolder
        Opened already, with the same `resume`.
    plan : Plan
    record : RunRecord
        Of this run, without metrics; they are filled in.
    resume : bool
        Go on from the last state in the folder, where there is one.
    report : callable
        Called with a Progress every `learner.report_every` iterations, and when an interval is measured and saved.
    """
    run = Run(learner, folder, plan, report)
    if resume:
        run.restore()
    finished = run.advance()
    if not finished or not plan.leads:
        return RunResult(record.command, folder.path, finished, learner.iteration)
    run.finish(record)
    return RunResult(record.command, folder.path, True, learner.iteration, record, learner.files)


class Run:
    """A run in progress: a learner, its folder, and the rows of its history. See `run_training`."""

    def __init__(self, learner: Learner, folder: RunFolder, plan: Plan, report: ProgressReport = ignore):
        self.learner, self.folder, self.plan, self.report = learner, folder, plan, report
        self.history: list[Row] = []
        # Of the interval in hand: the sum of each mean, iterations, seconds.
        self._interval = np.zeros(len(learner.means) + 2)
        self._rate: float | None = None

    def restore(self) -> None:
        """Go back to the last state and forget what happened after it; without one begin from the start."""
        interval = self.learner.restore(self.folder.state)
        if interval is not None:
            self._interval = np.array(interval, np.float64)
        if self.plan.leads:
            rows = read_history(self.folder.history)
            self.history = [row for row in rows if row["iteration"] <= self.learner.iteration]

    def advance(self) -> bool:
        """Train to the end, or until SIGINT; return whether the end was reached."""
        with _stop_signal(self.plan.alone) as asked:
            while self.learner.iteration < self.plan.iterations and not asked():
                end = self._end_of_interval()
                self._learn(end, asked)
                if self.plan.leads:
                    self._save(measured=self.learner.iteration == end)
        return self.learner.iteration == self.plan.iterations

    def finish(self, record: RunRecord) -> None:
        """Measure what was kept, draw the run, and write the record, which says that the run is finished."""
        best = best_of(self.history, self.learner.ranking)
        record.metrics |= {name: value for name, value in best.items() if name.startswith("validation_")}
        record.metrics["best_iteration"] = best["iteration"]
        record.metrics["seconds"] = sum(row["seconds"] for row in self.history)
        record.metrics |= self.learner.results(self.folder.path)
        self._draw(best)
        self.folder.close(record)

    def _end_of_interval(self) -> int:
        interval = self.plan.interval
        return min((self.learner.iteration // interval + 1) * interval, self.plan.iterations)

    def _learn(self, end: int, asked: Callable[[], bool]) -> None:
        """Train up to iteration `end`, or fewer iterations when asked to stop."""
        while self.learner.iteration < end and not asked():
            count = min(self.learner.report_every, end - self.learner.iteration)
            began = time.perf_counter()
            values = self.learner.advance(count)
            seconds = time.perf_counter() - began
            # One by one: so the sums do not depend on where a run was stopped and resumed, not even by rounding.
            for row in values:
                self._interval[:-2] += row
            self._interval[-2:] += count, seconds
            rate = count / seconds
            self._rate = rate if self._rate is None else INERTIA * self._rate + (1 - INERTIA) * rate
            self._report(values.mean(axis=0))

    def _save(self, measured: bool) -> None:
        """Save the state, at the end of an interval with a measurement, and report that one."""
        means = self._measure() if measured else None
        self.learner.save(self.folder.state, self._interval.tolist())
        if means is not None:
            self._report(means, scores_of(self.history[-1]))

    def _measure(self) -> np.ndarray:
        """Measure, keep the network when it is the best so far, add a row to the history; return the means."""
        *sums, count, seconds = self._interval
        means = np.array(sums) / count
        self._interval[:] = 0
        row = make_row(
            self.learner.iteration, self._named(means), self.learner.measure(), self.learner.learning_rate, seconds
        )
        self.history.append(row)
        if best_of(self.history, self.learner.ranking) is row:
            self.learner.keep(self.folder.path)
        write_history(self.folder.history, self.history)
        self.learner.log(self.folder.path, self.history)
        return means

    def _named(self, means: np.ndarray) -> dict[str, float]:
        return dict(zip(self.learner.means, means.tolist(), strict=True))

    def _report(self, means: np.ndarray, scores: dict[str, float] | None = None) -> None:
        if self.plan.leads:
            now, end, rate = self.learner.iteration, self.plan.iterations, self._rate or 0.0
            self.report(Progress(now, end, self._named(means), rate, scores))

    def _draw(self, best: Row) -> None:
        from svhn.figures import write_run_picture

        title = f"{self.folder.path.resolve().name}: {self.learner.title}"
        answers = self.learner.answers(self.folder.path)
        write_run_picture(self.folder.report, self.history, best, title, answers)


@contextmanager
def _stop_signal(alone: bool) -> Iterator[Callable[[], bool]]:
    """Turn the first SIGINT into a question that the loop asks; a second one ends the process as usual."""
    asked = threading.Event()
    if not alone or threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def stop(*_: object) -> None:
        asked.set()
        signal.signal(signal.SIGINT, previous)

    previous = signal.signal(signal.SIGINT, stop)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, previous)
