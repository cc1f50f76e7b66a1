"""A second reading of the numbers that the finder is unsure of, by the general text reader, each in its own place.

It is asked in photos that show a number and little else, on the 261 of SVHN's validation about one number in three.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from svhn.boxes import Box, DigitBox, Number, overlaps, union
from svhn.finder.digits import Findings, FoundDigit, found_digits, probabilities_of, whole_box
from svhn.finder.evidence.asking import look_at
from svhn.finder.evidence.geometry import SAME
from svhn.finder.evidence.writing import DIGITS, Character, TextReader, Word

# A number counts as unsure when the reading confidences of its digits multiply to less than this.
UNSURE = 0.7
# The reader's word counts from this confidence on, and with at most so many letters; so many letters without a digit
# are a word and no number.
LEAST_READ, MOST_LETTERS, LEAST_LETTERS = 0.9, 2, 2
# What the reader sees around the number, as a share of its digits' height.
AROUND = 0.2
# A number keeps its digits where one is not read of which the networks are so sure.
SURE = 0.92


def reread(photo: np.ndarray, findings: Findings, reader: TextReader) -> Findings:
    """Return what was found in a photo, as the reader reads it where the networks are unsure.

    A number that is a word is found no more. Its digits are unsure then, and so are others that are not read.

    Parameters
    ----------
    photo : ndarray (H, W, 3) uint8, RGB
    findings : Findings
    reader : TextReader
    """
    numbers = [read for number in findings.numbers if (read := _as_read(photo, number, reader))]
    boxes = _boxes([digit for number in numbers for digit in number.digits])
    left_out = [digit for digit in findings.digits if not _is_among(digit, boxes)]
    return Findings.of(numbers, (*left_out, *findings.unsure))


def _boxes(digits: Sequence[DigitBox]) -> np.ndarray:
    return np.array([digit.box.as_list() for digit in digits], float).reshape(-1, 4)


def _is_among(digit: FoundDigit, boxes: np.ndarray) -> bool:
    """Tell whether a digit is at the place of one of the boxes (N, 4)."""
    _, covered = overlaps(np.array(digit.box.as_list(), float), boxes)
    return bool((covered > SAME).any())


def is_unsure(digits: Sequence[FoundDigit]) -> bool:
    """Return whether the digits of a number may be others, or more or fewer."""
    return math.prod(digit.reading_confidence for digit in digits) < UNSURE


def _as_read(photo: np.ndarray, number: Number, reader: TextReader) -> Number | None:
    """Return a number, or what is read at its place; None where that is a word."""
    digits = found_digits(number)
    if not is_unsure(digits):
        return number
    words = look_at(photo, reader, _place(photo, digits))
    if _is_word(words):
        return None
    read = digits_read(words, digits)
    boxes = _boxes(read)
    if not read or any(digit.presence >= SURE and not _is_among(digit, boxes) for digit in digits):
        return number
    return replace(number, digits=read)


def _is_word(words: Sequence[Word]) -> bool:
    """Tell whether letters are read where digits were found."""
    if any(word.digits or word.may_be_digits or word.score < LEAST_READ for word in words):
        return False
    return sum(word.letters for word in words) >= LEAST_LETTERS


def digits_read(words: Sequence[Word], digits: Sequence[FoundDigit]) -> tuple[FoundDigit, ...]:
    """Return the digits of a number as the reader reads them, none where it is unsure itself.

    Boxes stay where the reader reads as many digits; else they are cut out of the number by its characters. How sure
    it is that there is a number does not change.

    Parameters
    ----------
    words : sequence of Word
        Read at the number's place.
    digits : sequence of FoundDigit
        Of the number, in reading order.
    """
    read = [(character, word.score) for word in words for character in word.characters if character.text in DIGITS]
    letters = sum(word.letters for word in words)
    if not read or letters > MOST_LETTERS or min(score for _, score in read) < LEAST_READ:
        return ()
    if len(read) == len(digits):
        places = [(digit.box, digit.presence) for digit in digits]
    else:
        surest = max(digit.presence for digit in digits)
        places = [(_box(character, digits), surest) for character, _ in read]
    return tuple(
        FoundDigit(box, int(character.text), presence, probabilities_of(int(character.text), score))
        for (box, presence), (character, score) in zip(places, read, strict=True)
    )


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
