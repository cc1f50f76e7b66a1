"""Worker processes on this machine: bounded work in flight, and a photo on which a process dies costs only itself."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from multiprocessing.connection import wait

from svhn.cores import available_cores, memory_limit
from svhn.files import printable
from svhn.jobs.config import JobConfig, RunConfig
from svhn.jobs.engines.process import START_SECONDS, WorkerProcess
from svhn.jobs.engines.stages import Stage
from svhn.jobs.tasks import CannotStart, Order, ReportLine, StopJob

# Tasks that a worker holds: the one it does, and the next one, so that it never waits for this process.
AHEAD = 2
# How often a photo is tried whose worker died: it may have died of something else.
TRIES = 2
WAIT_SECONDS = 0.2  # until the clocks, and the caller, which may want to stop, are looked after again
# So many workers in a row that died before they took up a photo, or while they loaded the networks, mean that none will
# ever live.
MOST_FAILED_STARTS = 6
# Memory of a worker with photos of 12 megapixels (docs/scale.md).
WORKER_BYTES = 1 << 29


def default_workers() -> int:
    """Return how many workers there are where nobody says: one for each core, as far as the container's memory goes."""
    limit = memory_limit()
    return available_cores() if limit is None else max(1, min(available_cores(), limit // WORKER_BYTES))


class Pool:
    """Worker processes that are started when there is work for them; a context manager that ends them.

    Parameters
    ----------
    job : JobConfig
    workers : int
        At most this many processes.
    owner : str
        Name of the part of the job.
    max_seconds : float
        A photo that takes longer is given up, and its worker ended.
    """

    def __init__(self, job: JobConfig, workers: int, owner: str = "job", max_seconds: float = RunConfig.max_seconds):
        self.job, self.workers, self.owner, self.max_seconds = job, workers, owner, max_seconds
        self.processes: list[WorkerProcess] = []
        self.back: deque[Order] = deque()  # of dead workers, which did not die of these
        self.aside: deque[Order] = deque()  # on which a worker died once; they come last
        self.tries: dict[str, int] = {}
        self.failed_starts, self.answered = 0, False

    def run(
        self, orders: Iterable[Order], stopping: Callable[[], bool] = lambda: False
    ) -> Iterator[ReportLine | StopJob]:
        """Yield a report line for each order, as they are finished, or the reason why the job has to stop.

        Orders are taken from the iterable only when a worker is free for them. When `stopping` says so, no more are
        given out: photos at work are finished, those that are being fetched are let go.
        """
        orders = iter(orders)
        try:
            while self._feed(orders):
                for worker in self._ready():
                    yield from self._hear(worker)
                yield from self._end_overdue()
                if stopping():
                    self._let_go()
        except StopJob as stop:
            yield stop

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
                if (order := self._next(orders)) is None:
                    return any(worker.orders for worker in self.processes)
                if number >= len(self.processes):
                    self.processes.append(WorkerProcess(self.job, self.owner))
                self.processes[number].give(order)
        return True

    def _next(self, orders: Iterator[Order]) -> Order | None:
        """Return what is to be done next; photos that may have killed a worker come after all others."""
        if self.back:
            return self.back.popleft()
        order = next(orders, None)
        return self.aside.popleft() if order is None and self.aside else order

    def _ready(self) -> list[WorkerProcess]:
        busy = [worker for worker in self.processes if worker.orders]
        ready = wait([worker.pipe for worker in busy], timeout=WAIT_SECONDS)
        return [worker for worker in busy if worker.pipe in ready]

    def _hear(self, worker: WorkerProcess) -> Iterator[ReportLine | StopJob]:
        try:
            answer = worker.hear()
        except (EOFError, OSError):
            yield from self._bury(worker)
            return
        if answer is not None:
            self.failed_starts, self.answered = 0, True
            yield answer

    def _end_overdue(self) -> Iterator[ReportLine]:
        """Give up the photos that take too long, and end the workers that hang."""
        for worker in [worker for worker in self.processes if worker.is_overdue(self.max_seconds)]:
            worker.kill()
            if worker.stage.is_photo:
                reason = f"took more than {self.max_seconds:g} seconds; allow more with --max-seconds"
                yield _given_up(worker.orders.popleft(), reason)
                self._remove(worker)
            else:
                yield from self._bury(worker, f"not ready after {START_SECONDS:g} seconds")

    def _bury(self, worker: WorkerProcess, cause: str | None = None) -> Iterator[ReportLine]:
        """Set the photo aside on which a worker died, or give it up when that has happened before."""
        culprit = worker.orders.popleft() if worker.stage.is_photo else None
        died_of = self._remove(worker)
        cause = cause or died_of
        if culprit is None:
            self._count_failed_start(cause)
            return
        photo = culprit[0].photo
        self.tries[photo] = self.tries.get(photo, 0) + 1
        if self.tries[photo] < TRIES:
            self.aside.append(culprit)
        else:
            yield _given_up(culprit, f"its worker process died {TRIES} times ({cause})")

    def _remove(self, worker: WorkerProcess) -> str:
        """Forget a worker that is dead or dying, put its orders back, and return of what it died."""
        self.processes.remove(worker)
        self.back.extend(worker.orders)
        return worker.bury()

    def _count_failed_start(self, cause: str) -> None:
        """Raise StopJob when no worker lives long enough to do a photo."""
        self.failed_starts += 1
        if self.failed_starts < MOST_FAILED_STARTS:
            return
        reason = (
            f"{self.failed_starts} worker processes in a row died before they could do a photo ({cause}); try fewer "
            "--workers, or --workers 0 to see what happens"
        )
        raise StopJob(f"{reason}, and go on with --resume") if self.answered else CannotStart(reason)

    def _let_go(self) -> None:
        """Drop what is not at work yet; workers that have no photo's content may hang, and are ended."""
        self.back.clear()
        self.aside.clear()
        for worker in [worker for worker in self.processes if worker.orders and worker.stage is not Stage.WORKING]:
            worker.kill()
            worker.orders.clear()
            self._remove(worker)

    def close(self) -> None:
        """End the workers; what is under way is lost."""
        for worker in self.processes:
            worker.pipe.close()
            if worker.orders:
                worker.kill()
        for worker in self.processes:
            worker.process.join(5)
            worker.kill()
            worker.process.join()


def run_pool(
    orders: Iterable[Order], job: JobConfig, workers: int, owner: str, max_seconds: float, stopping: Callable[[], bool]
) -> Generator[ReportLine | StopJob]:
    """Do all orders in a pool of their own; closing this generator kills the workers."""
    with Pool(job, workers, owner, max_seconds) as pool:
        yield from pool.run(orders, stopping)


def _given_up(order: Order, reason: str) -> ReportLine:
    """Return the line of a photo that no worker could do."""
    photo = order[0].photo
    return ReportLine(photo, error=f"{printable(photo)}: {reason}").finished_now(0)
