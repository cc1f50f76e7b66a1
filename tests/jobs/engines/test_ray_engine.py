"""Ray on this machine with two nodes' worth of workers; skipped where Ray is not installed."""

import contextlib
import os
import signal
from pathlib import Path

import pytest
from job_tools import essence, job

from svhn.jobs.config import RunConfig, Shard

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'svhn[ray]'")
pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of one CPU each."""
    from ray.cluster_utils import Cluster

    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes.add_node(num_cpus=1)
    ray.init(address=nodes.address, log_to_driver=False, logging_level="ERROR")
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def descendants(parent):
    """Yield the process ids of the children of a process, of their children, and so on."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rsplit(")", 1)[1].split()[1]) == parent:
                yield int(path.parent.name)
                yield from descendants(int(path.parent.name))


def title(pid):
    return Path(f"/proc/{pid}/cmdline").read_text()


def test_ray_pool_and_shards_give_the_same_with_a_worker_killed_half_way(folder, tmp_path, cluster):
    (folder / "3.png").write_bytes(b"")
    job(folder, tmp_path / "alone", save_masks=True)
    for shard in (1, 2):
        job(folder, tmp_path / "shards", RunConfig(workers=0, shard=Shard(shard, 2)), save_masks=True)
    killed = []

    def kill_an_actor(line, summary):
        if not killed:
            killed.append(next(pid for pid in descendants(os.getpid()) if "ray::MapWorker" in title(pid)))
            os.kill(killed[0], signal.SIGKILL)

    summary = job(folder, tmp_path / "ray", RunConfig(engine="ray"), kill_an_actor, save_masks=True)
    assert killed and summary.counts == {"ok": 9, "error": 1}
    assert essence(tmp_path / "ray") == essence(tmp_path / "shards") == essence(tmp_path / "alone")
    again = job(folder, tmp_path / "ray", RunConfig(workers=0, resume=True), save_masks=True)
    assert again.counts == {"unchanged": 9, "error": 1}
