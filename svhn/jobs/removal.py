"""Removing the digits from many photos as a job."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from svhn.cores import available_cores
from svhn.errors import require_package
from svhn.jobs.config import JobConfig, RunConfig
from svhn.jobs.engines import Stage, StopSignals, run_pool
from svhn.jobs.listing import ListedPhoto, in_shard, name_outputs, refuse_overwriting
from svhn.jobs.output import Ledger, NoLedger, OutputFolder, done_before, ledger_name, open_ledger
from svhn.jobs.tasks import ERROR, UNCHANGED, CannotStart, Order, ReportLine, StopJob, Task

# Photos after which the failure rate is looked at for the first time.
FIRST_LOOK = 20
SOME_FAILED, STOPPED_EARLY, STILL_LEGIBLE = 1, 3, 4


@dataclass
class Summary:
    """What became of a job.

    Attributes
    ----------
    photos : int
        In this job, or in this part of it.
    counts : Counter
        Photos per status.
    seconds : float
    report : str or None
        Where the ledger is; a dry run has none.
    stopped : str or None
        Why the job ended before all photos were done.
    signal : int or None
        The signal that ended it.
    legible : int
        Photos that failed because a digit stayed legible (`JobConfig.strict`).
    """

    photos: int
    report: str | None = None
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    stopped: str | None = None
    signal: int | None = None
    legible: int = 0

    def count(self, line: ReportLine) -> None:
        """Add what became of a photo."""
        self.counts[line.status] += 1
        self.legible += line.status == ERROR and line.is_legible

    @property
    def exit_code(self) -> int:
        """0: all fine; 1: some photos failed; 3: stopped early; 4: a digit stayed legible; 128 + n: by signal n."""
        if self.signal is not None:
            return 128 + self.signal
        if self.stopped:
            return STOPPED_EARLY
        if self.legible:
            return STILL_LEGIBLE
        return SOME_FAILED if self.counts[ERROR] else 0


def remove_photos(
    photos: Sequence[ListedPhoto],
    job: JobConfig,
    run: RunConfig = RunConfig(),
    show: Callable[[ReportLine, Summary], None] = lambda line, summary: None,
    signals: StopSignals | None = None,
) -> Summary:
    """Remove the digits from photos.

    Every photo becomes a file in the output folder; one without digits is copied. `report.jsonl` there has a line
    for each, in the order in which they are finished; see `svhn.jobs.ReportLine` for its fields. What concerns a single
    photo is in its line and never ends the job.

    Parameters
    ----------
    photos : sequence of ListedPhoto
        See `svhn.jobs.list_photos`; all of them, also when only a part is to be done.
    job : JobConfig
    run : RunConfig
    show : callable
        Called with each line as it is written, and the summary so far.
    signals : StopSignals, optional
        Active already; without it SIGINT and SIGTERM are looked after here.

    Raises
    ------
    InputError
        When the job cannot start: an output that would be an input, an unwritable folder, unreadable boxes, no
        model, another job at work in the folder.
    """
    began = time.perf_counter()
    with contextlib.nullcontext(signals) if signals else StopSignals() as signals:
        tasks = _plan(photos, job, run)
        owner = ledger_name(run.shard.part, run.shard.parts)
        summary = Summary(len(tasks))

        def stopping() -> bool:
            return signals.received is not None or summary.stopped is not None

        with _output(job, run, owner, summary) as ledger:
            orders = _orders(tasks, job, run, stopping)
            # The second signal is a KeyboardInterrupt: what is under way is not waited for.
            lines = _engine(orders, len(tasks), job, run, owner, stopping, signals)
            with contextlib.suppress(KeyboardInterrupt), contextlib.closing(lines):
                _write_down(lines, ledger, summary, run, show)
    summary.signal = signals.received
    summary.seconds = time.perf_counter() - began
    return summary


def _plan(photos: Sequence[ListedPhoto], job: JobConfig, run: RunConfig) -> list[Task]:
    """Return the tasks of this part of the job, after checking what all of them need."""
    from svhn.jobs.digit_sources import digit_source
    from svhn.jobs.fingerprint import used_networks

    if not job.dry_run and run.engine == "local":  # a Ray cluster may have it on its nodes only
        require_package("torch", "PyTorch", "torch", "remove-digits")
    used_networks(job)
    digit_source(job)
    tasks = name_outputs(photos, job.save_masks)
    refuse_overwriting(tasks, job.output_dir)
    return [task for task in tasks if in_shard(task, run.shard.part, run.shard.parts)]


@contextlib.contextmanager
def _output(job: JobConfig, run: RunConfig, owner: str, summary: Summary) -> Iterator[Ledger]:
    """Hold the ledger and the staging folder of this part of a job; in a dry run nothing is written."""
    if job.dry_run:
        yield NoLedger()
        return
    folder = OutputFolder(job.output_dir, owner)
    ledger = open_ledger(job.output_dir, owner, run.resume)  # while it is open nobody else works on this part
    folder.prepare()
    summary.report = ledger.name
    try:
        yield ledger
    finally:
        folder.finish()
        try:
            ledger.close()
        except OSError as error:
            summary.stopped = _cannot_write(ledger, error)


def _orders(tasks: Sequence[Task], job: JobConfig, run: RunConfig, stopping: Callable[[], bool]) -> Iterator[Order]:
    """Yield the work until there is none left or a reason to stop."""
    done = done_before(job.output_dir, {task.photo: task for task in tasks}) if run.resume else {}
    for task in tasks:
        if stopping():
            return
        yield task, done.get(task.photo)


def _engine(
    orders: Iterator[Order],
    count: int,
    job: JobConfig,
    run: RunConfig,
    owner: str,
    stopping: Callable[[], bool],
    signals: StopSignals,
) -> Generator[ReportLine | StopJob]:
    """Return the report lines of all orders, done by the engine that was asked for."""
    if run.engine == "ray":
        from svhn.jobs.engines import run_ray

        return run_ray(orders, job, run, owner, stopping)
    workers = available_cores() if run.workers is None else run.workers
    if workers == 0:
        from svhn.jobs.worker import answer_all

        def answer_signals(stage: Stage) -> None:
            signals.at_once = stage is Stage.FETCHING  # which may hang, and nothing is lost

        return answer_all(orders, job, owner, answer_signals)
    return run_pool(orders, job, min(workers, max(1, count)), owner, run.max_seconds, stopping)


def _write_down(
    lines: Iterable[ReportLine | StopJob],
    ledger: Ledger,
    summary: Summary,
    run: RunConfig,
    show: Callable[[ReportLine, Summary], None],
) -> None:
    """Write every line into the ledger, and say why to stop when it is time to."""
    for line in lines:
        if isinstance(line, CannotStart):
            raise line
        if isinstance(line, StopJob):
            summary.stopped = str(line)
            continue
        try:
            if line.status != UNCHANGED:
                ledger.append(line)
        except OSError as error:
            summary.stopped = _cannot_write(ledger, error)
            continue
        summary.count(line)
        summary.stopped = summary.stopped or _too_many_failures(summary, run.max_failure_rate)
        show(line, summary)


def _too_many_failures(summary: Summary, highest: float) -> str | None:
    failed, seen = summary.counts[ERROR], summary.counts.total()
    if seen < FIRST_LOOK or failed <= highest * seen:
        return None
    return f"{failed} of {seen} photos failed, more than --max-failure-rate {highest:g}"


def _cannot_write(ledger: Ledger, error: OSError) -> str:
    return f"{ledger.name}: cannot be written ({error}); make room and go on with --resume"
