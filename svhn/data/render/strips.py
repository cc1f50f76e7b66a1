"""Short strips of a facade with one number, drawn at the size at which the digits are cut out: training digits.

A strip is drawn in the plane of its number: u runs along the number, v down, both in digit heights, and the
digits lie between v = 0 and v = 1. Distance fields give the strokes; the camera turns the strip into a picture.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from svhn.boxes import Box
from svhn.data.render import textures
from svhn.data.render.camera import snapshot
from svhn.data.render.distance_fields import FIELD_FRAME, FIELD_HEIGHT, HANDS, distance_field
from svhn.data.render.glyphs import ALL_TYPEFACES
from svhn.data.render.textures import blend, clouds, fractal, luminance, relief, smooth_step
from svhn.errors import InputError

STRIP_TYPEFACES = (*ALL_TYPEFACES, *(f"hand {hand}" for hand in range(HANDS)))
# Digits are drawn at least this high, so that thin strokes are not lost between pixels.
FINEST = 22
# In grey levels, before blur and haze.
LEAST_CONTRAST = 50.0


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


@dataclass(frozen=True)
class _Plane:
    """Where each pixel of a strip lies on its wall: u, v (H, W) float32; `unit` pixels make a digit height."""

    u: np.ndarray
    v: np.ndarray
    unit: float
    to_strip: np.ndarray


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
    height = float(np.clip(median * np.exp(rng.normal(0, spread)), 9, 60)) / 1.1
    fields, lefts, widths = _lay_out(rng, labels, settings)
    plane = _make_plane(rng, lefts[-1] + widths[-1], max(height, FINEST))
    depth = _depth(rng, plane, fields, lefts, widths)
    scene = _paint(rng, plane, depth, lefts[-1] + widths[-1], walls)
    boxes = _annotate(rng, plane, lefts, widths)
    return _cut_to_size(rng, scene, boxes, height, plane.unit, settings.degradation)


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


def _make_plane(rng: np.random.Generator, length: float, unit: float) -> _Plane:
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
    return _Plane(u, v, unit, to_strip)


def _depth(rng: np.random.Generator, plane: _Plane, fields, lefts, widths) -> np.ndarray:
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


def _cover(plane: _Plane, depth: np.ndarray, grow: float = 0.0) -> np.ndarray:
    """Return the part of each pixel that lies deeper than -grow."""
    return np.clip(0.5 + (depth + grow) * plane.unit, 0, 1)


# Colours


def _tint(rng: np.random.Generator, tone: float, spread: float) -> np.ndarray:
    """Return a colour (3,) of luminance `tone`: mostly greys, bluish or brownish, sometimes strong."""
    strength = spread * np.exp(rng.normal(0, 0.6))
    red, blue = rng.normal((-1, 3), (7, 10)) * strength
    colour = np.array([red, 0, blue], np.float32)
    if rng.random() < 0.2:
        colour += np.array([-12, 0, 55], np.float32) * rng.uniform(0.3, 1)
    return (colour + tone - luminance(colour)).astype(np.float32)


def _colours(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw the colours of ground and strokes."""
    ground = float(np.clip(rng.normal(125, 58), 15, 240))
    light = rng.random() < 1 / (1 + np.exp((ground - 100) / 20))
    if (252 - ground if light else ground - 5) < LEAST_CONTRAST:
        light = not light
    room = 252 - ground if light else ground - 5
    contrast = np.clip(100 * np.exp(rng.normal(0, 0.35)), LEAST_CONTRAST, room)
    stroke = float(ground + (contrast if light else -contrast))
    return _tint(rng, ground, 1.0), _tint(rng, stroke, 0.8)


# Painting


def _paint(rng: np.random.Generator, plane: _Plane, depth: np.ndarray, length: float, walls) -> np.ndarray:
    """Paint wall, plate, shadows and strokes, (H, W, 3) float32."""
    ground, ink = _colours(rng)
    scene = _ground(rng, plane, ground, walls)
    if rng.random() < 0.4:
        scene = _beyond_plate(rng, plane, scene, length, ink)
    cover = _cover(plane, depth)
    kind = rng.random()
    if kind < 0.22:
        scene = _shadow(rng, plane, scene, cover)
    elif kind < 0.32:
        other = _tint(rng, float(rng.uniform(20, 235)), 0.6)
        scene = blend(scene, other, _cover(plane, depth, rng.uniform(0.02, 0.07)) * rng.uniform(0.5, 1))
    elif kind < 0.40:  # soft halo: dirt, glow of a flash, or an overexposed surround
        halo = cv2.GaussianBlur(cover, (0, 0), rng.uniform(0.05, 0.15) * plane.unit)
        scene = blend(scene, ink if rng.random() < 0.5 else 255 - ink, rng.uniform(0.1, 0.5) * halo)
    fill = ink * np.ones((*cover.shape, 1), np.float32)
    if rng.random() < 0.3:
        fill = (
            fill * (1 + rng.uniform(0.03, 0.2) * clouds(rng, cover.shape, rng.uniform(0.2, 1) * plane.unit))[..., None]
        )
    if rng.random() < 0.3:
        soft = cv2.GaussianBlur(cover, (0, 0), rng.uniform(0.02, 0.05) * plane.unit + 0.3)
        light = relief(soft, rng.uniform(0.1, 0.5)) * (1 if rng.random() < 0.75 else -1)
        fill = fill * (1 + light)[..., None]
    if rng.random() < 0.15:
        worn = np.clip(rng.uniform(0.7, 1.1) + 0.3 * clouds(rng, cover.shape, 0.12 * plane.unit), 0.2, 1)
        cover = cover * worn
    if rng.random() < 0.04:  # strokes drawn as an outline
        cover = cover - 0.9 * _cover(plane, depth, -rng.uniform(0.025, 0.04))
    scene = blend(scene, fill, cover)
    return scene * _light(rng, plane)


def _ground(rng: np.random.Generator, plane: _Plane, ground: np.ndarray, walls) -> np.ndarray:
    """Return the wall behind the number in the mean colour `ground`: smooth, cloudy, structured or real."""
    shape, unit, kind = plane.u.shape, plane.unit, rng.random()
    if walls is not None and len(walls) and kind < 0.5:
        return _real_wall(rng, walls, shape, ground)
    kind = rng.random()
    if kind < 0.4:
        return np.broadcast_to(ground, (*shape, 3)).astype(np.float32)
    if kind < 0.8:
        texture = fractal(rng, shape, rng.uniform(0.08, 1.5) * unit, 3)
        return ground * (1 + rng.uniform(0.01, 0.12) * texture)[..., None]
    surfaces = [*textures.SURFACES.values()]
    wall = surfaces[rng.integers(len(surfaces))](rng, shape, unit * rng.uniform(0.6, 2), None)
    return wall * (ground / np.maximum(wall.mean(axis=(0, 1)), 1))


def _real_wall(rng: np.random.Generator, walls: np.ndarray, shape, ground: np.ndarray) -> np.ndarray:
    wall = walls[rng.integers(len(walls))]
    wall = np.rot90(wall, rng.integers(4))
    wall = cv2.resize(np.ascontiguousarray(wall), shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)
    mean = wall.mean(axis=(0, 1))
    if rng.random() < 0.5:
        return wall + (ground - mean)
    return wall + luminance(ground - mean)


def _beyond_plate(
    rng: np.random.Generator, plane: _Plane, scene: np.ndarray, length: float, ink: np.ndarray
) -> np.ndarray:
    """Let the plate end near the number: another colour beyond its edge, often a border line inside."""
    left, right = rng.uniform(0.05, 0.6, 2)
    top, bottom = rng.uniform(0.05, 0.45, 2)
    inside = np.minimum(
        np.minimum(plane.u + left, length + right - plane.u), np.minimum(plane.v + top, 1 + bottom - plane.v)
    )
    if rng.random() < 0.5:
        start, wide = rng.uniform(0.0, 0.08), rng.uniform(0.02, 0.07)
        line = _cover(plane, wide / 2 - np.abs(inside - start - wide / 2))
        scene = blend(scene, ink, line * rng.uniform(0.5, 1))
    other = _tint(rng, float(np.clip(rng.normal(110, 55), 10, 245)), 1.0)
    wall = (
        other
        * (1 + rng.uniform(0.0, 0.15) * fractal(rng, inside.shape, rng.uniform(0.1, 1) * plane.unit, 3))[..., None]
    )
    if rng.random() < 0.5:  # the plate throws a shadow on the wall
        wall = wall * (1 - rng.uniform(0.1, 0.6) * np.exp(np.minimum(inside, 0) / rng.uniform(0.03, 0.12)))[..., None]
    return blend(wall, scene, _cover(plane, inside))


def _shadow(rng: np.random.Generator, plane: _Plane, scene: np.ndarray, cover: np.ndarray) -> np.ndarray:
    dx, dy = rng.uniform((-1, 0), (1, 1)) * rng.uniform(0.03, 0.14) * plane.unit
    shade = textures.shifted(cover, dx, dy, rng.uniform(0.01, 0.05) * plane.unit + 0.2)
    return scene * (1 - rng.uniform(0.2, 0.7) * shade)[..., None]


def _light(rng: np.random.Generator, plane: _Plane) -> np.ndarray:
    """Return the light on the wall as factors (H, W, 1): a gradient, sometimes the edge of a shadow."""
    angle = rng.uniform(0, 2 * np.pi)
    ramp = np.cos(angle) * (plane.u - 0.5) + np.sin(angle) * (plane.v - 0.5)
    light = np.exp(rng.normal(0, 0.12) * ramp)
    if rng.random() < 0.12:
        start = rng.uniform(-0.6, 0.6)
        light = light * (1 - rng.uniform(0.15, 0.6) * smooth_step(ramp, start, start + rng.uniform(0.03, 0.6)))
    return light[..., None]


# Boxes and camera


def _annotate(rng: np.random.Generator, plane: _Plane, lefts: np.ndarray, widths: np.ndarray) -> np.ndarray:
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
