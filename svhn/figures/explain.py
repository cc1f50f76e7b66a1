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
COLUMNS = 6
CELL = (WIDTH - 2 * EDGE - (COLUMNS - 1) * GAP) / COLUMNS
LEAST_CELL, MOST_CELL = 0.5 * CELL, 1.15 * CELL
TEXT, MUTED, INK, BACKGROUND, OTHER_BINS = "#1c2733", "#6b7885", "#c8324b", "#0b7a75", "#b8c4ce"
NEITHER = "#f3dde1"
EVIDENCE = LinearSegmentedColormap.from_list(
    "evidence", [(0.0, "#edf2f4"), (0.5, "#f5e9e4"), (0.7, "#ec9c94"), (0.85, INK), (1.0, "#5c0b1e")]
)
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
        (True = background learned from) and `mask` (True = painted) (H, W) bool. At working scale: `map_mean`,
        `map_std` and `map_mean_minus_std`, `gradient` (grey levels per pixel) and `evidence` (0..1) (h, w)
        float32, `reference_key_pixels` (h, w) bool, `fill` (h, w, 3) uint8 RGB.
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
    histogram: tuple[np.ndarray, np.ndarray]
    boxes: tuple[Box, ...]
    evidence: str
    threshold: float
    report: Report


def draw_explanations(explanations: Sequence[Explanation], title: str) -> Figure:
    """Draw the first `MOST_NUMBERS` numbers of a photo, two rows of six panels each, 1600 pixels wide.

    Parameters
    ----------
    explanations : sequence of Explanation
        At least one.
    title : str
        For example the photo's name.
    """
    shown = explanations[:MOST_NUMBERS]
    cells = [_cell_height(one) for one in shown]
    height = HEADING + sum(ROW_HEADING + 2 * (cell + CAPTION) for cell in cells) + EDGE / 2
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    more = f"; the first {len(shown)} of {len(explanations)} numbers" if len(shown) < len(explanations) else ""
    line = "how the numbers are found and removed, from first-layer feature maps and colours" + more
    figure.text(EDGE / WIDTH, 1 - 0.26 / height, title, va="top", size=17, weight="bold", color=TEXT, parse_math=False)
    figure.text(EDGE / WIDTH, 1 - 0.62 / height, line, va="top", size=11, color=MUTED)
    top = height - HEADING
    for one, cell in zip(shown, cells, strict=True):
        _draw_number(figure, one, top, cell)
        top -= ROW_HEADING + 2 * (cell + CAPTION)
    return figure


def _cell_height(one: Explanation) -> float:
    """Return the height of a number's panels in inches."""
    height, width = one.pictures["photo"].shape[:2]
    return float(np.clip(CELL * height / width, LEAST_CELL, MOST_CELL))


def _draw_number(figure: Figure, one: Explanation, top: float, cell: float) -> None:
    """Draw one number below `top`, in inches from the bottom of the figure."""
    height = figure.get_figheight()
    figure.text(EDGE / WIDTH, (top - 0.16) / height, _heading(one), va="top", size=12, weight="bold", color=TEXT)
    for place, (name, caption, paint) in enumerate(_panels(one)):
        row, column = divmod(place, COLUMNS)
        left = (EDGE + column * (CELL + GAP)) / WIDTH
        upper = top - ROW_HEADING - row * (cell + CAPTION)
        figure.text(left, upper / height, name, va="top", size=10.5, weight="bold", color=TEXT)
        figure.text(left, (upper - 0.18) / height, caption, va="top", size=9, color=MUTED)
        axes = figure.add_axes((left, (upper - CAPTION + 0.13 - cell) / height, CELL / WIDTH, cell / height))
        paint(axes)


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
        ("feature maps: mean", _range(pictures["map_mean"]), picture("map_mean")),
        ("feature maps: std", _range(pictures["map_std"]), picture("map_std")),
        (f"mean {MINUS} std", _range(difference), picture("map_mean_minus_std")),
        (
            f"histogram of mean {MINUS} std",
            "dark: background to the reference",
            lambda axes: _show_bins(axes, *one.histogram),
        ),
        ("reference's key pixels", _share(pictures["reference_key_pixels"]), only("reference_key_pixels")),
        (
            "gradient magnitude",
            f"0 to {pictures['gradient'].max():.0f} gray levels/px",
            picture("gradient", cmap="magma"),
        ),
        (
            one.evidence,
            f"over {one.threshold:.2f} (line) is digit",
            lambda axes: _show_evidence(axes, one),
        ),
        ("key pixels", f"{_share(pictures['key_pixels'])}, background", only("key_pixels")),
        ("mask", f"{_share(mask)}, to be painted", lambda axes: _show_mask(axes, pictures)),
        ("fill", f"by the GRNN, at {small_width} x {small_height} pixels", picture("fill")),
        ("result", "fitted to the photo, with grain", picture("result")),
    ]


def _range(values: np.ndarray) -> str:
    return f"{values.min():.2f} (dark) to {values.max():.2f}".replace("-", MINUS)


def _share(chosen: np.ndarray) -> str:
    return f"{chosen.mean():.0%} of the pixels"


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
