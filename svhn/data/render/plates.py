"""Plates and painted fields behind rendered house numbers.

A plate is drawn from `distance` (h, w): how far a pixel is from the plate's edge, positive inside. `unit` is
the height of a digit in pixels, `ink` the colour of the digits. Colours are float32, RGB, about 0..255.
"""

import numpy as np

from svhn.data.render.textures import blend, clouds, fractal, pick_colour, relief, smooth_step

PLATE_COLOURS = np.array(
    [
        (28, 48, 128),
        (34, 66, 150),
        (20, 30, 84),
        (30, 40, 100),
        (24, 24, 28),
        (26, 76, 60),
        (120, 34, 36),
        (240, 240, 236),
        (228, 230, 238),
        (222, 224, 228),
        (236, 228, 208),
        (222, 188, 80),
        (188, 190, 194),
    ],
    np.float32,
)
# By how much plates are larger than their number on every side, at least, in digits' heights.
LEAST_MARGIN = 0.14
METAL_COLOURS = np.array([(190, 158, 96), (188, 190, 194), (206, 206, 204), (96, 98, 102), (60, 56, 54)], np.float32)


def _outline(rng: np.random.Generator, size: tuple[float, float], pad: int, unit: float, oval: bool):
    """Return the distance (h, w) in pixels from the edge of a plate of (width, height), positive inside."""
    half = np.array(size, np.float32) / 2
    rows, columns = int(size[1]) + 2 * pad, int(size[0]) + 2 * pad
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    x, y = np.abs(x - pad - half[0] + 0.5), np.abs(y - pad - half[1] + 0.5)
    if oval:
        return (1 - np.hypot(x / half[0], y / half[1])) * half.min()
    radius = unit * float(rng.choice([0.02, 0.08, 0.18, 0.3]))
    across, down = x - half[0] + radius, y - half[1] + radius
    outside = np.hypot(np.maximum(across, 0), np.maximum(down, 0)) + np.minimum(np.maximum(across, down), 0)
    distance = radius - outside
    if rng.random() < 0.12:
        distance = np.minimum(distance, np.hypot(x - half[0], y - half[1]) - unit * rng.uniform(0.12, 0.25))
    return distance


def enamel(rng: np.random.Generator, distance: np.ndarray, unit: float, light: bool, ink: np.ndarray):
    """Glossy enamel with a border line in the colour of the digits and darker chips at the edge."""
    colour = pick_colour(rng, PLATE_COLOURS, light)
    gloss = 0.05 * clouds(rng, distance.shape, 1.5 * unit) + 0.1 * np.exp(
        -np.clip(distance, 0, None) / (0.05 * unit + 1)
    )
    patch = colour * (1 + gloss)[..., None]
    if rng.random() < 0.65:
        start, wide = unit * rng.uniform(0.0, 0.1), unit * rng.uniform(0.03, 0.08) + 0.4
        patch = blend(patch, ink, smooth_step(wide / 2 - np.abs(distance - start - wide / 2), -0.6, 0.6))
    if rng.random() < 0.25:
        chips = smooth_step(clouds(rng, distance.shape, 0.12 * unit) - 6 * distance / unit, 0.9, 1.2)
        patch = blend(patch, np.array([70, 46, 36], np.float32), 0.85 * chips)
    return patch, smooth_step(distance, -0.5, 0.5)


def brushed(rng: np.random.Generator, distance: np.ndarray, unit: float, light: bool, ink: np.ndarray):
    """Brushed brass, steel or slate with a bevel."""
    colour = pick_colour(rng, METAL_COLOURS, light)
    streaks = 0.05 * clouds(rng, distance.shape, 0.03 * unit, 2 * unit) + 0.08 * clouds(rng, distance.shape, 3 * unit)
    bevel = relief(smooth_step(distance, 0, 0.08 * unit + 1), 0.35)
    return colour * (1 + streaks + bevel)[..., None], smooth_step(distance, -0.5, 0.5)


def ceramic(rng: np.random.Generator, distance: np.ndarray, unit: float, light: bool, ink: np.ndarray):
    """A glazed tile with two border lines."""
    colour = pick_colour(rng, PLATE_COLOURS, light)
    patch = colour * (1 + 0.03 * fractal(rng, distance.shape, unit, 3))[..., None]
    start, wide = unit * rng.uniform(0.06, 0.12), 0.04 * unit + 0.3
    for place in (start, start + 2.2 * wide):
        patch = blend(patch, ink, 0.8 * smooth_step(wide / 2 - np.abs(distance - place), -0.6, 0.6))
    return patch, smooth_step(distance, -0.5, 0.5)


def painted(rng: np.random.Generator, distance: np.ndarray, unit: float, light: bool, ink: np.ndarray):
    """A field painted on the wall by hand: uneven edge, patchy cover."""
    colour = pick_colour(rng, PLATE_COLOURS, light)
    rough = distance + 0.02 * unit * fractal(rng, distance.shape, 0.3 * unit, 2)
    cover = np.clip(0.88 + 0.1 * fractal(rng, distance.shape, 0.2 * unit, 2), 0.4, 1)
    return colour * (1 + 0.03 * fractal(rng, distance.shape, unit, 2))[..., None], cover * smooth_step(rough, -0.6, 0.6)


PLATES = {"enamel": enamel, "brushed": brushed, "ceramic": ceramic, "painted": painted}


def make_plate(
    rng: np.random.Generator,
    kind: str,
    content: tuple[float, float],
    unit: float,
    light: bool,
    ink: np.ndarray,
    least_margin: float = LEAST_MARGIN,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a plate that holds a number of `content` (width, height) pixels in its middle.

    It is at least `least_margin` digits' heights larger on every side.

    Returns its picture (h, w, 3) float32 RGB and its cover (h, w) float32, 0..1, which is 0 along the frame.
    """
    margin = unit * rng.uniform(least_margin, 0.6), unit * rng.uniform(least_margin, 0.4)
    size = content[0] + 2 * margin[0], content[1] + 2 * margin[1]
    oval = rng.random() < 0.08
    if oval:
        size = 1.25 * size[0], 1.3 * size[1]
    distance = _outline(rng, size, 3, unit, oval)
    patch, cover = PLATES[kind](rng, distance, unit, light, ink)
    if kind != "painted" and margin[0] > 0.32 * unit and rng.random() < 0.7:
        patch = _add_screws(rng, patch, distance, unit)
    return patch.astype(np.float32), cover.astype(np.float32)


def _add_screws(rng: np.random.Generator, patch: np.ndarray, distance: np.ndarray, unit: float) -> np.ndarray:
    """Fix the plate with a screw at its left and right end, or in its corners."""
    height, width = distance.shape
    inset, radius = unit * 0.17 + 3, unit * 0.045 + 0.4
    levels = [height / 2] if rng.random() < 0.6 else [inset, height - inset]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    for level in levels:
        for place in (inset, width - inset):
            away = np.hypot(x - place, y - level)
            head = smooth_step(radius - away, -0.5, 0.5)
            shine = np.clip((place - x + level - y) / (3 * radius), -0.5, 0.5)
            metal_head = np.array([150, 146, 140], np.float32) * (1 + shine)[..., None]
            rim = smooth_step(1.5 * radius - away, -0.5, 0.5)
            patch = blend(patch * (1 - 0.35 * rim)[..., None], metal_head, head)
    return patch
