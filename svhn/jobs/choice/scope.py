"""Which numbers a job shall care about, by where they are and how tall."""

from collections.abc import Sequence
from dataclasses import dataclass

from svhn.boxes import DigitBox, Number, numbers_of
from svhn.errors import InputError
from svhn.settings import Settings, setting


@dataclass(frozen=True)
class Area:
    """A rectangle of a photo, in pixels or in parts of its width and height.

    Attributes
    ----------
    left, top, right, bottom : float
        All from 0 to 1: parts of the upright photo. Else pixels.
    """

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not (0 <= self.left < self.right < float("inf") and 0 <= self.top < self.bottom < float("inf")):
            raise InputError(f"expected left < right and top < bottom, from 0 on, received {self}")

    @classmethod
    def parse(cls, text: str) -> "Area":
        """Turn "0,0.5,1,1", the lower half, or "120,40,300,200", pixels, into a region."""
        try:
            left, top, right, bottom = (float(edge) for edge in text.split(","))
        except ValueError:
            raise InputError(
                f"expected LEFT,TOP,RIGHT,BOTTOM in pixels or in parts of the photo, for example 0,0.5,1,1, received "
                f"{text!r}"
            ) from None
        return cls(left, top, right, bottom)

    def holds(self, point: tuple[float, float], width: int, height: int) -> bool:
        """Tell whether a point (x, y) of a photo of `width` x `height` pixels lies in it."""
        across, down = (width, height) if max(self.right, self.bottom) <= 1 else (1, 1)
        return self.left * across <= point[0] < self.right * across and self.top * down <= point[1] < self.bottom * down

    def __str__(self) -> str:
        return f"{self.left:g},{self.top:g},{self.right:g},{self.bottom:g}"


@dataclass(frozen=True)
class Scope(Settings):
    """Which numbers of a photo are removed; the others stay, and `strict` does not look for them. By default all are.

    A number is in or out as a whole: by its middle, and by the height of its tallest digit.

    Attributes
    ----------
    only_region : tuple of Area
        Numbers elsewhere stay; where there is none, the whole photo counts.
    exclude_region : tuple of Area
        Numbers there stay.
    min_height : int
        Numbers whose digits are lower, in pixels, stay.
    """

    only_region: tuple[Area, ...] = setting(
        (),
        metavar="L,T,R,B",
        help="Remove numbers here only: pixels or parts of the photo, for example 0,0.5,1,1.",
    )
    exclude_region: tuple[Area, ...] = setting(
        (), metavar="L,T,R,B", help="Leave numbers in this part of the photos as they are, for example 0,0,640,100."
    )
    min_height: int = setting(0, least=0, help="Leave numbers whose digits are lower, in pixels, for example 12.")

    @property
    def is_all(self) -> bool:
        """Whether every number counts."""
        return self == Scope()

    def numbers(self, numbers: Sequence[Number], width: int, height: int) -> list[Number]:
        """Return the numbers that count, of a photo of `width` x `height` pixels."""
        return [number for number in numbers if self._counts(number, width, height)]

    def digits(self, digits: Sequence[DigitBox], width: int, height: int) -> list[DigitBox]:
        """Return the digits of the numbers that count, in the order in which they were given."""
        if self.is_all:
            return list(digits)
        chosen = {id(digit) for number in self.numbers(numbers_of(digits), width, height) for digit in number.digits}
        return [digit for digit in digits if id(digit) in chosen]

    def _counts(self, number: Number, width: int, height: int) -> bool:
        def among(regions: tuple[Area, ...]) -> bool:
            return any(region.holds(number.box.centre, width, height) for region in regions)

        tall = max(digit.box.height for digit in number.digits) >= self.min_height
        return tall and (not self.only_region or among(self.only_region)) and not among(self.exclude_region)
