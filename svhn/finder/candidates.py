"""Candidates: places where a digit may be; sorted out, and fused with what a refiner says of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from svhn.boxes import overlaps
from svhn.finder.config import FinderConfig

# Probabilities are kept this far from 0 and 1, and log odds from infinity.
LEAST_CHANCE = 1e-6
MOST_ODDS = 30
# Candidates that are merged at once.
BLOCK = 128


@dataclass(frozen=True)
class Candidates:
    """What the networks say of places in a photo, not yet sorted out.

    Attributes
    ----------
    boxes : ndarray (N, 4) float32
        Left, top, right, bottom in pixels of the photo.
    presence : ndarray (N,) float32
        How sure it is that there is a digit, 0 to 1.
    probabilities : ndarray (N, 10) float32
        Of the labels 0..9.
    """

    boxes: np.ndarray
    presence: np.ndarray
    probabilities: np.ndarray

    def take(self, index: np.ndarray) -> "Candidates":
        return Candidates(self.boxes[index], self.presence[index], self.probabilities[index])

    @classmethod
    def join(cls, parts: Sequence["Candidates"]) -> "Candidates":
        fields = ([getattr(part, name) for part in parts] for name in ("boxes", "presence", "probabilities"))
        return cls(*(np.concatenate(field) for field in fields))


@dataclass(frozen=True)
class Judgement:
    """A second opinion on N candidates.

    Attributes
    ----------
    boxes : ndarray (N, 4) float32
        Where the digits are, if there are any.
    evidence : ndarray (N,) float32
        What is to be added to the log odds of a digit.
    probabilities : ndarray (N, 10) float32
        Of the labels 0..9.
    """

    boxes: np.ndarray
    evidence: np.ndarray
    probabilities: np.ndarray


def fuse(before: Candidates, refined: Judgement, boxes_before: float, labels_before: float) -> Candidates:
    """Fuse what was said of candidates with a second opinion.

    Presence is fused in log odds, as independent evidence is; boxes by their weighted arithmetic mean, labels by the
    weighted geometric mean of their probabilities (a logarithmic opinion pool).

    Parameters
    ----------
    before : Candidates
    refined : Judgement
        Of the same places, in the same order.
    boxes_before, labels_before : float, 0..1
        Weight of what was said before; the rest is the second opinion's.
    """
    presence = chance(log_odds(before.presence) + refined.evidence)
    boxes = boxes_before * before.boxes + (1 - boxes_before) * refined.boxes
    likely = before.probabilities**labels_before * refined.probabilities ** (1 - labels_before)
    return Candidates(boxes, presence, likely / likely.sum(axis=1, keepdims=True))


def merge(parts: Sequence[Candidates], config: FinderConfig, least: float | None = None) -> Candidates:
    """Keep the surest candidate of each place and drop those that share it; close ones are averaged into it.

    Parameters
    ----------
    parts : sequence of Candidates
    config : FinderConfig
        Its `same`, `inside` and `equal` are used.
    least : float, optional
        Low-score candidates, below this presence, are rejected; by default `config.min_confidence`.
    """
    least = config.min_confidence if least is None else least
    found = Candidates.join(parts)
    found = found.take(np.argsort(-found.presence, kind="stable"))
    overlapping, left, kept = _Overlaps(found.boxes), np.ones(len(found.presence), bool), []
    count = int((found.presence >= least).sum())
    for start in range(0, count, BLOCK):
        block = start + np.flatnonzero(left[start : min(start + BLOCK, count)])
        for i, around, overlap, covered in overlapping(block, left):
            if not left[i]:
                continue
            close = found.take(around[(overlap > config.equal) & left[around]])
            weights = close.presence[None] / close.presence.sum()
            kept.append(Candidates(weights @ close.boxes, found.presence[i : i + 1], weights @ close.probabilities))
            left[around[(overlap > config.same) | (covered > config.inside)]] = False
            left[i] = False
    return Candidates.join(kept) if kept else found.take(np.zeros(0, int))


class _Overlaps:
    """Tells which of many boxes overlap some: by their left sides, apart for each doubling of the width.

    A photo of noise has a hundred thousand candidates; comparing each with all takes minutes.

    Parameters
    ----------
    boxes : ndarray (N, 4) float32
    """

    def __init__(self, boxes: np.ndarray):
        self.boxes = boxes
        widths = np.maximum(boxes[:, 2] - boxes[:, 0], 1.0)
        octaves = np.log2(widths).astype(int)
        self.groups = []
        for octave in np.unique(octaves):
            index = np.flatnonzero(octaves == octave)
            index = index[np.argsort(boxes[index, 0], kind="stable")]
            self.groups.append((index, boxes[index, 0], float(widths[index].max())))

    def __call__(self, block: np.ndarray, left: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
        """Yield each of a block of indices with the boxes that overlap it, itself included.

        Parameters
        ----------
        block : ndarray (B,) int
        left : ndarray (N,) bool
            Boxes that count.

        Yields
        ------
        index : int
        around : ndarray (M,) int
            Ascending.
        overlap, covered : ndarray (M,)
            Intersection over union, and over the smaller of the two.
        """
        first, others = self._pairs(block, left)
        order = np.lexsort((others, first))
        first, others = first[order], others[order]
        overlap, covered = overlaps(self.boxes[block[first]], self.boxes[others])
        ends = np.searchsorted(first, np.arange(len(block) + 1))
        for index, start, stop in zip(block.tolist(), ends[:-1], ends[1:], strict=True):
            yield index, others[start:stop], overlap[start:stop], covered[start:stop]

    def _pairs(self, block: np.ndarray, left: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return places in a block, and for each a box that overlaps the one there and counts."""
        boxes, first, others = self.boxes[block], [np.zeros(0, int)], [np.zeros(0, int)]
        for index, lefts, widest in self.groups:
            counts = left[index]
            index, lefts = index[counts], lefts[counts]
            low = np.searchsorted(lefts, boxes[:, 0] - widest - 1)
            high = np.searchsorted(lefts, boxes[:, 2], side="right")
            places, found = _ranges(low, high)
            found = index[found]
            meet = _meet(boxes[places], self.boxes[found])
            first.append(places[meet])
            others.append(found[meet])
        return np.concatenate(first), np.concatenate(others)


def _ranges(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all numbers from each of `low` (N,) up to that of `high`, and for each number where its range stands."""
    lengths = high - low
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.repeat(np.arange(len(low)), lengths), np.repeat(low, lengths) + within


def _meet(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Tell which boxes (N, 4) share some area with the others (N, 4) in their places."""
    across = (boxes[:, 0] < others[:, 2]) & (others[:, 0] < boxes[:, 2])
    return across & (boxes[:, 1] < others[:, 3]) & (others[:, 1] < boxes[:, 3])


def log_odds(probability: np.ndarray | float) -> np.ndarray:
    """Turn probabilities into log odds, finite ones for 0 and 1 too."""
    inside = np.clip(probability, LEAST_CHANCE, 1 - LEAST_CHANCE)
    return np.log(inside / (1 - inside))


def chance(odds: np.ndarray) -> np.ndarray:
    """Turn log odds into probabilities, float32."""
    return (1 / (1 + np.exp(-np.clip(odds, -MOST_ODDS, MOST_ODDS)))).astype(np.float32)


def softmax(logits: np.ndarray, axis: int) -> np.ndarray:
    """Turn logits into probabilities along an axis."""
    likely = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return likely / likely.sum(axis=axis, keepdims=True)
