"""Digits and numbers that were found, with boxes as people draw them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from svhn.alphabet import NUM_CLASSES
from svhn.boxes import Box, DigitBox, Number, group_digits
from svhn.finder.candidates import Candidates
from svhn.finder.config import FinderConfig


@dataclass(frozen=True)
class FoundDigit(DigitBox):
    """A digit that was found.

    Attributes
    ----------
    presence : float
        How sure it is that there is a digit at all, 0 to 1.
    probabilities : tuple of float
        Of the labels 0..9.
    """

    presence: float = 0.0
    probabilities: tuple[float, ...] = field(default=(), repr=False)

    @property
    def confidence(self) -> float:
        return self.presence

    @property
    def reading_confidence(self) -> float:
        """How sure it is that there is a digit and that it is the label's, 0 to 1; of a letter, that it is there."""
        return self.presence * max(self.probabilities, default=1.0)


@dataclass(frozen=True)
class Findings:
    """What was found in a photo.

    Attributes
    ----------
    digits : tuple of FoundDigit
        Of all numbers, the surest first.
    unsure : tuple of FoundDigit
        Where there may be a digit, too: nothing that is sure enough to be one.
    numbers : tuple of Number
        As they are written.
    """

    digits: tuple[FoundDigit, ...] = ()
    unsure: tuple[FoundDigit, ...] = ()
    numbers: tuple[Number, ...] = ()

    @classmethod
    def of(cls, numbers: Iterable[Number], unsure: Sequence[FoundDigit] = ()) -> "Findings":
        """Make findings of the numbers of a photo; each digit gets the place of its number in them."""
        placed = tuple(
            replace(number, digits=tuple(replace(digit, number=place) for digit in number.digits))
            for place, number in enumerate(numbers)
        )
        digits = (digit for number in placed for digit in found_digits(number))
        return cls(tuple(sorted(digits, key=lambda digit: -digit.presence)), tuple(unsure), placed)

    @property
    def letters(self) -> tuple[FoundDigit, ...]:
        """Letters and signs that belong to numbers, as digits whose label nobody knows."""
        return tuple(
            FoundDigit(letter.box, None, number_confidence(number) or 0.0, number=place)
            for place, number in enumerate(self.numbers)
            for letter in number.letters
        )

    def drawn(self, shape: tuple[int, ...], config: FinderConfig) -> "Findings":
        """Give the boxes the slack of people who draw them, see `as_drawn`."""
        digits, unsure = (
            tuple(as_drawn(digit, shape, config) for digit in found) for found in (self.digits, self.unsure)
        )
        numbers = (
            replace(number, digits=tuple(as_drawn(digit, shape, config) for digit in found_digits(number)))
            for number in self.numbers
        )
        return Findings(digits, unsure, tuple(numbers))


def whole_box(edges: np.ndarray) -> Box:
    """Return left, top, right, bottom (4,) float in whole pixels; it is one wide and high at least."""
    left, top, right, bottom = np.rint(edges).astype(int).tolist()
    return Box(left, top, max(right, left + 1), max(bottom, top + 1))


def probabilities_of(label: int, sure: float) -> tuple[float, ...]:
    """Return the probabilities of the labels 0..9 where one has been read, `sure` 0 to 1: the others share the rest."""
    likely = np.full(NUM_CLASSES, (1 - sure) / (NUM_CLASSES - 1))
    likely[label] = sure
    return tuple(likely.tolist())


def to_digits(candidates: Candidates, shape: tuple[int, ...]) -> list[FoundDigit]:
    """Turn candidates into digits of a photo of (height, width, ...), clipped to it."""
    found = []
    for box, presence, probabilities in zip(
        candidates.boxes, candidates.presence, candidates.probabilities, strict=True
    ):
        clipped = whole_box(box).clip(shape[1], shape[0])
        if clipped:
            found.append(
                FoundDigit(clipped, int(probabilities.argmax()), float(presence), tuple(probabilities.tolist()))
            )
    return found


def as_drawn(digit: FoundDigit, shape: tuple[int, ...], config: FinderConfig) -> FoundDigit:
    """Give a digit's box the slack that people leave who draw boxes.

    The networks see digits at their own size and cannot know it: SVHN's annotators left more room around digits that
    are small in their photo. `python -m benchmarks.finder.slack` measures how much.

    Parameters
    ----------
    digit : FoundDigit
        With a tight box.
    shape : (height, width, ...)
        Of the photo in pixels.
    config : FinderConfig
        Its `slack` and `least_share` are used.

    Returns
    -------
    FoundDigit
        The same with a larger or smaller box, clipped to the photo.
    """
    box = digit.box
    share = min(max(box.height / shape[0], config.least_share), 1.0)
    tall, wide = (scale * share**-power for scale, power in config.slack)
    (x, y), width, height = box.centre, wide * box.width, tall * box.height
    left, top, right, bottom = (round(edge) for edge in (x - width / 2, y - height / 2, x + width / 2, y + height / 2))
    drawn = Box(left, top, max(right, left + 1), max(bottom, top + 1)).clip(shape[1], shape[0])
    return replace(digit, box=drawn or box)


def number_confidence(number: Number) -> float | None:
    """Return how sure it is that there is a number, 0 to 1: what `FinderConfig.min_confidence` is compared with.

    It is the presence of its surest digit, which the others vouch for; None for a number that was not found but given.
    """
    found = [digit.confidence for digit in number.digits if digit.confidence is not None]
    return max(found) if len(found) == len(number.digits) else None


def in_sure_numbers(digits: Sequence[FoundDigit], least: float) -> list[FoundDigit]:
    """Return the digits, in their order, of numbers whose surest digit has at least this presence."""
    if all(digit.presence >= least for digit in digits):
        return list(digits)
    numbers = (found_digits(number) for number in group_digits(digits))
    kept = {id(digit) for number in numbers if max(digit.presence for digit in number) >= least for digit in number}
    return [digit for digit in digits if id(digit) in kept]


def most_prominent(numbers: list[Number]) -> Number | None:
    """Return the number with the most and surest digits, or None for an empty list."""
    return max(numbers, key=lambda number: sum(digit.presence for digit in found_digits(number)), default=None)


def found_digits(number: Number) -> list[FoundDigit]:
    """Return the digits of a number that were found."""
    return [digit for digit in number.digits if isinstance(digit, FoundDigit)]
