"""Places where there may be a digit, though nothing is sure enough to be one."""

import numpy as np

from svhn.boxes import are_neighbours
from svhn.finder.candidates import Candidates
from svhn.finder.evidence.fusion import (
    COVERED,
    Evidence,
    are_lone_zeros,
    digits_of,
    drop_letters,
    drop_others,
    reads_number,
)
from svhn.finder.evidence.geometry import not_among, shares_covered

# A candidate with less presence is not doubtful, nor is one without a neighbour with less than the second.
LEAST_DOUBTFUL, LEAST_ALONE = 0.3, 0.8
# Of neighbours where something is written one has at least this presence: of the 78 numbers of the labelled photos 77
# have a digit of .79 or more, and the other one is read.
LEAST_SUREST = 0.6
# A reading of a number counts from this confidence on.
LEAST_READ = 0.6


def doubtful_places(known: Evidence, found: Candidates) -> Candidates:
    """Return where there may be digits beside those that were found.

    These are candidates of the finder's own where something is written, but for words of letters, times and telephone
    numbers, and what is read as a number, though not surely.

    Parameters
    ----------
    known : Evidence
    found : Candidates
        The digits of the photo, see `fuse_sources`.
    """
    own = drop_others(drop_letters(known.candidates, known), known)
    covered = own.take(shares_covered(own.boxes, known.places) >= COVERED)
    own = doubtful_candidates(covered, found, LEAST_SUREST)
    read = digits_of([word for word in known.words if reads_number(word, LEAST_READ)])
    read = read.take(~are_lone_zeros(Candidates.join([read, found]))[: len(read.presence)])
    return Candidates.join([own, not_among(read, Candidates.join([own, found]))])


def doubtful_candidates(candidates: Candidates, found: Candidates, surest: float = 0.0) -> Candidates:
    """Return the candidates that may be digits: not found, and sure enough for what stands beside them, or alone.

    Parameters
    ----------
    candidates, found : Candidates
    surest : float
        Least presence of the surest among a candidate and its neighbours.
    """
    left = not_among(candidates.take(candidates.presence >= LEAST_DOUBTFUL), found)
    others = Candidates.join([left, found])
    near = [are_neighbours(box, others.boxes) for box in left.boxes]  # one is the box itself
    beside = np.array([own.sum() > 1 and others.presence[own].max() >= surest for own in near], bool)
    return left.take(beside | (left.presence >= LEAST_ALONE))
