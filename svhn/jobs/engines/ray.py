"""The same work on the nodes of a Ray cluster, through Ray Data, which keeps models loaded and redoes what a node lost.

The ledger is the checkpoint, as everywhere: it notices a changed photo, which a list of finished names does not.
"""

import logging
import math
import os
import pickle
from collections.abc import Callable, Generator, Iterable
from typing import Any

from svhn.errors import InputError, forbid_telemetry
from svhn.jobs.config import JobConfig, RunConfig
from svhn.jobs.engines.pool import Pool
from svhn.jobs.engines.stopping import keeping_handlers
from svhn.jobs.tasks import Order, ReportLine, StopJob

forbid_telemetry()
try:
    import ray
    import ray.data
except ImportError as error:
    raise InputError("--engine ray needs Ray; pip install 'svhn[ray]'") from error

# Photos in a block, the unit that is lost and done again with a node; Ray plans at most so many blocks.
BLOCK, MOST_BLOCKS = 8, 10_000


class _Actor:
    """What Ray keeps alive on a node: a pool of one worker, so that a photo on which it dies costs that photo only."""

    def __init__(self, job: JobConfig, owner: str, max_seconds: float):
        self.pool = Pool(job, 1, owner, max_seconds)

    def __call__(self, block: dict[str, Any]) -> dict[str, list[bytes]]:
        """Do a block of orders; they come and answers go back pickled, since Arrow knows no odd bytes in names."""
        answers = self.pool.run(pickle.loads(order) for order in block["order"])
        return {"answer": [pickle.dumps(answer) for answer in answers]}


def run_ray(
    orders: Iterable[Order], job: JobConfig, run: RunConfig, owner: str, stopping: Callable[[], bool]
) -> Generator[ReportLine | StopJob]:
    """Yield a report line for each order, or the reason to stop; see `Pool.run`. It ends when `stopping` says so.

    It joins the cluster that RAY_ADDRESS names, else starts one on this machine. All nodes must see the photos and
    the output folder under the same path or URL.
    """
    rows = [{"order": pickle.dumps(order)} for order in orders]
    if not rows:
        return
    _connect()
    blocks = math.ceil(len(rows) / max(BLOCK, len(rows) / MOST_BLOCKS))
    results = ray.data.from_items(rows, override_num_blocks=blocks).map_batches(
        _Actor,
        batch_size=None,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=min(_workers(run), blocks)),
        fn_constructor_args=(job, owner, run.max_seconds),
        num_cpus=1,
        num_gpus=run.gpus_per_worker or None,
    )
    for row in results.iter_rows():
        answer = pickle.loads(row["answer"])
        yield answer
        if isinstance(answer, StopJob) or stopping():
            return


def _connect() -> None:
    if not ray.is_initialized():
        address = os.environ.get("RAY_ADDRESS", "local")
        with keeping_handlers():
            ray.init(address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False


def _workers(run: RunConfig) -> int:
    """Return how many workers the cluster has room for."""
    if run.workers:
        return run.workers
    found = ray.cluster_resources()
    room = found.get("CPU", 1)
    if run.gpus_per_worker:
        room = min(room, found.get("GPU", 0) / run.gpus_per_worker)
    return max(1, int(room))
