"""Calibration of a refiner: its presence becomes what has to be added to the log odds of the networks before it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from svhn.boxes import overlaps
from svhn.data.samples import FinderPhoto, largest_strip
from svhn.finder import Finder, log_odds
from svhn.tf_models.export import scale_presence

# Proposals that share this much with a digit, as intersection over union, tell nothing.
UNCLEAR = (0.3, 0.4)
# Newton's steps, and the pull of the fit towards no change.
NEWTON_STEPS, PULL = 30, 1e-2


def calibrate(path: str | Path, finder: Finder, photos: Sequence[FinderPhoto]) -> tuple[float, float]:
    """Change a refiner's file so that its presence is what has to be added to the log odds of the networks before it.

    The network learns from a mixture that has other shares of digits than what is proposed in photos, and other
    networks before it propose other places. Scale and shift of its presence logit are fitted to photos and the largest
    part of each that is free of digits.

    Parameters
    ----------
    path : str or Path
        Of `export_network`.
    finder : Finder
        With this network as its last refiner, as it is.
    photos : sequence of FinderPhoto
        That no network has learned from.

    Returns
    -------
    scale, shift : float
    """
    empty = [largest_strip(photo) for photo in photos if len(photo.boxes)]
    rows = [_judged(finder, photo) for photo in [*photos, *(strip for strip in empty if strip is not None)]]
    prior, evidence, right = (np.concatenate(column) for column in zip(*rows, strict=True))
    scale, shift = fit_logistic(prior, evidence, right)
    scale_presence(path, scale, shift)
    return scale, shift


def _judged(finder: Finder, photo: FinderPhoto) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each proposal the finder's log odds, the refiner's logit, and whether there is a digit."""
    found = finder.candidates(photo.pixels, len(finder.refiners) - 1)
    judgement = finder.refiners[-1].judge(photo.pixels, found.boxes)
    shared = np.array([overlaps(box, photo.boxes)[0].max(initial=0) for box in judgement.boxes]).reshape(-1)
    clear = (shared < UNCLEAR[0]) | (shared > UNCLEAR[1])
    return log_odds(found.presence)[clear], judgement.evidence[clear], shared[clear] > UNCLEAR[1]


def fit_logistic(prior: np.ndarray, evidence: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Fit (scale, shift) of P(right) = sigmoid(prior + scale * evidence + shift) by Newton's method.

    A weak pull towards (1, 0) decides where there are no data. All arguments (N,).
    """
    inputs = np.stack([evidence, np.ones_like(evidence)], axis=1).astype(np.float64)
    found = start = np.array([1.0, 0.0])
    for _ in range(NEWTON_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(prior + inputs @ found, -30, 30)))
        slope = inputs.T @ (chance - right) + PULL * (found - start)
        curvature = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + PULL * np.eye(2)
        found = found - np.clip(np.linalg.solve(curvature, slope), -1, 1)
    return float(found[0]), float(found[1])
