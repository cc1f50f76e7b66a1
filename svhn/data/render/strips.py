"""Short strips of a facade with one number, drawn at the size at which the digits are cut out: training digits.

A strip is drawn in the plane of its number: u runs along the number, v down, both in digit heights, and the
digits lie between v = 0 and v = 1. Distance fields give the strokes; the camera turns the strip into a picture.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from svhn.boxes import Box
from svhn.crops import CROP_SIZE, WIDE_SIZE, crop_digit, crop_wide
from svhn.data.render.camera import snapshot
from svhn.data.render.distance_fields import FIELD_FRAME, FIELD_HEIGHT, HANDS, distance_field
from svhn.data.render.draws import draw_labels, draw_length
from svhn.data.render.glyphs import ALL_TYPEFACES
from svhn.data.render.strip_painting import Plane, paint_strip
from svhn.errors import InputError

STRIP_TYPEFACES = (*ALL_TYPEFACES, *(f"hand {hand}" for hand in range(HANDS)))
# Digits are drawn at least this high, so that thin strokes are not lost between pixels.
FINEST = 22
# Boxes are higher than the digits by this factor, and within these limits in pixels.
BOX_HEIGHT = 1.1
BOX_LIMITS = (9, 60)


@dataclass(frozen=True)
class StripSettings:
    """What the crops look like.

    Attributes
    ----------
    digit_height : (median, spread)
        Of the boxes in the photo in pixels, log-normal; the spread is that of the natural logarithm.
    length_shares : share of numbers of 1, 2, ... digits
    typefaces : names from STRIP_TYPEFACES
    hand_share : float
        Share of the numbers that are written with a pen.
    degradation : float
        0 for a sharp, clean photo up to 1 for all that SVHN's photos suffer.
    """

    digit_height: tuple[float, float] = (30.0, 0.45)
    length_shares: tuple[float, ...] = (0.136, 0.555, 0.265, 0.044)
    typefaces: tuple[str, ...] = ALL_TYPEFACES
    hand_share: float = 0.5
    degradation: float = 1.0

    def __post_init__(self):
        if unknown := set(self.typefaces) - set(STRIP_TYPEFACES):
            raise InputError(f"typefaces: expected names from {STRIP_TYPEFACES}, received {sorted(unknown)}")
        if not 8 <= self.digit_height[0] <= 100:
            raise InputError(f"digit_height: expected a median of 8 to 100 pixels, received {self.digit_height[0]}")


STRIPS = StripSettings()


def draw_strip(
    rng: np.random.Generator,
    labels: list[int],
    settings: StripSettings = STRIPS,
    walls: np.ndarray | None = None,
) -> tuple[np.ndarray, list[Box]]:
    """Draw one number on its wall.

    Parameters
    ----------
    rng : Generator
    labels : list of int, 0..9
    settings : StripSettings
    walls : ndarray (N, S, S, 3) uint8, RGB, or None
        Pieces of real walls without digits to draw on; None for drawn walls only.

    Returns
    -------
    strip : ndarray (H, W, 3) uint8, RGB
    boxes : list of Box
        As an annotator would have drawn them: not quite tight, neighbours touch.
    """
    median, spread = settings.digit_height
    height = float(np.clip(median * np.exp(rng.normal(0, spread)), *BOX_LIMITS)) / BOX_HEIGHT
    fields, lefts, widths = _lay_out(rng, labels, settings)
    plane = _make_plane(rng, lefts[-1] + widths[-1], max(height, FINEST))
    depth = _depth(rng, plane, fields, lefts, widths)
    scene = paint_strip(rng, plane, depth, lefts[-1] + widths[-1], walls)
    boxes = _annotate(rng, plane, lefts, widths)
    return _cut_to_size(rng, scene, boxes, height, plane.unit, settings.degradation)


def render_crops(
    count: int,
    seed: int | tuple[int, ...],
    size: int = CROP_SIZE,
    balanced: bool = True,
    settings: StripSettings = STRIPS,
    walls: np.ndarray | None = None,
    wide: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw strips with numbers and cut their digits by the rule of SVHN's Format 2.

    Parameters
    ----------
    count, seed, size : int
        Number of crops, random seed (or several), side of a crop in pixels.
    balanced : bool
        Equally many crops of every digit; otherwise digits are as frequent as in SVHN.
    settings : StripSettings
    walls : ndarray (N, h, w, 3) uint8, RGB, or None
        Real walls to draw on, see `svhn.data.render.walls`.
    wide : bool
        With what is around them, see `svhn.crops.crop_wide`; `size` has no meaning then.

    Returns
    -------
    crops : ndarray (count, size, size, 3) or (count, 48, 48, 3) uint8, RGB
    labels : ndarray (count,) int64, 0..9
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 10) if balanced else draw_labels(rng, count)
    side = WIDE_SIZE if wide else size
    crops = np.empty((count, side, side, 3), np.uint8)
    done = 0
    while done < count:
        number = labels[done : done + draw_length(rng, settings.length_shares)]
        strip, boxes = draw_strip(rng, number.tolist(), settings, walls)
        for box in boxes:
            crops[done] = crop_wide(strip, box) if wide else crop_digit(strip, box, size)
            done += 1
    return crops, labels.astype(np.int64)


def _lay_out(rng: np.random.Generator, labels: list[int], settings: StripSettings):
    """Choose a face and return the fields, left sides and widths of the digits in digit heights."""
    hand = rng.random() < settings.hand_share
    face = f"hand {rng.integers(HANDS)}" if hand else settings.typefaces[rng.integers(len(settings.typefaces))]
    fields = [distance_field(face, label) for label in labels]
    natural = np.array([field.shape[1] / FIELD_HEIGHT - 2 * FIELD_FRAME for field in fields])
    usual = distance_field(face, 0).shape[1] / FIELD_HEIGHT - 2 * FIELD_FRAME
    pitch = 0.53 * np.exp(rng.normal(0, 0.24))
    gap = pitch * rng.uniform(0.05, 0.32)
    widths = natural * np.clip((pitch - gap) / usual, 0.4, 1.4)
    if rng.random() < 0.25:  # every digit in the middle of a cell of its own
        cell = max(pitch, widths.max() + 0.03)
        lefts = cell * np.arange(len(labels)) + (cell - widths) / 2
    else:
        lefts = np.concatenate([[0], np.cumsum(widths[:-1] + gap)])
    return fields, lefts, widths


def _make_plane(rng: np.random.Generator, length: float, unit: float) -> Plane:
    """Choose how the wall stands to the camera: turn, slant, slope and perspective."""
    slope = rng.normal(0, 0.09 if rng.random() < 0.8 else 0.25)
    turn = slope * rng.uniform(0, 1) if rng.random() < 0.6 else slope
    cos, sin = np.cos(turn), np.sin(turn)
    rotation = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    shear = np.array([[1, rng.normal(0, 0.1), 0], [slope - turn, 1, 0], [0, 0, 1]])
    perspective = np.eye(3)
    perspective[2, :2] = np.clip(rng.normal(0, 0.07, 2), -0.15, 0.15) / max(length, 1)
    centre = np.array([[1, 0, -length / 2], [0, 1, -0.5], [0, 0, 1]])
    tilt = perspective @ rotation @ shear @ centre
    corners = cv2.perspectiveTransform(np.array([[[0, 0], [length, 0], [0, 1], [length, 1.0]]]), tilt)[0]
    reach = np.abs(corners).max(axis=0) + np.array([0.55, 0.35])
    columns, rows = np.ceil(2 * reach * unit).astype(int).tolist()
    to_strip = np.array([[unit, 0, columns / 2], [0, unit, rows / 2], [0, 0, 1]]) @ tilt
    back = np.linalg.inv(to_strip).astype(np.float32)
    x = np.arange(columns, dtype=np.float32)[None] + 0.5
    y = np.arange(rows, dtype=np.float32)[:, None] + 0.5
    scale = 1 / (back[2, 0] * x + back[2, 1] * y + back[2, 2])
    u = (back[0, 0] * x + back[0, 1] * y + back[0, 2]) * scale
    v = (back[1, 0] * x + back[1, 1] * y + back[1, 2]) * scale
    return Plane(u, v, unit, to_strip)


def _depth(rng: np.random.Generator, plane: Plane, fields, lefts, widths) -> np.ndarray:
    """Return how deep in a stroke each pixel lies (H, W) float32, in digit heights; negative outside."""
    waist = rng.normal(0, 0.05)
    v = plane.v + waist * np.sin(np.pi * np.clip(plane.v, 0, 1))
    down = (v + FIELD_FRAME) * FIELD_HEIGHT - 0.5
    lift = rng.normal(0, 0.03, len(fields)) * (rng.random() < 0.3) * FIELD_HEIGHT
    weight = rng.normal(0.0, 0.018)
    depth = np.full(plane.u.shape, -FIELD_FRAME, np.float32)
    for i, field in enumerate(fields):
        natural = field.shape[1] / FIELD_HEIGHT - 2 * FIELD_FRAME
        across = ((plane.u - np.float32(lefts[i])) * np.float32(natural / widths[i]) + FIELD_FRAME) * FIELD_HEIGHT - 0.5
        found = cv2.remap(
            field,
            across,
            down + np.float32(lift[i]),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=-FIELD_FRAME,
        )
        np.maximum(depth, found, out=depth)
    return depth + np.float32(weight)


def _annotate(rng: np.random.Generator, plane: Plane, lefts: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Return the boxes (N, 4) in strip pixels, left, top, right, bottom: one height for the whole number."""
    top, bottom = -rng.normal(0.05, 0.05), 1 + rng.normal(0.05, 0.05)
    sides = rng.normal(0.04, 0.04, (len(lefts), 2))
    corners = np.array(
        [
            [[a, 0.5], [b, 0.5], [(a + b) / 2, top], [(a + b) / 2, bottom]]
            for a, b in zip(lefts - sides[:, 0], lefts + widths + sides[:, 1], strict=True)
        ]
    )
    points = cv2.perspectiveTransform(corners.reshape(1, -1, 2), plane.to_strip)[0].reshape(-1, 4, 2)
    return np.stack([points[:, 0, 0], points[:, 2, 1], points[:, 1, 0], points[:, 3, 1]], 1)


def _cut_to_size(rng, scene, boxes, height, unit, degradation) -> tuple[np.ndarray, list[Box]]:
    """Photograph the strip with digits of `height` pixels and round the boxes to its pixels."""
    picture = snapshot(rng, scene, unit, height, degradation)
    scale = np.array([picture.shape[1] / scene.shape[1], picture.shape[0] / scene.shape[0]] * 2)
    corners = np.rint(boxes * scale).astype(int).tolist()
    return picture, [Box(a, b, max(c, a + 3), max(d, b + 5)) for a, b, c, d in corners]
