"""The history of a run: a row per interval, the same columns for every training, and the best row of them."""

import csv
from collections.abc import Sequence
from pathlib import Path

from svhn.errors import InputError
from svhn.files import replacing

Row = dict[str, float]
# Columns to compare rows by, the most important one first; with "-" the lower value is better.
Ranking = tuple[str, ...]

VALIDATION = "validation_"
# Names of what is a share of 1 and shown in percent.
SHARES = frozenset({"accuracy", "precision", "recall", "f1", "whole_number", "wins"})
# Ties in accuracy are common on a small split: the loss decides.
BY_ACCURACY: Ranking = ("validation_accuracy", "-validation_loss")
# The network of the last interval is kept, whatever it scores.
LAST: Ranking = ("iteration",)


def make_row(
    iteration: int, means: dict[str, float], scores: dict[str, float], learning_rate: float, seconds: float
) -> Row:
    """Return a row of the history in the order of its columns.

    Parameters
    ----------
    iteration : int
        Optimiser steps so far.
    means : dict of str to float
        What training measured, as means over the interval.
    scores : dict of str to float
        What validation measured; each name gets the prefix "validation_".
    learning_rate : float
        Of the last step.
    seconds : float
        Training took in this interval, validation aside.
    """
    validation = {f"{VALIDATION}{name}": float(value) for name, value in scores.items()}
    row = {"iteration": iteration} | means | validation
    return row | {"learning_rate": float(learning_rate), "seconds": seconds}


def scores_of(row: Row) -> dict[str, float]:
    """Return what validation measured in a row, without the prefix "validation_"."""
    return {name.removeprefix(VALIDATION): value for name, value in row.items() if name.startswith(VALIDATION)}


def best_of(history: Sequence[Row], ranking: Ranking) -> Row:
    """Return the best row; of rows that are equally good, the first.

    Raises
    ------
    ValueError
        When the history is empty.
    """
    return max(history, key=lambda row: rank_of(row, ranking))


def rank_of(row: Row, ranking: Ranking) -> tuple[float, ...]:
    """Return what rows are compared by, the higher the better."""
    return tuple(-row[name[1:]] if name.startswith("-") else row[name] for name in ranking)


def read_history(path: str | Path) -> list[Row]:
    """Read a `history.csv`: a dict per interval by the names of its columns; empty when there is no such file.

    Raises
    ------
    InputError
        When the file holds something else.
    """
    path = Path(path)
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
        return [row | {"iteration": int(row["iteration"])} for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not the history of a run ({error!r}); restore it or start a new run") from error


def write_history(path: str | Path, history: Sequence[Row]) -> None:
    """Write a `history.csv`, whole or not at all; numbers are written so that they read back to the last bit."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(history[0]))
        writer.writeheader()
        writer.writerows(history)
