"""How a number is laid over its scene: painted, raised, carved, outlined, worn or with a shadow.

Lengths are digit heights times `unit`, the height of a digit in pixels.
"""

import cv2
import numpy as np

from svhn.data.render.number import Number
from svhn.data.render.textures import blend, clouds, luminance, relief, shifted

# Chances of each way, for numbers on a bare wall and on a plate.
CARVED_CHANCE = 0.1
RAISED_CHANCE = 0.35
RAISED_ON_PLATE = 0.08
OUTLINE_CHANCE = 0.07
BEVEL_CHANCE = 0.3
BEVEL_ON_PLATE = 0.1
WORN_CHANCE = 0.15
FADED_CHANCE = 0.1
# Grey levels between ink and what is behind it, before it fades.
LEAST_CONTRAST = 80


def paint(rng: np.random.Generator, scene: np.ndarray, cover: np.ndarray, number: Number) -> np.ndarray:
    """Lay a number over the scene: painted, raised, carved, outlined, worn or with a shadow."""
    unit = number.height
    bare = number.plate == "none"
    if bare and rng.random() < CARVED_CHANCE and not number.light:
        return _carve(rng, scene, cover, unit)
    ink = _contrasting(rng, number.ink, scene[cover > 0.5].mean(axis=0), number.light)
    fill = ink * (1 + rng.uniform(0, 0.07) * clouds(rng, cover.shape, unit))[..., None]
    if rng.random() < (RAISED_CHANCE if bare else RAISED_ON_PLATE):
        scene = scene * (1 - drop_shadow(rng, cover, rng.uniform(0.03, 0.1) * unit))[..., None]
    elif bare:  # paint shows the grain of the wall
        fill = fill + 0.6 * (scene - cv2.GaussianBlur(scene, (0, 0), 0.2 * unit))
    if rng.random() < OUTLINE_CHANCE:
        wide = cv2.GaussianBlur(cover, (0, 0), rng.uniform(0.03, 0.06) * unit + 0.3)
        scene = blend(scene, (255 - ink) * rng.uniform(0.6, 1), np.clip(6 * wide - 0.3, 0, 1))
    if rng.random() < (BEVEL_CHANCE if bare else BEVEL_ON_PLATE):
        soft = cv2.GaussianBlur(cover, (0, 0), 0.03 * unit + 0.3)
        fill = fill * (1 + relief(soft, rng.uniform(0.1, 0.4)))[..., None]
    if rng.random() < WORN_CHANCE:
        cover = cover * np.clip(rng.uniform(0.7, 1.1) + 0.25 * clouds(rng, cover.shape, 0.12 * unit), 0.25, 1)
    return blend(scene, fill, cover)


def _contrasting(rng: np.random.Generator, ink: np.ndarray, backing: np.ndarray, light: bool) -> np.ndarray:
    """Move `ink` away from the colour behind it until it can be read; now and then it only just can."""
    sign = 1 if light else -1
    gap = (luminance(ink) - luminance(backing)) * sign
    if gap < LEAST_CONTRAST:
        ink = np.clip(ink + (LEAST_CONTRAST - gap) * sign, 0, 255)
    return ink + rng.uniform(0.3, 0.6) * (backing - ink) if rng.random() < FADED_CHANCE else ink


def _carve(rng: np.random.Generator, scene: np.ndarray, cover: np.ndarray, unit: float) -> np.ndarray:
    """Cut the number into the wall: darker, with a dark upper left edge and a light lower right one."""
    soft = cv2.GaussianBlur(cover, (0, 0), 0.02 * unit + 0.4)
    return scene * (1 - rng.uniform(0.2, 0.45) * cover - relief(soft, rng.uniform(0.25, 0.6)))[..., None]


def drop_shadow(rng: np.random.Generator, cover: np.ndarray, distance: float) -> np.ndarray:
    """Return how much a shadow darkens each pixel, (H, W) 0..1, of a shape that stands `distance` pixels off."""
    dx, dy = rng.uniform((-1, 0.2), (1, 1.2)) * distance
    return rng.uniform(0.2, 0.6) * shifted(cover, dx, dy, rng.uniform(0.2, 0.8) * distance + 0.3)
