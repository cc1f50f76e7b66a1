"""What a classifier makes of single digits, as one figure: filters, feature maps, confidences, gradients."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from svhn.alphabet import NUM_CLASSES

MOST_DIGITS = 4
# The figure is 1500 pixels wide; lengths are inches.
DPI = 100
WIDTH = 15.0
EDGE = 0.4
GAP = 0.35
HEADING = 0.95
SECTION = 0.5
PANEL = 2.35
# Filters and maps: how many in a row, inches between them, pixels of one at least.
TILES = 16
TILE_GAP = 0.06
TILE_PIXELS = 80
TILE = (WIDTH - 2 * EDGE - (TILES - 1) * TILE_GAP) / TILES
# Below a digit's panels, and between one digit and the next.
BELOW_PANELS = 0.3
BETWEEN = 0.2
INK = "#1c2733"
MUTED = "#6b7885"
STRONG = "#0b7a75"
WEAK = "#c3ccd4"
# Colour of what the answer depends on, RGB 0..1.
SENSITIVE = (0.72, 0.11, 0.27)


@dataclass(frozen=True)
class Interpretation:
    """What a network does with one crop.

    Attributes
    ----------
    crop : ndarray (H, W, 3) uint8, RGB
        As cut out of the photo.
    seen : ndarray (h, w) or (h, w, 3) float32
        What the network takes.
    probabilities : ndarray (10,) float32
    gradient : ndarray (h, w) float32
        Change of the predicted digit's logit with each value of `seen` (summed over colours).
    sensitivity : ndarray (h, w) float32, at least 0
        Mean absolute gradient over noisy copies of `seen`: the same, steadier.
    filters : ndarray (K, kh, kw) or (K, kh, kw, 3) float32
        Of the first convolution.
    maps : ndarray (K, h, w) float32
        What those filters make of `seen`, before anything else.
    """

    crop: np.ndarray
    seen: np.ndarray
    probabilities: np.ndarray
    gradient: np.ndarray
    sensitivity: np.ndarray
    filters: np.ndarray
    maps: np.ndarray


def draw_interpretations(found: Sequence[Interpretation], title: str) -> Figure:
    """Draw the first layer's filters, and what the first `MOST_DIGITS` digits lead to, 1500 pixels wide.

    Parameters
    ----------
    found : sequence of Interpretation
        Of one network; at least one.
    title : str
        For example the names of model and photo.
    """
    shown = found[:MOST_DIGITS]
    filters = found[0].filters
    grid = -(-len(filters) // TILES) * (TILE + TILE_GAP)
    block = SECTION + PANEL + BELOW_PANELS + SECTION + grid + BETWEEN
    height = HEADING + SECTION + grid + len(shown) * block + EDGE / 2
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    more = f"; the first {len(shown)} of {len(found)} digits" if len(shown) < len(found) else ""
    _draw_heading(figure, title, more)
    top = height - HEADING
    _section(figure, top, f"first layer: {len(filters)} filters", "each from its smallest weight (dark) to its largest")
    _tiles(figure, filters, top - SECTION)
    top -= SECTION + grid + BETWEEN
    for one in shown:
        _draw_digit(figure, one, top)
        top -= block
    return figure


def _draw_heading(figure: Figure, title: str, more: str) -> None:
    height = figure.get_figheight()
    line = f"what the network sees, what its first layer makes of it, and what its answer depends on{more}"
    _text(figure, EDGE, height - 0.26, title, 17, INK, weight="bold", parse_math=False)
    _text(figure, EDGE, height - 0.62, line, 11, MUTED)


def _draw_digit(figure: Figure, one: Interpretation, top: float) -> None:
    """Draw one digit below `top`, in inches from the bottom of the figure."""
    digit = int(one.probabilities.argmax())
    _section(figure, top, f"read as {digit}, {one.probabilities[digit]:.1%}", "", size=13)
    panels = _panels(one, digit)
    step = (WIDTH - 2 * EDGE + GAP) / len(panels)
    for place, (caption, paint) in enumerate(panels.items()):
        left = EDGE + place * step
        _text(figure, left, top - 0.38, caption, 9.5, MUTED)
        paint(_axes(figure, left, top - SECTION - 0.1 - PANEL, PANEL, PANEL))
    top -= SECTION + PANEL + BELOW_PANELS
    words = f"{len(one.maps)} feature maps of the first layer"
    _section(figure, top, words, "each from its smallest to its largest value")
    _tiles(figure, one.maps, top - SECTION)


def _panels(one: Interpretation, digit: int) -> dict[str, Callable[[Axes], None]]:
    """Return what stands side by side about a digit, by its caption."""
    strongest = float(np.abs(one.gradient).max()) or 1.0
    limits = {"cmap": "RdBu_r", "vmin": -strongest, "vmax": strongest}
    height, width = one.seen.shape[:2]
    return {
        "crop": lambda axes: _picture(axes, one.crop),
        f"seen by the network, {width} x {height}": lambda axes: _picture(axes, _shown(one.seen), cmap="gray"),
        "confidence": lambda axes: _bars(axes, one.probabilities),
        f"gradient: red raises the {digit}, blue lowers it": lambda axes: _picture(axes, one.gradient, **limits),
        "what the answer depends on": lambda axes: _overlay(axes, one),
    }


def _picture(axes: Axes, values: np.ndarray, **style: Any) -> None:
    axes.imshow(values, **style)
    axes.axis("off")


def _section(figure: Figure, top: float, words: str, caption: str, size: float = 11) -> None:
    _text(figure, EDGE, top, words, size, INK, weight="bold")
    _text(figure, EDGE, top - 0.22, caption, 9, MUTED)


def _tiles(figure: Figure, pictures: np.ndarray, top: float) -> None:
    """Draw pictures (K, h, w) or (K, h, w, 3) as one mosaic, which is much faster than one by one."""
    scale = -(-TILE_PIXELS // pictures.shape[1])
    side, gap = pictures.shape[1] * scale, round(pictures.shape[1] * scale * TILE_GAP / TILE)
    rows = -(-len(pictures) // TILES)
    mosaic = np.ones((rows * (side + gap) - gap, TILES * (side + gap) - gap, 3))
    for place, picture in enumerate(pictures):
        y, x = (number * (side + gap) for number in divmod(place, TILES))
        shown = _shown(picture) if picture.ndim == 3 else np.repeat(_shown(picture)[..., None], 3, axis=2)
        mosaic[y : y + side, x : x + side] = shown.repeat(scale, axis=0).repeat(scale, axis=1)
    height = rows * (TILE + TILE_GAP) - TILE_GAP
    axes = _axes(figure, EDGE, top - height, WIDTH - 2 * EDGE, height)
    _picture(axes, mosaic, aspect="auto", interpolation="antialiased")


def _bars(axes: Axes, probabilities: np.ndarray) -> None:
    best = int(probabilities.argmax())
    colours = [STRONG if digit == best else WEAK for digit in range(len(probabilities))]
    axes.barh(range(len(probabilities)), probabilities, color=colours, height=0.75)
    axes.set(xlim=(0, 1), ylim=(9.6, -0.6), yticks=range(NUM_CLASSES))
    axes.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    axes.tick_params(length=0, labelsize=9, labelcolor=INK)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(WEAK)


def _overlay(axes: Axes, one: Interpretation) -> None:
    """Show what was seen in pale gray and over it the sensitivity."""
    seen = _shown(one.seen)
    gray = seen if seen.ndim == 2 else seen.mean(axis=2)
    largest = float(np.percentile(one.sensitivity, 99.5)) or 1.0
    share = np.clip(one.sensitivity / largest, 0, 1)[..., None]
    pale = 0.55 + 0.4 * np.repeat(gray[..., None], 3, axis=2)
    ink = np.array(SENSITIVE)
    _picture(axes, pale * (1 - share) + ink * share)


def _shown(values: np.ndarray) -> np.ndarray:
    """Stretch values to 0..1, float64."""
    low, high = float(values.min()), float(values.max())
    return (values.astype(np.float64) - low) / ((high - low) or 1.0)


def _axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a place in inches."""
    total = figure.get_figheight()
    return figure.add_axes((left / WIDTH, bottom / total, width / WIDTH, height / total))


def _text(figure: Figure, left: float, top: float, words: str, size: float, colour: str, **style: Any) -> None:
    figure.text(left / WIDTH, top / figure.get_figheight(), words, va="top", size=size, color=colour, **style)
