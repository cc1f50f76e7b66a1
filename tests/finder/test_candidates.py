"""Merging candidates: the same as comparing each with all others, but not in the time that takes."""

import numpy as np
import pytest

from svhn.boxes import overlaps
from svhn.finder.candidates import Candidates, merge
from svhn.finder.config import FinderConfig


def drawn(seed, count, side=400):
    """Draw candidates of all sizes, some of them equally sure."""
    rng = np.random.default_rng(seed)
    widths = np.exp(rng.uniform(0, 5, count))
    corners = rng.uniform(0, side, (count, 2))
    boxes = np.concatenate([corners, corners + np.stack([widths, 1.5 * widths], axis=1)], axis=1)
    presence = rng.uniform(0, 1, count).round(2)
    labels = rng.dirichlet(np.ones(10), count).reshape(count, 10)
    return Candidates(*(array.astype(np.float32) for array in (boxes, presence, labels)))


def merged_naively(found, config, least):
    rest, kept = found.take(np.argsort(-found.presence, kind="stable")), []
    while len(rest.presence) and rest.presence[0] >= least:
        overlap, covered = overlaps(rest.boxes[0], rest.boxes)
        close = rest.take(overlap > config.equal)
        weights = close.presence[None] / close.presence.sum()
        kept.append(Candidates(weights @ close.boxes, rest.presence[:1], weights @ close.probabilities))
        rest = rest.take((overlap <= config.same) & (covered <= config.inside))
    return Candidates.join(kept) if kept else rest.take(np.zeros(0, int))


@pytest.mark.parametrize("count", [0, 1, 7, 60, 800])
def test_merging_equals_comparing_each_with_all(count):
    for seed in range(5):
        found, config = drawn(seed, count), FinderConfig()
        ours, expected = merge([found], config, 0.1), merged_naively(found, config, 0.1)
        for name in ("boxes", "presence", "probabilities"):
            assert np.array_equal(getattr(ours, name), getattr(expected, name)), (seed, name)
