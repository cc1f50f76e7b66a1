"""Worker processes on this machine: bounded work in flight, and a process that dies costs at most its photo."""

import contextlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from svhn.errors import InputError
from svhn.files import printable
from svhn.jobs.config import JobConfig
from svhn.jobs.engines.stopping import SIGNALS
from svhn.jobs.tasks import CannotStart, Order, ReportLine, StopJob

# Read by the libraries when they are loaded: one thread each, and memory that is kept for the next photo. Fetching
# pages from the system anew for every large array costs more than the work on them; up to `MALLOC_TRIM_THRESHOLD_`
# bytes are kept.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "MALLOC_TOP_PAD_": str(16 << 20),
}
# Tasks that a worker holds: the one it does, and the next one, so that it never waits for this process.
AHEAD = 2
# How often a photo is tried whose worker died: it may have died of something else.
TRIES = 2
WAIT_SECONDS = 0.2  # until the caller, which may want to stop, is looked after again
# So many deaths in a row without a single result mean that no worker will ever live.
MOST_DEATHS = 6


@dataclass
class _Process:
    """A worker process and what it was given and has not answered yet."""

    process: BaseProcess
    pipe: Connection
    orders: deque[Order] = field(default_factory=deque)


class Pool:
    """Worker processes that are started when there is work for them; a context manager that ends them.

    Parameters
    ----------
    job : JobConfig
    workers : int
        At most this many processes.
    owner : str
        Name of the part of the job.
    """

    def __init__(self, job: JobConfig, workers: int, owner: str = "job"):
        self.job, self.workers, self.owner = job, workers, owner
        self.processes: list[_Process] = []
        self.again: deque[Order] = deque()
        self.tries: dict[str, int] = {}
        self.deaths = 0

    def run(self, orders: Iterable[Order]) -> Iterator[ReportLine | StopJob]:
        """Yield a report line for each order, as they are finished, or the reason why the job has to stop.

        Orders are taken from the iterable only when a worker is free for them; when the caller ends the iterable, what
        is under way is finished.
        """
        orders = iter(orders)
        while self._feed(orders):
            for worker in self._ready():
                yield from self._receive(worker)

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def _feed(self, orders: Iterator[Order]) -> bool:
        """Give every worker something to do; False when all is done."""
        for _ in range(AHEAD):
            for number in range(self.workers):
                if number < len(self.processes) and len(self.processes[number].orders) >= AHEAD:
                    continue
                order = self.again.popleft() if self.again else next(orders, None)
                if order is None:
                    return any(worker.orders for worker in self.processes)
                if number >= len(self.processes):
                    self.processes.append(_start(self.job, self.owner))
                self._send(self.processes[number], order)
        return True

    def _send(self, worker: _Process, order: Order) -> None:
        worker.orders.append(order)
        with contextlib.suppress(OSError):  # a dead worker is noticed when its answer is read
            worker.pipe.send(order)

    def _ready(self) -> list[_Process]:
        busy = [worker for worker in self.processes if worker.orders]
        ready = wait([worker.pipe for worker in busy], timeout=WAIT_SECONDS)
        return [worker for worker in busy if worker.pipe in ready]

    def _receive(self, worker: _Process) -> Iterator[ReportLine | StopJob]:
        try:
            answer = worker.pipe.recv()
        except (EOFError, OSError):
            yield from self._bury(worker)
            return
        worker.orders.popleft()
        self.deaths = 0
        yield answer

    def _bury(self, worker: _Process) -> Iterator[ReportLine]:
        """Put the orders of a dead worker back, or give up the photo at which one died again."""
        self.processes.remove(worker)
        worker.pipe.close()
        worker.process.join()
        self.deaths += 1
        if self.deaths >= MOST_DEATHS:
            raise InputError(
                f"{self.deaths} worker processes in a row died ({_cause(worker.process.exitcode)}); try fewer "
                "--workers, or --workers 0 to see what happens"
            )
        task, _ = culprit = worker.orders.popleft()
        self.again.extend(worker.orders)
        self.tries[task.photo] = self.tries.get(task.photo, 1) + 1
        if self.tries[task.photo] <= TRIES:
            self.again.append(culprit)
        else:
            reason = f"its worker process died {TRIES} times ({_cause(worker.process.exitcode)})"
            yield ReportLine(task.photo, error=f"{printable(task.photo)}: {reason}").finished_now(0)

    def close(self) -> None:
        """End the workers; what is under way is lost."""
        idle = [worker for worker in self.processes if not worker.orders]
        for worker in self.processes:
            worker.pipe.close()
            if worker.orders:
                worker.process.kill()
        for worker in idle:
            worker.process.join(5)
            worker.process.kill()
        for worker in self.processes:
            worker.process.join()


def run_pool(orders: Iterable[Order], job: JobConfig, workers: int, owner: str) -> Generator[ReportLine | StopJob]:
    """Do all orders in a pool of their own; closing this generator kills the workers."""
    with Pool(job, workers, owner) as pool:
        yield from pool.run(orders)


def _start(job: JobConfig, owner: str) -> _Process:
    """Start a worker whose libraries take one thread each, and which leaves signals to this process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, job, owner), name="svhn-worker")
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    resource_tracker.ensure_running()  # its start, else within `start`, would take the signals' block away
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # inherited by the process
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    theirs.close()
    return _Process(process, ours)


def _serve(pipe: Connection, job: JobConfig, owner: str) -> None:
    """Answer orders until the other end is closed, for whatever reason."""
    from svhn.jobs.worker import PhotoWorker

    worker = None
    with contextlib.suppress(EOFError, OSError):
        while True:
            task, done = pipe.recv()
            answer: ReportLine | StopJob
            try:
                worker = worker or PhotoWorker(job, owner)
                answer = worker(task, done)
            except StopJob as stop:
                answer = stop
            except InputError as error:
                answer = CannotStart(str(error))
            pipe.send(answer)


def _cause(code: int | None) -> str:
    if code == -signal.SIGKILL:
        return "SIGKILL, which the system sends when memory runs out"
    return signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
