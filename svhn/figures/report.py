"""The report of a classifier: numbers as JSON and text, the confusion matrix and the worst mistakes as pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from svhn.alphabet import NUM_CLASSES
from svhn.files import ensure_folder, replacing, write_json
from svhn.metrics import classification_report

GALLERY_COLUMNS = 8
GALLERY_SIZE = 64
DPI = 130
INK = "#1c2733"
MUTED = "#6b7885"
WRONG = "#b3261e"
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
    pairs: Sequence[tuple[int, int]] = (),
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
    pairs : sequence of (int, int)
        True and predicted digits: for each a gallery of its own, for example `misclassified-4-as-9.png`.

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
    save_figure(folder / "confusion.png", draw_confusion(report, title))
    save_figure(folder / "misclassified.png", draw_mistakes(rgb, labels, probabilities, mistakes, title))
    for label, said in pairs:
        chosen = mistakes[(labels[mistakes] == label) & (predictions[mistakes] == said)]
        words = pair_in_words(label, said, len(chosen), int((labels == label).sum()))
        figure = draw_mistakes(rgb, labels, probabilities, chosen, title, words)
        save_figure(folder / f"misclassified-{label}-as-{said}.png", figure)
    write_json(folder / "report.json", report)
    return report


def format_report(report: dict[str, Any]) -> str:
    """Return a report as a text table: a line per digit, one for all, the accuracy, and the commonest mistakes."""
    lines = ["      digit  precision  recall     f1  support"]
    lines += [_scores_in_words(str(row["digit"]), row) for row in report["per_class"]]
    lines.append(_scores_in_words("ave / total", report["average"]))
    right = int(np.trace(report["confusion"]))
    lines += ["", f"{accuracy_in_words(report)}, {right:,} of {report['n']:,} digits right"]
    if common := commonest_pairs(report["confusion"]):
        lines.append("most often: " + ", ".join(f"{label} read as {said} ({count})" for label, said, count in common))
    return "\n".join(lines)


def _scores_in_words(name: str, row: dict[str, float]) -> str:
    scores = f"{row['precision']:>9.3f}  {row['recall']:>6.3f}  {row['f1']:>5.3f}  {row['support']:>7,}"
    return f"{name:>11}  {scores}"


def commonest_pairs(confusion: list[list[int]], most: int = 3) -> list[tuple[int, int, int]]:
    """Return the commonest mistakes of a confusion matrix: true digit, predicted digit, how often."""
    counts = np.array(confusion)
    np.fill_diagonal(counts, 0)
    places = np.argsort(-counts, axis=None, kind="stable")[:most]
    return [
        (int(label), int(said), int(counts[label, said]))
        for label, said in zip(*np.unravel_index(places, counts.shape), strict=True)
        if counts[label, said]
    ]


def worst_mistakes(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the indices of all misclassified digits, (M,) int, the most confident mistake first."""
    wrong = np.flatnonzero(np.argmax(probabilities, axis=1) != labels)
    return wrong[np.argsort(-np.max(probabilities[wrong], axis=1), kind="stable")]


def draw_confusion(report: dict[str, Any], title: str) -> Figure:
    """Draw the confusion matrix of a report: counts, colours by share of the row, recall and precision aside."""
    figure = Figure(figsize=(8.2, 8.5), dpi=DPI, facecolor="white")
    draw_heading(figure, title, f"{accuracy_in_words(report)}, {report['n']:,} digits", inches=8.5)
    draw_matrix(figure.add_axes((0.1, 0.035, 0.82, 0.82 * 8.2 / 8.5)), report)
    return figure


def draw_mistakes(
    rgb: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    mistakes: np.ndarray,
    title: str,
    words: str | None = None,
) -> Figure:
    """Draw the first mistakes (indices, (M,) int) as a gallery: crop, true and predicted digit, confidence."""
    shown = mistakes[:GALLERY_SIZE]
    rows = -(-len(shown) // GALLERY_COLUMNS)
    height = 1.0 + 1.3 * rows
    figure = Figure(figsize=(8.8, height), dpi=DPI, facecolor="white")
    words = words or mistakes_in_words(len(mistakes), len(labels), len(shown))
    draw_heading(figure, title, words, inches=height)
    if not rows:
        return figure
    axes = figure.add_axes((0.03, 0.0, 0.94, 1 - 0.95 / height))
    draw_gallery(axes, rgb[shown], labels[shown], probabilities[shown], GALLERY_COLUMNS)
    return figure


def draw_matrix(axes: Axes, report: dict[str, Any], fontsize: float = 10) -> None:
    """Draw the confusion matrix of a report, with recall and precision of every digit beside it."""
    counts = np.array(report["confusion"])
    support = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, support, out=np.zeros(counts.shape), where=support > 0)
    axes.imshow(shares, cmap=_COLOURS, norm=_SHARES)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if _SHARES(shares[row, column]) > 0.55 else INK
            style: dict[str, Any] = {"weight": "bold" if row == column else "normal", "fontsize": fontsize}
            axes.text(column, row, f"{count:,}", ha="center", va="center", color=colour, **style)
    _label_matrix(axes, report["per_class"])


def draw_gallery(
    axes: Axes, rgb: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, columns: int, fontsize: float = 10
) -> None:
    """Draw misclassified digits in rows of `columns`: crop, true and predicted digit, confidence."""
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
    style: dict[str, Any] = {"va": "center", "fontsize": fontsize}
    axes.text(x + 0.05, y + 1.07, f"{label} →", ha="left", color=INK, **style)
    axes.text(x + 0.36, y + 1.07, str(prediction), ha="left", color=WRONG, weight="bold", **style)
    axes.text(x + 0.95, y + 1.07, f"{probabilities[prediction]:.0%}", ha="right", color=MUTED, **style)


def mistakes_in_words(mistakes: int, n: int, shown: int) -> str:
    """Say how many of `n` digits were misclassified and which of them a gallery shows."""
    if not n:
        return "no digits were classified"
    if not mistakes:
        return f"none of {n:,} digits was misclassified"
    which = f"the {shown} most confident" if shown < mistakes else "most confident first"
    return f"{mistakes:,} of {n:,} digits misclassified ({mistakes / n:.2%}): {which}, true → predicted, confidence"


def pair_in_words(label: int, said: int, mistakes: int, n: int) -> str:
    """Say how many digits `label` are taken for `said`."""
    shown = f": the {GALLERY_SIZE} most confident" if mistakes > GALLERY_SIZE else ""
    return f"{mistakes:,} of {n:,} digits {label} are read as {said}{shown}"


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


def draw_heading(figure: Figure, title: str, line: str, inches: float) -> None:
    """Head a figure, `inches` high, with a title and a line below it."""
    size = min(15.0, 900 / max(len(title), 1))
    y = 1 - 0.2 / inches
    figure.text(0.035, y, title, va="top", color=INK, fontsize=size, weight="bold", parse_math=False)
    figure.text(0.035, 1 - 0.53 / inches, line, va="top", color=MUTED, fontsize=10.5)


def accuracy_in_words(report: dict[str, Any]) -> str:
    """Return a report's accuracy with its interval."""
    low, high = report["accuracy_interval"]
    return f"accuracy {report['accuracy']:.2%} (95% interval {low:.2%} to {high:.2%})"


def save_figure(path: Path, figure: Figure) -> None:
    """Write a figure, whole or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary)
