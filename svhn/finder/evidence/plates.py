"""The neighbours' numbers, small on both sides of a number on its plate: they are seen where the photo is enlarged."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from svhn.boxes import heights_of
from svhn.finder.candidates import Candidates
from svhn.finder.evidence.geometry import in_line, not_among, numbers_of

# Beside a number at most so high, in pixels; beside higher ones the photo shows them as it is. It is brought to the
# second height, by which its neighbours get what the finder sees best.
HIGHEST, ENLARGED = 24.0, 56.0
# How far is looked to the left and right, and above and below, in heights of the number's digits.
REACH, RIM = 5.0, 0.2
# Neighbours' digits have at least and at most this share of the number's height, are centred at most so far from the
# middle of its line, in heights. They are at least so sure, or less sure and in line with one that is: in the labelled
# photos of streets all of these are digits.
LOWEST_SHARE, HIGHEST_SHARE, OFF_LINE = 0.3, 0.75, 0.35
SURE_SMALL, LEAST_SMALL = 0.6, 0.4
# So sure are they at least beside the number, by which the rules take a candidate for a digit.
PRESENCE = np.float32(0.65)


def with_small_ones(digits: Candidates, closer: Callable[[np.ndarray, float], Candidates]) -> Candidates:
    """Add the small digits in line with a number, as they are on plates with the neighbours' numbers.

    Parameters
    ----------
    digits : Candidates
    closer : callable
        Takes a box (4,) and a scale, and returns the finder's candidates there when the photo is so much enlarged.
    """
    for number in numbers_of(digits):
        boxes = digits.boxes[number]
        height = float(np.median(heights_of(boxes)))
        if height <= HIGHEST:
            seen = closer(_strip(boxes, height), ENLARGED / height)
            new = not_among(_in_its_line(seen, boxes, height), digits)
            digits = Candidates.join([digits, replace(new, presence=np.maximum(new.presence, PRESENCE))])
    return digits


def _strip(boxes: np.ndarray, height: float) -> np.ndarray:
    """Return the box (4,) in which a number's neighbours may stand."""
    reach = height * np.array([REACH, RIM])
    return np.concatenate([boxes[:, :2].min(axis=0) - reach, boxes[:, 2:].max(axis=0) + reach])


def _in_its_line(seen: Candidates, boxes: np.ndarray, height: float) -> Candidates:
    """Return the candidates that are digits of the neighbours of a number (N, 4) of this height."""
    heights, middles = heights_of(seen.boxes), (seen.boxes[:, 1] + seen.boxes[:, 3]) / 2
    fits = (heights >= LOWEST_SHARE * height) & (heights <= HIGHEST_SHARE * height) & (seen.presence >= LEAST_SMALL)
    fits &= np.abs(middles - (boxes[:, 1] + boxes[:, 3]).mean() / 2) <= OFF_LINE * height
    small = seen.take(fits)
    sure = small.presence >= SURE_SMALL
    return small.take(sure | in_line(small.boxes[:, None], small.boxes[sure]).any(axis=1))
