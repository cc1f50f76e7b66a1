"""Photos of few pixels show a number and little else: there low scores count, and words are told from numbers."""

import math
from dataclasses import replace

import numpy as np

from svhn.finder.candidates import Candidates, log_odds
from svhn.finder.config import FinderConfig
from svhn.finder.evidence.asking import look_at
from svhn.finder.evidence.fusion import numbers_of, with_neighbours
from svhn.finder.evidence.writing import TextReader

# By how much less evidence than for other digits, in log odds, a candidate counts beside a digit of its height in its
# line, and as the only place of a photo. On the photos of SVHN's validation 15 in place of 22 of 576 digits are missed
# with them, and 24 in place of 19 places of 261 photos are none.
BESIDE, ALONE = 1.4, 0.85
# The reader looks at a number of which the networks are so unsure, with this margin in heights of its digits. When it
# reads so many letters and no digit, each word with this confidence, it is a word.
UNSURE, AROUND, LEAST_LETTERS, SURE_LETTERS = 0.55, 0.3, 2, 0.9


def likely_digits(candidates: Candidates, config: FinderConfig) -> Candidates:
    """Return the digits of a photo that is expected to show a number.

    Parameters
    ----------
    candidates : Candidates
        Those of low scores included.
    config : FinderConfig
        Its `least` is used; digits that are taken though they have less get it as their presence.
    """
    evidence = log_odds(candidates.presence) - log_odds(config.least)
    digits = candidates.take(evidence >= 0)
    if not len(digits.presence) and len(evidence) and evidence.max() >= -ALONE:
        digits = candidates.take(np.array([evidence.argmax()]))
    found = with_neighbours(digits, candidates.take(evidence >= -BESIDE), 0.0)
    return replace(found, presence=np.maximum(found.presence, np.float32(config.least)))


def without_words(photo: np.ndarray, digits: Candidates, reader: TextReader) -> Candidates:
    """Return digits but for those of numbers that are words: of letters that look like digits.

    Parameters
    ----------
    photo : ndarray (H, W, 3) uint8, RGB
    digits : Candidates
        Found in it.
    reader : TextReader
        Asked about numbers of which the networks are unsure.
    """
    kept = np.ones(len(digits.presence), bool)
    for number in numbers_of(digits):
        kept[number] = not (_is_unsure(digits.take(number)) and _is_word(photo, digits.boxes[number], reader))
    return digits.take(kept)


def _is_unsure(digits: Candidates) -> bool:
    return math.prod((digits.presence * digits.probabilities.max(axis=1)).tolist()) < UNSURE


def _is_word(photo: np.ndarray, boxes: np.ndarray, reader: TextReader) -> bool:
    """Tell whether letters are read where digits (N, 4) of a number were found."""
    margin = AROUND * float(np.median(boxes[:, 3] - boxes[:, 1]))
    place = np.concatenate([boxes[:, :2].min(axis=0) - margin, boxes[:, 2:].max(axis=0) + margin])
    words = look_at(photo, reader, place.clip(0, [photo.shape[1], photo.shape[0]] * 2))
    if any(word.digits or word.may_be_digits or word.score < SURE_LETTERS for word in words):
        return False
    return sum(word.letters for word in words) >= LEAST_LETTERS
