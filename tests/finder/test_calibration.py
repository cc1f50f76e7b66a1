"""Confidences of fused sources mean what they say."""

import numpy as np
import pytest
from test_fusion import found

from svhn.finder.evidence.calibration import MEANT, SAID, calibrated
from svhn.finder.evidence.fusion import SURE
from svhn.jobs import JobConfig


def test_the_map_rises_and_keeps_the_order():
    assert all(np.diff(SAID) > 0) and all(np.diff(MEANT) > 0) and SAID[0] == 0 and SAID[-1] == 1
    digits = found((1, 0.99, 100), (2, 0.8, 200), (3, 0.66, 300), (4, 0.1, 400))
    meant = calibrated(digits)
    assert all(np.diff(meant.presence) < 0) and meant.presence.max() <= MEANT[-1]
    assert meant.presence[1] == pytest.approx(0.78) and meant.presence.dtype == np.float32
    np.testing.assert_array_equal(meant.boxes, digits.boxes)
    assert calibrated(found()).presence.shape == (0,)


def test_what_the_rules_find_is_removed_by_a_job_that_nobody_set():
    least = calibrated(found((1, SURE, 100))).presence[0]
    assert least == pytest.approx(JobConfig.min_confidence)
