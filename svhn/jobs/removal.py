"""Removing the digits from many photos as a job."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from svhn.errors import InputError, require_package
from svhn.files import WriteError
from svhn.finder import advice_on_reader
from svhn.jobs.choice import PlanFile
from svhn.jobs.config import JobConfig, RunConfig
from svhn.jobs.engines import Stage, StopSignals, default_workers, run_pool
from svhn.jobs.listing import ListedPhoto, in_shard, name_outputs, refuse_overwriting, spare_others
from svhn.jobs.output import Claims, NoResults, Results, ledger_name, plain_folder, read_history
from svhn.jobs.tasks import BESIDE, ERROR, LEFT_OUT, OK, UNSURE, CannotStart, Order, ReportLine, StopJob, Task

# Photos after which the failure rate is looked at for the first time.
FIRST_LOOK = 20
AnyResults: TypeAlias = Results | NoResults | PlanFile
SOME_FAILED, STOPPED_EARLY, STILL_LEGIBLE, NOT_SURE = 1, 3, 4, 5


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
    perhaps_left : int
        Photos that were written though perhaps a digit is left.
    refused : Counter
        Photos per status that were not written because perhaps a digit is left (`JobConfig.strict`).
    located : int
        Outputs that say where their photo was taken.
    left_out : dict of str to int
        Files in the given folders that are no photos, by their suffix; see `svhn.jobs.Listing`.
    advice : str
        What would make the search surer; "" for nothing.
    beside : int
        Photos whose boxes were taken from a file that lies beside them.
    fitted : int
        Photos whose listed boxes had to be scaled or turned.
    """

    photos: int
    report: str | None = None
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    stopped: str | None = None
    signal: int | None = None
    legible: int = 0
    perhaps_left: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    located: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    advice: str = ""
    beside: int = 0
    fitted: int = 0

    def count(self, line: ReportLine) -> None:
        """Add what became of a photo."""
        self.counts[line.status] += 1
        self.legible += line.status == ERROR and line.is_legible
        self.perhaps_left += line.status == OK and line.perhaps_left is True
        self.refused[line.status] += line.status in UNSURE and line.error is not None
        self.located += bool(line.says_where and line.output)
        self.beside += line.boxes is not None and line.boxes.startswith(BESIDE)
        self.fitted += line.fitted is not None

    @property
    def exit_code(self) -> int:
        """What `svhn remove-digits` ends with.

        0: all fine; 1: some photos failed; 3: stopped early; with `JobConfig.strict` 4: a digit stayed legible, 5:
        perhaps one is left; 128 + n: by signal n.
        """
        if self.signal is not None:
            return 128 + self.signal
        if self.stopped:
            return STOPPED_EARLY
        if self.legible:
            return STILL_LEGIBLE
        if self.counts[ERROR]:
            return SOME_FAILED
        return NOT_SURE if self.refused.total() else 0


def remove_photos(
    photos: Sequence[ListedPhoto],
    job: JobConfig,
    run: RunConfig = RunConfig(),
    show: Callable[[ReportLine, Summary], None] = lambda line, summary: None,
    signals: StopSignals | None = None,
) -> Summary:
    """Remove the digits from photos.

    Every photo becomes a file in the output folder; one without digits is copied. `report.jsonl` there gets a line
    for each, in the order in which they are finished; see `svhn.jobs.ReportLine` for its fields. What concerns a single
    photo is in its line and never ends the job. A photo that fails has no output, not even one of an earlier job;
    photos of earlier jobs that are not given keep theirs.

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
    job = replace(
        job, output_dir=plain_folder(job.output_dir), report_dir=job.report_dir and plain_folder(job.report_dir)
    )
    with contextlib.nullcontext(signals) if signals else StopSignals() as signals:
        with signals.answering_at_once():
            tasks = _plan(photos, job, run)
        part = {task.photo: task for task in tasks if in_shard(task, run.shard.part, run.shard.parts)}
        owner = ledger_name(run.shard.part, run.shard.parts)
        summary = Summary(len(part), advice=advice_on_reader(job.text_reader))

        def stopping() -> bool:
            return signals.received is not None or summary.stopped is not None

        with _results(job, run, photos, owner, summary) as results:
            _note_what_is_left_out(photos, results, summary, run)
            done = _look_back(part, tasks, job, run)
            orders = _orders(part, done, stopping)
            # The second signal is a KeyboardInterrupt: what is under way is not waited for.
            lines = _engine(orders, len(part), job, run, owner, stopping, signals)
            with contextlib.suppress(KeyboardInterrupt), contextlib.closing(lines):
                _write_down(lines, part, results, summary, run, show)
    summary.signal = signals.received
    summary.seconds = time.perf_counter() - began
    return summary


def find_digits(
    photos: Sequence[ListedPhoto],
    output: str,
    job: JobConfig,
    run: RunConfig = RunConfig(),
    show: Callable[[ReportLine, Summary], None] = lambda line, summary: None,
) -> Summary:
    """Write down what `remove_photos` would remove, as a plan that can be corrected and followed (`JobConfig.plan`).

    Parameters
    ----------
    photos : sequence of ListedPhoto
        See `svhn.jobs.list_photos`.
    output : str
        The plan, see `svhn.jobs.choice.plan`; it must not be there.
    job, run, show
        As in `remove_photos`.

    Raises
    ------
    InputError
        As in `remove_photos`, and when `output` is there or names a picture.
    """
    return remove_photos(photos, replace(job, dry_run=True), replace(run, plan_output=output), show)


def _plan(photos: Sequence[ListedPhoto], job: JobConfig, run: RunConfig) -> list[Task]:
    """Return the tasks of all parts of the job, after checking what all of them need."""
    from svhn.jobs.digit_sources import digit_source
    from svhn.jobs.fingerprint import used_networks

    if run.plan_output is not None and not job.dry_run:
        raise InputError("plan_output: a plan is written by a dry run only; add --dry-run, or leave --output out")
    if not job.dry_run and run.engine == "local":  # a Ray cluster may have it on its nodes only
        require_package("torch", "PyTorch", "torch", "remove-digits")
    used_networks(job)
    digit_source(job)
    tasks = name_outputs(photos, job.save_masks)
    tasks = spare_others(tasks, Claims(job.side_dir, job.output_dir, tasks))
    refuse_overwriting(tasks, job.output_dir, job.side_dir)
    return tasks


@contextlib.contextmanager
def _results(
    job: JobConfig, run: RunConfig, photos: Sequence[ListedPhoto], owner: str, summary: Summary
) -> Iterator[AnyResults]:
    """Hold the ledger and the files of this part of a job; in a dry run nothing is written but a plan."""
    results: AnyResults
    if run.plan_output is not None:
        results = PlanFile(run.plan_output, [photo.path for photo in photos])
    else:
        results = NoResults() if job.dry_run else Results(job.output_dir, job.report_dir, owner)
    summary.report = results.name
    try:
        yield results
    finally:
        try:
            results.close()
        except OSError as error:
            summary.stopped = _cannot_write(results, error)


def _note_what_is_left_out(
    photos: Sequence[ListedPhoto], results: AnyResults, summary: Summary, run: RunConfig
) -> None:
    """Write down what of the given folders is no photo; every part of a job knows it, the first one says it."""
    for folder, kinds in getattr(photos, "left_out", {}).items():
        summary.left_out.update(kinds)
        if run.shard.part == 1:
            results.note(ReportLine(folder, status=LEFT_OUT, left_out=kinds).finished_now(0.0))


def _look_back(
    part: dict[str, Task], tasks: Sequence[Task], job: JobConfig, run: RunConfig
) -> Mapping[str, ReportLine]:
    """Return what earlier jobs did of this part, and let its tasks know which old files of theirs have to go."""
    taken = {name for task in tasks for name in (task.output, task.mask) if name}
    history = read_history(job.side_dir, job.output_dir, part, taken, run.resume)
    part.update({photo: history.prepare(task) for photo, task in part.items()})
    return history.done


def _orders(part: Mapping[str, Task], done: Mapping[str, ReportLine], stopping: Callable[[], bool]) -> Iterator[Order]:
    """Yield the work until there is none left or a reason to stop."""
    for photo, task in part.items():
        if stopping():
            return
        yield task, done.get(photo)


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
    workers = default_workers() if run.workers is None else run.workers
    if workers == 0:
        from svhn.jobs.worker import answer_all

        def answer_signals(stage: Stage) -> None:
            signals.at_once = stage is Stage.FETCHING  # which may hang, and nothing is lost

        return answer_all(orders, job, owner, answer_signals)
    return run_pool(orders, job, min(workers, max(1, count)), owner, run.max_seconds, stopping)


def _write_down(
    lines: Iterable[ReportLine | StopJob],
    part: Mapping[str, Task],
    results: AnyResults,
    summary: Summary,
    run: RunConfig,
    show: Callable[[ReportLine, Summary], None],
) -> None:
    """Write every line into the ledger, put the outputs in place, and say why to stop when it is time to."""
    for line in lines:
        if isinstance(line, CannotStart):
            raise line
        if isinstance(line, StopJob):
            summary.stopped = str(line)
            continue
        try:
            line = results.record(line, part[line.photo])
        except WriteError as error:
            summary.stopped = str(error)
            continue
        except OSError as error:
            summary.stopped = _cannot_write(results, error)
            continue
        summary.count(line)
        summary.stopped = summary.stopped or _too_many_failures(summary, run.max_failure_rate)
        show(line, summary)


def _too_many_failures(summary: Summary, highest: float) -> str | None:
    failed, seen = summary.counts[ERROR], summary.counts.total()
    if seen < FIRST_LOOK or failed <= highest * seen:
        return None
    return f"{failed} of {seen} photos failed, more than --max-failure-rate {highest:g}"


def _cannot_write(results: AnyResults, error: OSError) -> str:
    return f"{results.name}: cannot be written ({error}); make room and go on with --resume"
