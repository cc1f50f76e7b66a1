"""Confidences that mean what they say: of places called .9, about 90 % are digits."""

from dataclasses import replace

import numpy as np

from svhn.finder.candidates import Candidates

# What the fused sources say, and the share of such places in the labelled photos of streets that are digits: isotonic
# regression in few pieces; `python -m benchmarks.street.calibration` looks at it. The rules decide that a place of .65
# is a digit; it keeps .5, by which jobs remove it, though fewer are.
SAID = (0.0, 0.65, 0.7, 0.8, 0.92, 0.97, 1.0)
MEANT = (0.0, 0.5, 0.72, 0.78, 0.92, 0.94, 0.95)


def calibrated(digits: Candidates) -> Candidates:
    """Return digits of fused sources with the share of such places that are digits as their presence."""
    return replace(digits, presence=np.interp(digits.presence, SAID, MEANT).astype(np.float32))
