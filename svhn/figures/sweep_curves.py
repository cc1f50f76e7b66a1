"""The curves of a sweep: of one run, and of all runs together."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from svhn.figures.page import GOOD, INK, LINE, MUTED, WARN

Row = Mapping[str, float]
# Told apart by people who see colours in other ways too, on light and on dark paper: Okabe and Ito's palette, 2008,
# without its black and with a darker yellow. More runs than colours are gray.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#b3a125", "#8b6bc9")
REST = "#98a2ad"
# Inches: of a run's picture, and of the one of all runs.
RUN_SIZE, ALL_SIZE = (5.4, 2.7), (13.0, 4.0)
# The same of a run with the best ones, a page of its own.
BEST_SIZE, DPI, BLUE = (12.0, 4.0), 130, "#1f5fa8"
# Share of the longest run's epochs that the axis of all runs is not made for: what a run learns at first would leave no
# room for the differences at the end.
FIRST = 0.2
LONGEST_NAME = 38


def draw_run(history: Sequence[Row], overfits_from: int | None = None) -> Figure:
    """Draw a run: its losses by the left axis, its validation accuracy by the right one.

    Parameters
    ----------
    history : sequence of dict
        At least one row with `epoch`, `loss`, `validation_loss` and `validation_accuracy`.
    overfits_from : int, optional
        Epoch from which the picture is tinted.
    """
    figure = Figure(figsize=RUN_SIZE)
    losses = figure.add_axes((0.1, 0.15, 0.8, 0.8))
    accuracies = losses.twinx()
    epochs = [row["epoch"] for row in history]
    marker = "o" if len(history) == 1 else None
    for name, style in {"validation_loss": "--", "loss": "-"}.items():
        losses.plot(epochs, [row[name] for row in history], style, color=MUTED, marker=marker)
    accuracies.plot(epochs, [row["validation_accuracy"] for row in history], color=GOOD, marker=marker, linewidth=2)
    losses.set_ylim(bottom=0)
    accuracies.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    for axes in (losses, accuracies):
        _plain(axes)
        axes.yaxis.set_major_locator(MaxNLocator(3))
    losses.grid(axis="y", color=LINE)
    if overfits_from is not None:
        losses.axvspan(overfits_from, epochs[-1], color=WARN, alpha=0.1, linewidth=0)
        losses.axvline(overfits_from, color=WARN)
    return figure


def draw_best(runs: Sequence[tuple[str, Sequence[Row], tuple[int, str] | None]], step: str = "epoch") -> Figure:
    """Draw what was monitored in the best run and in the one after it: losses and validation accuracy by epoch.

    Parameters
    ----------
    runs : sequence of (str, sequence of dict, (int, str) or None)
        The winner, and maybe the runner-up: name, history as for `draw_run`, and where it over-fits the epoch from
        which on, which is marked, and a line that says so.
    step : str
        What a run is measured after.
    """
    width, height = BEST_SIZE
    figure = Figure(figsize=(width, height * len(runs)), dpi=DPI, facecolor="white")
    for row, (name, history, overfits) in enumerate(runs):
        place = "winner" if row == 0 else "runner-up"
        note = f"over-fits: {overfits[1]}" if overfits else "does not over-fit"
        top = 1 - row / len(runs)
        high = 1 / len(runs)
        figure.text(0.06, top - 0.04 * high, f"{place}: {name}", va="top", fontsize=13, weight="bold", color=INK)
        figure.text(0.06, top - 0.12 * high, note, va="top", fontsize=10.5, color=WARN if overfits else MUTED)
        losses, accuracy = (figure.add_axes((x, top - 0.86 * high, 0.4, 0.58 * high)) for x in (0.06, 0.56))
        _monitor(
            losses, history, {"loss": ("training loss", MUTED), "validation_loss": ("validation loss", BLUE)}, overfits
        )
        _monitor(accuracy, history, {"validation_accuracy": ("validation accuracy", GOOD)}, overfits)
        accuracy.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        for axes in (losses, accuracy):
            axes.set_xlabel(step, color=MUTED, fontsize=9, labelpad=1)
    return figure


def _monitor(
    axes: Axes, history: Sequence[Row], curves: Mapping[str, tuple[str, str]], overfits: tuple[int, str] | None
) -> None:
    """Draw curves by epoch, with the epochs tinted from which on the run over-fits."""
    epochs = [row["epoch"] for row in history]
    marker = "o" if len(history) == 1 else None
    for column, (words, colour) in curves.items():
        axes.plot(epochs, [row[column] for row in history], color=colour, label=words, linewidth=2, marker=marker)
    if overfits:
        axes.axvspan(overfits[0], epochs[-1], color=WARN, alpha=0.1, linewidth=0, label="over-fitting")
        axes.axvline(overfits[0], color=WARN)
    _plain(axes)
    axes.grid(axis="y", color=LINE)
    axes.legend(frameon=False, fontsize=9.5, labelcolor=INK, ncols=3, loc="lower right", bbox_to_anchor=(1.01, 0.98))


def draw_all(accuracies: Mapping[str, Sequence[float]], best: str | None = None) -> Figure:
    """Draw validation accuracy by epoch of all runs, the first ones in colours, the best one strongest.

    Parameters
    ----------
    accuracies : dict of str to sequence of float
        Run -> its accuracy after every epoch, 0..1, at least one; the runs in the order of the legend.
    best : str, optional
    """
    figure = Figure(figsize=ALL_SIZE)
    axes = figure.add_axes((0.045, 0.11, 0.65, 0.86))
    for place, (name, values) in reversed(list(enumerate(accuracies.items()))):
        axes.plot(
            range(1, len(values) + 1),
            values,
            color=COLOURS[place] if place < len(COLOURS) else REST,
            linewidth=3 if name == best else 1.5,
            marker="o" if len(values) == 1 else None,
            label=_shortened(name),
        )
    first = int(FIRST * max(map(len, accuracies.values())))
    late = [value for values in accuracies.values() for value in values[first:]]
    room = max(0.02, 0.05 * (max(late) - min(late)))
    axes.set_ylim(max(0.0, min(late) - room), min(1.0, max(late) + room))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    _plain(axes)
    axes.grid(axis="y", color=LINE)
    _add_legend(axes, len(accuracies))
    return figure


def _add_legend(axes: Axes, runs: int) -> None:
    lines, words = axes.get_legend_handles_labels()
    lines, words = lines[::-1][: len(COLOURS)], words[::-1][: len(COLOURS)]
    if runs > len(COLOURS):
        lines.append(axes.plot([], [], color=REST)[0])
        words.append(f"and {runs - len(COLOURS)} more in gray")
    axes.legend(
        lines, words, loc="upper left", bbox_to_anchor=(1.01, 1.02), frameon=False, labelcolor=INK, fontsize=9.5
    )


def _plain(axes: Axes) -> None:
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=9, labelcolor=MUTED)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_xlabel("epoch", color=MUTED, fontsize=9, labelpad=1)
    axes.set_axisbelow(True)


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
