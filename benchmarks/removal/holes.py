"""Holes whose truth is known: shapes of digits and of boxes at digit-free places of pictures."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.removal.photos import Picture, SvhnPhotos
from svhn.boxes import Box
from svhn.data.samples import find_place
from svhn.torch_inpaint.removal import widen

KINDS = ("stroke", "box")
HOLE_AREA = 330
# Distances in pixels: of a hole to digit boxes, and of a crop's edge to its hole.
GAP, CONTEXT = 3, 24
TRIES = 8
LEAST_DONOR = 20


@dataclass(frozen=True)
class Hole:
    """A hole in a picture, cut out with its surroundings.

    Attributes
    ----------
    group : str
        The picture's name; a picture may have several holes.
    index : int
        The picture's number.
    kind : str
        One of `KINDS`.
    truth : ndarray (h, w, 3) uint8, RGB
        What is really there.
    mask : ndarray (h, w) bool
        True = to be filled.
    known : ndarray (h, w) bool
        True = may be learned from: outside the mask and `GAP` away from digits.
    """

    group: str
    index: int
    kind: str
    truth: np.ndarray
    mask: np.ndarray
    known: np.ndarray


def make_holes(pictures: Iterable[Picture], donors: SvhnPhotos, seed: int, per_picture: int = 1) -> list[Hole]:
    """Put holes of each kind into every picture that has room for them.

    Parameters
    ----------
    pictures : iterable of Picture
    donors : SvhnPhotos
        The digits of other photos than the picture lend their shapes.
    seed : int
        The holes of a picture depend on it and on the picture's index only.
    per_picture : int
        Number of holes of each kind.
    """
    holes = []
    for picture in pictures:
        boxes = [digit.box for digit in picture.digits]
        usable = ~_around(boxes, picture.pixels.shape[:2], GAP)
        for number, kind in enumerate(KINDS):
            rng = np.random.default_rng([seed, picture.index, number])
            found = [_make_hole(picture, usable, kind, donors, rng) for _ in range(per_picture)]
            holes += [hole for hole in found if hole is not None]
    return holes


def _make_hole(picture: Picture, usable: np.ndarray, kind: str, donors: SvhnPhotos, rng) -> Hole | None:
    """Try some shapes; None where none fits."""
    for _ in range(TRIES):
        strokes = _strokes(picture, donors, rng)
        if strokes is None:
            continue
        shape = strokes if kind == "stroke" else _box_like(strokes)
        place = find_place(usable, shape.shape, rng)
        if place is not None:
            return _cut(picture, usable, kind, shape, *place)
    return None


def _around(boxes: list[Box], shape: tuple[int, int], gap: int) -> np.ndarray:
    """Return a mask of all pixels less than `gap` from a box."""
    mask = np.zeros(shape, bool)
    for box in boxes:
        mask[box.grow(gap).clip(shape[1], shape[0]).slices] = True
    return mask


def _strokes(picture: Picture, donors: SvhnPhotos, rng: np.random.Generator) -> np.ndarray | None:
    """Return the strokes of a digit of another photo, scaled to `HOLE_AREA`, tightly cut; None for a bad draw."""
    donor = donors[int(rng.integers(len(donors)))]
    if donor.name == picture.name or not donor.digits:
        return None
    box = donor.digits[int(rng.integers(len(donor.digits)))].box
    if box.height < LEAST_DONOR or box.width < LEAST_DONOR / 4:
        return None
    gray = cv2.cvtColor(donor.pixels[box.slices], cv2.COLOR_RGB2GRAY)
    ink, scale = otsu_strokes(gray), 1.0
    if not 0.1 < ink.mean() < 0.6:
        return None
    for _ in range(3):
        scale *= np.sqrt(HOLE_AREA / max(1, _dilated(ink).sum()))
        size = [max(4, round(side * scale)) for side in gray.shape[::-1]]
        ink = otsu_strokes(cv2.resize(gray, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC))
    mask = _dilated(ink)
    return mask if 0.7 < mask.sum() / HOLE_AREA < 1.4 else None


def otsu_strokes(gray: np.ndarray) -> np.ndarray:
    """Split a digit's box (h, w) uint8 by Otsu; True for the side that is less common along the box's border."""
    _, bright = cv2.threshold(gray, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    bright = bright > 0
    border = np.concatenate([bright[0], bright[-1], bright[:, 0], bright[:, -1]])
    return ~bright if border.mean() > 0.5 else bright


def _dilated(ink: np.ndarray) -> np.ndarray:
    return widen(np.pad(ink, 1), 1)


def _box_like(strokes: np.ndarray) -> np.ndarray:
    """Return a full box of `HOLE_AREA` with about the proportions of the strokes."""
    aspect = np.clip(strokes.shape[1] / strokes.shape[0], 0.4, 1.2)
    height = round(np.sqrt(HOLE_AREA / aspect))
    return np.ones((height, round(HOLE_AREA / height)), bool)


def _cut(picture: Picture, usable: np.ndarray, kind: str, shape: np.ndarray, top: int, left: int) -> Hole:
    mask = np.zeros(usable.shape, bool)
    mask[top : top + shape.shape[0], left : left + shape.shape[1]] = shape
    box = Box(left, top, left + shape.shape[1], top + shape.shape[0]).grow(CONTEXT)
    part = box.clip(usable.shape[1], usable.shape[0]).slices
    truth = np.ascontiguousarray(picture.pixels[part])
    return Hole(picture.name, picture.index, kind, truth, mask[part], usable[part] & ~mask[part])
