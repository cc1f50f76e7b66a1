"""Where candidates lie: in words, at one place, beside each other, in a line."""

from collections.abc import Sequence

import numpy as np

from svhn.boxes import are_neighbours, areas_of, heights_of, joined, overlaps
from svhn.finder.candidates import Candidates
from svhn.finder.evidence.writing import Word

# Boxes that share more than this of the smaller one are of the same digit.
SAME = 0.4
# Digits are in line when their heights differ by less than this factor, and their centres, in heights, by less than so
# much across the line, along it, and down a column.
ALIKE, LINE, BESIDE, BELOW = 1.3, 0.25, 1.1, 1.5


def inside_words(found: Candidates, words: Sequence[Word]) -> np.ndarray:
    """Return which centres (N,) lie in one of the words."""
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    boxes = np.array([word.box for word in words], np.float32).reshape(-1, 4)
    low, high = boxes[None, :, :2] <= centres[:, None], centres[:, None] <= boxes[None, :, 2:]
    return (low & high).all(axis=2).any(axis=1)


def shares_covered(boxes: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the largest share (N,) of each box (N, 4) that one of the places (M, 4) covers."""
    if not len(places) or not len(boxes):
        return np.zeros(len(boxes))
    low = np.maximum(boxes[:, None, :2], places[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], places[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2).max(axis=1)
    return shared / np.maximum(areas_of(boxes), 1e-6)


def share_place(found: Candidates, others: Candidates) -> np.ndarray:
    """Return which boxes (N,) are of the same digit as one of the others."""
    covered = overlaps(found.boxes[:, None], others.boxes)[1]
    return np.asarray((covered > SAME).any(axis=1))


def not_among(candidates: Candidates, found: Candidates) -> Candidates:
    """Return the candidates at whose place no digit was found."""
    return candidates.take(~share_place(candidates, found))


def have_neighbours(found: Candidates, which: np.ndarray) -> np.ndarray:
    """Return which boxes (N,) have a neighbour among `which` (N,) bool that may be of the same number."""
    beside = np.zeros(len(found.boxes), bool)
    for i, box in enumerate(found.boxes):
        near = which & are_neighbours(box, found.boxes)
        near[i] = False
        beside[i] = near.any()
    return beside


def numbers_of(digits: Candidates) -> list[np.ndarray]:
    """Return the indices of the digits of each number: those that neighbours join."""
    left, numbers = np.ones(len(digits.boxes), bool), []
    for first in range(len(left)):
        if left[first]:
            numbers.append(np.array(joined(first, digits.boxes, left)))
    return numbers


def in_line(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Tell which boxes (..., 4) are of about the height of others and beside them in a line, or in a column."""
    heights = heights_of(box), heights_of(others)
    larger, smaller = np.maximum(*heights), np.minimum(*heights)
    apart = np.abs(box[..., :2] + box[..., 2:] - others[..., :2] - others[..., 2:]) / 2
    across, down = apart[..., 0], apart[..., 1]
    beside = (down < LINE * larger) & (across < BESIDE * larger)
    below = (across < LINE * larger) & (down < BELOW * larger)
    return (larger < ALIKE * smaller) & (beside | below)
