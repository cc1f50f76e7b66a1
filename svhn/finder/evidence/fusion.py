"""One answer out of two sources: the finder's own candidates, and what a general text reader sees in the photo.

Each rule is a function of what is known and of the digits so far. `docs/results.md` says what each of them brings.
"""

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from svhn.alphabet import NUM_CLASSES
from svhn.boxes import heights_of, overlaps
from svhn.finder.candidates import Candidates
from svhn.finder.config import FinderConfig
from svhn.finder.evidence.geometry import (
    have_neighbours,
    in_line,
    inside_words,
    not_among,
    numbers_of,
    share_place,
    shares_covered,
)
from svhn.finder.evidence.ocr import reader_scale
from svhn.finder.evidence.plates import with_small_ones
from svhn.finder.evidence.writing import DIGITS, TextRegion, Word

# A reading of letters, of a number, of a number that overrules surplus candidates, and of a digit that stands alone
# counts from these confidences on.
SURE_LETTERS, SURE_NUMBER, SURE_WORD, SURE_DIGIT = 0.6, 0.75, 0.9, 0.95
# A word with so many letters for each of its digits is of letters.
MANY_LETTERS = 3
# A candidate is covered by writing when this share of its box is.
COVERED = 0.5
# Candidates that need no writing around them: surer than this; higher than this share of the photo; small ones, in
# pixels of the reader's picture, that have a neighbour, both at least so sure.
SURE_ALONE, LARGE, BLIND_HEIGHT, SURE_PAIR = 0.96, 0.2, 12.0, 0.7
# A candidate that is surer than this is kept beside a word that does not name it.
SURE_SURPLUS = 0.95
# More digits are of telephones and the like; so is what is written like a time, a date or a dialling code.
MOST_DIGITS = 6
OTHER_NUMBER = re.compile(r"\d:\d|\d/\d+/\d|\d\.\d+\.\d|\d-\d+-\d|\(\d+\)")
SURE_OTHER = 0.8
APOSTROPHES = frozenset("'\u2019`")
# A candidate is a digit from this presence on, unless it is read as one; alone, from this one.
SURE, SURE_LONE = 0.65, 0.93
# A candidate so sure is taken in line with a digit at least so sure.
LEAST_BESIDE, SURE_BESIDE = 0.3, 0.8
# The reader looks at a number alone with these margins in heights of its digits, and has read a digit from the given
# confidence on. A number so much higher than wide is a column.
LOOKS, LEAST_LOOK, COLUMN = (0.15, 0.3), 0.5, 1.5
# At least so many small candidates in a line, all at least so sure, are a number when the reader surely reads it.
LEAST_ROW, SURE_ROW = 2, 0.5
# A single digit that is read needs a candidate at least so sure.
LEAST_SUPPORT = 0.05
# A digit's own box is taken for a character that is read when their heights differ by less than these factors; lines
# below the given height in the reader's picture are drawn much higher than what is written there.
LEAST_HEIGHT, MOST_HEIGHT = 0.4, 1.6
LOW_LINE, LEAST_LOW = 16.0, 0.15


@dataclass(frozen=True)
class Evidence:
    """What is known of a photo.

    Attributes
    ----------
    candidates : Candidates
        The finder's, those of low scores included.
    regions : sequence of TextRegion
        Where a general reader sees writing.
    shape : (height, width)
        Of the photo in pixels.
    config : FinderConfig
    look : callable, optional
        Takes a box (4,), and returns the words that the reader reads there, looking at nothing else.
    closer : callable, optional
        Takes a box (4,) and a scale, and returns the finder's candidates there when the photo is so much enlarged.
    """

    candidates: Candidates
    regions: Sequence[TextRegion]
    shape: tuple[int, int]
    config: FinderConfig = field(default_factory=FinderConfig)
    look: Callable[[np.ndarray], Sequence[Word]] | None = None
    closer: Callable[[np.ndarray, float], Candidates] | None = None

    @functools.cached_property
    def words(self) -> list[Word]:
        """All words that are read."""
        return [word for region in self.regions for word in region.words]

    @functools.cached_property
    def places(self) -> np.ndarray:
        """The boxes (N, 4) of all regions."""
        return np.array([region.box for region in self.regions], np.float32).reshape(-1, 4)

    @functools.cached_property
    def read_digits(self) -> Candidates:
        """The digits of all words that read as a number: presence is the reading's confidence."""
        return digits_of([word for word in self.words if reads_number(word)])


Rule = Callable[[Candidates, Evidence], Candidates]


def digits_of(words: Sequence[Word]) -> Candidates:
    """Return the digits of words: presence is the reading's confidence."""
    found = [
        (character.box, word.score, int(character.text))
        for word in words
        for character in word.characters
        if character.text in DIGITS
    ]
    boxes = np.array([box for box, _, _ in found], np.float32).reshape(-1, 4)
    labels = np.array([label for _, _, label in found], int)
    return Candidates(
        boxes, np.array([sure for _, sure, _ in found], np.float32), np.eye(NUM_CLASSES, dtype=np.float32)[labels]
    )


def reads_number(word: Word, least: float = SURE_NUMBER) -> bool:
    """Return whether a word reads as a house number: digits, at most two letters, and no more letters than digits."""
    fits = 0 < word.digits <= MOST_DIGITS and word.letters <= min(word.digits, 2) and word.score >= least
    return fits and not is_other_number(word) and not APOSTROPHES & set(word.text)


def is_other_number(word: Word) -> bool:
    """Return whether a word reads as a time, a date or a telephone number."""
    long = word.digits > MOST_DIGITS and not word.letters
    return word.score >= SURE_OTHER and (long or OTHER_NUMBER.search(word.text) is not None)


def drop_letters(digits: Candidates, known: Evidence) -> Candidates:
    """Drop what lies in a word of letters."""
    return digits.take(~inside_words(digits, [word for word in known.words if is_of_letters(word)]))


def is_of_letters(word: Word) -> bool:
    """Return whether a word is of two or more letters and hardly a digit: Cyrillic is read as Latin and digits."""
    letters = word.letters >= max(2, MANY_LETTERS * word.digits)
    return letters and word.score >= SURE_LETTERS and not word.may_be_digits


def drop_others(digits: Candidates, known: Evidence) -> Candidates:
    """Drop what lies in a time, a date or a telephone number."""
    return digits.take(~inside_words(digits, [word for word in known.words if is_other_number(word)]))


def drop_bare(digits: Candidates, known: Evidence) -> Candidates:
    """Drop what lies where there is no writing, unless it needs none: the most valuable rule on digit-free photos."""
    heights = heights_of(digits.boxes)
    exempt = (digits.presence >= SURE_ALONE) | (heights >= LARGE * known.shape[0])
    small = (heights * reader_scale(known.shape) <= BLIND_HEIGHT) & (digits.presence >= SURE_PAIR)
    exempt |= small & have_neighbours(digits, digits.presence >= SURE_PAIR)
    return digits.take(exempt | (shares_covered(digits.boxes, known.places) >= COVERED))


def add_read(digits: Candidates, known: Evidence) -> Candidates:
    """Add the digits of words that read as a number; a single one needs a candidate of the finder's own."""
    read, parts = known.read_digits, [digits]
    single = [word for word in known.words if reads_number(word) and word.digits == 1]
    for i in range(len(read.presence)):
        one = read.take(np.array([i]))
        if share_place(one, Candidates.join(parts))[0]:
            continue
        own = _own_candidate(one, known, Candidates.join(parts))
        if inside_words(one, single)[0] and (
            own is None or own.presence[0] < LEAST_SUPPORT or one.presence[0] < SURE_DIGIT
        ):
            continue
        parts.append(one if own is None else Candidates(own.boxes, one.presence, one.probabilities))
    return Candidates.join(parts)


def drop_surplus(digits: Candidates, known: Evidence) -> Candidates:
    """Drop what a surely read word of digits does not name, unless the finder is sure of it."""
    words = [word for word in known.words if word.digits and not word.letters and word.score >= SURE_WORD]
    surplus = inside_words(digits, words) & (digits.presence < SURE_SURPLUS) & ~share_place(digits, known.read_digits)
    return digits.take(~surplus)


def drop_lone(digits: Candidates, known: Evidence) -> Candidates:
    """Drop digits without neighbours that are not surer than others, unless they are read as digits."""
    lone = ~have_neighbours(digits, np.ones(len(digits.presence), bool))
    return digits.take(~lone | (digits.presence >= SURE_LONE) | share_place(digits, known.read_digits))


def drop_zeros(digits: Candidates, known: Evidence) -> Candidates:
    """Drop zeros without a neighbour that is another digit: no house has the number 0, and circles are everywhere."""
    return digits.take(~are_lone_zeros(digits))


def are_lone_zeros(digits: Candidates) -> np.ndarray:
    """Return which digits (N,) are zeros without a neighbour that is another digit."""
    zero = digits.probabilities.argmax(axis=1) == 0
    return np.asarray(zero & ~have_neighbours(digits, ~zero))


def complete(digits: Candidates, known: Evidence) -> Candidates:
    """Add low-score candidates beside a digit that was accepted, of its height and in its line or column."""
    low = known.candidates.take(known.candidates.presence >= LEAST_BESIDE)
    return with_neighbours(digits, drop_letters(low, known), SURE_BESIDE)


def with_neighbours(digits: Candidates, low: Candidates, sure: float) -> Candidates:
    """Add low-score candidates that stand in line with a digit of at least this presence, which they get then."""
    while len(low.presence):
        fits = in_line(low.boxes[:, None], digits.boxes[digits.presence >= sure]).any(axis=1)
        fits &= ~share_place(low, digits)
        if not fits.any():
            break
        taken = low.take(np.array([np.where(fits, low.presence, -1).argmax()]))
        digits = Candidates.join([digits, replace(taken, presence=np.maximum(taken.presence, np.float32(sure)))])
    return digits


def drop_unread(digits: Candidates, known: Evidence) -> Candidates:
    """Let the reader look at each number alone that it has not surely read; keep as many digits as it then reads."""
    if known.look is None:
        return digits
    surely = known.read_digits.take(known.read_digits.presence >= SURE_WORD)
    needed = ~share_place(digits, surely) & (digits.presence < SURE_ALONE)
    kept = np.ones(len(digits.presence), bool)
    for number in numbers_of(digits):
        if needed[number].all():
            order = number[np.argsort(-digits.presence[number], kind="stable")]
            kept[order[_count_read(digits.boxes[number], known.look) :]] = False
    return digits.take(kept)


def _count_read(boxes: np.ndarray, look: Callable[[np.ndarray], Sequence[Word]]) -> int:
    """Return how many of a number's digits (N, 4) the reader reads when it looks there alone.

    A reading that is not sure says that there are digits, not how many. Digits of a column are looked at one by one.
    """
    across, down = boxes[:, 2:].max(axis=0) - boxes[:, :2].min(axis=0)
    if len(boxes) > 1 and down > COLUMN * across:
        return len(boxes) if any(_count_read(box[None], look) for box in boxes) else 0
    seen: list[Word] = []
    for margin in LOOKS:
        seen += [
            word for word in look(_around(boxes, margin)) if word.letters <= word.digits and word.score >= LEAST_LOOK
        ]
        if any(word.digits >= len(boxes) and word.score >= SURE_WORD for word in seen):
            break  # all are surely read
    surest = max((word for word in seen if word.digits), key=lambda word: word.score, default=None)
    if surest is None:
        return 0
    return min(surest.digits, len(boxes)) if surest.score >= SURE_WORD else len(boxes)


def add_rows(digits: Candidates, known: Evidence) -> Candidates:
    """Add rows of small candidates where the reader finds no writing, but looking there alone reads as many digits."""
    if known.look is None:
        return digits
    low = known.candidates.take(known.candidates.presence >= SURE_ROW)
    unseen = shares_covered(low.boxes, known.places) < COVERED
    low = not_among(low.take(unseen & (heights_of(low.boxes) * reader_scale(known.shape) <= BLIND_HEIGHT)), digits)
    rows = [low.take(number) for number in numbers_of(low) if len(number) >= LEAST_ROW]
    read = [row for row in rows if _is_row(row.boxes) and _reads_all(row.boxes, known.look)]
    sure = [replace(row, presence=np.maximum(row.presence, np.float32(SURE_BESIDE))) for row in read]
    return Candidates.join([digits, *sure])


def _is_row(boxes: np.ndarray) -> bool:
    """Tell whether each of the boxes (N, 4) is in line with another."""
    return bool((in_line(boxes[:, None], boxes).sum(axis=1) > 1).all())  # one is the box itself


def _reads_all(boxes: np.ndarray, look: Callable[[np.ndarray], Sequence[Word]]) -> bool:
    """Tell whether the reader surely reads as many digits as there are boxes (N, 4), and nothing else."""
    words = (word for margin in LOOKS for word in look(_around(boxes, margin)))
    return any(word.digits == len(boxes) and not word.letters and word.score >= SURE_WORD for word in words)


def _around(boxes: np.ndarray, margin: float) -> np.ndarray:
    """Return the box (4,) that holds all boxes (N, 4), with a margin in heights of a digit."""
    rim = margin * float(np.median(heights_of(boxes)))
    return np.concatenate([boxes[:, :2].min(axis=0) - rim, boxes[:, 2:].max(axis=0) + rim])


def add_beside(digits: Candidates, known: Evidence) -> Candidates:
    """Add the neighbours' small numbers on both sides of a number on its plate."""
    return with_small_ones(digits, known.closer) if known.closer else digits


RULES: dict[str, Rule] = {
    "letters": drop_letters,
    "others": drop_others,
    "bare": drop_bare,
    "read": add_read,
    "complete": complete,
    "surplus": drop_surplus,
    "zeros": drop_zeros,
    "looks": drop_unread,
    "rows": add_rows,
    "lone": drop_lone,
    "beside": add_beside,
}


def fuse_sources(known: Evidence, rules: Sequence[str] = tuple(RULES)) -> Candidates:
    """Return the digits of a photo, the surest first: the finder's sure candidates after all rules, in their order."""
    digits = known.candidates.take(known.candidates.presence >= max(SURE, known.config.least))
    for rule in rules:
        digits = RULES[rule](digits, known)
    return digits.take(np.argsort(-digits.presence, kind="stable"))


def _own_candidate(read: Candidates, known: Evidence, taken: Candidates) -> Candidates | None:
    """Return the surest of the finder's own candidates for a digit that was read, or None."""
    candidates, height = known.candidates, max(float(heights_of(read.boxes)[0]), 1e-6)
    least = LEAST_LOW if height * reader_scale(known.shape) < LOW_LINE else LEAST_HEIGHT
    ratio = heights_of(candidates.boxes) / height
    fits = (ratio > least) & (ratio < MOST_HEIGHT) & ~share_place(candidates, taken)
    fits &= overlaps(read.boxes[0], candidates.boxes)[1] > 0.5 if len(candidates.boxes) else fits
    if not fits.any():
        return None
    return candidates.take(np.array([np.where(fits, candidates.presence, -1).argmax()]))
