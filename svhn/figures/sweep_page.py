"""The page of a sweep: one HTML file with table and curves and nothing to load from elsewhere."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup

from svhn.figures.page import render_page, svg_of
from svhn.figures.sweep_curves import Row, draw_all, draw_run
from svhn.files import replacing

TEMPLATE = "sweep.html.j2"
# Settings that the table always shows; others where the runs differ.
COMMON = ("net", "graph", "optimizer", "batch_size", "learning_rate", "epochs", "iterations")


@dataclass(frozen=True)
class SweepRun:
    """What the page says of a run.

    Attributes
    ----------
    name : str
    state : str
        For example "running".
    settings : dict
        Name -> value, the same names for all runs.
    length : int
        Epochs, or other steps, until it is done.
    history : sequence of dict
        A row per epoch: `epoch`, `loss`, `validation_loss`, `validation_accuracy`, `seconds`.
    best : dict or None
        The row of the epoch whose network is kept.
    metrics : dict
        Of the record of a run that is done: `parameters`, and where it was tested `test_accuracy` and
        `test_accuracy_interval`.
    error : str
        Why it failed.
    overfits : tuple of int and str, or None
        The epoch from which on it over-fits, and a line that says so.
    """

    name: str
    state: str
    settings: Mapping[str, Any]
    length: int
    history: Sequence[Row] = ()
    best: Row | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    overfits: tuple[int, str] | None = None

    @property
    def seconds(self) -> float:
        """Seconds of all epochs."""
        return sum(row["seconds"] for row in self.history)

    @property
    def curves(self) -> Markup:
        """The run's picture, empty before its first epoch."""
        if not self.history:
            return Markup("")
        label = f"{self.name}: training loss, validation loss and validation accuracy"
        return svg_of(draw_run(self.history, self.overfits[0] if self.overfits else None), label)


def write_sweep_page(
    path: str | Path,
    title: str,
    notes: Sequence[str],
    runs: Sequence[SweepRun],
    best: str | None = None,
    step: str = "epoch",
) -> None:
    """Write the page of a sweep, whole or not at all.

    Parameters
    ----------
    path : str or Path
    title : str
    notes : sequence of str
        What is said of the sweep as a whole, for example what was trained on.
    runs : sequence of SweepRun
        In the order of the table, at least one.
    best : str, optional
        Name of the best run.
    step : str
        What the runs are measured after.
    """
    with replacing(path) as temporary:
        temporary.write_text(render_sweep(title, notes, runs, best, step), encoding="utf-8")


def render_sweep(
    title: str, notes: Sequence[str], runs: Sequence[SweepRun], best: str | None = None, step: str = "epoch"
) -> str:
    """Return the page of `write_sweep_page` as HTML."""
    return render_page(
        TEMPLATE,
        title=title,
        notes=[*notes, time.strftime("%Y-%m-%d %H:%M")],
        runs=runs,
        best=next((run for run in runs if run.name == best), None),
        columns=[*(name for name in COMMON if name in runs[0].settings), *_differing(runs)],
        overview=_overview(runs, best),
        shown=_shown,
        step=step,
    )


def _overview(runs: Sequence[SweepRun], best: str | None) -> Markup:
    measured = {run.name: [row["validation_accuracy"] for row in run.history] for run in runs if run.history}
    if not measured:
        return Markup("")
    return svg_of(draw_all(measured, best), "validation accuracy of all runs")


def _differing(runs: Sequence[SweepRun]) -> list[str]:
    """Return the settings beside `COMMON` that are not the same in all runs."""
    first = runs[0].settings
    return [name for name in first if name not in COMMON and any(run.settings[name] != first[name] for run in runs)]


def _shown(value: Any) -> str:
    """Return a setting's value as the table shows it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {share:g}" for name, share in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
