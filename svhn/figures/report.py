"""The report of a classifier: numbers as JSON and text, the confusion matrix and the worst mistakes as pictures."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from svhn.files import ensure_folder, replacing, write_json
from svhn.metrics import NUM_CLASSES, classification_report

GALLERY_COLUMNS = 8
GALLERY_SIZE = 64
RUN_COLUMNS, RUN_ROWS = 16, 3
DPI = 130
INK, MUTED, WRONG, VALIDATION = "#1c2733", "#6b7885", "#b3261e", "#1f5fa8"
_COLOURS = colormaps["Blues"]
# Shares below a few percent are what a confusion matrix is read for: a root scale keeps them apart from white.
_SHARES = PowerNorm(0.5, vmin=0.0, vmax=1.0)


def write_report(
    folder: str | Path,
    rgb: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    title: str,
    extra: dict[str, Any],
) -> dict[str, Any]:
    """Write `report.json`, `confusion.png` and `misclassified.png` into a folder.

    Parameters
    ----------
    folder : str or Path
        Made when it is not there.
    rgb : ndarray (N, H, W, 3) uint8
        The digits as they were classified, for the gallery.
    labels : ndarray (N,) int, 0..9
        True digits.
    probabilities : ndarray (N, 10) float, 0..1
        What the model says; the largest one is its prediction.
    title : str
        Heads both pictures, for example "tf-seed, test".
    extra : dict
        What was measured, for example model, data and split; it goes into the report beside the results.

    Returns
    -------
    dict
        The content of `report.json`: `extra` and the keys of `svhn.metrics.classification_report`.

    Raises
    ------
    InputError
        When the folder cannot be written to.
    ValueError
        When the arrays do not belong together.
    """
    if not len(rgb) == len(labels) == len(probabilities) or np.shape(probabilities)[1:] != (NUM_CLASSES,):
        raise ValueError(
            f"expected N digits, N labels and (N, {NUM_CLASSES}) probabilities, received {len(rgb)}, "
            f"{len(labels)} and {np.shape(probabilities)}"
        )
    folder = ensure_folder(folder)
    predictions = np.argmax(probabilities, axis=1)
    report = extra | classification_report(labels, predictions)
    mistakes = worst_mistakes(labels, probabilities)
    _save(folder / "confusion.png", draw_confusion(report, title))
    _save(folder / "misclassified.png", draw_mistakes(rgb, labels, probabilities, mistakes, title))
    write_json(folder / "report.json", report)
    return report


def format_report(report: dict[str, Any]) -> str:
    """Return a report as a text table: a line per digit with precision, recall, f1, support; then the accuracy."""
    lines = ["digit  precision  recall     f1  support"]
    lines += [
        f"{row['digit']:>5}  {row['precision']:>9.3f}  {row['recall']:>6.3f}  {row['f1']:>5.3f}  {row['support']:>7,}"
        for row in report["per_class"]
    ]
    right = int(np.trace(report["confusion"]))
    return "\n".join([*lines, "", f"{_accuracy(report)}, {right:,} of {report['n']:,} digits right"])


def worst_mistakes(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the indices of all misclassified digits, (M,) int, the most confident mistake first."""
    wrong = np.flatnonzero(np.argmax(probabilities, axis=1) != labels)
    return wrong[np.argsort(-np.max(probabilities[wrong], axis=1), kind="stable")]


def draw_confusion(report: dict[str, Any], title: str) -> Figure:
    """Draw the confusion matrix of a report: counts, colours by share of the row, recall and precision aside."""
    figure = Figure(figsize=(8.2, 8.5), dpi=DPI, facecolor="white")
    _heading(figure, title, f"{_accuracy(report)}, {report['n']:,} digits", inches=8.5)
    _draw_matrix(figure.add_axes((0.1, 0.035, 0.82, 0.82 * 8.2 / 8.5)), report)
    return figure


def draw_mistakes(
    rgb: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, mistakes: np.ndarray, title: str
) -> Figure:
    """Draw the first mistakes (indices, (M,) int) as a gallery: crop, true and predicted digit, confidence."""
    shown = mistakes[:GALLERY_SIZE]
    rows = -(-len(shown) // GALLERY_COLUMNS)
    height = 1.0 + 1.3 * rows
    figure = Figure(figsize=(8.8, height), dpi=DPI, facecolor="white")
    _heading(figure, title, _mistakes_in_words(len(mistakes), len(labels), len(shown)), inches=height)
    if not rows:
        return figure
    axes = figure.add_axes((0.03, 0.0, 0.94, 1 - 0.95 / height))
    _draw_gallery(axes, rgb[shown], labels[shown], probabilities[shown], GALLERY_COLUMNS)
    return figure


def write_run_picture(
    path: str | Path,
    history: list[dict[str, float]],
    best: int,
    rgb: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    title: str,
) -> None:
    """Draw a whole run on one page: learning curves, confusion matrix, and the most confident mistakes.

    Parameters
    ----------
    path : str or Path
        The picture, written whole or not at all.
    history : list of dict
        A row per interval: `iteration`, `loss`, `accuracy`, `validation_loss`, `validation_accuracy`.
    best : int
        The iteration of the row whose network is kept.
    rgb : ndarray (N, H, W, 3) uint8
        Digits that the network did not learn from, usually the validation split.
    labels : ndarray (N,) int, 0..9
    probabilities : ndarray (N, 10) float, 0..1
        What the network that is kept says about them.
    title : str
        Heads the page.
    """
    _save(Path(path), draw_run(history, best, rgb, labels, probabilities, title))


def draw_run(
    history: list[dict[str, float]],
    best: int,
    rgb: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    title: str,
) -> Figure:
    """Draw the page of `write_run_picture`."""
    report = classification_report(labels, np.argmax(probabilities, axis=1))
    mistakes = worst_mistakes(labels, probabilities)
    shown = mistakes[: RUN_COLUMNS * RUN_ROWS]
    rows = -(-len(shown) // RUN_COLUMNS)
    width, height = 14.0, 8.35 + 1.07 * rows
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    _heading(figure, title, f"{_accuracy(report)}, {report['n']:,} validation digits", inches=height)
    for name, bottom in {"accuracy": 3.9, "loss": 7.25}.items():
        _draw_curves(figure.add_axes((0.065, 1 - bottom / height, 0.42, 2.5 / height)), history, best, name)
    side = 5.75
    _draw_matrix(figure.add_axes((0.545, 1 - 7.25 / height, side / width, side / height)), report, fontsize=9)
    line = _mistakes_in_words(len(mistakes), len(labels), len(shown))
    figure.text(0.035, 1 - 7.95 / height, line, va="top", color=MUTED, fontsize=10.5)
    if rows:
        axes = figure.add_axes((0.033, 0.0, 0.934, 1 - 8.35 / height))
        _draw_gallery(axes, rgb[shown], labels[shown], probabilities[shown], RUN_COLUMNS, fontsize=8.5)
    return figure


def _draw_matrix(axes: Axes, report: dict[str, Any], fontsize: float = 10) -> None:
    counts = np.array(report["confusion"])
    support = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, support, out=np.zeros(counts.shape), where=support > 0)
    axes.imshow(shares, cmap=_COLOURS, norm=_SHARES)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if _SHARES(shares[row, column]) > 0.55 else INK
            style = {"weight": "bold" if row == column else "normal", "fontsize": fontsize}
            axes.text(column, row, f"{count:,}", ha="center", va="center", color=colour, **style)
    _label_matrix(axes, report["per_class"])


def _draw_curves(axes: Axes, history: list[dict[str, float]], best: int, name: str) -> None:
    """Draw what training and validation say about one measure, and where the network that is kept comes from."""
    iterations = [row["iteration"] for row in history]
    lines = {"training, augmented": (name, MUTED), "validation": (f"validation_{name}", VALIDATION)}
    marker = "o" if len(history) < 20 else None
    for label, (column, colour) in lines.items():
        values = [row[column] for row in history]
        axes.plot(iterations, values, color=colour, linewidth=1.8, marker=marker, markersize=3.5, label=label)
    kept = history[iterations.index(best)][f"validation_{name}"]
    _mark(axes, best, kept, name, late=best > np.mean(iterations))
    axes.set_title(name, loc="left", color=INK, fontsize=11, weight="bold")
    axes.set_xlabel("iteration", color=MUTED, fontsize=10)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    if name == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.tick_params(length=0, labelsize=9, labelcolor=MUTED)
    axes.grid(color="#e3e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.legend(frameon=False, fontsize=9.5, labelcolor=INK, ncols=2, loc="lower right", bbox_to_anchor=(1.01, 0.98))


def _mark(axes: Axes, iteration: float, value: float, name: str, late: bool) -> None:
    """Mark the network that is kept, with its value on the side where the curve leaves room."""
    axes.plot([iteration], [value], "o", color=VALIDATION, markersize=8, markerfacecolor="white", markeredgewidth=2)
    above = name == "loss"
    axes.annotate(
        f"kept: {value:.3f} at {iteration:,.0f}" if above else f"kept: {value:.2%} at {iteration:,.0f}",
        (iteration, value),
        xytext=(0, 12 if above else -14),
        textcoords="offset points",
        ha="right" if late else "left",
        va="bottom" if above else "top",
        color=VALIDATION,
        fontsize=10,
    )


def _draw_gallery(
    axes: Axes, rgb: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, columns: int, fontsize: float = 10
) -> None:
    rows = -(-len(rgb) // columns)
    axes.set(xlim=(0, columns), ylim=(1.26 * rows, 0), aspect="equal", anchor="N")
    axes.axis("off")
    for place, (crop, label, said) in enumerate(zip(rgb, labels, probabilities, strict=True)):
        row, column = divmod(place, columns)
        _draw_mistake(axes, column, 1.26 * row, crop, label, said, fontsize)


def _draw_mistake(
    axes: Axes, x: float, y: float, crop: np.ndarray, label: int, probabilities: np.ndarray, fontsize: float
) -> None:
    prediction = int(np.argmax(probabilities))
    axes.imshow(crop, extent=(x + 0.04, x + 0.96, y + 0.96, y + 0.04), interpolation="nearest")
    style = {"va": "center", "fontsize": fontsize}
    axes.text(x + 0.05, y + 1.07, f"{label} →", ha="left", color=INK, **style)
    axes.text(x + 0.36, y + 1.07, str(prediction), ha="left", color=WRONG, weight="bold", **style)
    axes.text(x + 0.95, y + 1.07, f"{probabilities[prediction]:.0%}", ha="right", color=MUTED, **style)


def _mistakes_in_words(mistakes: int, n: int, shown: int) -> str:
    if not n:
        return "no digits were classified"
    if not mistakes:
        return f"none of {n:,} digits was misclassified"
    which = f"the {shown} most confident" if shown < mistakes else "most confident first"
    return f"{mistakes:,} of {n:,} digits misclassified ({mistakes / n:.2%}): {which}, true → predicted, confidence"


def _label_matrix(axes: Axes, per_class: list[dict]) -> None:
    digits = range(NUM_CLASSES)
    axes.set_xticks(digits, [str(digit) for digit in digits])
    axes.set_yticks(digits, [str(digit) for digit in digits])
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("predicted digit", color=MUTED, fontsize=11, labelpad=8)
    axes.set_ylabel("true digit", color=MUTED, fontsize=11, labelpad=8)
    axes.tick_params(length=0, labelsize=12, labelcolor=INK)
    axes.set_xticks(np.arange(0.5, NUM_CLASSES - 1), minor=True)
    axes.set_yticks(np.arange(0.5, NUM_CLASSES - 1), minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    last = NUM_CLASSES - 0.4
    for row in per_class:
        axes.text(last, row["digit"], f"{row['recall']:.1%}", va="center", color=MUTED, fontsize=9)
        axes.text(row["digit"], last, f"{row['precision']:.1%}", ha="center", va="top", color=MUTED, fontsize=9)
    axes.text(last, -0.75, "recall", va="center", color=MUTED, fontsize=9)
    axes.text(-0.6, last, "precision", ha="right", va="top", color=MUTED, fontsize=9)


def _heading(figure: Figure, title: str, line: str, inches: float) -> None:
    size = min(15.0, 900 / max(len(title), 1))
    y = 1 - 0.2 / inches
    figure.text(0.035, y, title, va="top", color=INK, fontsize=size, weight="bold", parse_math=False)
    figure.text(0.035, 1 - 0.53 / inches, line, va="top", color=MUTED, fontsize=10.5)


def _accuracy(report: dict[str, Any]) -> str:
    low, high = report["accuracy_interval"]
    return f"accuracy {report['accuracy']:.2%} (95% interval {low:.2%} to {high:.2%})"


def _save(path: Path, figure: Figure) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary)
