"""The layers of a network as a diagram and as a table: what each does, its output's shape, and its parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from svhn.figures.report import DPI, INK, MUTED, draw_heading

# Inches: the page, its heading, a row, and the edges of the columns from the left.
WIDTH, HEAD, ROW, BOX = 11.0, 0.95, 0.42, 0.3
LEFT, NAME_WIDTH, DETAIL, SHAPE, PARAMETERS = 0.75, 3.3, 4.3, 9.0, 10.6
# Kinds of layers by what they do, and their colours: what learns, what reduces, what reshapes or normalises, the rest.
COLOURS = {"learns": "#cfe3f5", "reduces": "#fbe3c0", "normalises": "#d8efe4", "other": "#eceff2"}
_KINDS = {
    "learns": ("conv", "dense", "linear"),
    "reduces": ("pool",),
    "normalises": ("norm", "rescaling", "input", "lrn", "response"),
}


@dataclass(frozen=True)
class Layer:
    """A layer of a network.

    Attributes
    ----------
    name : str
        In the network.
    kind : str
        Of the framework, for example "Conv2D".
    detail : str
        What its settings are, for example "32 filters 5 x 5".
    shape : tuple of int
        Of its output, without the batch; channels last.
    parameters : int
    takes : tuple of int
        Places of the layers whose outputs it takes.
    """

    name: str
    kind: str
    detail: str
    shape: tuple[int, ...]
    parameters: int
    takes: tuple[int, ...] = ()


def draw_network(layers: Sequence[Layer], title: str) -> Figure:
    """Draw the layers from top to bottom, with arrows where one takes another's output."""
    height = HEAD + ROW * (len(layers) + 2)
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    draw_heading(figure, title, f"{len(layers)} layers, {total_of(layers):,} parameters", inches=height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    axes.axis("off")
    for x, words, side in (
        (DETAIL, "what it does", "left"),
        (SHAPE, "output", "right"),
        (PARAMETERS, "parameters", "right"),
    ):
        axes.text(x, HEAD + ROW / 2, words, ha=side, va="center", fontsize=9.5, color=MUTED)
    for place, layer in enumerate(layers):
        _draw_layer(axes, layer, _middle(place))
        for before in layer.takes:
            _draw_arrow(axes, before, place)
    return figure


def format_network(layers: Sequence[Layer]) -> str:
    """Return the layers as a text table, with their sum."""
    width = max(len(layer.name) for layer in layers)
    lines = [f"{'layer':<{width}}  {'kind':<18}  {'output':>14}  {'parameters':>10}  what it does"]
    for layer in layers:
        columns = f"{layer.kind:<18}  {shape_of(layer):>14}  {layer.parameters:>10,}  {layer.detail}"
        lines.append(f"{layer.name:<{width}}  {columns}".rstrip())
    return "\n".join([*lines, f"{'total':<{width}}  {'':<18}  {'':>14}  {total_of(layers):>10,}"])


def total_of(layers: Sequence[Layer]) -> int:
    """Return the number of all parameters."""
    return sum(layer.parameters for layer in layers)


def shape_of(layer: Layer) -> str:
    """Return the shape of a layer's output in words: "32 x 32 x 48"."""
    return " x ".join(map(str, layer.shape))


def _middle(place: int) -> float:
    """Return where a layer's row is, in inches from the top."""
    return HEAD + ROW * (place + 1.5)


def _draw_layer(axes: Axes, layer: Layer, y: float) -> None:
    colour = COLOURS[next((what for what, words in _KINDS.items() if _is_one(layer.kind, words)), "other")]
    shape: dict[str, Any] = {"boxstyle": "round,pad=0.02,rounding_size=0.06", "edgecolor": MUTED, "linewidth": 0.8}
    axes.add_patch(FancyBboxPatch((LEFT, y - BOX / 2), NAME_WIDTH, BOX, facecolor=colour, **shape))
    words = layer.kind if layer.kind.lower() == layer.name.lower() else f"{layer.name}   {layer.kind}"
    axes.text(LEFT + 0.1, y, words, va="center", fontsize=9.5, color=INK)
    axes.text(DETAIL, y, layer.detail, va="center", fontsize=9.5, color=MUTED)
    axes.text(SHAPE, y, shape_of(layer), ha="right", va="center", fontsize=9.5, color=INK)
    if layer.parameters:
        axes.text(PARAMETERS, y, f"{layer.parameters:,}", ha="right", va="center", fontsize=9.5, color=INK)


def _is_one(kind: str, words: Sequence[str]) -> bool:
    return any(word in kind.lower() for word in words)


def _draw_arrow(axes: Axes, before: int, place: int) -> None:
    """Draw where an output goes: down to the next layer, or around those between."""
    style: dict[str, Any] = {
        "arrowstyle": "-|>",
        "mutation_scale": 9,
        "color": MUTED,
        "linewidth": 1.0,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    if place == before + 1:
        x = LEFT + NAME_WIDTH / 2
        ends = (x, _middle(before) + BOX / 2 + 0.02), (x, _middle(place) - BOX / 2 - 0.02)
        axes.add_patch(FancyArrowPatch(*ends, **style))
        return
    x, bulge = LEFT - 0.03, 0.42
    axes.plot([x, x - bulge, x - bulge], [_middle(before), _middle(before), _middle(place)], color=MUTED, linewidth=1.0)
    axes.add_patch(FancyArrowPatch((x - bulge, _middle(place)), (x, _middle(place)), **style))
