"""What a box file says of a photo, and its boxes in the pixels of that photo."""

import contextlib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np

from svhn.boxes import Box, DigitBox, reading_order
from svhn.data.formats.names import NameIndex, PhotoName
from svhn.data.formats.painted import PaintedArea, fitted_mask
from svhn.errors import InputError
from svhn.files import printable

# Left, top, width and height, whole or not.
Rectangle: TypeAlias = tuple[float, float, float, float]
Size: TypeAlias = tuple[float, float]

# No photo has so many digits; removing them would take hours.
MOST_DIGITS = 10_000
# Pixels from the corner of a photo; the largest photo that can be read has 65,535 on a side.
_MOST_COORDINATE = 1e7
# Scaling leaves fractions that mean nothing; a side so near to a whole pixel, in pixels, lies on it.
_SNAP = 0.01
# Pixels; rounding changes the shape of smaller pictures too much to tell which picture it is.
_SMALLEST_SIDE = 16
_ON_ITS_SIDE = (5, 6, 7, 8)


@dataclass(frozen=True)
class FittedDigits:
    """Digits in the pixels of one upright photo, in reading order; `change` says what was done to the listed boxes.

    `rejected` are places that somebody looked at and found to be no digits, or digits that may stay; `hole` (H, W) bool
    is what somebody painted, if anybody did.
    """

    digits: list[DigitBox]
    change: str | None = None
    rejected: tuple[DigitBox, ...] = ()
    hole: np.ndarray | None = None


@dataclass(frozen=True)
class ScoredDigit(DigitBox):
    """A listed digit that a finder found; it was `sure` of it, 0 to 1."""

    sure: float | None = None

    @property
    def confidence(self) -> float | None:
        return self.sure


@dataclass(frozen=True)
class BoxEntry:
    """What a box file says of one photo.

    Attributes
    ----------
    rectangles : sequence of (left, top, width, height)
    labels : sequence of (int or None)
        0..9, as many as there are rectangles.
    size : (width, height), optional
        Of the picture that the boxes belong to, where the file says it.
    relative : bool
        The rectangles are parts of the picture's width and height, 0 to 1, not pixels.
    rejected : BoxEntry, optional
        Boxes that somebody struck out, see `FittedDigits.rejected`.
    found : bool
        A finder found some of them; nobody drew all.
    painted : sequence of PaintedArea
        What somebody painted, to be removed whatever is there.
    confidences : sequence of (float or None)
        How sure a finder was of each digit, 0 to 1, where the file says it; results do not depend on it.
    """

    rectangles: Sequence[Rectangle] = ()
    labels: Sequence[int | None] = ()
    size: Size | None = None
    relative: bool = False
    rejected: "BoxEntry | None" = None
    found: bool = False
    painted: Sequence[PaintedArea] = ()
    confidences: Sequence[float | None] = ()

    @classmethod
    def of_digits(cls, digits: Sequence[DigitBox]) -> "BoxEntry":
        """Make the entry of digits in whole pixels."""
        boxes = [digit.box for digit in digits]
        rectangles = [(float(box.left), float(box.top), float(box.width), float(box.height)) for box in boxes]
        return cls(rectangles, [digit.label for digit in digits])

    @property
    def version(self) -> str:
        """All that it says, as text; another text may give other digits."""
        said = (list(self.rectangles), list(self.labels), self.size, self.relative)
        struck_out = f", but for {self.rejected.version}" if self.rejected else ""
        painted = f", painted {list(self.painted)!r}" if self.painted else ""
        return f"{said!r}{struck_out}{', found' if self.found else ''}{painted}"

    def listed(self) -> list[DigitBox]:
        """Return the digits as they are listed, in reading order; InputError where they are no pixels."""
        if self.relative and self.rectangles:
            raise InputError("these boxes are parts of the picture, 0 to 1; expected a photo to tell their pixels")
        self._check()
        return self._digits([Box.from_size(*rectangle) for rectangle in self.rectangles])

    def _digits(self, boxes: Sequence[Box]) -> list[DigitBox]:
        """Return the digits in reading order; `boxes` are the rectangles in pixels."""
        sure = self.confidences or [None] * len(boxes)
        rows = zip(boxes, self.labels, sure, strict=True)
        return reading_order(
            [DigitBox(box, label) if score is None else ScoredDigit(box, label, score) for box, label, score in rows]
        )

    def fit(self, width: int, height: int, orientation: int = 1) -> FittedDigits:
        """Return the digits in the pixels of an upright photo.

        Boxes of another size of the same picture are scaled. Boxes of the picture as it is stored are turned as the
        photo was, where the sizes tell that they are.

        Parameters
        ----------
        width, height : int
            Of the upright photo, in pixels.
        orientation : int
            The EXIF orientation by which it was turned, 1 to 8.

        Raises
        ------
        InputError
            When it is not certain where in this photo the boxes are.
        """
        fitted = self._fit(width, height, orientation)
        if self.painted:
            holes = [_fitted_area(area, (width, height), orientation) for area in self.painted]
            fitted = replace(fitted, hole=np.logical_or.reduce(holes))
        if self.rejected is None:
            return fitted
        return replace(fitted, rejected=tuple(self.rejected.fit(width, height, orientation).digits))

    def _fit(self, width: int, height: int, orientation: int) -> FittedDigits:
        self._check()
        if not self.rectangles:
            return FittedDigits([])
        if self.relative:
            return FittedDigits(self._scaled(self.rectangles, width, height))
        if self.size is None or self.size == (width, height):
            return FittedDigits(self.listed())
        return self._of_other_size(self.size, (width, height), orientation)

    def _of_other_size(self, size: Size, photo: Size, orientation: int) -> FittedDigits:
        self._check_inside(size)
        seen = f"a picture size of {size[0]:g} x {size[1]:g} to {photo[0]:g} x {photo[1]:g}"
        if not _is_on_its_side(size, photo, orientation):
            scaled = self._scaled(self.rectangles, photo[0] / size[0], photo[1] / size[1])
            return FittedDigits(scaled, f"boxes scaled from {seen}")
        turned = [turn_rectangle(rectangle, size, orientation) for rectangle in self.rectangles]
        scaled = self._scaled(turned, photo[0] / size[1], photo[1] / size[0])
        return FittedDigits(scaled, f"boxes turned by the EXIF orientation {orientation}, from {seen}")

    def _scaled(self, rectangles: Sequence[Rectangle], x: float, y: float) -> list[DigitBox]:
        return self._digits([_snapped((left * x, top * y, wide * x, high * y)) for left, top, wide, high in rectangles])

    def _check(self) -> None:
        """Raise InputError for more boxes than any photo has, and for boxes that cannot be in pixels."""
        if len(self.rectangles) > MOST_DIGITS:
            raise InputError(f"{len(self.rectangles):,} boxes on one photo, expected at most {MOST_DIGITS:,}")
        if not self.relative and any(map(_is_part, self.rectangles)):
            raise InputError(
                "boxes from 0 to 1, which are parts of the picture; expected pixels: multiply them by its width and "
                "height"
            )

    def _check_inside(self, size: Size) -> None:
        """Raise InputError where boxes do not belong to the size that stands beside them."""
        for left, top, wide, high in self.rectangles:
            if not (left + wide / 2 <= size[0] and top + high / 2 <= size[1]):
                raise InputError(
                    f"a box at {left:g}, {top:g} of {wide:g} x {high:g} lies outside the picture size of {size[0]:g} x "
                    f"{size[1]:g} that is listed with it; expected boxes inside it"
                )


class Annotations(Mapping[str, list[DigitBox]], ABC):
    """An opened box file or label folder: a mapping from the names in it to digits as they are listed.

    Subclasses give `__iter__`, `__len__` and `entry`. `annotations[name]` is in pixels and in reading order; `find`
    and `entry` give what is needed to place the boxes in a photo of any size.
    """

    suffixes = True

    @abstractmethod
    def entry(self, name: str) -> BoxEntry:
        """Return what is said under a name; KeyError where there is none, InputError where it cannot be used."""

    def find(self, photo: PhotoName) -> BoxEntry | None:
        """Return what is said of a photo, or None where it is not listed; InputError as `NameIndex.find`."""
        name = self._index.find(photo)
        return None if name is None else self.entry(name)

    def __getitem__(self, name: str) -> list[DigitBox]:
        return self.entry(name).listed()

    @cached_property
    def _index(self) -> NameIndex:
        return NameIndex(self, self.suffixes)


class PlainAnnotations(Annotations):
    """A mapping from file names to digits, as a format of a user's own gives it."""

    def __init__(self, photos: Mapping[str, Sequence[DigitBox]]):
        self.photos = photos

    def entry(self, name: str) -> BoxEntry:
        return BoxEntry.of_digits(self.photos[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.photos)

    def __len__(self) -> int:
        return len(self.photos)


@contextlib.contextmanager
def naming(photo: str, file: str) -> Iterator[None]:
    """Name the photo and the box file in an InputError about what the one says of the other."""
    try:
        yield
    except InputError as error:
        name, reason = printable(file), str(error)
        reason = reason if reason.startswith(name) else f"{name}: {reason}"
        raise InputError(f"{printable(photo)}: {reason}") from error


def checked_rectangle(left: float, top: float, width: float, height: float) -> Rectangle:
    """Return a rectangle of finite numbers; ValueError where it is empty or far outside any photo."""
    if not (width > 0 and height > 0):
        raise ValueError(f"expected a box with width and height above 0, received {width:g} x {height:g}")
    if max(abs(left), abs(top), width, height) > _MOST_COORDINATE:
        raise ValueError(f"expected a box near a photo, received one beyond {_MOST_COORDINATE:,.0f} pixels")
    return left, top, width, height


def same_shape(size: Size, other: Size) -> bool:
    """Tell whether two sizes are those of one picture, whose scaled sides were rounded to pixels."""
    difference = abs(size[0] * other[1] - size[1] * other[0])
    return min(*size, *other) >= _SMALLEST_SIDE and difference <= max(*size, *other)


def _is_part(rectangle: Rectangle) -> bool:
    """Tell whether a rectangle lies between 0 and 1 (or -1, where pixels are counted from 1), as no digit does."""
    left, top, width, height = rectangle
    return left >= -1 and top >= -1 and left + width <= 1 and top + height <= 1


def _is_on_its_side(size: Size, photo: Size, orientation: int) -> bool:
    """Tell whether a picture of another size is the photo as it is stored; InputError where it is not this photo."""
    if same_shape(size, photo):
        return False
    if orientation in _ON_ITS_SIDE and same_shape((size[1], size[0]), photo):
        return True
    raise InputError(
        f"its boxes are listed for a picture of {size[0]:g} x {size[1]:g} pixels, this photo has {photo[0]:g} x "
        f"{photo[1]:g}; expected boxes of the upright photo, or of the same picture in another size"
    )


def _fitted_area(area: PaintedArea, photo: tuple[int, int], orientation: int) -> np.ndarray:
    """Return what is painted as a mask (H, W) bool of the upright photo."""
    turned = area.size != photo and _is_on_its_side(area.size, photo, orientation)
    return fitted_mask(area, photo, orientation if turned else 1)


def turn_rectangle(rectangle: Rectangle, size: Size, orientation: int) -> Rectangle:
    """Turn a rectangle of a stored picture of (width, height) upright, by an EXIF orientation of 5 to 8."""
    left, top, width, height = rectangle
    from_right, from_bottom = size[0] - left - width, size[1] - top - height
    corners = {5: (top, left), 6: (from_bottom, left), 7: (from_bottom, from_right), 8: (top, from_right)}
    return *corners[orientation], height, width


def _snapped(rectangle: Rectangle) -> Box:
    """Return the smallest box of whole pixels that holds a rectangle but for a hundredth of a pixel."""
    left, top, width, height = rectangle
    columns = math.floor(left + _SNAP), math.ceil(left + width - _SNAP)
    rows = math.floor(top + _SNAP), math.ceil(top + height - _SNAP)
    return Box(columns[0], rows[0], max(columns[1], columns[0] + 1), max(rows[1], rows[0] + 1))
