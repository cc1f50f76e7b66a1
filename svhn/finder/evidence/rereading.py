"""A second reading of a number that the finder is unsure of, by the general text reader, in the number's own place.

On the 261 photos of SVHN's validation it is asked about one number in three, and the whole numbers that are read rise
from 78.9 to 84.7 %; where it is asked about more it spoils others (`python -m benchmarks.finder`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from svhn.boxes import Box, Number, union
from svhn.finder.digits import FoundDigit, found_digits, probabilities_of, whole_box
from svhn.finder.evidence.asking import look_at
from svhn.finder.evidence.writing import DIGITS, Character, TextReader

# A number counts as unsure when the reading confidences of its digits multiply to less than this.
UNSURE = 0.7
# The reader's word counts from this confidence on, and with at most so many letters.
LEAST_READ, MOST_LETTERS = 0.9, 2
# What the reader sees around the number, as a share of its digits' height.
AROUND = 0.12


def is_unsure(digits: Sequence[FoundDigit]) -> bool:
    """Return whether the digits of a number may be others, or more or fewer."""
    return math.prod(digit.reading_confidence for digit in digits) < UNSURE


@dataclass(frozen=True)
class Rereading:
    """The digits of a number as the reader reads them, and its confidence, 0 to 1, in the least sure word of them."""

    digits: tuple[FoundDigit, ...]
    score: float

    @property
    def text(self) -> str:
        """The digits as a word."""
        return "".join(str(digit.label) for digit in self.digits)


def numbers_read(
    photo: np.ndarray, sure: Sequence[Number], likely: Sequence[Number], reader: TextReader
) -> list[Number]:
    """Return the numbers of a photo, those read again of which the networks are unsure.

    Parameters
    ----------
    photo : ndarray (H, W, 3) uint8, RGB
    sure : sequence of Number
        Of digits that the networks are sure of.
    likely : sequence of Number
        With digits of low scores, too. One counts where it is read and nothing is sure, and where the reader reads it
        just so, and more surely than the sure number at its place.
    reader : TextReader

    Returns
    -------
    list of Number
        Sorted by their upper left corner.
    """
    numbers = [_as_read(photo, number, _at_place(number, likely), reader) for number in sure]
    for number in likely:
        if not _at_place(number, sure) and (read := read_again(photo, found_digits(number), reader)):
            numbers.append(replace(number, digits=read.digits))
    return sorted(numbers, key=lambda number: (number.box.top, number.box.left))


def _at_place(number: Number, others: Sequence[Number]) -> list[Number]:
    return [other for other in others if number.box.intersection(other.box)]


def _as_read(photo: np.ndarray, number: Number, likely: Sequence[Number], reader: TextReader) -> Number:
    """Return a number, or what is read at its place."""
    unsure = is_unsure(found_digits(number))
    longer = [other for other in likely if len(other.digits) > len(number.digits)]
    own = read_again(photo, found_digits(number), reader) if unsure or longer else None
    for other in longer:
        read = read_again(photo, found_digits(other), reader)
        if read and read.text == other.text and (own is None or read.score > own.score):
            return replace(number, digits=read.digits)
    return replace(number, digits=own.digits) if own and unsure else number


def read_again(photo: np.ndarray, digits: Sequence[FoundDigit], reader: TextReader) -> Rereading | None:
    """Return the digits of a number as the reader reads them, or None where it is unsure itself.

    Boxes stay where the reader reads as many digits; else they are cut out of the number by its characters. How sure
    it is that there is a number does not change.

    Parameters
    ----------
    photo : ndarray (H, W, 3) uint8, RGB
    digits : sequence of FoundDigit
        Of one number, in reading order.
    reader : TextReader
    """
    words = look_at(photo, reader, _place(photo, digits))
    read = [(character, word.score) for word in words for character in word.characters if character.text in DIGITS]
    letters = sum(word.letters for word in words)
    if not read or letters > MOST_LETTERS or min(score for _, score in read) < LEAST_READ:
        return None
    if len(read) == len(digits):
        places = [(digit.box, digit.presence) for digit in digits]
    else:
        surest = max(digit.presence for digit in digits)
        places = [(_box(character, digits), surest) for character, _ in read]
    named = tuple(
        FoundDigit(box, int(character.text), presence, probabilities_of(int(character.text), score))
        for (box, presence), (character, score) in zip(places, read, strict=True)
    )
    return Rereading(named, min(score for _, score in read))


def _place(photo: np.ndarray, digits: Sequence[FoundDigit]) -> np.ndarray:
    """Return the box (4,) of what the reader sees of a number."""
    height = float(np.mean([digit.box.height for digit in digits]))
    box = np.array(union(digit.box for digit in digits).as_list(), np.float32)
    grown = box + np.float32(AROUND * height) * np.array([-1, -1, 1, 1], np.float32)
    return grown.clip(0, [photo.shape[1], photo.shape[0]] * 2).astype(np.float32)


def _box(character: Character, digits: Sequence[FoundDigit]) -> Box:
    """Return the box of a character: as wide as it was read, and as high as the digits of its line, or column."""
    number, (left, top, right, bottom) = union(digit.box for digit in digits), character.box
    if number.width >= number.height:
        top, bottom = np.median([(digit.box.top, digit.box.bottom) for digit in digits], axis=0)
    return whole_box(np.array([left, top, right, bottom]))
