"""Procedural walls and light for rendered house-number photos.

A scene is an ndarray (H, W, 3) float32, RGB, about 0..255. `unit` is the height of a digit in pixels: bricks,
boards and grain are sized by it, so that a scene looks alike at every resolution.
"""

import math
from collections.abc import Callable

import cv2
import numpy as np

from svhn.crops import LUMINANCE

WALL_COLOURS = np.array(
    [
        (236, 233, 226),
        (226, 214, 188),
        (208, 205, 200),
        (222, 186, 166),
        (205, 176, 112),
        (178, 160, 136),
        (150, 148, 146),
        (122, 116, 108),
        (150, 120, 92),
        (96, 92, 92),
        (86, 104, 98),
        (84, 112, 150),
        (112, 76, 58),
        (70, 66, 66),
        (60, 84, 70),
        (48, 52, 66),
        (150, 70, 62),
        (52, 40, 34),
    ],
    np.float32,
)
BRICK_COLOURS = np.array(
    [
        (156, 84, 64),
        (128, 70, 56),
        (176, 124, 92),
        (110, 78, 70),
        (190, 160, 120),
        (84, 62, 58),
        (214, 208, 200),
    ],
    np.float32,
)
WOOD_COLOURS = np.array(
    [
        (150, 98, 56),
        (110, 70, 42),
        (184, 140, 92),
        (82, 54, 38),
        (64, 92, 84),
        (226, 222, 212),
        (58, 74, 104),
    ],
    np.float32,
)


def luminance(colour: np.ndarray) -> np.ndarray:
    """Return the ITU-R BT.601 luminance of RGB colours, (..., 3) -> (...)."""
    return colour @ LUMINANCE


def pick_colour(rng: np.random.Generator, palette: np.ndarray, light: bool | None = None) -> np.ndarray:
    """Draw a colour of `palette` (N, 3) and vary it; `light` keeps the lighter or the darker ones only."""
    if light is not None:
        tones = luminance(palette)
        middle = 0.5 * (tones.min() + tones.max())
        palette = palette[(tones > middle) == light]
    colour = palette[rng.integers(len(palette))] * rng.uniform(0.85, 1.08)
    return np.clip(colour + rng.normal(0, 5, 3), 4, 250).astype(np.float32)


def clouds(rng: np.random.Generator, shape: tuple[int, int], rows: float, columns: float | None = None) -> np.ndarray:
    """Return smooth noise (H, W) float32, mean 0, deviation about 1; blobs have `rows` x `columns` pixels."""
    height, width = shape
    down, across = max(rows, 1.0), max(columns or rows, 1.0)
    grid = rng.standard_normal((int(height / down) + 2, int(width / across) + 2), dtype=np.float32)
    if down == across == 1.0:
        return np.ascontiguousarray(grid[:height, :width])
    scale = np.array([[1 / across, 0, rng.random()], [0, 1 / down, rng.random()]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return 1.3 * cv2.warpAffine(grid, scale, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)


def fractal(rng: np.random.Generator, shape: tuple[int, int], cell: float, octaves: int = 3) -> np.ndarray:
    """Add up `octaves` of clouds, each half as large and half as strong as the one before."""
    total = clouds(rng, shape, cell)
    for octave in range(1, octaves):
        total += clouds(rng, shape, cell / 2**octave) / 2**octave
    return total


def smooth_step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Map `values` to 0 below `low`, to 1 above `high` and smoothly between them."""
    ramp = np.clip((values - low) / (high - low), 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def blend(below: np.ndarray, above: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Lay `above` (scene or colour) over the scene `below` where `alpha` (H, W), 0..1, says so."""
    return below + alpha[..., None] * (above - below)


def relief(height_map: np.ndarray, strength: float) -> np.ndarray:
    """Return the shading (H, W), about 0, of a bumpy surface lit from the upper left."""
    kernel = np.array([[-1, -0.5, 0], [-0.5, 0, 0.5], [0, 0.5, 1]], np.float32)
    return -strength * cv2.filter2D(height_map, -1, kernel, borderType=cv2.BORDER_REFLECT)


def _turned_plane(rng: np.random.Generator, shape: tuple[int, int], degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the coordinates (H, W) in pixels across and down a surface turned by up to `degrees`."""
    angle = math.radians(rng.uniform(-degrees, degrees))
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    across = math.cos(angle) * x + math.sin(angle) * y + rng.uniform(1000, 2000)
    down = math.cos(angle) * y - math.sin(angle) * x + rng.uniform(1000, 2000)
    return across, down


def plaster(rng: np.random.Generator, shape: tuple[int, int], unit: float, light: bool | None) -> np.ndarray:
    """Rough or smooth render with faint blotches and rain streaks."""
    colour = pick_colour(rng, WALL_COLOURS, light)
    bumps = relief(fractal(rng, shape, rng.uniform(0.03, 0.1) * unit, 2), rng.uniform(0.002, 0.02))
    blotches = rng.uniform(0.01, 0.07) * fractal(rng, shape, rng.uniform(0.7, 3) * unit, 3)
    streaks = np.clip(clouds(rng, shape, 4 * unit, 0.3 * unit) - 0.6, 0, 1) * rng.uniform(0, 0.12)
    return colour * (1 + bumps + blotches - streaks)[..., None]


def concrete(rng: np.random.Generator, shape: tuple[int, int], unit: float, light: bool | None) -> np.ndarray:
    """Stone or concrete: cloudy, with specks and pits."""
    colour = pick_colour(rng, WALL_COLOURS[:10], light)
    tone = rng.uniform(0.03, 0.09) * fractal(rng, shape, unit, 5)
    pits = np.clip(clouds(rng, shape, 0.05 * unit) - 1.5, 0, 1) * rng.uniform(0.05, 0.4)
    return colour * (1 + tone - pits)[..., None]


def _masonry(
    rng: np.random.Generator,
    shape: tuple[int, int],
    cell: tuple[float, float],
    colours: tuple[np.ndarray, np.ndarray],
    *,
    joint: float,
    bond: float,
    variety: float,
    wear: float,
) -> np.ndarray:
    """Lay cells of (height, width) pixels with joints of `joint` pixels.

    `colours` are those of cell and joint, `bond` shifts every second row by a part of a cell, `variety` says
    how much the colours of the cells differ, and `wear` how uneven their edges are.
    """
    across, down = _turned_plane(rng, shape, 4)
    row = np.floor(down / cell[0])
    column = across / cell[1] + bond * (row % 2)
    index = (np.floor(column) * 7 + row * 31).astype(np.int64) % 97
    from_row = cell[0] * (0.5 - np.abs(down / cell[0] - row - 0.5))
    from_column = cell[1] * (0.5 - np.abs(column - np.floor(column) - 0.5))
    rough = wear * joint * fractal(rng, shape, 5 * joint, 3)
    body = smooth_step(np.minimum(from_row, from_column) + rough, 0.4 * joint, 0.9 * joint + 0.5)
    tones = 1 + variety * (rng.normal(0, 1, (97, 1)) + rng.normal(0, 0.3, (97, 3)))
    grain = (1 + variety * 0.3 * fractal(rng, shape, 0.15 * cell[0], 2))[..., None]
    scene = blend(colours[1] * grain, colours[0] * tones.astype(np.float32)[index] * grain, body)
    return scene * (1 + relief(body, 0.05))[..., None]


def brick(rng: np.random.Generator, shape: tuple[int, int], unit: float, light: bool | None) -> np.ndarray:
    """A brick wall with mortar."""
    course = unit * rng.uniform(0.4, 0.8)
    cell = course, course * rng.uniform(2.6, 3.6)
    colour = pick_colour(rng, BRICK_COLOURS, light)
    mortar = np.array([190, 182, 170], np.float32) if rng.random() < 0.65 else colour * 0.55
    colours = colour, mortar * rng.uniform(0.7, 1.1)
    variety = rng.uniform(0.05, 0.12)
    return _masonry(rng, shape, cell, colours, joint=0.09 * course, bond=0.5, variety=variety, wear=0.12)


def tiles(rng: np.random.Generator, shape: tuple[int, int], unit: float, light: bool | None) -> np.ndarray:
    """Glazed tiles or large ashlar blocks."""
    size = unit * rng.uniform(1.0, 3.5)
    cell = size, size * (1.0 if rng.random() < 0.7 else 1.6)
    colour = pick_colour(rng, WALL_COLOURS, light)
    colours = colour, colour * rng.uniform(0.5, 0.85)
    return _masonry(rng, shape, cell, colours, joint=0.5 + 0.025 * size, bond=0.0, variety=0.03, wear=0.03)


def boards(rng: np.random.Generator, shape: tuple[int, int], unit: float, light: bool | None) -> np.ndarray:
    """Wooden boards, upright or lying, painted or natural."""
    if rng.random() < 0.5:
        return _lying_boards(rng, shape, unit, light)
    return np.ascontiguousarray(_lying_boards(rng, shape[::-1], unit, light).transpose(1, 0, 2))


def _lying_boards(rng: np.random.Generator, shape: tuple[int, int], unit: float, light: bool | None) -> np.ndarray:
    colour = pick_colour(rng, WOOD_COLOURS, light)
    _, down = _turned_plane(rng, shape, 1.5)
    width = unit * rng.uniform(0.9, 2.6)
    board = np.floor(down / width)
    edge = down - board * width
    tone = (1 + 0.07 * rng.standard_normal(61)).astype(np.float32)[board.astype(np.int64) % 61]
    fine = clouds(rng, shape, 0.035 * unit, 2.2 * unit)
    rings = np.sin(9 * edge / unit + 2.5 * board + 2.2 * clouds(rng, shape, 0.5 * unit, 4 * unit))
    grain = rng.uniform(0.01, 0.07) * (fine + 0.8 * rings)
    gap = np.exp(-((edge / (0.03 * unit + 0.5)) ** 2)) * rng.uniform(0.3, 0.75)
    shine = np.exp(-(((edge - 0.09 * unit - 1) / (0.03 * unit + 0.5)) ** 2)) * rng.uniform(0, 0.15)
    return colour * (tone * (1 + grain - gap + shine))[..., None]


def metal(rng: np.random.Generator, shape: tuple[int, int], unit: float, light: bool | None) -> np.ndarray:
    """Painted sheet metal: smooth or corrugated doors, shutters and letter boxes."""
    colour = pick_colour(rng, WALL_COLOURS, light)
    across, _ = _turned_plane(rng, shape, 2)
    waves = np.sin(2 * np.pi * across / (unit * rng.uniform(0.5, 2)))
    waves *= rng.uniform(0.05, 0.2) if rng.random() < 0.4 else 0.0
    return colour * (1 + waves + 0.02 * fractal(rng, shape, 2 * unit, 2))[..., None]


def leaves(rng: np.random.Generator, shape: tuple[int, int], unit: float, light: bool | None) -> np.ndarray:
    """A hedge: overlapping leaves, the upper ones lighter."""
    height, width = shape
    scene = np.full((height, width, 3), (22, 32, 18), np.float32)
    size = unit * rng.uniform(0.12, 0.22)
    count = min(int(2.2 * height * width / size**2), 3000)
    places = rng.uniform((0, 0), (width, height), (count, 2)) * 8
    axes = np.maximum(size * rng.uniform((0.8, 0.35), (1.3, 0.6), (count, 2)) * 8, 8)
    greens = np.array([70, 104, 46]) * (0.35 + 0.95 * np.arange(count) / count)[:, None] + rng.normal(0, 10, (count, 3))
    turns = rng.uniform(0, 360, count)
    for place, axis, turn, green in zip(places.astype(int), axes.astype(int), turns, greens, strict=True):
        cv2.ellipse(scene, place.tolist(), axis.tolist(), turn, 0, 360, green.tolist(), -1, cv2.LINE_8, 3)
    return np.clip(scene, 0, 255)


Surface = Callable[[np.random.Generator, tuple[int, int], float, bool | None], np.ndarray]
SURFACES: dict[str, Surface] = {
    "plaster": plaster,
    "concrete": concrete,
    "brick": brick,
    "tiles": tiles,
    "boards": boards,
    "metal": metal,
}


def add_neighbour(rng: np.random.Generator, wall: np.ndarray, unit: float, reach: tuple[float, float]) -> np.ndarray:
    """Let another surface (door, window, hedge) begin left or right of the columns `reach`."""
    height, width = wall.shape[:2]
    others = [*SURFACES.values(), leaves]
    other = others[rng.integers(len(others))](rng, (height, width), unit * rng.uniform(0.7, 2), None)
    other = other * min(rng.uniform(0.2, 1.6), 1.0)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    right = rng.random() < 0.5
    free = width - reach[1] if right else reach[0]
    place = free * rng.uniform(0.15, 0.9)
    slant = rng.uniform(-0.08, 0.08) * (y - height / 2)
    beyond = (x - (width - place) if right else place - x) + slant
    joint = np.exp(-((beyond / (0.06 * unit + 0.5)) ** 2)) * rng.uniform(0, 0.7)
    scene = blend(wall, other, smooth_step(beyond, -0.7, 0.7))
    return scene * (1 - joint)[..., None]


def add_cable(rng: np.random.Generator, scene: np.ndarray, unit: float, rows: tuple[float, float]) -> np.ndarray:
    """Hang a cable or a pipe with its shadow above or below the `rows` of the number."""
    height, width = scene.shape[:2]
    level = rng.uniform(0, rows[0]) if rng.random() < 0.5 else rng.uniform(rows[1], height)
    x = np.linspace(-2, width + 2, 24)
    sag = rng.uniform(-0.2, 0.2) * unit * ((x / width - 0.5) ** 2) * 4
    thickness = max(int(rng.uniform(0.03, 0.14) * unit), 1)
    line = np.zeros((height, width), np.float32)
    points = np.rint(np.stack([x, level + sag], 1) * 8).astype(np.int32)
    cv2.polylines(line, [points], False, 1.0, thickness, cv2.LINE_8, 3)
    cable = cv2.GaussianBlur(line, (0, 0), 0.6)
    shadow = shifted(cable, 0.5 * thickness, 0.9 * thickness, 0.3 * thickness + 0.4)
    colour = pick_colour(rng, WALL_COLOURS)
    shade = 1 + relief(cv2.GaussianBlur(cable, (0, 0), 0.3 * thickness + 0.3), 0.3)
    return blend(scene * (1 - 0.45 * shadow)[..., None], colour * shade[..., None], cable)


def shifted(alpha: np.ndarray, dx: float, dy: float, blur: float) -> np.ndarray:
    """Move a coverage map (H, W) by (dx, dy) pixels and blur it: the shape of a drop shadow."""
    moved = cv2.warpAffine(alpha, np.array([[1, 0, dx], [0, 1, dy]], float), alpha.shape[::-1])
    return cv2.GaussianBlur(moved, (0, 0), max(blur, 0.2))


def daylight(rng: np.random.Generator, shape: tuple[int, int], unit: float) -> np.ndarray:
    """Return the light on a scene as factors (H, W, 3) float32: a gradient, and sometimes a cast shadow."""
    height, width = shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    ramp = (math.cos(angle) * (x - width / 2) + math.sin(angle) * (y - height / 2)) / (height + width)
    light = np.repeat((1 + rng.normal(0, 0.25) * ramp)[..., None], 3, axis=2)
    if rng.random() < 0.3:
        depth = rng.uniform(0.12, 0.5) * np.array([1.05, 1.0, 0.9], np.float32)
        light *= 1 - _shade(rng, shape, unit, ramp * (height + width))[..., None] * depth
    return light


def _shade(rng: np.random.Generator, shape: tuple[int, int], unit: float, ramp: np.ndarray) -> np.ndarray:
    """Return where a cast shadow lies (H, W), 0..1: beyond a straight edge, or dappled as under a tree."""
    if rng.random() < 0.65:
        start = rng.uniform(-0.3, 0.3) * min(shape)
        return smooth_step(ramp, start, start + unit * rng.uniform(0.03, 0.5) + 1)
    level = rng.uniform(-1, 0)
    return smooth_step(fractal(rng, shape, unit * rng.uniform(0.6, 1.6), 3), level, level + rng.uniform(1.2, 3))
