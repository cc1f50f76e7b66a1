"""What is done to one photo: the same function for every engine, and its result depends on the photo and settings only.

That holds bit for bit on one kind of machine: one thread each for PyTorch and OpenCV, and one photo at a time.
"""

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from svhn import __version__
from svhn.boxes import group_digits
from svhn.checkpoints import find_model
from svhn.errors import InputError
from svhn.files import printable, sha256
from svhn.finder import Finder, FinderReader, find_finder
from svhn.jobs.config import JobConfig
from svhn.jobs.digit_sources import clip_to_photo, digit_source
from svhn.jobs.reading import describe_number
from svhn.jobs.storage import OutputFolder, local_copy
from svhn.jobs.tasks import NO_DIGITS, OK, PLANNED, UNCHANGED, CannotStart, Done, Order, StopJob, Task, report_line
from svhn.photos import Photo, read_photo, write_mask, write_photo
from svhn.torch_inpaint.removal import FILLS, KEY_PIXELS

if TYPE_CHECKING:
    from svhn.torch_inpaint.removal import DigitRemover, NumberReport, RemovalResult

_FULL = (errno.ENOSPC, errno.EDQUOT)


class PhotoWorker:
    """Removes the digits from photos, one after the other; models are loaded for the first one that needs them.

    Parameters
    ----------
    job : JobConfig
    owner : str
        Name of the part of the job that this worker belongs to.

    Raises
    ------
    InputError
        When the boxes or the model cannot be used.
    """

    def __init__(self, job: JobConfig, owner: str = "job"):
        cv2.setNumThreads(1)
        self.job = job
        self.folder = OutputFolder(job.output_dir, owner)
        self.digits_of = digit_source(job)
        self.settings = _settings(job)
        self._removers: dict[bool, DigitRemover] = {}

    def __call__(self, task: Task, done: Done | None = None) -> dict[str, Any]:
        """Do one photo and return its report line.

        Returns
        -------
        dict
            `photo`, `output`, `mask`, `status` ("ok", "no_digits", "error", or "unchanged" where `done` still
            holds), `numbers`, `seconds`, `error`, and what a later job compares: `bytes` and `sha256` of the photo,
            `settings`, `output_bytes` and `output_sha256`. In a dry run the status is "planned" where there is
            something to remove.

        Raises
        ------
        StopJob
            When no further photo could be done either.
        """
        began, found = time.perf_counter(), {"error": task.error}
        if task.error is None:
            try:
                with local_copy(task.photo) as path:
                    found = self._do(task, path, done)
            except StopJob:
                raise
            except Exception as error:  # whatever it is, it costs this photo only
                found = {"error": _reason(task.photo, error)}
        return report_line(task, time.perf_counter() - began, **found)

    def _do(self, task: Task, path: Path, done: Done | None) -> dict[str, Any]:
        if not path.is_file():
            what = "not a file, expected a photo" if path.exists() else "no such photo"
            raise InputError(f"{printable(task.photo)}: {what}; check the path")
        about = {"bytes": path.stat().st_size, "sha256": sha256(path), "settings": self._version(task)}
        if done and self._still_holds(done, task, about):
            return {"status": UNCHANGED}
        photo = self._read(path, task.photo)
        digits = clip_to_photo(task.photo, self.digits_of(task.photo, photo.rgb), photo.rgb)
        if self.job.dry_run:
            numbers = [describe_number(number) for number in group_digits(digits)]
            return {"status": PLANNED if digits else NO_DIGITS, "numbers": numbers}
        result = None
        if digits:
            found = any(digit.confidence is not None for digit in digits)
            result = self.remover(found or self.job.strict).remove(photo.rgb, digits)
            if self.job.strict and any(number.legible for number in result.numbers):
                return _still_legible(task, result)
        return about | self._write(task, path, photo, result)

    def _version(self, task: Task) -> str:
        """Return a short hash of all that the result depends on besides the photo's content."""
        text = f"{self.settings}\n{self.digits_of.version(task.photo)}"
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def _still_holds(self, done: Done, task: Task, about: dict[str, Any]) -> bool:
        same = all(getattr(done, name) == value for name, value in about.items())
        same = same and done.output == task.output and (done.status == NO_DIGITS or done.mask == task.mask)
        return same and self.folder.holds(done.output, done.output_bytes, done.output_sha256)

    def _read(self, path: Path, name: str) -> Photo:
        try:
            return read_photo(path, self.job.photo.max_pixels)
        except InputError as error:
            raise InputError(str(error).replace(printable(path), printable(name))) from error

    def remover(self, verified: bool) -> "DigitRemover":
        """Return the remover, loaded when it is needed first; `verified` ones let the finder look afterwards too."""
        verified = verified and self.job.finder is not None
        if verified not in self._removers:
            import torch

            from svhn.torch_inpaint.removal import DigitRemover

            torch.set_num_threads(1)
            try:
                readers = [FinderReader(Finder(self.job.finder))] if verified else []
                if other := self._removers.get(not verified):
                    self._removers[verified] = DigitRemover(other.classifier, self.job.removal, readers)
                else:
                    self._removers[verified] = DigitRemover.from_checkpoint(
                        self.job.model, self.job.device, self.job.removal, readers
                    )
            except InputError as error:
                raise CannotStart(str(error)) from error
        return self._removers[verified]

    def _write(self, task: Task, path: Path, photo: Photo, result: "RemovalResult | None") -> dict[str, Any]:
        """Write what became of a photo; the photo itself comes last, so that it is never there without its mask."""
        strip = self.job.photo.strip_metadata
        with self._stopping_on_a_full_disk():
            if result is None:
                about = self._publish(task.output, lambda staged: _copy(path, photo, staged, strip))
                return {"status": NO_DIGITS} | about
            if task.mask:
                self._publish(task.mask, lambda staged: write_mask(staged, result.mask))
            about = self._publish(task.output, lambda at: write_photo(at, photo, result.image, result.mask, strip))
        return {"status": OK, "mask": task.mask, "numbers": [_describe(number) for number in result.numbers]} | about

    def _publish(self, name: str, write: Callable[[Path], None]) -> dict[str, Any]:
        """Put a file in place that `write` makes, and describe it."""
        staged = self.folder.stage(name)
        try:
            write(staged)
            about = {"output": name, "output_bytes": staged.stat().st_size, "output_sha256": sha256(staged)}
            self.folder.publish(staged, name)
        finally:
            staged.unlink(missing_ok=True)
        return about

    @contextlib.contextmanager
    def _stopping_on_a_full_disk(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if getattr(error, "errno", None) in _FULL or self.folder.is_full():
                place = printable(self.job.output_dir)
                raise StopJob(f"{place}: no space left; make room and go on with --resume") from error
            raise


def remove_shard(orders: Iterable[Order], job: JobConfig, owner: str = "job") -> Iterator[dict]:
    """Do some photos in this process and yield their report lines: the function that every engine runs.

    It depends on its arguments only and keeps nothing: any split of the orders, in any sequence, on any number of
    processes and machines of a kind gives the same outputs.
    """
    worker = PhotoWorker(job, owner)
    for task, done in orders:
        yield worker(task, done)


def answer_all(orders: Iterable[Order], job: JobConfig, owner: str) -> Iterator[dict[str, Any] | StopJob]:
    """Like `remove_shard`; the reason to stop is the last thing that is yielded, not raised."""
    try:
        yield from remove_shard(orders, job, owner)
    except StopJob as stop:
        yield stop


def _copy(path: Path, photo: Photo, staged: Path, strip_metadata: bool) -> None:
    """Copy a photo as it is; without its metadata it has to be written anew."""
    if strip_metadata:
        write_photo(staged, photo, photo.rgb, np.zeros(photo.rgb.shape[:2], bool), strip_metadata=True)
    else:
        shutil.copyfile(path, staged)


def _settings(job: JobConfig) -> str:
    """Return all settings that change an output, as text."""
    fill, key_pixels = job.removal.fill, job.removal.key_pixels
    weights = (*FILLS[fill.method].weights(fill), *KEY_PIXELS[key_pixels.method].weights(key_pixels))
    settings = {
        "version": __version__,
        "removal": dataclasses.asdict(job.removal),
        "weights": [sha256(find_model(name).path) for name in weights],
        "strip_metadata": job.photo.strip_metadata,
        "model": sha256(find_model(job.model).path),
        "verified_by": sha256(find_finder(job.finder)) if job.finder and (job.strict or not job.boxes) else None,
    }
    return json.dumps(settings, sort_keys=True)


def _still_legible(task: Task, result: "RemovalResult") -> dict[str, Any]:
    texts = ", ".join(number.after.text for number in result.numbers if number.legible)
    error = f"{printable(task.photo)}: still legible after the removal ({texts}), so it was not written; do it by hand"
    return {"numbers": [_describe(number) for number in result.numbers], "error": error}


def _describe(number: "NumberReport") -> dict[str, Any]:
    return {
        "boxes": [box.as_list() for box in number.boxes],
        "read_before": number.before.text,
        "confidence_before": _rounded(number.before.confidences),
        "read_after": number.after.text,
        "confidence_after": _rounded(number.after.confidences),
        "rounds": number.rounds,
        "legible_after": number.legible,
    }


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(value, 3) for value in values]


def _reason(photo: str, error: Exception) -> str:
    if isinstance(error, InputError):
        return str(error)
    detail = printable(error).replace(printable(os.fspath(photo)), os.path.basename(printable(photo)))
    return f"{printable(photo)}: {type(error).__name__}: {detail}"
