"""The curves of a sweep as inline SVG."""

import html
import math
from collections.abc import Callable, Sequence

from svhn.sweeps.folder import RunStatus

WIDTH, HEIGHT = 380, 190
LEFT, RIGHT, TOP, BOTTOM = 40, 44, 10, 26
WIDE, TALL = 1240, 330
# Told apart by people who see colours in other ways too.
COLOURS = ("#0b7a75", "#d1730f", "#4b62c4", "#a8327d", "#6a7f1f", "#c8324b", "#2787b8", "#7d5a3c")


def draw_run(history: Sequence[dict[str, float]], found: tuple[int, str] | None) -> str:
    """Return the curves of one run: losses by the left axis, validation accuracy by the right one."""
    if not history:
        return ""
    losses = [row[key] for row in history for key in ("loss", "validation_loss")]
    accuracies = [row["validation_accuracy"] for row in history]
    x = _scale(1, max(2, history[-1]["epoch"]), LEFT, WIDTH - RIGHT)
    low, high = 0.0, _nice_above(max(losses))
    bottom, top = _span(accuracies)
    left, right = _scale(low, high, HEIGHT - BOTTOM, TOP), _scale(bottom, top, HEIGHT - BOTTOM, TOP)
    epochs = [row["epoch"] for row in history]
    parts = [_frame(WIDTH, HEIGHT, RIGHT), _epochs(x, history[-1]["epoch"], HEIGHT)]
    parts += [_tick(LEFT - 5, left(value), f"{value:g}", "end") for value in (low, high / 2, high)]
    parts += [
        _tick(WIDTH - RIGHT + 5, right(value), f"{100 * value:.0f}%", "start")
        for value in (bottom, (bottom + top) / 2, top)
    ]
    if found:
        start = x(found[0])
        parts.append(
            f'<rect x="{start:.1f}" y="{TOP}" width="{WIDTH - RIGHT - start:.1f}" height="{HEIGHT - TOP - BOTTOM}" '
            'fill="var(--warn)" opacity=".07"/>'
            f'<path d="M{start:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="var(--warn)" stroke-width="1.5"/>'
        )
    parts.append(_line(epochs, [row["validation_loss"] for row in history], x, left, "var(--loss)", dashes="4 3"))
    parts.append(_line(epochs, [row["loss"] for row in history], x, left, "var(--loss)"))
    parts.append(_line(epochs, accuracies, x, right, "var(--validation)"))
    return _svg(WIDTH, HEIGHT, parts, "training loss, validation loss and validation accuracy by epoch")


def draw_overview(order: Sequence[RunStatus], best: RunStatus | None) -> str:
    """Return validation accuracy by epoch of all runs, the first eight in colours, the best one strongest."""
    measured = [one for one in order if one.history]
    if not measured:
        return '<p class="muted">nothing measured yet</p>'
    last = max(one.history[-1]["epoch"] for one in measured)
    # What a run learns in its first epochs would leave no room for the differences at the end.
    late = [row["validation_accuracy"] for one in measured for row in one.history[len(one.history) // 5 :]]
    bottom, top = _span(late)
    right = 290
    x, y = _scale(1, max(2, last), LEFT, WIDE - right), _scale(bottom, top, TALL - BOTTOM, TOP)
    parts = [_frame(WIDE, TALL, right), _epochs(x, last, TALL)]
    parts += [
        _tick(LEFT - 5, y(value), f"{100 * value:.0f}%", "end")
        for value in (bottom + (top - bottom) * i / 4 for i in range(5))
    ]
    for place, one in reversed(list(enumerate(measured))):
        colour = COLOURS[place] if place < len(COLOURS) else "#c3ccd4"
        accuracies = [max(row["validation_accuracy"], bottom) for row in one.history]
        epochs = [row["epoch"] for row in one.history]
        width = 2.6 if one is best else 1.5
        parts.append(_line(epochs, accuracies, x, y, colour, width, one.run.name))
    for place, one in enumerate(measured[: len(COLOURS)]):
        level = TOP + 14 + 20 * place
        start = WIDE - right + 18
        parts.append(
            f'<path d="M{start} {level - 4}h20" stroke="{COLOURS[place]}" stroke-width="3"/>'
            f'<text x="{start + 26}" y="{level}"{" font-weight=bold" if one is best else ""}>'
            f"{html.escape(_shortened(one.run.name, 38))}</text>"
        )
    if (rest := len(measured) - len(COLOURS)) > 0:
        level = TOP + 14 + 20 * len(COLOURS)
        parts.append(f'<text x="{WIDE - right + 44}" y="{level}">and {rest} more in gray</text>')
    return _svg(WIDE, TALL, parts, "validation accuracy of all runs by epoch")


def _shortened(name: str, length: int) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _nice_above(value: float) -> float:
    """Return the next of 1, 1.5, 2, 3, 4, 6, 8, 10 times a power of ten."""
    power = 10 ** math.floor(math.log10(max(value, 1e-9)))
    return next(power * step for step in (1, 1.5, 2, 3, 4, 6, 8, 10) if power * step >= value * 0.999)


def _span(shares: Sequence[float]) -> tuple[float, float]:
    """Return a range that holds the shares and can be halved twice in whole percents."""
    low, high = math.floor(100 * min(shares)), math.ceil(100 * max(shares))
    width = max(4, 4 * math.ceil((high - low) / 4))
    return (high - width) / 100, high / 100


def _frame(width: int, height: int, right: int) -> str:
    lines = "".join(
        f'<path d="M{LEFT} {TOP + part * (height - TOP - BOTTOM):.1f}H{width - right}"/>' for part in (0, 0.5, 1)
    )
    return f'<g stroke="var(--line)" stroke-width="1">{lines}</g>'


def _epochs(x: Callable[[float], float], last: float, height: int) -> str:
    """Label the first, a middle and the last epoch."""
    marks = sorted({1, max(1, round(last / 2)), int(last)})
    words = [f"epoch {marks[0]}", *map(str, marks[1:])]
    anchors = ["start", *["middle"] * (len(marks) - 1)]
    return "".join(
        f'<text x="{x(mark):.1f}" y="{height - 8}" text-anchor="{anchor}">{word}</text>'
        for mark, word, anchor in zip(marks, words, anchors, strict=True)
    )


def _tick(x: float, y: float, word: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="{anchor}">{word}</text>'


def _line(
    epochs: Sequence[float],
    values: Sequence[float],
    x: Callable[[float], float],
    y: Callable[[float], float],
    colour: str,
    width: float = 1.8,
    title: str = "",
    dashes: str = "",
) -> str:
    points = " ".join(f"{x(epoch):.1f},{y(value):.1f}" for epoch, value in zip(epochs, values, strict=True))
    title = f"<title>{html.escape(title)}</title>" if title else ""
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    if len(values) == 1:
        cx, cy = points.split(",")
        return f'<circle cx="{cx}" cy="{cy}" r="2.5" fill="{colour}">{title}</circle>'
    return (
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}" '
        f'stroke-linejoin="round"{dash}>{title}</polyline>'
    )


def _svg(width: int, height: int, parts: Sequence[str], label: str) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
