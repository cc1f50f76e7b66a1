"""Photos of few pixels show a number and little else: there low scores count."""

from dataclasses import replace

import numpy as np

from svhn.finder.candidates import Candidates, log_odds
from svhn.finder.config import FinderConfig
from svhn.finder.evidence.fusion import with_neighbours

# By how much less evidence than for other digits, in log odds, a candidate counts beside a digit of its height in its
# line, and as the only place of a photo. On the photos of SVHN's validation 15 in place of 22 of 576 digits are missed
# with them, and 24 in place of 19 places of 261 photos are none.
BESIDE, ALONE = 1.4, 0.85


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
