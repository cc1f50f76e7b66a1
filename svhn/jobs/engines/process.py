"""One worker process: how it is started, what passes through its pipe, and the clock that runs while it is at work."""

import contextlib
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

from svhn.errors import InputError
from svhn.jobs.config import JobConfig
from svhn.jobs.engines.stages import Stage
from svhn.jobs.engines.stopping import SIGNALS
from svhn.jobs.tasks import CannotStart, ReportLine, StopJob

# Read by the libraries when they are loaded: one thread each, and memory that is kept for the next photo. Fetching
# pages from the system anew for every large array costs more than the work on them; up to `MALLOC_TRIM_THRESHOLD_`
# bytes are kept. With a safe path Python imports no module that lies beside the photos in the current folder.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "MALLOC_TOP_PAD_": str(16 << 20),
    "PYTHONSAFEPATH": "1",
}
# A worker that takes longer to start, or to load its networks, hangs; it is 3 to 20 seconds on a busy machine.
START_SECONDS = 600.0


class WorkerProcess:
    """A worker process, what it was given and has not answered yet, and how far it is with the first of it.

    Parameters
    ----------
    job : JobConfig
    owner : str
    serve : callable, optional
        What runs in it, a function of a module: it answers each order that comes through the pipe, and may say before
        to which `Stage` it has come. By default it removes the digits of the photos of a job.

    Attributes
    ----------
    pipe : Connection
    orders : deque
        What it was given. The first one is at work, or will be as soon as the worker has started.
    stage : Stage
    """

    def __init__(self, job: JobConfig, owner: str, serve: Callable[[Connection, JobConfig, str], None] | None = None):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve or _serve, args=(theirs, job, owner), name="svhn-worker")
        self.orders: deque[Any] = deque()
        self.stage, self.since, self.spent = Stage.STARTING, time.monotonic(), 0.0
        with _environment(), _blocked_signals():
            self.process.start()
        theirs.close()

    def give(self, order: Any) -> None:
        """Give it a photo to do after those that it has."""
        if not self.orders:
            self._enter(Stage.STARTING)
        self.orders.append(order)
        with contextlib.suppress(OSError):  # a dead worker is noticed when its answer is read
            self.pipe.send(order)

    def hear(self) -> Any:
        """Take what it says: the answer to its first order, or None when that has only come to another stage.

        Raises
        ------
        EOFError, OSError
            When it is dead.
        """
        answer = self.pipe.recv()
        if isinstance(answer, Stage):
            self._enter(answer)
            return None
        self.orders.popleft()
        self._enter(Stage.STARTING)
        return answer

    def _enter(self, stage: Stage) -> None:
        now = time.monotonic()
        if self.stage.is_photo:
            self.spent += now - self.since
        if stage is Stage.STARTING:
            self.spent = 0.0
        self.stage, self.since = stage, now

    def is_overdue(self, max_seconds: float) -> bool:
        """Tell whether its photo has taken more than `max_seconds`, or its start more than `START_SECONDS`."""
        if not self.orders:
            return False
        passed = time.monotonic() - self.since
        return self.spent + passed > max_seconds if self.stage.is_photo else passed > START_SECONDS

    def kill(self) -> None:
        """End it at once; what it is at is lost."""
        self.process.kill()

    def bury(self) -> str:
        """Wait for the end of a worker that is dead or dying, and say of what it died."""
        self.pipe.close()
        self.process.join()
        return _cause(self.process.exitcode)


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """Set the variables that the worker, and the process that cleans up after it, inherit."""
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@contextlib.contextmanager
def _blocked_signals() -> Iterator[None]:
    """Block the signals that the worker, which inherits that, leaves to this process."""
    resource_tracker.ensure_running()  # its start, else within `start`, would take the block away
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)


def _serve(pipe: Connection, job: JobConfig, owner: str) -> None:
    """Answer orders until the other end is closed, for whatever reason."""
    from svhn.jobs.worker import PhotoWorker

    worker = None
    with contextlib.suppress(EOFError, OSError):
        while True:
            task, done = pipe.recv()
            answer: ReportLine | StopJob
            try:
                worker = worker or PhotoWorker(job, owner, pipe.send)
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
