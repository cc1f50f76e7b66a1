"""Colours, walls, plates, strokes and light of a strip; lengths are digit heights."""

from dataclasses import dataclass

import cv2
import numpy as np

from svhn.data.render import textures
from svhn.data.render.textures import blend, clouds, fractal, luminance, relief, smooth_step

# Between ground and strokes in grey levels, before blur and haze, and the darkest and brightest strokes.
LEAST_CONTRAST = 50.0
DARKEST = 5
BRIGHTEST = 252
# Chances of a strong colour, of a plate that ends near the number, and of an edge of a shadow across it.
STRONG_CHANCE = 0.2
PLATE_CHANCE = 0.4
SHADE_CHANCE = 0.12
# Shares of the numbers with a shadow, an outline in another colour, and a soft halo: dirt, the glow of a flash, or an
# overexposed surround.
SHADOW_SHARE = 0.22
OUTLINE_SHARE = 0.1
HALO_SHARE = 0.08
# Chances of strokes of uneven colour, with relief (raised, or else carved), worn, and drawn as an outline only.
CLOUDY_CHANCE = 0.3
RELIEF_CHANCE = 0.3
RAISED_SHARE = 0.75
WORN_CHANCE = 0.15
HOLLOW_CHANCE = 0.04
# Share of real walls where there are some; shares of smooth and cloudy ones among the drawn, the rest are structured.
REAL_WALL_SHARE = 0.5
SMOOTH_SHARE = 0.4
CLOUDY_SHARE = 0.4


@dataclass(frozen=True)
class Plane:
    """Where each pixel of a strip lies on its wall.

    Attributes
    ----------
    u, v : ndarray (H, W) float32
        Along the number and down, in digit heights.
    unit : float
        Pixels that make a digit height.
    to_strip : ndarray (3, 3)
        The homography from (u, v) to the strip's pixels.
    """

    u: np.ndarray
    v: np.ndarray
    unit: float
    to_strip: np.ndarray


def _cover(plane: Plane, depth: np.ndarray, grow: float = 0.0) -> np.ndarray:
    """Return the part of each pixel that lies deeper than -grow."""
    return np.clip(0.5 + (depth + grow) * plane.unit, 0, 1)


def _tint(rng: np.random.Generator, tone: float, spread: float) -> np.ndarray:
    """Return a colour (3,) of luminance `tone`: mostly greys, bluish or brownish, sometimes strong."""
    strength = spread * np.exp(rng.normal(0, 0.6))
    red, blue = rng.normal((-1, 3), (7, 10)) * strength
    colour = np.array([red, 0, blue], np.float32)
    if rng.random() < STRONG_CHANCE:
        colour += np.array([-12, 0, 55], np.float32) * rng.uniform(0.3, 1)
    return (colour + tone - luminance(colour)).astype(np.float32)


def _colours(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw the colours of ground and strokes."""
    ground = float(np.clip(rng.normal(125, 58), 15, 240))
    light = rng.random() < 1 / (1 + np.exp((ground - 100) / 20))
    if (BRIGHTEST - ground if light else ground - DARKEST) < LEAST_CONTRAST:
        light = not light
    room = BRIGHTEST - ground if light else ground - DARKEST
    contrast = np.clip(100 * np.exp(rng.normal(0, 0.35)), LEAST_CONTRAST, room)
    stroke = float(ground + (contrast if light else -contrast))
    return _tint(rng, ground, 1.0), _tint(rng, stroke, 0.8)


def paint_strip(
    rng: np.random.Generator, plane: Plane, depth: np.ndarray, length: float, walls: np.ndarray | None
) -> np.ndarray:
    """Paint wall, plate, shadows and strokes.

    Parameters
    ----------
    rng : Generator
    plane : Plane
    depth : ndarray (H, W) float32
        How deep in a stroke each pixel lies, in digit heights.
    length : float
        Of the number, in digit heights.
    walls : ndarray (N, h, w, 3) uint8, RGB, or None
        Pieces of real walls without digits.

    Returns
    -------
    ndarray (H, W, 3) float32, about 0..255
    """
    ground, ink = _colours(rng)
    scene = _ground(rng, plane, ground, walls)
    if rng.random() < PLATE_CHANCE:
        scene = _beyond_plate(rng, plane, scene, length, ink)
    cover = _cover(plane, depth)
    scene = _surround(rng, plane, scene, depth, cover, ink)
    fill = _fill(rng, plane, cover, ink)
    if rng.random() < WORN_CHANCE:
        cover = cover * np.clip(rng.uniform(0.7, 1.1) + 0.3 * clouds(rng, cover.shape, 0.12 * plane.unit), 0.2, 1)
    if rng.random() < HOLLOW_CHANCE:
        cover = cover - 0.9 * _cover(plane, depth, -rng.uniform(0.025, 0.04))
    return blend(scene, fill, cover) * _light(rng, plane)


def _surround(
    rng: np.random.Generator, plane: Plane, scene: np.ndarray, depth: np.ndarray, cover: np.ndarray, ink: np.ndarray
) -> np.ndarray:
    """Paint what lies about the strokes, at most one of shadow, outline and halo."""
    kind = rng.random()
    if kind < SHADOW_SHARE:
        return _shadow(rng, plane, scene, cover)
    if kind < SHADOW_SHARE + OUTLINE_SHARE:
        other = _tint(rng, float(rng.uniform(20, 235)), 0.6)
        return blend(scene, other, _cover(plane, depth, rng.uniform(0.02, 0.07)) * rng.uniform(0.5, 1))
    if kind < SHADOW_SHARE + OUTLINE_SHARE + HALO_SHARE:
        halo = cv2.GaussianBlur(cover, (0, 0), rng.uniform(0.05, 0.15) * plane.unit)
        return blend(scene, ink if rng.random() < 0.5 else 255 - ink, rng.uniform(0.1, 0.5) * halo)
    return scene


def _fill(rng: np.random.Generator, plane: Plane, cover: np.ndarray, ink: np.ndarray) -> np.ndarray:
    """Return the colours of the strokes (H, W, 3): even or cloudy, flat, raised or carved."""
    fill = ink * np.ones((*cover.shape, 1), np.float32)
    if rng.random() < CLOUDY_CHANCE:
        strength = rng.uniform(0.03, 0.2)
        fill = fill * (1 + strength * clouds(rng, cover.shape, rng.uniform(0.2, 1) * plane.unit))[..., None]
    if rng.random() < RELIEF_CHANCE:
        soft = cv2.GaussianBlur(cover, (0, 0), rng.uniform(0.02, 0.05) * plane.unit + 0.3)
        light = relief(soft, rng.uniform(0.1, 0.5)) * (1 if rng.random() < RAISED_SHARE else -1)
        fill = fill * (1 + light)[..., None]
    return fill


def _ground(rng: np.random.Generator, plane: Plane, ground: np.ndarray, walls: np.ndarray | None) -> np.ndarray:
    """Return the wall behind the number in the mean colour `ground`: smooth, cloudy, structured or real."""
    height, width = plane.u.shape
    shape, unit = (height, width), plane.unit
    kind = rng.random()
    if walls is not None and len(walls) and kind < REAL_WALL_SHARE:
        return _real_wall(rng, walls, shape, ground)
    kind = rng.random()
    if kind < SMOOTH_SHARE:
        return np.broadcast_to(ground, (*shape, 3)).astype(np.float32)
    if kind < SMOOTH_SHARE + CLOUDY_SHARE:
        texture = fractal(rng, shape, rng.uniform(0.08, 1.5) * unit, 3)
        return ground * (1 + rng.uniform(0.01, 0.12) * texture)[..., None]
    surfaces = [*textures.SURFACES.values()]
    wall = surfaces[rng.integers(len(surfaces))](rng, shape, unit * rng.uniform(0.6, 2), None)
    return wall * (ground / np.maximum(wall.mean(axis=(0, 1)), 1))


def _real_wall(rng: np.random.Generator, walls: np.ndarray, shape: tuple[int, int], ground: np.ndarray) -> np.ndarray:
    wall = walls[rng.integers(len(walls))]
    turned = np.rot90(wall, int(rng.integers(4)))
    wall = cv2.resize(np.ascontiguousarray(turned), shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)
    mean = wall.mean(axis=(0, 1))
    if rng.random() < 0.5:
        return wall + (ground - mean)
    return wall + luminance(ground - mean)


def _beyond_plate(
    rng: np.random.Generator, plane: Plane, scene: np.ndarray, length: float, ink: np.ndarray
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
    strength = rng.uniform(0.0, 0.15)
    texture = fractal(rng, inside.shape, rng.uniform(0.1, 1) * plane.unit, 3)
    wall = other * (1 + strength * texture)[..., None]
    if rng.random() < 0.5:  # the plate throws a shadow on the wall
        wall = wall * (1 - rng.uniform(0.1, 0.6) * np.exp(np.minimum(inside, 0) / rng.uniform(0.03, 0.12)))[..., None]
    return blend(wall, scene, _cover(plane, inside))


def _shadow(rng: np.random.Generator, plane: Plane, scene: np.ndarray, cover: np.ndarray) -> np.ndarray:
    dx, dy = rng.uniform((-1, 0), (1, 1)) * rng.uniform(0.03, 0.14) * plane.unit
    shade = textures.shifted(cover, dx, dy, rng.uniform(0.01, 0.05) * plane.unit + 0.2)
    return scene * (1 - rng.uniform(0.2, 0.7) * shade)[..., None]


def _light(rng: np.random.Generator, plane: Plane) -> np.ndarray:
    """Return the light on the wall as factors (H, W, 1): a gradient, sometimes the edge of a shadow."""
    angle = rng.uniform(0, 2 * np.pi)
    ramp = np.cos(angle) * (plane.u - 0.5) + np.sin(angle) * (plane.v - 0.5)
    light = np.exp(rng.normal(0, 0.12) * ramp)
    if rng.random() < SHADE_CHANCE:
        start = rng.uniform(-0.6, 0.6)
        light = light * (1 - rng.uniform(0.15, 0.6) * smooth_step(ramp, start, start + rng.uniform(0.03, 0.6)))
    return light[..., None]
