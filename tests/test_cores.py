import os

import pytest

from svhn.cores import available_cores


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity to set")
def test_only_cores_that_may_be_used_count():
    everything = os.sched_getaffinity(0)
    assert 1 <= available_cores() <= len(everything)
    os.sched_setaffinity(0, {min(everything)})
    try:
        assert available_cores() == 1
    finally:
        os.sched_setaffinity(0, everything)
