"""What is done to one photo: the same function for every engine, and its result depends on the photo and settings only.

That holds bit for bit on one kind of machine: one thread each for PyTorch and OpenCV, and one photo at a time.
"""

import contextlib
import errno
import hashlib
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2

from svhn.boxes import DigitBox, group_digits, numbers_of
from svhn.errors import InputError
from svhn.files import printable
from svhn.finder import number_confidence
from svhn.jobs.cleaning import Cleaner, CleanPhoto
from svhn.jobs.config import FAIL, SKIP, JobConfig
from svhn.jobs.digit_sources import PhotoDigits, clip_to_photo, digit_source
from svhn.jobs.engines import Stage
from svhn.jobs.fingerprint import describe_settings, short_hash
from svhn.jobs.looking import describe_doubt, describe_legible, find_through_alpha
from svhn.jobs.networks import JobNetworks
from svhn.jobs.output import JobFolders, read_bytes
from svhn.jobs.reading import describe_number
from svhn.jobs.tasks import (
    DOUBTFUL,
    NO_DIGITS,
    PERHAPS_LEFT,
    PLANNED,
    UNCHANGED,
    UNTOUCHED,
    Order,
    ReadNumber,
    RemovedNumber,
    ReportLine,
    StopJob,
    Task,
)
from svhn.photos import Photo, byte_limit, decode_photo, encode_mask, says_where

if TYPE_CHECKING:
    from svhn.torch_inpaint.removal import NumberReport

_FULL = (errno.ENOSPC, errno.EDQUOT)


class PhotoWorker:
    """Removes the digits from photos, one after the other; models are loaded for the first one that needs them.

    What it makes is staged, and stands in the output folder when `svhn.jobs.output.Results` has recorded the line.

    Parameters
    ----------
    job : JobConfig
    owner : str
        Name of the part of the job that this worker belongs to.
    tell : callable
        Called with each `Stage` that it comes to.

    Raises
    ------
    InputError
        When the boxes or the model cannot be used.
    """

    def __init__(self, job: JobConfig, owner: str = "job", tell: Callable[[Stage], None] = lambda stage: None):
        cv2.setNumThreads(1)
        self.job, self.tell = job, tell
        self.folders = JobFolders(job.output_dir, job.report_dir, owner)
        self.networks = JobNetworks(job, tell)
        self.digits_of = digit_source(job, lambda: self.networks.finder)
        self.clean = Cleaner(job, self.networks)
        self.settings = describe_settings(job)

    def __call__(self, task: Task, done: ReportLine | None = None) -> ReportLine:
        """Do one photo and return its line of the report.

        Parameters
        ----------
        task : Task
        done : ReportLine, optional
            What was done to it before; where that still holds, the photo is not done again.

        Raises
        ------
        StopJob
            When no further photo could be done either.
        """
        began = time.perf_counter()
        line = ReportLine(task.photo, error=task.error)
        if task.error is None:
            self.tell(Stage.FETCHING)
            try:
                line = self._do(task, done)
            except StopJob:
                raise
            except Exception as error:  # whatever it is, it costs this photo only
                line = ReportLine(task.photo, error=_reason(task.photo, error))
        return line.finished_now(time.perf_counter() - began)

    def _do(self, task: Task, done: ReportLine | None) -> ReportLine:
        """Take a photo through all steps: bytes, hash, picture, digits, removal, bytes, hash, in place."""
        content = read_bytes(task.photo, byte_limit(self.job.photo.max_pixels))
        line = self._identify(task, content)
        self.tell(Stage.WORKING)
        if done and self._still_holds(done, task, line):
            return ReportLine(task.photo, status=UNCHANGED)
        if not self.job.dry_run:
            self.folders.withdraw(task)
        photo = decode_photo(content, task.photo, self.job.photo.max_pixels)
        line = replace(line, says_where=says_where(photo, self.job.photo.kept) or None)
        where = self.find(task, photo)
        self._check_found(task, where)
        line = replace(line, boxes=where.boxes, fitted=where.fitted)
        if self.job.dry_run:
            return describe_found(task.photo, photo, where)
        return self._finish(line, task, photo, content, where)

    def _identify(self, task: Task, content: bytes) -> ReportLine:
        """Start a photo's line with what a later job compares: its content, and all else the result depends on."""
        settings = short_hash(self.settings, self.digits_of.version(task))
        digest = hashlib.sha256(content).hexdigest()
        return ReportLine(task.photo, bytes=len(content), sha256=digest, settings=settings)

    def _still_holds(self, done: ReportLine, task: Task, now: ReportLine) -> bool:
        """Tell whether photo, settings and names are those of before, and the output is there as it was written."""
        same = (done.bytes, done.sha256, done.settings) == (now.bytes, now.sha256, now.settings)
        if not same or (self.job.strict and done.is_legible):
            return False
        if done.output is None:
            return not self.folders.outputs.has(task.output)
        same = done.output == task.output and (done.status in UNTOUCHED or done.mask == task.mask)
        return same and self.folders.outputs.holds(task.output, done.output_bytes, done.output_sha256)

    def find(self, task: Task, photo: Photo) -> PhotoDigits:
        """Return where the digits of a photo are, listed or found, clipped to it."""
        where = self.digits_of(task, photo)
        digits = find_through_alpha(photo, where.digits, self.networks.finder) if where.may_grow else where.digits
        return self.fit(task.photo, photo, replace(where, digits=digits))

    def fit(self, name: str, photo: Photo, where: PhotoDigits) -> PhotoDigits:
        """Return digits clipped to their photo, without those that the job leaves out; InputError for one outside."""
        inside = clip_to_photo(name, where.digits, photo.rgb)
        height, width = photo.rgb.shape[:2]
        digits, unsure = (self.job.scope.digits(places, width, height) for places in (inside, where.unsure))
        return replace(where, digits=digits, unsure=unsure)

    def _check_found(self, task: Task, where: PhotoDigits) -> None:
        """Raise InputError where nothing is listed or found, and that shall be an error."""
        if self.job.nothing_found == FAIL and where.is_empty:
            raise InputError(
                f"{printable(task.photo)}: no digits listed or found here, so it was not written; look at it, or use "
                "--nothing-found copy or skip"
            )

    def _finish(self, line: ReportLine, task: Task, photo: Photo, content: bytes, where: PhotoDigits) -> ReportLine:
        """Make what is published of a photo and stage it; with `strict` it is looked at first, and may be refused."""
        if where.is_empty and self.job.nothing_found == SKIP and not (self.job.strict and where.unsure):
            return replace(line, status=DOUBTFUL if where.unsure else NO_DIGITS, unsure=describe_unsure(where))
        finished = self.clean(photo, content, where)
        line = replace(describe_cleaned(line, finished), status=finished.status)
        if self.job.strict and (finished.is_legible or finished.unsure):
            return _refuse(line, finished)
        if finished.removed is None:
            return self._stage(line, task, finished.content)
        mask = encode_mask(finished.removed.mask) if task.mask else None
        return self._stage(replace(line, mask=task.mask), task, finished.content, mask)

    def _stage(self, line: ReportLine, task: Task, content: bytes, mask: bytes | None = None) -> ReportLine:
        """Write photo and mask where they wait for their line; return the line that vouches for them."""
        with self._stopping_on_a_full_disk():
            self.folders.stage(task, content, mask)
        return _written(replace(line, output_dir=self.folders.output_dir), task, content)

    @contextlib.contextmanager
    def _stopping_on_a_full_disk(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if getattr(error, "errno", None) in _FULL or self.folders.is_full():
                place = printable(self.job.output_dir)
                raise StopJob(f"{place}: no space left; make room and go on with --resume") from error
            raise


def remove_shard(
    orders: Iterable[Order], job: JobConfig, owner: str = "job", tell: Callable[[Stage], None] = lambda stage: None
) -> Iterator[ReportLine]:
    """Do some photos in this process and yield their report lines: the function that every engine runs.

    It depends on its arguments only and keeps nothing: any split of the orders, in any sequence, on any number of
    processes and machines of a kind gives the same outputs. They are staged; `svhn.jobs.output.Results` puts them in
    place with their lines.
    """
    worker = PhotoWorker(job, owner, tell)
    for task, done in orders:
        yield worker(task, done)


def answer_all(
    orders: Iterable[Order], job: JobConfig, owner: str, tell: Callable[[Stage], None]
) -> Generator[ReportLine | StopJob]:
    """Like `remove_shard`; the reason to stop is the last thing that is yielded, not raised."""
    try:
        yield from remove_shard(orders, job, owner, tell)
    except StopJob as stop:
        yield stop


def describe_found(name: str, photo: Photo, where: PhotoDigits) -> ReportLine:
    """Return what a dry run says of a photo."""
    numbers = tuple(describe_number(number) for number in numbers_of(where.digits))
    unsure = describe_unsure(where)
    status = PLANNED if not where.is_empty else DOUBTFUL if unsure else NO_DIGITS
    size = photo.rgb.shape[1], photo.rgb.shape[0]
    line = ReportLine(name, status=status, numbers=numbers, unsure=unsure, size=size)
    return replace(line, boxes=where.boxes, fitted=where.fitted)


def describe_cleaned(line: ReportLine, finished: CleanPhoto) -> ReportLine:
    """Return a photo's line with what was removed from it, and what the look at the result saw."""
    if finished.look:
        seen = tuple(describe_number(number) for number in finished.look.numbers)
        line = replace(line, look=finished.look.made, seen=seen)
    numbers = finished.removed.numbers if finished.removed else ()
    unsure = tuple(describe_number(number) for number in finished.unsure)
    removed = tuple(_describe_removed(number, finished.where.digits) for number in numbers)
    return replace(line, numbers=removed, unsure=unsure, perhaps_left=finished.perhaps_left or None)


def describe_unsure(where: PhotoDigits) -> tuple[ReadNumber, ...]:
    """Return where perhaps there is a digit in a photo."""
    return tuple(describe_number(number) for number in group_digits(where.unsure))


def _refuse(line: ReportLine, finished: CleanPhoto) -> ReportLine:
    """Return the line of a photo that is not written because digits stay legible, or perhaps one is left."""
    known = {
        name: getattr(line, name) for name in ("numbers", "look", "seen", "unsure", "perhaps_left", "boxes", "fitted")
    }
    assert finished.look is not None
    if not finished.is_legible:
        error = describe_doubt(line.photo, finished.unsure)
        return ReportLine(line.photo, status=PERHAPS_LEFT if finished.perhaps_left else DOUBTFUL, error=error, **known)
    error = describe_legible(line.photo, finished.legible, finished.look, finished.where)
    return ReportLine(line.photo, error=error, **known)


def _written(line: ReportLine, task: Task, content: bytes) -> ReportLine:
    """Return the line with what was written."""
    digest = hashlib.sha256(content).hexdigest()
    return replace(line, output=task.output, output_bytes=len(content), output_sha256=digest)


def _describe_removed(number: "NumberReport", digits: Sequence[DigitBox]) -> RemovedNumber:
    """Return what the report says of a number that was removed, and was found or listed among some digits."""
    own = [digit for digit in digits if any(digit.box.intersection(box) == box for box in number.boxes)]
    found = numbers_of(own)
    sure = [confidence for one in found if (confidence := number_confidence(one)) is not None]
    return RemovedNumber(
        text=" ".join(one.text for one in found),
        confidence=round(max(sure), 4) if sure else None,
        boxes=[box.as_list() for box in number.boxes],
        read_before=number.before.text,
        confidence_before=_rounded(number.before.confidences),
        read_after=number.after.text,
        confidence_after=_rounded(number.after.confidences),
        rounds=number.rounds,
        legible_after=number.legible,
    )


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(value, 3) for value in values]


def _reason(photo: str, error: Exception) -> str:
    if isinstance(error, InputError):
        return str(error)
    detail = printable(error).replace(printable(os.fspath(photo)), os.path.basename(printable(photo)))
    return f"{printable(photo)}: {type(error).__name__}: {detail}"
