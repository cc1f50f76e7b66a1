"""Numbers as they are written: which digits are one number, what a sure reading says of them, and their letters."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from svhn.boxes import Letter, Number, group_digits, overlaps, reading_order, sort_numbers
from svhn.finder.digits import FoundDigit, found_digits, probabilities_of, whole_box
from svhn.finder.evidence.fusion import is_other_number
from svhn.finder.evidence.geometry import SAME
from svhn.finder.evidence.writing import DIGITS, Character, TextRegion, Word

# A reading from this confidence on says which digits a number has; from the second on, which number a digit is of, and
# which letters go with it.
SURE_READING, SURE_WORD = 0.95, 0.75
# What stands between digits, and what in front of a number.
SIGNS = frozenset("-\N{EN DASH}/")
PREFIXES = frozenset({"no", "nr", "n\N{DEGREE SIGN}", "n\N{MASCULINE ORDINAL INDICATOR}", "\N{NUMERO SIGN}", "#"})
# More letters in a word with digits are not of a house number.
MOST_LETTERS = 2
# In a word so much higher than its digits the reader's boxes tell nothing.
TOO_HIGH = 2.0
# A digit with the label of a character is at its place when they share this part of the smaller one.
LEAST_SAME = 0.25
# How far beyond a word's box, in its smaller side, a digit may be centred that is of the word.
RIM = 0.25
# A letter or prefix apart from its number is at most so far from it, and differs by at most this factor in height.
APART, ALIKE = 0.8, 1.8


def numbers_as_written(digits: Sequence[FoundDigit], regions: Sequence[TextRegion]) -> list[Number]:
    """Return the numbers of a photo, each in reading order; they are sorted by their upper left corner.

    What stands in one word is one number ("54-56"), what stands in two words of several digits each are two, even if
    they are close. A sure reading decides which digits they have. Letters beside digits, "12a" or "No. 12", go with
    their number.

    Parameters
    ----------
    digits : sequence of FoundDigit
    regions : sequence of TextRegion
        What is read in the photo.
    """
    words = [word for region in regions for word in region.words if reads_digits(word)]
    groups = [found_digits(number) for number in group_digits(digits)]
    word_of = {id(digit): _word_of(digit, words) for digit in digits}
    for word in words:
        groups = _joined(groups, [digit for digit, own in word_of.items() if own is word])
    parts = [part for group in groups for part in _split(group, [word_of[id(digit)] for digit in group])]
    numbers = [_as_read(part, [word_of[id(digit)] for digit in part], regions) for part in parts]
    return sort_numbers(numbers)


def reads_digits(word: Word) -> bool:
    """Tell whether a word may be of house numbers: digits, perhaps with letters and signs."""
    return bool(word.digits) and word.letters <= MOST_LETTERS and word.score >= SURE_WORD and not is_other_number(word)


def _word_of(digit: FoundDigit, words: Sequence[Word]) -> Word | None:
    """Return the word in whose box a digit is centred, or at whose rim, where narrow digits may be; else None."""
    outside = [_outside(word, digit.box.centre) for word in words]
    return words[int(np.argmin(outside))] if words and min(outside) <= RIM else None


def _outside(word: Word, point: Sequence[float]) -> float:
    """Return how far a point (x, y) lies outside a word's box, in that box's smaller side; 0 inside."""
    left, top, right, bottom = word.box
    beyond = max(left - point[0], point[0] - right, top - point[1], point[1] - bottom, 0.0)
    return float(beyond / max(min(bottom - top, right - left), 1.0))


def _joined(groups: list[list[FoundDigit]], own: Collection[int]) -> list[list[FoundDigit]]:
    """Join the groups that have digits in a word; `own` are the ids of those digits."""
    inside = [group for group in groups if any(id(digit) in own for digit in group)]
    rest = [group for group in groups if all(id(digit) not in own for digit in group)]
    return [*rest, [digit for group in inside for digit in group]] if inside else rest


def _split(group: list[FoundDigit], words: Sequence[Word | None]) -> list[list[FoundDigit]]:
    """Split a group of which several words have several digits; what no word has stays with its nearest digit."""
    parts: dict[int, list[FoundDigit]] = {}
    for digit, word in zip(group, words, strict=True):
        if word is not None and word.digits > 1:
            parts.setdefault(id(word), []).append(digit)
    found = [part for part in parts.values() if len(part) > 1]
    if len(found) < 2:
        return [group]
    kept = {id(digit) for part in found for digit in part}
    for digit in group:
        if id(digit) not in kept:
            min(found, key=lambda part: min(_distance(digit, other) for other in part)).append(digit)
    return found


def _distance(digit: FoundDigit, other: FoundDigit) -> float:
    return float(np.hypot(*np.subtract(digit.box.centre, other.box.centre)))


def _as_read(group: Sequence[FoundDigit], words: Sequence[Word | None], regions: Sequence[TextRegion]) -> Number:
    """Return the number of some digits, as the word that they are of reads it, with its letters."""
    own = {id(word): word for word in words if word is not None}
    if len(own) != 1:  # of none, or in a column of them
        return Number(tuple(reading_order(group)))
    (word,) = own.values()
    inside = [digit for digit, other in zip(group, words, strict=True) if other is word]
    outside = [digit for digit, other in zip(group, words, strict=True) if other is None]
    if word.score >= SURE_READING and not _is_too_high(word, inside):
        inside = _named(inside, word)
    letters = [*_letters_in(word), *_letters_beside(word, regions)] if len(inside) == word.digits else []
    return Number(tuple(reading_order([*inside, *outside])), tuple(letters))


def _is_too_high(word: Word, digits: Sequence[FoundDigit]) -> bool:
    """Tell whether a word is drawn so much higher than its digits, which happens to the reader in large photos."""
    heights = [character.box[3] - character.box[1] for character in word.characters]
    return bool(np.median(heights) > TOO_HIGH * np.median([digit.box.height for digit in digits]))


def _named(digits: Sequence[FoundDigit], word: Word) -> list[FoundDigit]:
    """Return the digits that a word reads, each with the box of the found digit at its place, where there is one.

    Others beside its characters stay.
    """
    left, named = list(digits), []
    for character in word.characters:
        if character.text in DIGITS:
            found = _at(character, left)
            left = [digit for digit in left if digit is not found]
            named.append(_digit_of(character, word.score, found))
    return [*named, *(digit for digit in left if all(_at(character, [digit]) is None for character in word.characters))]


def _at(character: Character, digits: Sequence[FoundDigit]) -> FoundDigit | None:
    """Return the digit at the place of a character, or None; of several the one that it names."""
    if not digits:
        return None
    covered = overlaps(character.box, np.array([digit.box.as_list() for digit in digits], float))[1]
    fits = [
        (str(digit.label) == character.text, share, place)
        for place, (digit, share) in enumerate(zip(digits, covered, strict=True))
        if share > (LEAST_SAME if str(digit.label) == character.text else SAME)
    ]
    return digits[max(fits)[2]] if fits else None


def _digit_of(character: Character, sure: float, found: FoundDigit | None) -> FoundDigit:
    label = int(character.text)
    if found is None:
        return FoundDigit(whole_box(character.box), label, sure, probabilities_of(label, sure))
    return found if found.label == label else replace(found, label=label, probabilities=probabilities_of(label, sure))


def _letters_in(word: Word) -> list[Letter]:
    """Return the letters of a word, and the signs between its letters and digits."""
    ends = [place for place, character in enumerate(word.characters) if character.text.isalnum()]
    return [
        Letter(whole_box(character.box), character.text)
        for place, character in enumerate(word.characters)
        if character.text.isalpha() or (character.text in SIGNS and ends[0] < place < ends[-1])
    ]


def _letters_beside(word: Word, regions: Sequence[TextRegion]) -> list[Letter]:
    """Return what stands before and after a word in its line and goes with it: "No.", and a single letter."""
    (line,) = (region.words for region in regions if any(word is other for other in region.words))
    place = next(index for index, other in enumerate(line) if other is word)
    before, after = line[place - 1] if place else None, line[place + 1] if place + 1 < len(line) else None
    letters = []
    if before and before.text.rstrip(".:").lower() in PREFIXES and _is_near(before, word):
        letters.append(Letter(whole_box(before.box), f"{before.text} "))
    if after and len(after.text) == 1 and after.text.isalpha() and _is_near(after, word):
        letters.append(Letter(whole_box(after.box), f" {after.text}"))
    return letters


def _is_near(other: Word, word: Word) -> bool:
    box, own = other.box, word.box
    height, heights = own[3] - own[1], box[3] - box[1]
    gap = max(box[0] - own[2], own[0] - box[2])
    return bool(gap < APART * height and max(height, heights) < ALIKE * min(height, heights))
