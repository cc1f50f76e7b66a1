"""Batches that are made while the network computes.

`tf.data.Dataset.from_generator` is not used for it: in TensorFlow 2.21 it makes the C library give freed memory back to
the system early, and two fifths of a training's processor time went into page faults.
"""

import collections
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Batch = TypeVar("Batch")
AHEAD = 4


def make_ahead(make: Callable[[int], Batch], start: int, stop: int) -> Iterator[Batch]:
    """Yield `make(position)` for the positions `start` to `stop` - 1, in order, made by a thread beside this one.

    Parameters
    ----------
    make : callable
        Called at most `AHEAD` positions ahead of what has been taken; what it raises is raised here.
    start, stop : int
    """
    positions = iter(range(start, stop))
    pool = ThreadPoolExecutor(1)
    try:
        waiting = collections.deque(pool.submit(make, i) for i in itertools.islice(positions, AHEAD))
        while waiting:
            batch = waiting.popleft().result()
            waiting.extend(pool.submit(make, i) for i in itertools.islice(positions, 1))
            yield batch
    finally:
        pool.shutdown(cancel_futures=True)
