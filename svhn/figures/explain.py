"""One figure per photo that shows how its numbers are found and removed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from svhn.boxes import Box

MOST_NUMBERS = 3
# The figure, in inches at 100 dots per inch: 1600 pixels wide.
DPI, WIDTH, EDGE, GAP = 100, 16.0, 0.4, 0.2
HEADING, ROW_HEADING, CAPTION = 0.95, 0.55, 0.52
COLUMNS, ROWS = 6, 3
CELL = (WIDTH - 2 * EDGE - (COLUMNS - 1) * GAP) / COLUMNS
LEAST_CELL, MOST_CELL = 0.5 * CELL, 1.15 * CELL
TEXT, MUTED, INK, BACKGROUND, OTHER_BINS = "#1c2733", "#6b7885", "#c8324b", "#0b7a75", "#b8c4ce"
NEITHER = "#f3dde1"
EVIDENCE = LinearSegmentedColormap.from_list(
    "evidence", [(0.0, "#edf2f4"), (0.5, "#f5e9e4"), (0.7, "#ec9c94"), (0.85, INK), (1.0, "#5c0b1e")]
)
# The strip of all feature maps: how many in a row, inches between them.
MAPS_IN_ROW, MAP_GAP = 16, 0.05
MAP = (WIDTH - 2 * EDGE - (MAPS_IN_ROW - 1) * MAP_GAP) / MAPS_IN_ROW
# Shade between digits that stand side by side.
BETWEEN_DIGITS = 255
MINUS = "\N{MINUS SIGN}"


class Reading(Protocol):
    """What was read in a number's boxes: one digit and one confidence 0..1 for each box."""

    @property
    def text(self) -> str: ...

    @property
    def confidences(self) -> tuple[float, ...]: ...


class Report(Protocol):
    """What happened to one number: its boxes in the photo, what was read there, and how often its mask was widened."""

    @property
    def boxes(self) -> tuple[Box, ...]: ...

    @property
    def before(self) -> Reading: ...

    @property
    def after(self) -> Reading: ...

    @property
    def rounds(self) -> int: ...


@dataclass(frozen=True)
class Explanation:
    """How one number is found and removed.

    Attributes
    ----------
    pictures : dict of str to ndarray
        The region around the number. At the photo's scale: `photo` and `result` (H, W, 3) uint8 RGB, `key_pixels`
        (True = background learned from) and `mask` (True = painted) (H, W) bool, `output_gradient` (H, W) float32, the
        change of the predicted digits' logits with the input's pixels, 0 outside of the digits. At working scale:
        `gray` (h, w) uint8, `map_mean`, `map_std` and `map_mean_minus_std`, `gradient` (grey levels per pixel) and
        `evidence` (0..1) (h, w) float32, `reference_key_pixels` (h, w) bool, `fill` (h, w, 3) uint8 RGB.
    maps : ndarray (K, h, w) float32
        The first layer's feature maps of the region.
    digits : (ndarray (N, S, S, 3) uint8, ndarray (N, S, S, 3) uint8)
        The digits cut out of the photo and out of the result, RGB.
    parents : (ndarray (..., 3) uint8, ndarray (..., 3) uint8)
        The whole photo before and after.
    fill : str
        How it is filled, for the caption of the picture of that name.
    histogram : (ndarray (N,) int, ndarray (N + 1,) float64)
        Counts and edges of the bins of `map_mean_minus_std`; the reference project takes the fullest for background.
    boxes : tuple of Box
        Its digits, in the pixels of `photo`.
    evidence : str
        What the picture of that name shows.
    threshold : float
        More evidence than this makes a pixel part of a digit.
    report : Report
    """

    pictures: dict[str, np.ndarray]
    maps: np.ndarray
    digits: tuple[np.ndarray, np.ndarray]
    parents: tuple[np.ndarray, np.ndarray]
    fill: str
    histogram: tuple[np.ndarray, np.ndarray]
    boxes: tuple[Box, ...]
    evidence: str
    threshold: float
    report: Report


def draw_explanations(explanations: Sequence[Explanation], title: str) -> Figure:
    """Draw the first `MOST_NUMBERS` numbers of a photo, each with its panels and feature maps, 1600 pixels wide.

    Parameters
    ----------
    explanations : sequence of Explanation
        At least one.
    title : str
        For example the photo's name.
    """
    shown = explanations[:MOST_NUMBERS]
    heights = [_height(one) for one in shown]
    height = HEADING + sum(heights) + EDGE / 2
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    more = f"; the first {len(shown)} of {len(explanations)} numbers" if len(shown) < len(explanations) else ""
    line = "how the numbers are found and removed, from first-layer feature maps and colours" + more
    figure.text(EDGE / WIDTH, 1 - 0.26 / height, title, va="top", size=17, weight="bold", color=TEXT, parse_math=False)
    figure.text(EDGE / WIDTH, 1 - 0.62 / height, line, va="top", size=11, color=MUTED)
    top = height - HEADING
    for one, taken in zip(shown, heights, strict=True):
        _draw_number(figure, one, top)
        top -= taken
    return figure


def _height(one: Explanation) -> float:
    """Return the height of all that is drawn of a number, in inches."""
    return ROW_HEADING + ROWS * (_cell_height(one) + CAPTION) + CAPTION + _strip_height(one) + GAP


def _strip_height(one: Explanation) -> float:
    """Return the height of the strip of feature maps in inches."""
    count, height, width = one.maps.shape
    return -(-count // MAPS_IN_ROW) * (MAP * min(height / width, 1.5) + MAP_GAP)


def _cell_height(one: Explanation) -> float:
    """Return the height of a number's panels in inches."""
    height, width = one.pictures["photo"].shape[:2]
    return float(np.clip(CELL * height / width, LEAST_CELL, MOST_CELL))


def _draw_number(figure: Figure, one: Explanation, top: float) -> None:
    """Draw one number below `top`, in inches from the bottom of the figure."""
    height, cell = figure.get_figheight(), _cell_height(one)
    figure.text(EDGE / WIDTH, (top - 0.16) / height, _heading(one), va="top", size=12, weight="bold", color=TEXT)
    for place, (name, caption, paint) in enumerate(_panels(one)):
        row, column = divmod(place, COLUMNS)
        left = (EDGE + column * (CELL + GAP)) / WIDTH
        upper = top - ROW_HEADING - row * (cell + CAPTION)
        figure.text(left, upper / height, name, va="top", size=10.5, weight="bold", color=TEXT)
        figure.text(left, (upper - 0.18) / height, caption, va="top", size=9, color=MUTED)
        axes = figure.add_axes((left, (upper - CAPTION + 0.13 - cell) / height, CELL / WIDTH, cell / height))
        paint(axes)
    _draw_maps(figure, one, top - ROW_HEADING - ROWS * (cell + CAPTION))


def _draw_maps(figure: Figure, one: Explanation, top: float) -> None:
    """Draw all feature maps in one strip below `top`, each from its smallest value (dark) to its largest."""
    height, strip = figure.get_figheight(), _strip_height(one)
    name, caption = (
        f"{len(one.maps)} feature maps",
        "of the first layer, each from its smallest value (dark) to its largest",
    )
    figure.text(EDGE / WIDTH, top / height, name, va="top", size=10.5, weight="bold", color=TEXT)
    figure.text(EDGE / WIDTH, (top - 0.18) / height, caption, va="top", size=9, color=MUTED)
    lower = top - CAPTION + 0.13 - strip
    axes = figure.add_axes((EDGE / WIDTH, lower / height, 1 - 2 * EDGE / WIDTH, strip / height))
    axes.imshow(tile_maps(one.maps, MAPS_IN_ROW), cmap="gray", vmin=0, vmax=1, aspect="auto")
    axes.axis("off")


def tile_maps(maps: np.ndarray, in_row: int) -> np.ndarray:
    """Return all feature maps as one picture: rows with white lines between.

    Parameters
    ----------
    maps : ndarray (K, h, w) float32
        Each is stretched from its smallest value to its largest.
    in_row : int
        Maps side by side.

    Returns
    -------
    ndarray (H, W) float64, 0..1
    """
    count, height, width = maps.shape
    gap = max(1, round(width * MAP_GAP / MAP))
    rows = -(-count // in_row)
    mosaic = np.ones((rows * (height + gap) - gap, in_row * (width + gap) - gap))
    for place, values in enumerate(maps):
        y, x = (number * (side + gap) for number, side in zip(divmod(place, in_row), (height, width), strict=True))
        low, high = float(values.min()), float(values.max())
        mosaic[y : y + height, x : x + width] = (values - low) / ((high - low) or 1.0)
    return mosaic


def _heading(one: Explanation) -> str:
    def in_words(reading: Reading) -> str:
        return f"{reading.text} ({', '.join(f'{confidence:.0%}' for confidence in reading.confidences)})"

    widened = f".  Mask widened {one.report.rounds} x: a digit was still legible" if one.report.rounds else ""
    return f"Read before: {in_words(one.report.before)}.  Best guess after: {in_words(one.report.after)}{widened}"


def _panels(one: Explanation) -> list[tuple[str, str, Callable[[Axes], None]]]:
    """Return name, caption and painter of each panel, row by row."""
    pictures = one.pictures
    difference, mask = pictures["map_mean_minus_std"], pictures["mask"]
    height, width = mask.shape
    small_height, small_width = difference.shape

    def picture(name: str, **options) -> Callable[[Axes], None]:
        return lambda axes: _show(axes, pictures[name], (width, height), **options)

    def only(name: str) -> Callable[[Axes], None]:
        return lambda axes: _show_only(axes, pictures, name)

    return [
        ("photo", f"{width} x {height} pixels, boxes as given", lambda axes: _show_boxes(axes, one)),
        ("gray", "as the network takes it", picture("gray", cmap="gray", vmin=0, vmax=255)),
        ("feature maps: mean", _range(pictures["map_mean"]), picture("map_mean")),
        ("feature maps: std", _range(pictures["map_std"]), picture("map_std")),
        (f"mean {MINUS} std", _range(difference), picture("map_mean_minus_std")),
        (
            f"histogram of mean {MINUS} std",
            f"{len(one.histogram[0])} bins; dark: background",
            lambda axes: _show_bins(axes, *one.histogram),
        ),
        ("reference's key pixels", _share(pictures["reference_key_pixels"]), only("reference_key_pixels")),
        (
            "gradient magnitude",
            f"0 to {pictures['gradient'].max():.0f} gray levels/px",
            picture("gradient", cmap="magma"),
        ),
        ("gradient of the answer", "red raises the digits that are read", lambda axes: _show_signed(axes, one)),
        (
            one.evidence,
            f"over {one.threshold:.2f} (line) is digit",
            lambda axes: _show_evidence(axes, one),
        ),
        ("key pixels", f"{_share(pictures['key_pixels'])}, background", only("key_pixels")),
        ("mask", f"{_share(mask)}, to be painted", lambda axes: _show_mask(axes, pictures)),
        (f"fill, {small_width} x {small_height} px", one.fill, picture("fill")),
        ("result", "fitted to the photo, with grain", picture("result")),
        ("digits", "cut out of the photo", lambda axes: _show_digits(axes, one.digits[0])),
        ("digits, filled", "the same cut out of the result", lambda axes: _show_digits(axes, one.digits[1])),
        ("parent before", _size(one.parents[0]), lambda axes: _show_parent(axes, one.parents[0])),
        ("parent after", "every number of the photo", lambda axes: _show_parent(axes, one.parents[1])),
    ]


def _range(values: np.ndarray) -> str:
    return f"{values.min():.2f} (dark) to {values.max():.2f}".replace("-", MINUS)


def _share(chosen: np.ndarray) -> str:
    return f"{chosen.mean():.0%} of the pixels"


def _size(picture: np.ndarray) -> str:
    return f"the whole photo, {picture.shape[1]} x {picture.shape[0]} pixels"


def _show_signed(axes: Axes, one: Explanation) -> None:
    """Show the gradient of the answer, white where nothing depends on a pixel."""
    values = one.pictures["output_gradient"]
    strongest = float(np.percentile(np.abs(values), 99.8)) or 1.0
    limits = {"cmap": "RdBu_r", "vmin": -strongest, "vmax": strongest}
    _show(axes, values, one.pictures["photo"].shape[1::-1], **limits)


def _show_digits(axes: Axes, crops: np.ndarray) -> None:
    """Show crops side by side, with a white line between them."""
    side = crops.shape[1]
    gap = np.full((side, max(side // 16, 1), 3), BETWEEN_DIGITS, np.uint8)
    row = [part for crop in crops for part in (crop, gap)][:-1]
    joined = np.concatenate(row, axis=1)
    _show(axes, joined, joined.shape[1::-1])


def _show_parent(axes: Axes, picture: np.ndarray) -> None:
    _show(axes, picture, picture.shape[1::-1])


def _show(axes: Axes, picture: np.ndarray, size: tuple[int, int], **options) -> None:
    """Show a picture of any scale in coordinates of the photo's pixels; size is (width, height)."""
    axes.imshow(picture, extent=(0, size[0], size[1], 0), **options)
    axes.set_anchor("NW")
    axes.axis("off")


def _figure_of(axes: Axes) -> Figure:
    return cast(Figure, axes.figure)  # there are no figures in figures here


def _show_boxes(axes: Axes, one: Explanation) -> None:
    photo = one.pictures["photo"]
    _show(axes, photo, photo.shape[1::-1])
    for box in one.boxes:
        for colour, thickness in (("white", 3.2), (INK, 1.6)):
            corner = (box.left, box.top)
            axes.add_patch(Rectangle(corner, box.width, box.height, fill=False, edgecolor=colour, linewidth=thickness))


def _show_bins(axes: Axes, counts: np.ndarray, edges: np.ndarray) -> None:
    """Draw the histogram and mark the bin that the reference took for background."""
    colours = [BACKGROUND if place == counts.argmax() else OTHER_BINS for place in range(len(counts))]
    axes.bar(edges[:-1], counts, np.diff(edges) * 0.9, align="edge", color=colours)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.set_yticks([])
    axes.tick_params(axis="x", labelsize=8.5, colors=MUTED, length=3)
    axes.locator_params(axis="x", nbins=5)
    axes.margins(x=0.01)
    place = axes.get_position()
    ticks = 0.22 / _figure_of(axes).get_figheight()
    axes.set_position((place.x0, place.y0 + ticks, place.width, place.height - ticks))


def _show_only(axes: Axes, pictures: dict[str, np.ndarray], name: str) -> None:
    """Show the photo where the named picture is True and pale elsewhere."""
    photo, chosen = pictures["photo"], pictures[name].astype(np.uint8)
    enlarged = cv2.resize(chosen, photo.shape[1::-1], interpolation=cv2.INTER_NEAREST)[..., None] > 0
    _show(axes, np.where(enlarged, photo, _colour(NEITHER)), photo.shape[1::-1])


def _show_mask(axes: Axes, pictures: dict[str, np.ndarray]) -> None:
    photo, mask = pictures["photo"], pictures["mask"]
    tinted = (0.25 * photo + 0.75 * _colour(INK)).astype(np.uint8)
    _show(axes, np.where(mask[..., None], tinted, photo), photo.shape[1::-1])


def _colour(name: str) -> np.ndarray:
    """Return a colour as (3,) uint8."""
    return np.rint(np.array(to_rgb(name)) * 255).astype(np.uint8)


def _show_evidence(axes: Axes, one: Explanation) -> None:
    """Show what tells digits, with a colour bar above it on which the threshold is marked."""
    place, height = axes.get_position(), _figure_of(axes).get_figheight()
    scale = _figure_of(axes).add_axes((place.x1 - 1.1 / WIDTH, place.y1 + 0.27 / height, 0.95 / WIDTH, 0.09 / height))
    scale.imshow(np.linspace(0, 1, 256)[None], cmap=EVIDENCE, aspect="auto", extent=(0, 1, 0, 1))
    scale.axvline(one.threshold, color=TEXT, linewidth=1.2)
    scale.axis("off")
    for x, end in ((0, "right"), (1, "left")):
        scale.text(x + (x - 0.5) * 0.1, 0.4, str(x), ha=end, va="center", size=8.5, color=MUTED)
    _show(axes, one.pictures["evidence"], one.pictures["photo"].shape[1::-1], cmap=EVIDENCE, vmin=0, vmax=1)
