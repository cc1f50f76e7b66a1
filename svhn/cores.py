"""How many processor cores, and how much memory, there are to use: what the container allows counts, too."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

# A limit above this is none: cgroup v1 writes the largest number of pages for "no limit".
NO_LIMIT = 1 << 60


def available_cores() -> int:
    """Return the number of cores this process may use, by its affinity and the smallest quota of its containers."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *cpu_quotas()]))


def memory_limit(root: Path = Path("/")) -> int | None:
    """Return how many bytes the containers of this process allow it, or None where they set no limit."""
    limits = [*_values(root, None, ("memory.max",)), *_values(root, "memory", ("memory.limit_in_bytes",))]
    return min((limit for (limit,) in limits if limit < NO_LIMIT), default=None)


def cpu_quotas(root: Path = Path("/")) -> list[int]:
    """Return the quotas, in whole cores, of the control groups that this process is in, of cgroup v2 and v1.

    Parameters
    ----------
    root : Path
        Where `proc` and `sys` are mounted.
    """
    quotas = [*_values(root, None, ("cpu.max",)), *_values(root, "cpu", ("cpu.cfs_quota_us", "cpu.cfs_period_us"))]
    return [quota // period for quota, period in quotas if quota > 0 and period > 0]


def _values(root: Path, controller: str | None, files: tuple[str, ...]) -> Iterator[list[int]]:
    """Yield the numbers in some files of each group, those of all files together; a group without a limit has none."""
    for group in _groups(root, controller):
        with contextlib.suppress(OSError, ValueError):  # not there, or "max"
            yield [int(word) for file in files for word in (group / file).read_text(encoding="ascii").split()]


def _groups(root: Path, controller: str | None) -> Iterator[Path]:
    """Yield the folders of this process' group and of those above it; the controller is that of cgroup v1, or None.

    A container may see its own group as the top, whatever name the machine gave it.
    """
    top, own = root / "sys/fs/cgroup", "/"
    mounts = [top / (controller or "")]
    with contextlib.suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controller in controllers.split(",") or (controller is None and not controllers):
                own = path
                mounts.append(top / (controllers or "unified"))
    parts = [part for part in own.split("/") if part not in ("", "..")]
    for mount in dict.fromkeys(mounts):
        yield from (mount.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1))
