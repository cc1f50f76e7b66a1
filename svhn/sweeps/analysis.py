"""What the runs of a sweep say: over-fitting, the best run, the live table, rows for a CSV of models."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from svhn.files import replacing
from svhn.runs import BY_ACCURACY, Row, RunRecord, rank_of
from svhn.sweeps.folder import DONE, RUNNING, RunStatus
from svhn.sweeps.kinds import kind_of, measurements_of
from svhn.sweeps.plan import PlannedRun

# Epochs below which nothing is said about over-fitting.
LEAST_EPOCHS = 8
# How much worse the end must be than the best moment: validation accuracy by points, validation loss by a share.
ACCURACY_DROP, LOSS_RISE = 0.015, 0.1
TABLE_KEY = "model"


def overfitting(history: Sequence[Row]) -> tuple[int, str] | None:
    """Tell whether validation got worse while the training loss still fell.

    Parameters
    ----------
    history : sequence of dict
        Rows with `epoch`, `loss`, `validation_loss` and `validation_accuracy`.

    Returns
    -------
    tuple of int and str, or None
        The epoch from which on it over-fits, and a line that says so; None when it does not or is too short.
    """
    if len(history) < LEAST_EPOCHS:
        return None
    loss, val_loss, accuracy = (
        smooth([row[key] for row in history]) for key in ("loss", "validation_loss", "validation_accuracy")
    )
    top, low = int(accuracy.argmax()), int(val_loss.argmin())
    if accuracy[top] - accuracy[-1] > ACCURACY_DROP and loss[-1] < loss[top]:
        points = 100 * (accuracy[top] - accuracy[-1])
        epoch = int(history[top]["epoch"])
        return epoch, f"validation fell {points:.1f} points since epoch {epoch} while the loss fell"
    if val_loss[-1] > (1 + LOSS_RISE) * val_loss[low] and loss[-1] < loss[low]:
        rise = val_loss[-1] / val_loss[low] - 1
        epoch = int(history[low]["epoch"])
        return epoch, f"validation loss rose {rise:.0%} since epoch {epoch} while the loss fell"
    return None


def smooth(values: Sequence[float]) -> np.ndarray:
    """Return the median of each value and its neighbours, a tenth of all but at least five, (N,) float64."""
    side = max(2, len(values) // 20)
    padded = np.pad(np.asarray(values, float), side, mode="reflect")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * side + 1), axis=1)


def rank(status: RunStatus) -> tuple[float, ...]:
    """Return what runs are compared by: the rank of their best epoch; a run without one is worse than all."""
    return rank_of(status.best, BY_ACCURACY) if status.best else (-1.0, 0.0)


def best_run(statuses: Sequence[RunStatus]) -> RunStatus | None:
    """Return the run with the best epoch on the validation split, among those that have one."""
    return max((status for status in statuses if status.best), key=rank, default=None)


def format_table(statuses: Sequence[RunStatus]) -> str:
    """Return a line for each run: state, epoch, loss, validation accuracy, its best, seconds per epoch."""
    width = max(len(status.run.name) for status in statuses)
    step = kind_of(statuses[0].run.config).step
    lines = [f"{'run':<{width}}  state    {step:>8}    loss  validation    best  {f's/{step}':>7}"]
    lines += [f"{status.run.name:<{width}}  {status.state:<8}  {_progress(status)}" for status in statuses]
    states = [status.state for status in statuses]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    lines += ["", counts + time_left(statuses)]
    if (best := best_run(statuses)) and best.best:
        accuracy, epoch = best.best["validation_accuracy"], best.best["epoch"]
        lines.append(f"best so far: {best.run.name}, validation {accuracy:.2%} at {step} {epoch:.0f}")
    return "\n".join(lines)


def _progress(status: RunStatus) -> str:
    """Return the columns of a run's line after its state."""
    epochs = f"{len(status.history)}/{measurements_of(status.run.config)}".rjust(7)
    if not status.best:
        return f"{epochs}  {status.error}".rstrip()
    last, seconds = status.history[-1], np.median([row["seconds"] for row in status.history])
    accuracies = f"{last['validation_accuracy']:>10.2%}  {status.best['validation_accuracy']:>6.2%}"
    return f"{epochs}  {last['loss']:>6.3f}  {accuracies}  {seconds:>7.1f}"


def time_left(statuses: Sequence[RunStatus]) -> str:
    """Return how long the sweep may still take, from the epochs that were measured, or nothing."""
    seconds = [row["seconds"] for status in statuses for row in status.history]
    running = sum(status.state == RUNNING for status in statuses)
    open_runs = [status for status in statuses if status.state != DONE]
    if not seconds or not running:
        return ""
    epochs = sum(measurements_of(status.run.config) - len(status.history) for status in open_runs)
    minutes = epochs * float(np.mean(seconds)) / running / 60
    return f"; about {minutes:.0f} minutes left" if minutes < 120 else f"; about {minutes / 60:.1f} hours left"


def model_rows(statuses: Sequence[RunStatus]) -> list[dict[str, Any]]:
    """Return a row per network: its best finished run by validation, for `update_table`."""
    chosen: dict[str, RunStatus] = {}
    for status in statuses:
        net = _network_of(status.run)
        if status.record and (net not in chosen or rank(status) > rank(chosen[net])):
            chosen[net] = status
    return [_model_row(status.run, status.record) for status in chosen.values() if status.record]


def _network_of(run: PlannedRun) -> str:
    return getattr(run.config, kind_of(run.config).network)


def _model_row(run: PlannedRun, record: RunRecord) -> dict[str, Any]:
    config, metrics = run.config, record.metrics
    low, high = metrics.get("test_accuracy_interval", (None, None))
    shares = {
        "validation_accuracy": metrics["validation_accuracy"],
        "test_accuracy": metrics.get("test_accuracy"),
        "test_low": low,
        "test_high": high,
    }
    return {
        TABLE_KEY: _network_of(run),
        **{key: None if value is None else f"{value:.4f}" for key, value in shares.items()},
        "parameters": metrics["parameters"],
        **{key: round(metrics[key]) for key in ("images_per_second", "trained_per_second") if key in metrics},
        "minutes": f"{metrics['seconds'] / 60:.1f}",
        (length := kind_of(config).length): getattr(config, length),
        "optimizer": config.optimizer,
        "batch_size": config.batch_size,
        "learning_rate": f"{config.learning_rate:g}",
        "run": run.name,
        **({"device": f"{metrics['device']}, {metrics['threads']} threads"} if "device" in metrics else {}),
        "date": record.created[:10],
    }


def update_table(path: str | Path, rows: Sequence[dict[str, Any]]) -> None:
    """Put rows into a CSV file by their model; rows of other models and columns that are there already stay."""
    path = Path(path)
    kept: list[dict[str, Any]] = []
    columns: list[str] = []
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            columns, kept = list(reader.fieldnames or []), list(reader)
    new = {row[TABLE_KEY] for row in rows}
    columns = list(dict.fromkeys([*columns, *(key for row in rows for key in row)]))
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows([row for row in kept if row.get(TABLE_KEY) not in new] + list(rows))
