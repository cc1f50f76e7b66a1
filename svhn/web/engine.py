"""The guarded engine: a few places, and processes of their own that work on one photo after the other.

A photo that takes too long, or that ends its process, costs its own answer only.
"""

import contextlib
import math
import queue
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from svhn.errors import InputError
from svhn.jobs import CannotStart, JobConfig
from svhn.jobs.engines import WorkerProcess
from svhn.web.config import WebConfig
from svhn.web.work import Order, WarmUp, serve

_TICK = 0.1  # seconds between two looks at the clock
_REMEMBERED = 20  # photos whose times say how long the next ones will take


class Busy(Exception):
    """All places are taken; `retry_after` is in how many seconds there may be one."""

    def __init__(self, retry_after: int):
        super().__init__(f"all places are taken; come back in {retry_after} s")
        self.retry_after = retry_after


class TooLong(Exception):
    """A photo took longer than it may."""


class WorkerDied(Exception):
    """The process that worked on a photo ended."""


class Engine:
    """Answers orders by processes that it starts and, when they hang or die, replaces.

    Parameters
    ----------
    job : JobConfig
    config : WebConfig
    """

    def __init__(self, job: JobConfig, config: WebConfig):
        self.job, self.config = job, config
        self._orders: queue.SimpleQueue[tuple[Order, Future] | None] = queue.SimpleQueue()
        self._lock, self._taken = threading.Lock(), 0
        self._seconds: deque[float] = deque(maxlen=_REMEMBERED)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the processes; they load what every photo needs."""
        names = [f"svhn-web-{place}" for place in range(self.config.processes)]
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for name in names]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the processes; what they are at is lost."""
        for _ in self._threads:
            self._orders.put(None)
        for thread in self._threads:
            thread.join(timeout=self.config.max_seconds)

    @property
    def taken(self) -> int:
        """How many requests have a place."""
        return self._taken

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place while the block runs, from before a request's body is read until it is answered.

        Raises
        ------
        Busy
            When there is none.
        """
        with self._lock:
            if self._taken >= self.config.queue + self.config.processes:
                raise Busy(self._retry_after())
            self._taken += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken -= 1

    def ask(self, order: Order) -> "Future[Any]":
        """Give an order to the next process that is free; only with a place.

        The future raises InputError for what the user can mend, TooLong, and WorkerDied.
        """
        future: Future[Any] = Future()
        self._orders.put((order, future))
        return future

    def _retry_after(self) -> int:
        """Return in how many seconds half of the places will be free."""
        usual = sum(self._seconds) / len(self._seconds) if self._seconds else 1.0
        return max(1, math.ceil(usual * self._taken / (2 * self.config.processes)))

    def _work(self) -> None:
        """Hand orders to a process, one after the other, and replace it where need be."""
        worker = self._started()
        while (item := self._orders.get()) is not None:
            order, future = item
            if not future.set_running_or_notify_cancel():
                continue
            began = time.monotonic()
            try:
                future.set_result(self._answer(worker, order))
            except (TooLong, WorkerDied) as error:
                worker = self._started()
                future.set_exception(error)
            except Exception as error:
                future.set_exception(error)
            self._seconds.append(time.monotonic() - began)
        worker.kill()
        worker.bury()

    def _started(self) -> WorkerProcess:
        worker = WorkerProcess(self.job, "web", serve)
        worker.give(WarmUp())
        return worker

    def _answer(self, worker: WorkerProcess, order: Order) -> Any:
        """Return what a worker answers to an order; answers to those that it was given before are passed over."""
        worker.give(order)
        while True:
            try:
                while worker.pipe.poll(_TICK):
                    answer = worker.hear()
                    if answer is not None and not worker.orders:
                        return _checked(answer)
            except (EOFError, OSError) as error:
                raise WorkerDied(worker.bury()) from error
            if worker.is_overdue(self.config.max_seconds):
                worker.kill()
                worker.bury()
                raise TooLong(
                    f"took longer than {self.config.max_seconds:g} s; make it smaller, or raise --max-seconds"
                )


def _checked(answer: Any) -> Any:
    if isinstance(answer, CannotStart):
        raise RuntimeError(str(answer)) from answer
    if isinstance(answer, InputError):
        raise answer
    if isinstance(answer, Exception):
        raise RuntimeError(str(answer)) from answer
    return answer
