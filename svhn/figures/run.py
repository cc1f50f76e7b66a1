"""The picture of a training run: learning curves, and what a classifier takes its digits for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from svhn.figures.report import (
    DPI,
    INK,
    MUTED,
    accuracy_in_words,
    draw_gallery,
    draw_heading,
    draw_matrix,
    mistakes_in_words,
    save_figure,
    worst_mistakes,
)
from svhn.metrics import classification_report
from svhn.runs import SHARES, Row, scores_of

Answers = tuple[np.ndarray, np.ndarray, np.ndarray]

VALIDATION_COLOUR = "#1f5fa8"
# Columns of the history that are no curves.
NO_CURVES = ("iteration", "learning_rate", "seconds")
# Inches: the page, what the heading takes, a panel with its labels, and the axes in it.
PAGE_WIDTH, HEAD = 14.0, 1.2
PANEL_HEIGHT, PANEL_WIDTH, AXES_HEIGHT, AXES_WIDTH, LEFT = 3.35, 6.8, 2.5, 5.88, 0.91
MATRIX_LEFT, MATRIX_SIDE = 7.63, 5.75
GALLERY_COLUMNS, GALLERY_ROWS, GALLERY_ROW_HEIGHT = 16, 3, 1.07
# Intervals below which every one gets a dot.
DOTTED = 20


def write_run_picture(
    path: str | Path, history: Sequence[Row], best: Row, title: str, answers: Answers | None = None
) -> None:
    """Draw a whole run on one page: learning curves; for a classifier also confusion matrix and worst mistakes.

    Parameters
    ----------
    path : str or Path
        The picture, written whole or not at all.
    history : sequence of Row
        A row per interval. A column and the one of the same name with "validation_" before it share a panel.
    best : Row
        The row whose network is kept.
    title : str
        Heads the page.
    answers : (rgb, labels, probabilities), optional
        Digits that the network did not learn from, uint8 (N, H, W, 3), their labels, int (N,) in 0..9, and what the
        network that is kept says about them, float (N, 10) in 0..1.
    """
    figure = draw_run(history, best, title) if answers is None else draw_classifier_run(history, best, title, answers)
    save_figure(Path(path), figure)


def draw_run(history: Sequence[Row], best: Row, title: str) -> Figure:
    """Draw the learning curves of a run, two panels side by side."""
    names = curves_of(best)
    height = HEAD + PANEL_HEIGHT * -(-len(names) // 2)
    figure = Figure(figsize=(PAGE_WIDTH, height), dpi=DPI, facecolor="white")
    draw_heading(figure, title, f"kept: the network of iteration {best['iteration']:,.0f}", inches=height)
    for place, name in enumerate(names):
        row, column = divmod(place, 2)
        _draw_panel(figure, LEFT + column * PANEL_WIDTH, row, history, best, name)
    return figure


def draw_classifier_run(history: Sequence[Row], best: Row, title: str, answers: Answers) -> Figure:
    """Draw the run of a classifier: curves on the left, confusion matrix on the right, worst mistakes below."""
    rgb, labels, probabilities = answers
    report = classification_report(labels, np.argmax(probabilities, axis=1))
    mistakes = worst_mistakes(labels, probabilities)
    shown = mistakes[: GALLERY_COLUMNS * GALLERY_ROWS]
    names, rows = curves_of(best), -(-len(shown) // GALLERY_COLUMNS)
    gallery_top = HEAD + max(PANEL_HEIGHT * len(names), MATRIX_SIDE + 0.6) + 0.45
    height = gallery_top + GALLERY_ROW_HEIGHT * rows
    figure = Figure(figsize=(PAGE_WIDTH, height), dpi=DPI, facecolor="white")
    line = f"{accuracy_in_words(report)}, {report['n']:,} validation digits"
    draw_heading(figure, title, line, inches=height)
    for place, name in enumerate(names):
        _draw_panel(figure, LEFT, place, history, best, name)
    draw_matrix(_axes(figure, MATRIX_LEFT, HEAD + 0.3, MATRIX_SIDE, MATRIX_SIDE), report, fontsize=9)
    line = mistakes_in_words(len(mistakes), len(labels), len(shown))
    figure.text(0.035, 1 - (gallery_top - 0.4) / height, line, va="top", color=MUTED, fontsize=10.5)
    if rows:
        axes = _axes(figure, 0.46, gallery_top, PAGE_WIDTH - 0.92, height - gallery_top)
        draw_gallery(axes, rgb[shown], labels[shown], probabilities[shown], GALLERY_COLUMNS, fontsize=8.5)
    return figure


def curves_of(row: Row) -> list[str]:
    """Return the names of what a run measures, in training, on validation, or in both."""
    scores = scores_of(row)
    means = [name for name in row if not name.startswith("validation_") and name not in NO_CURVES]
    return list(dict.fromkeys([*means, *scores]))


def _axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes by inches from the left and from the top of the page."""
    page_width, page_height = figure.get_size_inches()
    bottom = page_height - top - height
    return figure.add_axes((left / page_width, bottom / page_height, width / page_width, height / page_height))


def _draw_panel(figure: Figure, left: float, row: int, history: Sequence[Row], best: Row, name: str) -> None:
    axes = _axes(figure, left, HEAD + PANEL_HEIGHT * row, AXES_WIDTH, AXES_HEIGHT)
    iterations = [entry["iteration"] for entry in history]
    lines = {"training": (name, MUTED), "validation": (f"validation_{name}", VALIDATION_COLOUR)}
    marker = "o" if len(history) < DOTTED else None
    for label, (column, colour) in lines.items():
        if column in best:
            values = [entry[column] for entry in history]
            axes.plot(iterations, values, color=colour, label=label, linewidth=1.8, marker=marker, markersize=3.5)
    if f"validation_{name}" in best:
        _mark(axes, best["iteration"], best[f"validation_{name}"], name)
    _style(axes, name)


def _mark(axes: Axes, iteration: float, value: float, name: str) -> None:
    """Mark the network that is kept; its value stands in the legend, where no curve can cross it."""
    words = f"kept: {value:.2%}" if name in SHARES else f"kept: {value:.3f}"
    (mark,) = axes.plot([iteration], [value], "o", color=VALIDATION_COLOUR, label=f"{words} at {iteration:,.0f}")
    mark.set(markersize=8, markerfacecolor="white", markeredgewidth=2)


def _style(axes: Axes, name: str) -> None:
    axes.set_title(name.replace("_", " "), loc="left", color=INK, fontsize=11, weight="bold")
    axes.set_xlabel("iteration", color=MUTED, fontsize=10)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    if name in SHARES:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.tick_params(length=0, labelsize=9, labelcolor=MUTED)
    axes.grid(color="#e3e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.legend(frameon=False, fontsize=9.5, labelcolor=INK, ncols=3, loc="lower right", bbox_to_anchor=(1.01, 0.98))
