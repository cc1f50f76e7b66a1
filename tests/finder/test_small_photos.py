"""Photos that show a number and little else: low scores count."""

import numpy as np
import pytest

from svhn.finder.candidates import Candidates
from svhn.finder.config import FinderConfig
from svhn.finder.evidence.small import likely_digits

CONFIG = FinderConfig()


def candidates(*places, sure=0.9):
    """Make candidates of (left, presence) that are 16 wide and 30 high."""
    boxes = np.array([[left, 15, left + 16, 45] for left, _ in places], np.float32).reshape(-1, 4)
    labels = np.full((len(places), 10), (1 - sure) / 9, np.float32)
    labels[:, 7] = sure
    return Candidates(boxes, np.array([presence for _, presence in places], np.float32), labels)


@pytest.mark.parametrize(
    "given, lefts",
    [
        ([(20, 0.9), (38, 0.25)], [20, 38]),  # beside a sure digit
        ([(20, 0.9), (38, 0.15)], [20]),
        ([(20, 0.9), (120, 0.4)], [20]),  # far from it
        ([(20, 0.35), (120, 0.32)], [20]),  # the likeliest place of a photo without a sure one
        ([(20, 0.35), (38, 0.25), (56, 0.22)], [20, 38, 56]),
        ([(20, 0.25)], []),
        ([], []),
    ],
)
def test_low_scores_count_beside_a_digit_and_where_nothing_is_sure(given, lefts):
    found = likely_digits(candidates(*given), CONFIG)
    assert sorted(found.boxes[:, 0].tolist()) == lefts
    assert (found.presence >= CONFIG.least).all()


def test_who_asks_for_more_certainty_gets_it():
    strict = FinderConfig(min_confidence=0.9, member=0.9)
    assert not len(likely_digits(candidates((20, 0.7), (38, 0.5)), strict).presence)
    assert len(likely_digits(candidates((20, 0.95), (38, 0.5)), strict).presence) == 1
