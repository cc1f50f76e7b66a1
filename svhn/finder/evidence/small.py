"""Photos of few pixels, which show a number and little else: low scores count beside a digit, and where nothing is sure."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from svhn.finder.candidates import Candidates
from svhn.finder.config import FinderConfig
from svhn.finder.digits import FoundDigit
from svhn.finder.evidence.fusion import in_line, not_among, with_neighbours
from svhn.finder.evidence.writing import Word

# Presences, as shares of the least one of a digit, from which on a candidate counts beside a digit of its height in its
# line, and as the only place of a photo. On the photos of SVHN's validation 14 in place of 22 of 576 digits are missed
# with them, and 24 in place of 19 places of 261 photos are none.
BESIDE, ALONE = 0.4, 0.6
# A word of so many letters and no digit, so surely read, is no number.
LEAST_LETTERS, SURE_LETTERS = 3, 0.9


def likely_digits(candidates: Candidates, config: FinderConfig) -> Candidates:
    """Return the digits of a photo that is expected to show a number.

    Parameters
    ----------
    candidates : Candidates
        Those of low scores included.
    config : FinderConfig
        Its `least` is used; digits that are taken though they have less get it as their presence.
    """
    least = config.least
    digits = candidates.take(candidates.presence >= least)
    if not len(digits.presence) and len(candidates.presence) and candidates.presence.max() >= ALONE * least:
        digits = candidates.take(np.array([candidates.presence.argmax()]))
    low = candidates.take(candidates.presence >= BESIDE * least)
    found = with_neighbours(digits, low, 0.0)
    return replace(found, presence=np.maximum(found.presence, np.float32(least)))
