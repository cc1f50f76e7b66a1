"""Boxes, digits and numbers: where the digits of a photo are and which of them belong together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from svhn.alphabet import NUM_CLASSES
from svhn.errors import InputError

# A line of digit centres steeper than this is read from top to bottom.
STEEP_DEGREES = 70.0


@dataclass(frozen=True, order=True)
class Box:
    """A rectangle of whole pixels: columns `left` to `right` - 1 and rows `top` to `bottom` - 1.

    Coordinates count from the photo's upper left corner and may lie outside the photo until `clip` is called.
    """

    left: int
    top: int
    right: int
    bottom: int

    def __post_init__(self):
        if self.right <= self.left or self.bottom <= self.top:
            raise ValueError(f"expected left < right and top < bottom, received {self.as_list()}")

    @classmethod
    def from_size(cls, left: float, top: float, width: float, height: float) -> "Box":
        """Make the smallest box of whole pixels that holds the given rectangle (SVHN's and COCO's form)."""
        right, bottom = left + width, top + height
        return cls(int(np.floor(left)), int(np.floor(top)), int(np.ceil(right)), int(np.ceil(bottom)))

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def area(self) -> int:
        return self.width * self.height

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of the box as (x, y)."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the box in an array of (rows, columns); the box must lie inside it."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def as_list(self) -> list[int]:
        return [self.left, self.top, self.right, self.bottom]

    def grow(self, pixels: int) -> "Box":
        """Move all four sides outwards by `pixels`."""
        return Box(self.left - pixels, self.top - pixels, self.right + pixels, self.bottom + pixels)

    def shift(self, dx: int, dy: int) -> "Box":
        return Box(self.left + dx, self.top + dy, self.right + dx, self.bottom + dy)

    def intersection(self, other: "Box") -> "Box | None":
        """Return the common part, or None where the boxes share no pixel."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Box(left, top, right, bottom) if left < right and top < bottom else None

    def clip(self, width: int, height: int) -> "Box | None":
        """Return the part inside a photo of `width` x `height` pixels, or None when nothing is."""
        return self.intersection(Box(0, 0, width, height))

    def inside(self, width: int, height: int) -> "Box":
        """Return the part inside a photo of `width` x `height` pixels; ValueError when nothing is."""
        part = self.clip(width, height)
        if part is None:
            raise ValueError(f"expected a box inside a photo of {width} x {height} pixels, received {self.as_list()}")
        return part

    def iou(self, other: "Box") -> float:
        """Intersection over union, 0 to 1."""
        common = self.intersection(other)
        shared = common.area if common else 0
        return shared / (self.area + other.area - shared)


def union(boxes: Iterable[Box]) -> Box:
    """Return the smallest box that holds all `boxes` (at least one)."""
    corners = np.array([box.as_list() for box in boxes])
    return Box(*corners[:, :2].min(axis=0).tolist(), *corners[:, 2:].max(axis=0).tolist())


def overlaps(box: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compare boxes (..., 4) with others, as NumPy broadcasts them: a box (4,) with boxes (N, 4), for example.

    Returns
    -------
    ndarray (...), ndarray (...)
        Intersection over union, and over the smaller of the two.
    """
    low = np.maximum(box[..., :2], boxes[..., :2])
    high = np.minimum(box[..., 2:], boxes[..., 2:])
    sides = np.maximum(high - low, 0)
    shared, area, areas = sides[..., 0] * sides[..., 1], areas_of(box), areas_of(boxes)
    return shared / (area + areas - shared), shared / np.minimum(area, areas)


def areas_of(boxes: np.ndarray) -> np.ndarray:
    """Return the areas (...) of boxes (..., 4)."""
    return (boxes[..., 2] - boxes[..., 0]) * heights_of(boxes)


def heights_of(boxes: np.ndarray) -> np.ndarray:
    """Return the heights (...) of boxes (..., 4)."""
    return boxes[..., 3] - boxes[..., 1]


@dataclass(frozen=True)
class DigitBox:
    """One digit of a photo: its box, its label 0..9 where that is known, and which number it was read with, if any."""

    box: Box
    label: int | None = None
    number: int | None = field(default=None, kw_only=True, compare=False, repr=False)

    def __post_init__(self):
        if self.label is not None and not 0 <= self.label < NUM_CLASSES:
            raise ValueError(f"expected a digit label 0..{NUM_CLASSES - 1} or None, received {self.label}")

    @property
    def confidence(self) -> float | None:
        """How sure it is that there is this digit, 0 to 1; None for a box that was given."""
        return None


def as_digits(boxes: Iterable[Any]) -> list[DigitBox]:
    """Return boxes in the forms in which people hold them as digits.

    Parameters
    ----------
    boxes : iterable of Box, DigitBox, or four numbers [left, top, right, bottom]
        For example an array (N, 4); fractions of pixels are rounded outwards.

    Raises
    ------
    InputError
        When one of them is nothing of these, or empty.
    """
    return [_as_digit(place, box) for place, box in enumerate(boxes)]


def to_arrays(digits: Iterable["DigitBox"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return digits as plain arrays.

    Returns
    -------
    boxes : ndarray (N, 4) int64
        [left, top, right, bottom] in pixels, right and bottom exclusive.
    labels : ndarray (N,) int64
        0..9; -1 where it is not known.
    confidences : ndarray (N,) float64
        0..1; NaN for a box that was given.
    """
    rows = list(digits)
    boxes = np.array([digit.box.as_list() for digit in rows], np.int64).reshape(-1, 4)
    labels = np.array([-1 if digit.label is None else digit.label for digit in rows], np.int64)
    sure = np.array([np.nan if digit.confidence is None else digit.confidence for digit in rows], np.float64)
    return boxes, labels, sure


def to_supervision(digits: Iterable["DigitBox"]) -> Any:
    """Return digits as `supervision.Detections`; ModuleNotFoundError where that package is not installed."""
    import supervision

    boxes, labels, sure = to_arrays(digits)
    confidence = None if np.isnan(sure).any() else sure
    return supervision.Detections(xyxy=boxes.astype(np.float32), class_id=labels, confidence=confidence)


def _as_digit(place: int, box: Any) -> DigitBox:
    if isinstance(box, DigitBox):
        return box
    if isinstance(box, Box):
        return DigitBox(box)
    try:
        left, top, right, bottom = (float(edge) for edge in box)
        return DigitBox(Box.from_size(left, top, right - left, bottom - top))
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"boxes[{place}]: expected a Box or [left, top, right, bottom] in pixels, received {box!r} ({error})"
        ) from error


@dataclass(frozen=True)
class Letter:
    """What belongs to a number and is no digit: a letter, a sign such as "-", or "No. ", with its box."""

    box: Box
    text: str


@dataclass(frozen=True)
class Number:
    """The digits of one house number in reading order, and the letters that were read with it."""

    digits: tuple[DigitBox, ...]
    letters: tuple[Letter, ...] = ()

    @property
    def box(self) -> Box:
        return union(digit.box for digit in self.digits)

    @property
    def text(self) -> str:
        """The number as a string; an unknown digit is a question mark."""
        return "".join("?" if digit.label is None else str(digit.label) for digit in self.digits)

    @property
    def written(self) -> str:
        """The number with its letters, as it is written: "12a", "54-56", "No. 12"."""
        parts = {id(digit.box): text for digit, text in zip(self.digits, self.text, strict=True)}
        parts |= {id(letter.box): letter.text for letter in self.letters}
        everything = [*self.digits, *(DigitBox(letter.box) for letter in self.letters)]
        return "".join(parts[id(item.box)] for item in reading_order(everything)).strip()


def clip_digits(digits: Iterable[DigitBox], width: int, height: int) -> list[DigitBox]:
    """Clip digit boxes to a photo of `width` x `height` pixels and drop those that lie wholly outside it."""
    clipped = ((digit, digit.box.clip(width, height)) for digit in digits)
    return [replace(digit, box=box) for digit, box in clipped if box is not None]


def reading_order(digits: Sequence[DigitBox]) -> list[DigitBox]:
    """Sort the digits of one number along their baseline: left to right, or downwards when it is steep."""
    if len(digits) < 2:
        return list(digits)
    centres = np.array([digit.box.centre for digit in digits])
    direction = np.linalg.svd(centres - centres.mean(axis=0), full_matrices=False)[2][0]
    if abs(direction[1]) > np.sin(np.radians(STEEP_DEGREES)):
        direction = direction * np.sign(direction[1])
    else:
        direction = direction * np.sign(direction[0])
    return [digits[i] for i in np.argsort(centres @ direction, kind="stable")]


def numbers_of(digits: Sequence[DigitBox]) -> list[Number]:
    """Return the numbers of digits: those that they were read with, of others see `group_digits`; sorted like these."""
    read = dict[int, list[DigitBox]]()
    for digit in digits:
        if digit.number is not None:
            read.setdefault(digit.number, []).append(digit)
    known = [Number(tuple(reading_order(together))) for together in read.values()]
    return sort_numbers([*known, *group_digits([digit for digit in digits if digit.number is None])])


def sort_numbers(numbers: Iterable[Number]) -> list[Number]:
    """Sort numbers by their upper left corner."""

    def corner(number: Number) -> tuple[int, int]:
        boxes = [digit.box for digit in number.digits]
        return min(box.top for box in boxes), min(box.left for box in boxes)

    return sorted(numbers, key=corner)


def group_digits(digits: Sequence[DigitBox]) -> list[Number]:
    """Group digits into numbers by their places, each in reading order; numbers are sorted by their upper left corner.

    Two digits belong together when their heights differ by less than a factor of two and the gap between their
    boxes is less than three quarters of the larger height across and less than half of it down.
    """
    sides = np.array([digit.box.as_list() for digit in digits], float).reshape(-1, 4)
    left = np.ones(len(digits), bool)
    groups: list[list[DigitBox]] = []
    for first in range(len(digits)):
        if left[first]:
            members = joined(first, sides, left)
            groups.append([digits[i] for i in members])
    return sort_numbers(Number(tuple(reading_order(group))) for group in groups)


def joined(first: int, sides: np.ndarray, left: np.ndarray) -> list[int]:
    """Take a box and all that are joined with it by neighbours out of those that are left; return them in order.

    `sides` is (N, 4) float, `left` (N,) bool, True = in no group yet; it is changed. It needs memory of N only.
    """
    left[first] = False
    members = [first]
    for member in members:  # it grows on the way
        found = np.flatnonzero(left & are_neighbours(sides[member], sides))
        left[found] = False
        members += found.tolist()
    return sorted(members)


def are_neighbours(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Tell which of the boxes (N, 4) may belong to one number with a box (4,): (N,) bool."""
    height, heights = box[3] - box[1], boxes[:, 3] - boxes[:, 1]
    larger, smaller = np.maximum(height, heights), np.minimum(height, heights)
    gap_x, gap_y = (np.maximum(box[i], boxes[:, i]) - np.minimum(box[i + 2], boxes[:, i + 2]) for i in (0, 1))
    return (larger < 2 * smaller) & (gap_x < 0.75 * larger) & (gap_y < 0.5 * larger)
