"""What a classifier makes of single digits, as one figure: filters, feature maps, confidences, gradients."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from svhn.boxes import Box, clip_digits
from svhn.crops import crop_digit
from svhn.data.formats import find_annotations, open_annotations
from svhn.errors import InputError
from svhn.files import check_figure, replacing
from svhn.photos import read_rgb

MOST_DIGITS = 4
# The figure, in inches at 100 dots per inch: 1500 pixels wide.
DPI, WIDTH, EDGE, GAP = 100, 15.0, 0.4, 0.35
HEADING, SECTION, PANEL = 0.95, 0.5, 2.35
# Filters and maps: how many in a row, inches between them, pixels of one at least.
TILES, TILE_GAP, TILE = 16, 0.06, 80
INK, MUTED, STRONG, WEAK = "#1c2733", "#6b7885", "#0b7a75", "#c3ccd4"


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


def interpret_photo(
    photo: str | Path,
    interpret: Callable[[np.ndarray], list[Interpretation]],
    output: str | Path,
    title: str,
    boxes: str | Path | None = None,
) -> int:
    """Draw what a classifier makes of the digits of a photo, and return how many there are.

    Parameters
    ----------
    photo : str or Path
        With boxes, given or beside it; without, the whole picture is taken for one digit.
    interpret : callable
        uint8 (N, 32, 32, 3) RGB -> N interpretations, see `interpret_crops` of the two frameworks.
    output : str or Path
        The figure, a .png, .pdf or .svg file.
    title : str
        For example the names of model and photo.
    boxes : str or Path, optional
        `digitStruct.mat` or COCO `.json`.

    Raises
    ------
    InputError
        When a file is unreadable, the photo has no digits, or `output` is an input or of another kind.
    """
    photo, output = Path(photo), Path(output)
    check_figure(output, photo)
    found = interpret(cut_digits(photo, boxes))
    figure = draw(found, title)
    with replacing(output) as temporary:
        figure.savefig(temporary)
    return len(found)


def cut_digits(photo: Path, boxes: str | Path | None = None) -> np.ndarray:
    """Return the crops of a photo's digits, uint8 (N, 32, 32, 3) RGB, or the whole picture as one."""
    rgb = read_rgb(photo)
    file = boxes or find_annotations(photo.parent)
    listed = open_annotations(file) if file else {}
    if boxes and photo.name not in listed:
        raise InputError(f"{boxes}: has no entry for {photo.name}; add its boxes or leave --boxes out")
    if photo.name not in listed:
        return crop_digit(rgb, Box(0, 0, rgb.shape[1], rgb.shape[0]))[None]
    digits = clip_digits(listed[photo.name], rgb.shape[1], rgb.shape[0])
    if not digits:
        raise InputError(f"{file}: has no digits inside {photo.name}, so there is nothing to explain")
    return np.stack([crop_digit(rgb, digit.box) for digit in digits])


def draw(found: Sequence[Interpretation], title: str) -> Figure:
    """Draw the first layer's filters, and what the first `MOST_DIGITS` digits lead to, 1500 pixels wide."""
    shown = found[:MOST_DIGITS]
    tile = (WIDTH - 2 * EDGE - (TILES - 1) * TILE_GAP) / TILES
    grid = -(-len(found[0].filters) // TILES) * (tile + TILE_GAP)
    block = SECTION + PANEL + 0.3 + SECTION + grid
    height = HEADING + SECTION + grid + len(shown) * (block + 0.2) + EDGE / 2
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    figure.text(EDGE / WIDTH, 1 - 0.26 / height, title, va="top", size=17, weight="bold", color=INK, parse_math=False)
    more = f"; the first {len(shown)} of {len(found)} digits" if len(shown) < len(found) else ""
    line = f"what the network sees, what its first layer makes of it, and what its answer depends on{more}"
    figure.text(EDGE / WIDTH, 1 - 0.62 / height, line, va="top", size=11, color=MUTED)
    top = height - HEADING
    _section(
        figure,
        top,
        f"first layer: {len(found[0].filters)} filters",
        "each from its smallest weight (dark) to its largest",
    )
    _tiles(figure, found[0].filters, top - SECTION, tile)
    top -= SECTION + grid + 0.2
    for one in shown:
        _draw_digit(figure, one, top, tile)
        top -= block + 0.2
    return figure


def _draw_digit(figure: Figure, one: Interpretation, top: float, tile: float) -> None:
    """Draw one digit below `top`, in inches from the bottom of the figure."""
    digit = int(one.probabilities.argmax())
    _section(figure, top, f"read as {digit}, {one.probabilities[digit]:.1%}", "", size=13)
    strongest = float(np.abs(one.gradient).max()) or 1.0
    painters: list[tuple[str, Callable[[Axes], None]]] = [
        ("crop", lambda axes: axes.imshow(one.crop)),
        (
            f"seen by the network, {one.seen.shape[1]} x {one.seen.shape[0]}",
            lambda axes: axes.imshow(_shown(one.seen), cmap="gray"),
        ),
        ("confidence", lambda axes: _bars(axes, one.probabilities)),
        (
            f"gradient: red raises the {digit}, blue lowers it",
            lambda axes: axes.imshow(one.gradient, cmap="RdBu_r", vmin=-strongest, vmax=strongest),
        ),
        ("what the answer depends on", lambda axes: _overlay(axes, one)),
    ]
    step = (WIDTH - 2 * EDGE + GAP) / len(painters)
    for place, (caption, paint) in enumerate(painters):
        left = EDGE + place * step
        _text(figure, left, top - 0.38, caption, 9.5, MUTED)
        axes = _axes(figure, left, top - SECTION - 0.1 - PANEL, PANEL, PANEL)
        paint(axes)
        if caption != "confidence":
            axes.axis("off")
    top -= SECTION + PANEL + 0.3
    _section(
        figure, top, f"{len(one.maps)} feature maps of the first layer", "each from its smallest to its largest value"
    )
    _tiles(figure, one.maps, top - SECTION, tile)


def _section(figure: Figure, top: float, words: str, caption: str, size: float = 11) -> None:
    _text(figure, EDGE, top, words, size, INK, weight="bold")
    _text(figure, EDGE, top - 0.22, caption, 9, MUTED)


def _tiles(figure: Figure, pictures: np.ndarray, top: float, tile: float) -> None:
    """Draw pictures (K, h, w) or (K, h, w, 3) as one mosaic, which is much faster than one by one."""
    scale = -(-TILE // pictures.shape[1])
    side, gap = pictures.shape[1] * scale, round(pictures.shape[1] * scale * TILE_GAP / tile)
    rows = -(-len(pictures) // TILES)
    mosaic = np.ones((rows * (side + gap) - gap, TILES * (side + gap) - gap, 3))
    for place, picture in enumerate(pictures):
        y, x = (number * (side + gap) for number in divmod(place, TILES))
        shown = _shown(picture) if picture.ndim == 3 else np.repeat(_shown(picture)[..., None], 3, axis=2)
        mosaic[y : y + side, x : x + side] = shown.repeat(scale, axis=0).repeat(scale, axis=1)
    height = rows * (tile + TILE_GAP) - TILE_GAP
    axes = _axes(figure, EDGE, top - height, WIDTH - 2 * EDGE, height)
    axes.imshow(mosaic, aspect="auto", interpolation="antialiased")
    axes.axis("off")


def _bars(axes: Axes, probabilities: np.ndarray) -> None:
    best = int(probabilities.argmax())
    colours = [STRONG if digit == best else WEAK for digit in range(len(probabilities))]
    axes.barh(range(len(probabilities)), probabilities, color=colours, height=0.75)
    axes.set(xlim=(0, 1), ylim=(9.6, -0.6), yticks=range(10))
    axes.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    axes.tick_params(length=0, labelsize=9, labelcolor=INK)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(WEAK)


def _overlay(axes: Axes, one: Interpretation) -> None:
    """Show what was seen in pale gray and over it the sensitivity."""
    seen = _shown(one.seen)
    gray = seen if seen.ndim == 2 else seen.mean(axis=2)
    share = np.clip(one.sensitivity / (np.percentile(one.sensitivity, 99.5) or 1.0), 0, 1)[..., None]
    pale = 0.55 + 0.4 * np.repeat(gray[..., None], 3, axis=2)
    ink = np.array([0.72, 0.11, 0.27])
    axes.imshow(pale * (1 - share) + ink * share)


def _shown(values: np.ndarray) -> np.ndarray:
    """Stretch values to 0..1, float64."""
    low, high = float(values.min()), float(values.max())
    return (values.astype(np.float64) - low) / ((high - low) or 1.0)


def _axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a place in inches."""
    total = figure.get_figheight()
    return figure.add_axes((left / WIDTH, bottom / total, width / WIDTH, height / total))


def _text(figure: Figure, left: float, top: float, words: str, size: float, colour: str, **style) -> None:
    figure.text(left / WIDTH, top / figure.get_figheight(), words, va="top", size=size, color=colour, **style)
