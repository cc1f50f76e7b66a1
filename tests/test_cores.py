import os

import pytest

from svhn import cores
from svhn.cores import available_cores, cpu_quotas, memory_limit

PAGES_V1 = "9223372036854771712\n"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity to set")
def test_only_cores_that_may_be_used_count():
    everything = os.sched_getaffinity(0)
    assert 1 <= available_cores() <= len(everything)
    os.sched_setaffinity(0, {min(everything)})
    try:
        assert available_cores() == 1
    finally:
        os.sched_setaffinity(0, everything)


def test_the_smallest_quota_counts_and_one_core_is_always_there(monkeypatch):
    for quotas in ([0], [0, 8], [1]):
        monkeypatch.setattr(cores, "cpu_quotas", lambda quotas=quotas: quotas)
        assert available_cores() == 1


@pytest.fixture
def system(tmp_path):
    """Make a tree of files below `proc` and `sys/fs/cgroup`."""

    def make(own, **files):
        (tmp_path / "proc" / "self").mkdir(parents=True)
        (tmp_path / "proc" / "self" / "cgroup").write_text(own)
        for name, content in files.items():
            path = tmp_path / "sys/fs/cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return tmp_path

    return make


@pytest.mark.parametrize(
    "own, files, quotas",
    [
        ("0::/\n", {"cpu.max": "max 100000\n"}, []),
        ("0::/\n", {"cpu.max": "250000 100000\n"}, [2]),
        ("0::/../../elsewhere\n", {"cpu.max": "50000 100000\n"}, [0]),
        (
            "0::/a/b\n",
            {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "300000 100000\n", "cpu.max": "400000 100000\n"},
            [3, 4],
        ),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, [1]),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, []),
        (
            "3:cpu,cpuacct:/docker/1\n0::/x\n",
            {"cpu,cpuacct/cpu.cfs_quota_us": "600000", "cpu,cpuacct/cpu.cfs_period_us": "200000"},
            [3],
        ),
        (
            "3:cpuacct,cpu:/a\n",
            {"cpuacct,cpu/a/cpu.cfs_quota_us": "200000", "cpuacct,cpu/a/cpu.cfs_period_us": "100000"},
            [2],
        ),
        ("nonsense\n", {"cpu.max": "\xff\n"}, []),
    ],
)
def test_quotas_of_both_versions_and_of_all_groups_above(own, files, quotas, system):
    assert cpu_quotas(system(own, **files)) == quotas


@pytest.mark.parametrize(
    "own, files, limit",
    [
        ("0::/a\n", {"memory.max": "max\n", "a/memory.max": "2147483648\n"}, 2 << 30),
        ("4:memory:/\n", {"memory/memory.limit_in_bytes": PAGES_V1}, None),
        ("4:memory:/a\n", {"memory/memory.limit_in_bytes": PAGES_V1, "memory/a/memory.limit_in_bytes": "4096\n"}, 4096),
        ("", {}, None),
    ],
)
def test_the_smallest_limit_of_memory_counts(own, files, limit, system):
    assert memory_limit(system(own, **files)) == limit
