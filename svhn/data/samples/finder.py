"""The finder's training samples: a canvas of one to four pieces of photos, each moved, scaled and recoloured.

A sample is a pure function of seed and position, so a run can be repeated.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from svhn.data.samples.photos import (
    FinderPhoto,
    beside,
    empty_front,
    empty_photo,
    lettered_photo,
    rendered_photo,
    shuffled,
)

# How many drawings of each kind there are; seeds of their own, away from those of the samples.
VARIETY, DRAWINGS = 2_000, 7_919
# Cells of the network's output per pixel of its input, in each direction.
STRIDE = 4
# Digits of heights between these factors of the lowest and highest are asked for; a little beyond they are ignored,
# and far above them their strokes count as background.
BELOW, ABOVE, FAR_ABOVE = 0.8, 1.1, 1.3


@dataclass(frozen=True)
class SampleConfig:
    """What samples look like.

    Attributes
    ----------
    size : int
        Side of the square canvas in pixels.
    digit_height : (lowest, highest)
        Height of the digits in pixels, log-uniform between the two.
    close : float
        Share of pieces that show digits larger than that; the network shall not take their strokes for digits.
    rendered, empty : float
        Shares of pieces from rendered photos and mostly without digits: scenes, words, parts of photos, photos in
        shreds. The rest comes from photos.
    plain, scene : float
        Shares of pieces with one colour, and with a scene without digits, where the photo ends; else its border is
        repeated.
    pieces : shares of canvases of one, two and four pieces
    inversion, recolour, blur, noise, compression, coarse, cutout : float
        Probability that a piece gets inverted, its channels permuted, blurred, noisy, compressed as JPEG, coarser,
        or has a small part covered.
    rotation, shear, log_stretch : float
        Largest turn in radians, slant, and stretch, either way. Never flips: a mirrored digit is another digit.
    least_visible : float
        A digit of which a smaller part is on the canvas is ignored, neither asked for nor forbidden.
    """

    size: int = 128
    digit_height: tuple[float, float] = (9.0, 50.0)
    close: float = 0.15
    rendered: float = 0.12
    empty: float = 0.28
    plain: float = 0.2
    scene: float = 0.2
    pieces: tuple[float, float, float] = (0.2, 0.3, 0.5)
    inversion: float = 0.3
    recolour: float = 0.3
    blur: float = 0.3
    noise: float = 0.3
    compression: float = 0.2
    coarse: float = 0.15
    cutout: float = 0.3
    rotation: float = 0.2
    shear: float = 0.2
    log_stretch: float = 0.15
    least_visible: float = 0.7


@dataclass(frozen=True)
class Targets:
    """What the network shall answer on a grid of (H / 4, W / 4) cells.

    Attributes
    ----------
    heat : ndarray (h, w) float32
        1 in the cell of a digit's centre, falling to 0 around it; -1 where nothing is asked.
    weight : ndarray (h, w) float32
        How much the cell's label and box count; the cells of one digit add up to 1.
    label : ndarray (h, w) int32
    box : ndarray (h, w, 4) float32
        Centre x and y relative to the cell's middle, width and height, in pixels.
    """

    heat: np.ndarray
    weight: np.ndarray
    label: np.ndarray
    box: np.ndarray


def make_batch(
    photos: Sequence[FinderPhoto], count: int, seed: int, position: int, config: SampleConfig = SampleConfig()
) -> tuple[np.ndarray, ...]:
    """Make the batch number `position` of a run.

    Returns
    -------
    images : ndarray (count, size, size, 3) uint8, RGB
    heat, weight, label, box : ndarray
        The fields of `Targets`, stacked.
    """
    rng = np.random.default_rng([seed, position])
    images, targets = zip(*(make_sample(photos, rng, config) for _ in range(count)), strict=True)
    fields = ([getattr(target, name) for target in targets] for name in ("heat", "weight", "label", "box"))
    return np.stack(images), *(np.stack(field) for field in fields)


def make_sample(
    photos: Sequence[FinderPhoto], rng: np.random.Generator, config: SampleConfig
) -> tuple[np.ndarray, Targets]:
    """Make one canvas (size, size, 3) uint8 and its targets."""
    canvas = np.empty((config.size, config.size, 3), np.uint8)
    boxes, labels, visible = [], [], []
    for left, top, width, height in _cut_canvas(rng, config):
        photo = _draw_photo(photos, rng, config)
        pixels, moved = _place(photo, rng, (width, height), config)
        asked = moved[:, 3] - moved[:, 1] < FAR_ABOVE * config.digit_height[1]
        canvas[top : top + height, left : left + width] = recolour(pixels, moved, rng, config)
        clipped = np.clip(moved, 0, [width, height, width, height])[asked]
        visible.append(_areas(clipped) / np.maximum(_areas(moved[asked]), 1e-6))
        boxes.append(clipped + np.array([left, top, left, top]))
        labels.append(photo.labels[asked])
    joined = np.concatenate(boxes), np.concatenate(labels), np.concatenate(visible)
    return canvas, make_targets(*joined, (config.size, config.size), config)


def make_targets(
    boxes: np.ndarray,
    labels: np.ndarray,
    visible: np.ndarray,
    size: tuple[int, int],
    config: SampleConfig = SampleConfig(),
) -> Targets:
    """Turn boxes into what each cell shall answer.

    Parameters
    ----------
    boxes : ndarray (N, 4) float
        Left, top, right, bottom, clipped to the canvas.
    labels : ndarray (N,) int
    visible : ndarray (N,) float
        Part of each digit that is on the canvas, 0..1.
    size : (width, height) of the canvas in pixels
    config : SampleConfig
        Gives `digit_height`, beyond which digits are not asked for, and `least_visible`.
    """
    columns, rows = size[0] // STRIDE, size[1] // STRIDE
    x, y = (np.arange(columns) + 0.5) * STRIDE, (np.arange(rows)[:, None] + 0.5) * STRIDE
    heat, label = np.zeros((rows, columns), np.float32), np.zeros((rows, columns), np.int32)
    box = np.zeros((rows, columns, 4), np.float32)
    box[..., 2:] = 1
    ignored, owner = np.zeros((rows, columns), bool), np.zeros((rows, columns), np.int64)
    for number, ((left, top, right, bottom), name, part) in enumerate(zip(boxes, labels, visible, strict=True)):
        width, height = right - left, bottom - top
        outside = height > ABOVE * config.digit_height[1] or height < BELOW * config.digit_height[0] or width < 2
        if part < config.least_visible or outside:
            if part > 0:
                ignored |= (x > left - 2) & (x < right + 2) & (y > top - 2) & (y < bottom + 2)
            continue
        centre_x, centre_y = (left + right) / 2, (top + bottom) / 2
        spread_x, spread_y = max(0.16 * width, 2.2), max(0.13 * height, 2.2)
        bell = np.exp(-(((x - centre_x) / spread_x) ** 2) / 2 - ((y - centre_y) / spread_y) ** 2 / 2)
        cell = min(int(centre_y / STRIDE), rows - 1), min(int(centre_x / STRIDE), columns - 1)
        bell[cell] = 1
        nearer = bell > heat
        heat[nearer], label[nearer], owner[nearer] = bell[nearer], name, number
        offsets = np.broadcast_arrays(centre_x - x, centre_y - y, width, height)
        box[nearer] = np.stack(offsets, -1)[nearer]
    weight = np.where(heat > 0.3, heat, 0)
    weight = weight / np.maximum(np.bincount(owner.ravel(), weight.ravel())[owner], 1e-6)
    heat = np.where(ignored & (heat < 0.3), -1, heat)
    return Targets(heat.astype(np.float32), weight.astype(np.float32), label, box)


def _cut_canvas(rng: np.random.Generator, config: SampleConfig) -> list[tuple[int, int, int, int]]:
    """Return the pieces of a canvas as (left, top, width, height)."""
    size, kind = config.size, rng.choice(3, p=np.array(config.pieces) / sum(config.pieces))
    across, down = (rng.uniform(0.4, 0.6, 2) * size).astype(int).tolist()
    columns = [(0, size)] if kind == 0 or (kind == 1 and rng.random() < 0.7) else [(0, across), (across, size - across)]
    rows = [(0, size)] if kind == 0 or (kind == 1 and len(columns) == 2) else [(0, down), (down, size - down)]
    return [(left, top, width, height) for left, width in columns for top, height in rows]


def _draw_photo(photos: Sequence[FinderPhoto], rng: np.random.Generator, config: SampleConfig) -> FinderPhoto:
    chance, photo = rng.random(), photos[rng.integers(len(photos))]
    if chance < config.empty:
        kind = rng.integers(6)
        if kind == 0:
            return shuffled(photo, rng)
        strip = beside(photo, rng) if kind < 3 else None
        return strip or _drawn((empty_photo, empty_front, lettered_photo)[rng.integers(3)], rng)
    return _drawn(rendered_photo, rng) if chance < config.empty + config.rendered else photo


def _drawn(draw: Callable[[np.random.Generator], FinderPhoto], rng: np.random.Generator) -> FinderPhoto:
    """Return one of `VARIETY` drawings, which take longer to make than to move and recolour."""
    return _draw_once(draw, int(rng.integers(VARIETY)))


@functools.cache
def _draw_once(draw: Callable[[np.random.Generator], FinderPhoto], number: int) -> FinderPhoto:
    return draw(np.random.default_rng([DRAWINGS, number]))


def _place(
    photo: FinderPhoto, rng: np.random.Generator, size: tuple[int, int], config: SampleConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Move a photo into a piece of (width, height); return its pixels and boxes (N, 4) there."""
    angle, shear = rng.uniform(-1, 1, 2) * [config.rotation, config.shear] * rng.choice([0.3, 1.0])
    stretch = np.exp(rng.uniform(-1, 1) * config.log_stretch / 2)
    scale = _draw_scale(photo, rng, size, config)
    while scale < 0.6:  # so that fine patterns do not turn into coarse ones
        photo, scale = _halve(photo), 2 * scale
    pixels, boxes = photo.pixels, photo.boxes
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = scale * turn @ np.array([[stretch, shear], [0, 1 / stretch]])
    from_, to = _draw_anchor(photo, rng, linear, size, config)
    matrix = np.column_stack([linear, to - linear @ from_])
    flags = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
    return _warp(pixels, matrix, size, flags, rng, config), move_boxes(boxes, matrix)


def _warp(
    pixels: np.ndarray,
    matrix: np.ndarray,
    size: tuple[int, int],
    flags: int,
    rng: np.random.Generator,
    config: SampleConfig,
) -> np.ndarray:
    """Warp a photo; what lies around it repeats its border, is of one colour, or is a wall, window or railing."""
    kind = rng.choice(3, p=(1 - config.plain - config.scene, config.plain, config.scene))
    if kind == 0:
        return cv2.warpAffine(pixels, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    if kind == 1:
        colour = _border_colour(pixels, rng)
        return cv2.warpAffine(pixels, matrix, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=colour)
    scene = _drawn(empty_photo, rng).pixels[: size[1], : size[0]].copy()
    return cv2.warpAffine(pixels, matrix, size, dst=scene, flags=flags, borderMode=cv2.BORDER_TRANSPARENT)


def _halve(photo: FinderPhoto) -> FinderPhoto:
    height, width = (max(side // 2, 1) for side in photo.pixels.shape[:2])
    factors = np.array([width, height] * 2, np.float32) / (photo.pixels.shape[1::-1] * 2)
    pixels = cv2.resize(photo.pixels, (width, height), interpolation=cv2.INTER_AREA)
    return FinderPhoto(pixels, photo.boxes * factors, photo.labels)


def _draw_scale(photo: FinderPhoto, rng: np.random.Generator, size: tuple[int, int], config: SampleConfig) -> float:
    if not len(photo.boxes):
        return float(np.exp(rng.uniform(np.log(0.5), np.log(2))))
    low, high = np.log(config.digit_height)
    height = np.median(photo.boxes[:, 3] - photo.boxes[:, 1])
    if rng.random() < config.close:
        return float(min(np.exp(high + rng.uniform(0.1, 1.4)) / height, 6.0))
    low += np.log(2) * (min(size) == config.size)  # small digits would leave most of a large piece empty
    wanted = np.exp(rng.uniform(low, high)) / height
    extent = photo.boxes[:, 2:].max(axis=0) - photo.boxes[:, :2].min(axis=0)
    fitting = float((np.array(size) / extent).min()) * rng.uniform(0.6, 1.1)
    return float(np.clip(wanted, 0.02, min(fitting, 3.5)))


def _draw_anchor(photo: FinderPhoto, rng: np.random.Generator, linear: np.ndarray, size, config: SampleConfig):
    """Draw a point of the photo and the point of the piece where it shall lie; mostly the number stays inside."""
    if not len(photo.boxes):
        return rng.uniform(0, 1, 2) * photo.pixels.shape[1::-1], rng.uniform(0, 1, 2) * size
    low, high = photo.boxes[:, :2].min(axis=0), photo.boxes[:, 2:].max(axis=0)
    wide = np.abs(linear) @ (high - low)
    if rng.random() < 0.1 or (wide > np.array(size) * 1.2).any():
        return rng.uniform(low, high), rng.uniform(0, 1, 2) * size
    room = np.array(size) - wide
    return (low + high) / 2, np.array(size) / 2 + rng.uniform(-0.5, 0.5, 2) * np.maximum(room, 4)


def _border_colour(pixels: np.ndarray, rng: np.random.Generator) -> list[float]:
    colour = pixels.mean(axis=(0, 1)) if rng.random() < 0.5 else rng.uniform(0, 255, 3)
    return colour.tolist()


def move_boxes(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Map boxes; a turned box becomes the mean of the box around it and one of its own size."""
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    centres = centres @ matrix[:, :2].T + matrix[:, 2]
    around = sizes @ np.abs(matrix[:, :2]).T
    own = sizes * np.linalg.norm(matrix[:, :2], axis=0)
    half = (around + own) / 4
    return np.concatenate([centres - half, centres + half], axis=1)


def _areas(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def recolour(pixels: np.ndarray, boxes: np.ndarray, rng: np.random.Generator, config: SampleConfig) -> np.ndarray:
    """Change light, colours and sharpness of a piece (H, W, 3) uint8 at random."""
    chances = rng.random(7)
    if chances[0] < config.coarse:
        factor = rng.uniform(0.4, 0.9)
        small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        pixels = cv2.resize(small, pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    if chances[1] < config.blur:
        pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 1.4))
    if chances[2] < config.cutout and len(boxes):
        pixels = _cover(pixels, boxes[rng.integers(len(boxes))], rng)
    values = pixels.astype(np.float32)
    if chances[3] < config.recolour:
        values = values[..., rng.permutation(3)]
    if chances[4] < config.inversion:
        values = 255 - values
    mean = values.mean(axis=(0, 1))
    gain, tint = np.float32(np.exp(rng.uniform(-0.6, 0.3))), np.exp(rng.normal(0, 0.05, 3)).astype(np.float32)
    values = values * (gain * tint) + (mean * (1 - gain) + rng.uniform(-25, 25)) * tint
    if chances[5] < config.noise:
        values += rng.uniform(1, 12) * rng.standard_normal(values.shape, np.float32)
    pixels = np.clip(values, 0, 255).astype(np.uint8)
    if chances[6] < config.compression:
        coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 85))])[1]
        pixels = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return pixels


def _cover(pixels: np.ndarray, box: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cover a square of a quarter to a half of a digit's height somewhere on the digit."""
    side = (box[3] - box[1]) * rng.uniform(0.2, 0.45)
    left, top = rng.uniform(box[:2], box[2:]) - side / 2
    rows, columns = (slice(max(int(start), 0), max(int(start + side), 0)) for start in (top, left))
    pixels = pixels.copy()
    pixels[rows, columns] = pixels.mean(axis=(0, 1)) if rng.random() < 0.5 else rng.uniform(0, 255, 3)
    return pixels
