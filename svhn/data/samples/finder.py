"""The finder's training samples: a canvas of one to four pieces of photos, each moved, scaled and recoloured.

A sample is a pure function of seed and position, so a run can be repeated.
"""

import functools
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from svhn.boxes import areas_of, heights_of
from svhn.data.samples.changes import move_boxes, recolour
from svhn.data.samples.config import DEFAULT_SAMPLES, SampleConfig
from svhn.data.samples.heat_map import Targets, make_targets
from svhn.data.samples.photos import FinderPhoto, beside, shuffled
from svhn.data.samples.scenes import empty_front, empty_photo, lettered_photo, rendered_photo

# How many drawings of each kind there are; their seeds begin with a number of their own, away from those of samples.
VARIETY = 2_000
DRAWINGS = 7_919
# The strokes of digits so many times higher than the highest count as background.
FAR_ABOVE = 1.3
# A photo that would be reduced further is halved first, so that fine patterns do not turn into coarse ones.
LEAST_SCALE = 0.6


def make_batch(
    photos: Sequence[FinderPhoto], count: int, seed: int, position: int, config: SampleConfig = DEFAULT_SAMPLES
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
        asked = heights_of(moved) < FAR_ABOVE * config.digit_height[1]
        canvas[top : top + height, left : left + width] = recolour(pixels, moved, rng, config)
        clipped = np.clip(moved, 0, [width, height, width, height])[asked]
        visible.append(areas_of(clipped) / np.maximum(areas_of(moved[asked]), 1e-6))
        boxes.append(clipped + np.array([left, top, left, top]))
        labels.append(photo.labels[asked])
    joined = np.concatenate(boxes), np.concatenate(labels), np.concatenate(visible)
    return canvas, make_targets(*joined, (config.size, config.size), config)


def _cut_canvas(rng: np.random.Generator, config: SampleConfig) -> list[tuple[int, int, int, int]]:
    """Return the pieces of a canvas as (left, top, width, height)."""
    size, kind = config.size, rng.choice(3, p=np.array(config.pieces) / sum(config.pieces))
    across, down = (rng.uniform(0.4, 0.6, 2) * size).astype(int).tolist()
    columns = [(0, size)] if kind == 0 or (kind == 1 and rng.random() < 0.7) else [(0, across), (across, size - across)]
    rows = [(0, size)] if kind == 0 or (kind == 1 and len(columns) == 2) else [(0, down), (down, size - down)]
    return [(left, top, width, height) for left, width in columns for top, height in rows]


def _draw_photo(photos: Sequence[FinderPhoto], rng: np.random.Generator, config: SampleConfig) -> FinderPhoto:
    chance, photo = rng.random(), photos[int(rng.integers(len(photos)))]
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
    while scale < LEAST_SCALE:
        photo = _halve(photo)
        scale *= 2
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = scale * turn @ np.array([[stretch, shear], [0, 1 / stretch]])
    from_, to = _draw_anchor(photo, rng, linear, size, config)
    matrix = np.column_stack([linear, to - linear @ from_])
    flags = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
    return _warp(photo.pixels, matrix, size, flags, rng, config), move_boxes(photo.boxes, matrix)


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
    height = np.median(heights_of(photo.boxes))
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
