"""Training samples of the finisher: digit-free places of photos, with holes whose truth is known."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from svhn.data.render import ALL_TYPEFACES, BRUSH, draw_digits
from svhn.data.samples.photos import FinderPhoto
from svhn.errors import InputError

# Side of a patch in pixels.
SIDE = 64
# Least numbers of pixels in a hole, and of known ones around it.
LEAST_HOLE = 40
LEAST_KNOWN = 60
# Pixels between a hole and a digit of the photo, and between a hole and the photo's edge.
GAP = 3
EDGE = 2
# Photos that are drawn until one has room for a hole.
TRIES = 2_000
FACES = (*ALL_TYPEFACES, BRUSH, BRUSH, BRUSH)


@dataclass(frozen=True)
class HoleConfig:
    """What holes look like.

    Attributes
    ----------
    height : (lowest, highest)
        Of a hole in pixels.
    boxes, pairs : float
        Share of the holes that are whole boxes, and that are two digits; the others are one digit's strokes.
    widest : int
        Strokes are widened by 1 to this many pixels.
    reduced : float
        Share of the large photos that are reduced first, to two fifths or more.
    wander : int
        The hole's middle lies up to this far from the patch's, in pixels.
    """

    height: tuple[float, float] = (12.0, 44.0)
    boxes: float = 0.3
    pairs: float = 0.2
    widest: int = 3
    reduced: float = 0.4
    wander: int = 8


@dataclass(frozen=True)
class HolePatch:
    """A part of a photo, at most `SIDE` pixels wide and high.

    Attributes
    ----------
    pixels : ndarray (h, w, 3) uint8, RGB
        What is really there.
    mask : ndarray (h, w) bool
        True = the hole.
    known : ndarray (h, w) bool
        True = background beside it; neither is what may show a digit of the photo.
    """

    pixels: np.ndarray
    mask: np.ndarray
    known: np.ndarray


def make_patch(photos: Sequence[FinderPhoto], rng: np.random.Generator, config: HoleConfig = HoleConfig()) -> HolePatch:
    """Put a hole somewhere into one of the photos, beside its digits.

    Parameters
    ----------
    photos : sequence of FinderPhoto
        With all their digits.
    rng : Generator
    config : HoleConfig

    Raises
    ------
    InputError
        When no photo with room for one is found.
    """
    for _ in range(TRIES):
        photo = photos[int(rng.integers(len(photos)))]
        pixels, boxes = photo.pixels, photo.boxes
        if rng.random() < config.reduced and min(pixels.shape[:2]) > 50:
            scale = rng.uniform(0.4, 1)
            pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            boxes = boxes * scale
        free = np.ones(pixels.shape[:2], bool)
        for left, top, right, bottom in np.rint(boxes).astype(int).tolist():
            free[max(top - GAP, 0) : bottom + GAP, max(left - GAP, 0) : right + GAP] = False
        shape = _draw_shape(rng, config)
        corner = find_place(free, shape.shape, rng)
        patch = _cut(pixels, free, shape, corner, rng, config.wander) if corner else None
        if patch and patch.mask.sum() >= LEAST_HOLE and patch.known.sum() >= LEAST_KNOWN:
            return patch
    raise InputError(
        f"{len(photos)} photos: no room for holes beside their digits; give photos that show more than their number"
    )


def _draw_shape(rng: np.random.Generator, config: HoleConfig) -> np.ndarray:
    """Draw a hole, (h, w) bool."""
    height = int(np.exp(rng.uniform(*np.log(config.height))))
    kind = rng.random()
    if kind < config.boxes:
        return np.ones((height, max(4, round(height * rng.uniform(0.35, 1.3)))), bool)
    count = 2 if kind < config.boxes + config.pairs else 1
    labels = tuple(rng.integers(0, 10, count).tolist())
    cover = np.concatenate(draw_digits(rng, labels, str(rng.choice(FACES)), height), axis=1)
    size = 2 * int(rng.integers(1, config.widest + 1)) + 1
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    strokes = cv2.dilate(np.pad(cover > 0.3, 4).astype(np.uint8), disk) > 0
    rows, columns = np.flatnonzero(strokes.any(axis=1)), np.flatnonzero(strokes.any(axis=0))
    return strokes[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else strokes


def find_place(free: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> tuple[int, int] | None:
    """Draw the upper left corner (row, column) of a free rectangle, `EDGE` pixels inside; None where there is none.

    Parameters
    ----------
    free : ndarray (H, W) bool
    size : (height, width) of the rectangle in pixels
    rng : Generator
    """
    height, width = size
    if free.shape[0] < height + 2 * EDGE or free.shape[1] < width + 2 * EDGE:
        return None
    total = cv2.integral((~free).astype(np.uint8))
    count = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    places = np.argwhere(count[EDGE : count.shape[0] - EDGE, EDGE : count.shape[1] - EDGE] == 0)
    return tuple((places[rng.integers(len(places))] + EDGE).tolist()) if len(places) else None


def _cut(
    pixels: np.ndarray, free: np.ndarray, shape: np.ndarray, corner: tuple[int, int], rng: np.random.Generator, far: int
) -> HolePatch:
    mask, (top, left) = np.zeros(free.shape, bool), corner
    mask[top : top + shape.shape[0], left : left + shape.shape[1]] = shape
    middle = np.array(corner) + np.array(shape.shape) // 2 + rng.integers(-far, far + 1, 2)
    rows, columns = (slice(max(first, 0), first + SIDE) for first in (middle - SIDE // 2).tolist())
    mask, free = mask[rows, columns], free[rows, columns]
    return HolePatch(np.ascontiguousarray(pixels[rows, columns]), mask, free & ~mask)
