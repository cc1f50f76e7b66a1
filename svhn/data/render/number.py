"""One number before it is painted: its digits' shapes, how they stand, and where they come to lie in the photo."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from svhn.boxes import Box
from svhn.data.render.draws import choose
from svhn.data.render.glyphs import BRUSH, draw_digits, frame_width
from svhn.data.render.settings import LAYOUT_SHARES, PLATE_SHARES, SyntheticSettings
from svhn.data.render.textures import pick_colour

DARK_INKS = np.array([(24, 24, 28), (32, 40, 110), (66, 44, 30), (112, 28, 30), (28, 62, 48), (80, 80, 84)], np.float32)
LIGHT_INKS = np.array([(246, 246, 244), (240, 242, 246), (232, 230, 220), (206, 208, 212), (210, 180, 112)], np.float32)
# Glyphs are drawn so many times larger than they are shown, so that warping does not blur them.
OVERSIZE = 1.4
# A glyph that is reduced further is blurred first; else thin strokes fall between the pixels.
MOST_REDUCTION = 1.6
# A pixel belongs to a digit's box when it has more than this share of the highest cover.
INKED = 0.3
# Share of a photo's part, from its middle to its edge, that a number may fill.
FILLED = 0.46
# Least (width, height) of a photo in pixels.
LEAST_PHOTO = (20, 16)


@dataclass(frozen=True)
class Number:
    """One number before painting; its plane has the digit height as unit, the origin at its upper left.

    Attributes
    ----------
    labels : tuple of int, 0..9, or str, single letters
    glyphs : list of ndarray (h, w) float32
        Cover of each digit, 0..1, `glyph_height` pixels high in a frame of `frame_width`.
    glyph_height : int
    offsets : ndarray (N, 2)
        Upper left corner of each digit in the plane.
    extent : (width, height) of the number in the plane
    height : float
        Of the digits in the photo, in pixels.
    tilt : ndarray (3, 3)
        Rotation, shear and perspective in the plane, about the number's centre.
    centre : (x, y) in the photo, in pixels
    plate : str
        A name of PLATE_SHARES.
    light : bool
        Whether the digits are lighter than what is behind them.
    ink : ndarray (3,) float32, RGB
    """

    labels: tuple[int | str, ...]
    glyphs: list[np.ndarray]
    glyph_height: int
    offsets: np.ndarray
    extent: tuple[float, float]
    height: float
    tilt: np.ndarray
    centre: tuple[float, float]
    plate: str
    light: bool
    ink: np.ndarray

    @property
    def to_photo(self) -> np.ndarray:
        """The homography (3, 3) from the plane to photo pixels."""
        grow = np.diag([self.height, self.height, 1.0])
        return move(*self.centre) @ grow @ self.tilt @ move(-self.extent[0] / 2, -self.extent[1] / 2)

    def reach(self) -> np.ndarray:
        """Return how far the number extends from its centre in pixels, (2,): columns, rows."""
        width, height = self.extent
        corners = np.array([[[0, 0], [width, 0], [0, height], [width, height]]])
        return np.abs(cv2.perspectiveTransform(corners, self.to_photo)[0] - self.centre).max(axis=0)


def move(dx: float, dy: float) -> np.ndarray:
    """Return the homography (3, 3) that moves points by (dx, dy)."""
    return np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1.0]])


def draw_number(rng: np.random.Generator, text: str, settings: SyntheticSettings) -> Number:
    """Draw how a number looks; it lies about (0, 0) until `place_numbers` puts it into a photo."""
    low, high = np.log(settings.digit_height)
    height = float(np.exp(rng.triangular(low, max(low, 0.6 * low + 0.4 * high), high + 1e-6)))
    glyph_height = int(np.ceil(OVERSIZE * height))
    labels = tuple(int(character) if character.isdecimal() else character for character in text)
    faces = settings.typefaces if text.isdecimal() else [name for name in settings.typefaces if name != BRUSH]
    glyphs = draw_digits(rng, labels, str(rng.choice(faces)), glyph_height)
    widths = np.array([glyph.shape[1] - 2 * frame_width(glyph_height) for glyph in glyphs]) / glyph_height
    layout = choose(rng, settings.layouts, LAYOUT_SHARES)
    offsets = _lay_out(rng, widths, layout)
    plate = choose(rng, settings.plates, PLATE_SHARES)
    light = settings.polarity == "light"
    return Number(
        labels=labels,
        glyphs=glyphs,
        glyph_height=glyph_height,
        offsets=offsets,
        extent=((offsets[:, 0] + widths).max(), offsets[:, 1].max() + 1),
        height=height,
        tilt=_tilt(rng, len(labels)),
        centre=(0.0, 0.0),
        plate=plate,
        light=light,
        ink=pick_colour(rng, LIGHT_INKS if light else DARK_INKS),
    )


def _lay_out(rng: np.random.Generator, widths: np.ndarray, layout: str) -> np.ndarray:
    """Return the upper left corners (N, 2) of digits of the given widths; the smallest coordinates are 0."""
    gap = rng.uniform(0.03, 0.22) if rng.random() < 0.9 else rng.uniform(0.22, 0.5)
    if layout == "vertical":
        offsets = np.stack([(widths.max() - widths) / 2, np.arange(len(widths)) * (1.05 + gap)], 1)
    else:
        step = float(rng.choice([-1, 1])) * rng.uniform(0.1, 0.4) if layout == "slope" else 0.0
        across = np.concatenate([[0], np.cumsum(widths[:-1] + gap)])
        offsets = np.stack([across, step * np.arange(len(widths))], 1)
        offsets[:, 1] += rng.normal(0, 0.03, len(widths)) * (rng.random() < 0.3)
    return offsets - offsets.min(axis=0)


def _tilt(rng: np.random.Generator, length: int) -> np.ndarray:
    """Return rotation, shear and perspective of a number (3, 3) about its centre."""
    angle = np.radians(rng.normal(0, 3 if rng.random() < 0.85 else 10))
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    across, down = rng.normal(0, 0.05), rng.normal(0, 0.05)
    shear = np.array([[rng.uniform(0.8, 1.0), across, 0], [down, 1, 0], [0, 0, 1]])
    perspective = np.eye(3)
    perspective[2, :2] = np.clip(rng.normal(0, 0.05, 2), -0.12, 0.12) / length
    return perspective @ shear @ turn


def photo_size(rng: np.random.Generator, numbers: list[Number]) -> tuple[int, int]:
    """Choose (width, height) about the numbers with the margins of SVHN's photos."""
    unit = numbers[0].height
    reach = np.max([number.reach() for number in numbers], axis=0)
    margin = unit * np.array([rng.triangular(0.5, 0.9, 2.2), rng.triangular(0.08, 0.16, 0.7)])
    width, height = 2 * (reach + margin) * (len(numbers), 1)
    return max(round(width), LEAST_PHOTO[0]), max(round(height), LEAST_PHOTO[1])


def place_numbers(rng: np.random.Generator, numbers: list[Number], size: tuple[int, int]) -> list[Number]:
    """Put each number at random into its own vertical part of the photo; shrink those that do not fit."""
    part = np.array([size[0] / len(numbers), size[1]])
    placed = []
    for i, number in enumerate(numbers):
        number = replace(number, height=number.height * min(1.0, (FILLED * part / number.reach()).min()))
        slack = part / 2 - number.reach() - 1
        shift = np.clip(rng.normal(0, 0.45, 2), -1, 1) * np.maximum(slack, 0)
        centre = part / 2 + (i * part[0], 0) + shift
        placed.append(replace(number, centre=(float(centre[0]), float(centre[1]))))
    return placed


def warp_glyph(number: Number, index: int, size: tuple[int, int]) -> np.ndarray:
    """Return the coverage (H, W) float32, 0..1, of one digit in the photo."""
    frame = frame_width(number.glyph_height)
    shrink = np.diag([1 / number.glyph_height, 1 / number.glyph_height, 1])
    to_photo = number.to_photo @ move(*number.offsets[index]) @ shrink @ move(-frame, -frame)
    glyph, ratio = number.glyphs[index], number.glyph_height / number.height
    if ratio > MOST_REDUCTION:
        glyph = cv2.GaussianBlur(glyph, (0, 0), 0.3 * ratio)
    return cv2.warpPerspective(glyph, to_photo, size)


def tight_box(cover: np.ndarray) -> Box:
    """Return the box of a digit's visible strokes, from its cover (H, W)."""
    inked = cover > INKED * cover.max()
    columns, rows = np.flatnonzero(inked.any(axis=0)), np.flatnonzero(inked.any(axis=1))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
