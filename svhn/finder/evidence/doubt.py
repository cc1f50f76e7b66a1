"""Places where there may be a digit, though nothing is sure enough to be one."""

import numpy as np

from svhn.boxes import are_neighbours
from svhn.finder.candidates import Candidates
from svhn.finder.evidence.fusion import (
    COVERED,
    Evidence,
    digits_of,
    drop_letters,
    drop_others,
    not_among,
    reads_number,
    shares_covered,
)

# A candidate with less presence is not doubtful, nor is one without a neighbour with less than the second.
LEAST_DOUBTFUL, LEAST_ALONE = 0.3, 0.8
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
    own = doubtful_candidates(own.take(shares_covered(own.boxes, known.places) >= COVERED), found)
    read = digits_of([word for word in known.words if reads_number(word, LEAST_READ)])
    return Candidates.join([own, not_among(read, Candidates.join([own, found]))])


def doubtful_candidates(candidates: Candidates, found: Candidates) -> Candidates:
    """Return the candidates that may be digits: not found, and sure enough for what stands beside them, or alone."""
    left = not_among(candidates.take(candidates.presence >= LEAST_DOUBTFUL), found)
    others = np.concatenate([left.boxes, found.boxes])
    beside = np.array([are_neighbours(box, others).sum() > 1 for box in left.boxes], bool)  # one is the box itself
    return left.take(beside | (left.presence >= LEAST_ALONE))
