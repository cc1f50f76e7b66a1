"""Pictures of a data set: photos with boxes, samples of every class, classes before and after the split, gray."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from svhn.alphabet import DIGITS, NUM_CLASSES
from svhn.boxes import DigitBox
from svhn.crops import GRAY_RULE
from svhn.figures.numbers import FRAME
from svhn.figures.report import DPI, INK, MUTED, draw_heading

# Inches of a page, and of what its heading takes.
WIDTH, HEAD = 12.0, 0.95
SAMPLES_IN_ROW, PHOTOS_IN_ROW = 16, 4
# Pixels that photos are brought to, and shades of the lines between pictures.
PHOTO_SIZE, PAPER = (300, 170), 255
TRAIN, VALIDATION, TEST = "#98a2ad", "#1f5fa8", "#0b7a75"
CHANNELS = ("red", "green", "blue")


def draw_photos(photos: Sequence[tuple[np.ndarray, Sequence[DigitBox]]], title: str) -> Figure:
    """Draw photos, (H, W, 3) uint8 RGB, with their digits' boxes and labels, `PHOTOS_IN_ROW` side by side."""
    rows = -(-len(photos) // PHOTOS_IN_ROW)
    cell = WIDTH * 0.94 / PHOTOS_IN_ROW
    height = HEAD + rows * cell * PHOTO_SIZE[1] / PHOTO_SIZE[0] + 0.2
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    draw_heading(figure, title, "photos (Format 1) with the boxes of their digits", inches=height)
    tiles = [_photo_tile(*photo) for photo in photos]
    tiles += [np.full_like(tiles[0], PAPER)] * (rows * PHOTOS_IN_ROW - len(tiles))
    _fill_page(figure, _grid(tiles, PHOTOS_IN_ROW), height)
    return figure


def draw_samples(rgb: np.ndarray, labels: np.ndarray, title: str, seed: int = 0) -> Figure:
    """Draw a row of random crops, (N, S, S, 3) uint8 RGB, for each class."""
    height = HEAD + NUM_CLASSES * WIDTH * 0.9 / SAMPLES_IN_ROW + 0.2
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    draw_heading(
        figure, title, f"crops (Format 2), {rgb.shape[1]} x {rgb.shape[2]} pixels, a row for each class", height
    )
    rng = np.random.default_rng(seed)
    tiles = []
    for digit in DIGITS:
        own = rng.permutation(np.flatnonzero(labels == int(digit)))[:SAMPLES_IN_ROW]
        missing = SAMPLES_IN_ROW - len(own)
        tiles += [*rgb[own], *[np.full(rgb.shape[1:], PAPER, np.uint8)] * missing]
    axes = _fill_page(figure, _grid(tiles, SAMPLES_IN_ROW), height, left=0.075)
    side = axes.get_images()[0].get_array().shape[0] / NUM_CLASSES  # type: ignore[union-attr]
    for row, digit in enumerate(DIGITS):
        axes.text(-side * 0.35, (row + 0.5) * side, digit, ha="center", va="center", fontsize=15, color=INK)
    return figure


def draw_classes(counts: Mapping[str, Sequence[int]], title: str, rule: str) -> Figure:
    """Draw how many digits of each class there are before the split and after it.

    Parameters
    ----------
    counts : dict of str to sequence of int
        `train` and `validation`, and `test` where there is one: digits of each class, 0 to 9.
    title, rule : str
        Head the figure: of which data, and how they were split.
    """
    figure = Figure(figsize=(WIDTH, 7.4), dpi=DPI, facecolor="white")
    draw_heading(figure, title, rule, inches=7.4)
    before, after = (figure.add_axes((0.075, bottom, 0.9, 0.31)) for bottom in (0.53, 0.08))
    train, validation = np.array(counts["train"]), np.array(counts["validation"])
    together, test = train + validation, np.array(counts.get("test", [0] * NUM_CLASSES))
    most = 1.12 * max(together.max(), test.max(), 1)
    _bars(before, {"training digits": (together, TRAIN), "test digits": (test, TEST)}, most)
    before.set_title(f"before the split: {_sum(together)} training digits, {_sum(test)} test digits", **_left())
    _bars(after, {"train": (train, TRAIN), "test": (test, TEST)}, most)
    after.bar(np.arange(NUM_CLASSES) - 0.2, validation, 0.37, train, color=VALIDATION, label="validation")
    _legend(after)
    share = validation.sum() / max(together.sum(), 1)
    words = f"after the split: {_sum(train)} train, {_sum(validation)} validation ({share:.1%}), {_sum(test)} test"
    after.set_title(words, **_left())
    for digit, (held, whole) in enumerate(zip(validation, together, strict=True)):
        words = f"{held / max(whole, 1):.1%}"
        after.text(digit - 0.2, whole + most / 100, words, ha="center", va="bottom", fontsize=9, color=VALIDATION)
    after.set_xlabel("digit; over its bar the share of the class that is held back for validation", color=MUTED)
    return figure


def draw_gray(rgb: np.ndarray, gray: np.ndarray, moments: Mapping[str, tuple[float, float]], title: str) -> Figure:
    """Draw digits in colour, channel by channel, and in gray, with the mean and spread of each over the training part.

    Parameters
    ----------
    rgb : ndarray (N, S, S, 3) uint8
    gray : ndarray (N, S, S) uint8
        What is made of them.
    moments : dict of str to (float, float)
        Mean and standard deviation of red, green, blue and gray, in gray levels 0..255.
    title : str
    """
    count = len(rgb)
    cell = WIDTH * 0.76 / max(count, 1)
    height = HEAD + 5 * cell + 0.25
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    draw_heading(figure, title, f"{GRAY_RULE} (ITU-R BT.601)", inches=height)
    planes = [*np.moveaxis(rgb, 3, 0), gray]
    rows = [rgb, *(np.repeat(plane[..., None], 3, axis=3) for plane in planes)]
    axes = _fill_page(figure, _grid([tile for row in rows for tile in row], count), height, left=0.2)
    side = axes.get_images()[0].get_array().shape[0] / len(rows)  # type: ignore[union-attr]
    for row, name in enumerate(("colour", *CHANNELS, "gray")):
        words = name if name not in moments else f"{name}\nmean {moments[name][0]:.1f}\nstd {moments[name][1]:.1f}"
        axes.text(-side * 0.12, (row + 0.5) * side, words, ha="right", va="center", fontsize=11, color=INK)
    return figure


def _photo_tile(photo: np.ndarray, digits: Sequence[DigitBox]) -> np.ndarray:
    """Draw boxes and labels into a photo and bring it to `PHOTO_SIZE`, with paper around it."""
    width, height = PHOTO_SIZE
    scale = min(width / photo.shape[1], height / photo.shape[0])
    size = max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale))
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    for digit in digits:
        left, top, right, bottom = (round(side * scale) for side in digit.box.as_list())
        cv2.rectangle(small, (left, top), (right - 1, bottom - 1), FRAME, 1)
        place = (left + 2, max(top - 3, 12))
        for colour, thick in ((0, 3), (255, 1)):
            cv2.putText(
                small, str(digit.label), place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (colour,) * 3, thick, cv2.LINE_AA
            )
    tile = np.full((height, width, 3), PAPER, np.uint8)
    x, y = (width - size[0]) // 2, (height - size[1]) // 2
    tile[y : y + size[1], x : x + size[0]] = small
    return tile


def _grid(tiles: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Put pictures (H, W, 3) uint8 of one size into rows, each with a line of paper at its right and bottom."""
    gap = max(1, tiles[0].shape[0] // 16)
    padded = [np.pad(tile, ((0, gap), (0, gap), (0, 0)), constant_values=PAPER) for tile in tiles]
    rows = [np.concatenate(padded[start : start + columns], axis=1) for start in range(0, len(padded), columns)]
    return np.concatenate(rows)


def _fill_page(figure: Figure, picture: np.ndarray, height: float, left: float = 0.03) -> Axes:
    axes = figure.add_axes((left, 0.12 / height, 0.975 - left, (height - HEAD - 0.12) / height))
    axes.imshow(picture, interpolation="nearest" if picture.shape[1] < WIDTH * DPI else "antialiased")
    axes.set_anchor("NW")
    axes.axis("off")
    return axes


def _bars(axes: Axes, parts: Mapping[str, tuple[np.ndarray, str]], most: float) -> None:
    """Draw the counts of each class side by side for two parts, up to `most`."""
    for shift, (label, (values, colour)) in zip((-0.2, 0.2), parts.items(), strict=True):
        axes.bar(np.arange(NUM_CLASSES) + shift, values, 0.37, color=colour, label=label)
    axes.set_ylim(0, most)
    axes.set_xticks(range(NUM_CLASSES), DIGITS)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.tick_params(length=0, labelsize=10, labelcolor=MUTED)
    axes.grid(axis="y", color="#e3e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    _legend(axes)


def _legend(axes: Axes) -> None:
    axes.legend(frameon=False, ncols=3, fontsize=10, labelcolor=INK, loc="lower right", bbox_to_anchor=(1.0, 0.99))


def _left() -> dict[str, Any]:
    return {"loc": "left", "fontsize": 11, "color": INK, "weight": "bold"}


def _sum(values: np.ndarray) -> str:
    return f"{int(values.sum()):,}"
