"""Removing digits: from many photos as a job, or looking at one photo."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from svhn.checkpoints import find_model
from svhn.cores import available_cores
from svhn.errors import InputError
from svhn.files import check_figure, replacing
from svhn.jobs.config import JobConfig, RunConfig
from svhn.jobs.engines import run_pool
from svhn.jobs.ledger import Ledger, NoLedger, done_before, ledger_name, open_ledger
from svhn.jobs.naming import in_shard, name_outputs, refuse_overwriting
from svhn.jobs.sources import Source
from svhn.jobs.stopping import StopSignals
from svhn.jobs.storage import OutputFolder
from svhn.jobs.tasks import ERROR, UNCHANGED, CannotStart, Order, StopJob, Task
from svhn.torch_inpaint.removal import RemovalConfig

if TYPE_CHECKING:
    from svhn.torch_inpaint.removal import DigitRemover

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
    report: str | None
    counts: Counter = field(default_factory=Counter)
    seconds: float = 0.0
    stopped: str | None = None
    signal: int | None = None
    legible: int = 0

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
    sources: Sequence[Source],
    job: JobConfig,
    run: RunConfig = RunConfig(),
    show: Callable[[dict[str, Any], Summary], None] = lambda line, summary: None,
    signals: StopSignals | None = None,
) -> Summary:
    """Remove the digits from photos.

    Every photo becomes a file in the output folder; one without digits is copied. `report.jsonl` there has a line
    for each, in the order in which they are finished; see `svhn.jobs.worker.PhotoWorker` for its fields. What
    concerns a single photo is in its line and never ends the job.

    Parameters
    ----------
    sources : sequence of Source
        See `svhn.jobs.sources.list_photos`; all of them, also when only a part is to be done.
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
        tasks = _plan(sources, job, run)
        name = ledger_name(run.shard.part, run.shard.parts)
        folder = OutputFolder(job.output_dir, name)
        # With the ledger open nobody else works on this part.
        ledger = NoLedger() if job.dry_run else open_ledger(job.output_dir, name, run.resume)
        if not job.dry_run:
            folder.prepare()
        summary = Summary(len(tasks), ledger.name)

        def stopping() -> bool:
            return signals.received is not None or summary.stopped is not None

        try:
            orders = _orders(tasks, job, run, stopping)
            with contextlib.closing(_engine(orders, len(tasks), job, run, name, stopping)) as lines:
                _write_down(lines, ledger, summary, run, show)
        except KeyboardInterrupt:  # the second signal: do not wait for what is under way
            pass
        finally:
            if not job.dry_run:
                folder.finish()
            try:
                ledger.close()
            except OSError as error:
                summary.stopped = f"{ledger.name}: cannot be written ({error}); make room and go on with --resume"
    summary.signal = signals.received
    summary.seconds = time.perf_counter() - began
    return summary


def _plan(sources: Sequence[Source], job: JobConfig, run: RunConfig) -> list[Task]:
    """Return the tasks of this part of the job, after checking what all of them need."""
    from svhn.jobs.digit_sources import digit_source

    find_model(job.model)
    digit_source(job)
    tasks = name_outputs(sources, job.save_masks)
    refuse_overwriting(tasks, job.output_dir)
    return [task for task in tasks if in_shard(task, run.shard.part, run.shard.parts)]


def _orders(tasks: Sequence[Task], job: JobConfig, run: RunConfig, stopping: Callable[[], bool]) -> Iterator[Order]:
    """Yield the work until there is none left or a reason to stop."""
    done = done_before(job.output_dir, {task.photo: task for task in tasks}) if run.resume else {}
    for task in tasks:
        if stopping():
            return
        yield task, done.get(task.photo)


def _engine(
    orders: Iterator[Order], count: int, job: JobConfig, run: RunConfig, owner: str, stopping: Callable[[], bool]
) -> Generator[dict[str, Any] | StopJob]:
    """Return the report lines of all orders, done by the engine that was asked for."""
    if run.engine == "ray":
        from svhn.jobs.engines import run_ray

        return run_ray(orders, job, run, owner, stopping)
    workers = available_cores() if run.workers is None else run.workers
    if workers == 0:
        from svhn.jobs.worker import answer_all

        return answer_all(orders, job, owner)
    return run_pool(orders, job, min(workers, max(1, count)), owner)


def _write_down(
    lines: Iterable[dict[str, Any] | StopJob],
    ledger: Ledger,
    summary: Summary,
    run: RunConfig,
    show: Callable[[dict[str, Any], Summary], None],
) -> None:
    """Write every line into the ledger, and say why to stop when it is time to."""
    for line in lines:
        if isinstance(line, CannotStart):
            raise line
        if isinstance(line, StopJob):
            summary.stopped = str(line)
            continue
        if line["status"] != UNCHANGED:
            try:
                ledger.append(line)
            except OSError as error:
                summary.stopped = f"{ledger.name}: cannot be written ({error}); make room and go on with --resume"
                continue
        summary.counts[line["status"]] += 1
        summary.legible += line["status"] == ERROR and any(number["legible_after"] for number in line["numbers"])
        failed, seen = summary.counts[ERROR], summary.counts.total()
        if seen >= FIRST_LOOK and failed > run.max_failure_rate * seen:
            summary.stopped = f"{failed} of {seen} photos failed, more than --max-failure-rate {run.max_failure_rate:g}"
        show(line, summary)


def inpaint_photo(
    photo: str | Path,
    mask: str | Path,
    output: str | Path,
    config: RemovalConfig = RemovalConfig(),
    device: str = "auto",
) -> None:
    """Fill the white part of a mask picture in one photo and write the result in the photo's format.

    Raises
    ------
    InputError
        When a file is unreadable, the sizes differ, the mask is all white, or `output` is an input.
    """
    from svhn.photos import read_mask, read_photo, write_photo
    from svhn.torch_inpaint.removal import inpaint

    photo, mask, output = Path(photo), Path(mask), Path(output)
    if output.resolve() in (photo.resolve(), mask.resolve()):
        raise InputError(f"{output}: the output would overwrite an input; choose another --output")
    if output.suffix.lower() != photo.suffix.lower():
        raise InputError(f"{output}: the output keeps the photo's format; expected the suffix {photo.suffix}")
    picture, hole = read_photo(photo), read_mask(mask)
    if hole.shape != picture.rgb.shape[:2]:
        raise InputError(
            f"{mask}: this mask has {hole.shape[1]} x {hole.shape[0]} pixels, expected those of {photo}, "
            f"{picture.rgb.shape[1]} x {picture.rgb.shape[0]}"
        )
    if hole.all():
        raise InputError(f"{mask}: white everywhere, expected some black, which is kept and learned from")
    write_photo(output, picture, inpaint(picture.rgb, hole, config, device), hole)


def explain_photo(
    photo: str | Path, remover: "DigitRemover", output: str | Path, boxes: str | Path | None = None
) -> None:
    """Draw how the digits of one photo are found and removed, as one figure; the photo itself is not written.

    Parameters
    ----------
    photo : str or Path
    remover : DigitRemover
    output : str or Path
        The figure, a .png, .pdf or .svg file.
    boxes : str or Path, optional
        As in `JobConfig`.

    Raises
    ------
    InputError
        When a file is unreadable, the photo has no digits, or `output` is an input or of another kind.
    """
    from svhn.jobs.digit_sources import clip_to_photo, digit_source
    from svhn.photos import read_photo
    from svhn.torch_inpaint.removal import draw
    from svhn.torch_inpaint.removal.explain import explain

    photo, output = Path(photo), Path(output)
    check_figure(output, photo)
    picture = read_photo(photo)
    digits = digit_source(JobConfig("", boxes=str(boxes) if boxes else None))(str(photo), picture.rgb)
    if not digits:
        raise InputError(f"{photo}: no digits listed or found here, so there is nothing to explain; give --boxes")
    digits = clip_to_photo(str(photo), digits, picture.rgb)
    figure = draw(explain(remover, picture.rgb, digits), photo.name)
    with replacing(output) as temporary:
        figure.savefig(temporary)
