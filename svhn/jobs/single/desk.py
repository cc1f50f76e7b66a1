"""One photo after the other for a program that asks: what is in it, what is left when it is removed, and how that goes.

The answers are those of the commands: `find`, `remove-digits --plan --strict`, `read`, `inpaint` and `explain`.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from svhn.boxes import Box, DigitBox, Number
from svhn.data.formats import FOUND, BoxEntry
from svhn.errors import InputError
from svhn.finder import DEFAULT_FINDER, Finder
from svhn.jobs.choice import PlannedDigit
from svhn.jobs.cleaning import CleanPhoto
from svhn.jobs.config import JobConfig
from svhn.jobs.digit_sources import PhotoDigits, finder_config, wanted
from svhn.jobs.engines import Stage
from svhn.jobs.looking import describe_doubt, describe_legible, find_through_alpha, read_numbers
from svhn.jobs.output import read_bytes
from svhn.jobs.single.files import check_hole
from svhn.jobs.tasks import FOUND as BY_FINDER
from svhn.jobs.tasks import IN_PLAN, Task
from svhn.jobs.worker import PhotoWorker
from svhn.photos import Photo, byte_limit, decode_mask, decode_photo

if TYPE_CHECKING:
    from svhn.figures import Explanation


@dataclass(frozen=True)
class AskedPhoto:
    """A photo that is asked about.

    Attributes
    ----------
    name : str
        What messages call it.
    content : bytes, optional
        Of its file; without it the file at `path` is read.
    path : str or Path, optional
        Where it lies; boxes beside it count. A photo that somebody sent lies nowhere, and nothing is looked up for it.
    """

    name: str
    content: bytes | None = None
    path: str | Path | None = None


class PhotoDesk:
    """Answers for one photo after the other; networks are loaded when they are needed first. It serves one thread.

    Parameters
    ----------
    job : JobConfig
        Every result is looked at, as with `strict`.
    tell : callable
        Called with each `Stage` that it comes to.

    Raises
    ------
    InputError
        When the boxes or the networks cannot be used.
    """

    def __init__(self, job: JobConfig, tell: Callable[[Stage], None] = lambda stage: None):
        self.job, self.tell = replace(job, strict=True, dry_run=False), tell
        self._worker = PhotoWorker(self.job, tell=tell)

    def warm_up(self) -> None:
        """Load what every photo needs."""
        if self.job.finder is not None:
            _ = self._worker.networks.finder
        self._worker.networks.remover(True)

    def find(self, asked: AskedPhoto) -> tuple[Photo, PhotoDigits]:
        """Return a photo, and where its digits are: as `find` says it.

        Raises
        ------
        InputError
            When it cannot be read, or the boxes beside it cannot be used.
        """
        photo, _ = self._open(asked)
        return photo, self._found(asked, photo)

    def remove(
        self, asked: AskedPhoto, digits: Sequence[PlannedDigit] | None = None, mask: bytes | None = None
    ) -> tuple[Photo, CleanPhoto]:
        """Return a photo, and what is published of it.

        Parameters
        ----------
        asked : AskedPhoto
        digits : sequence of PlannedDigit, optional
            Exactly those that are accepted are removed, as with `--plan`; by default, and without a mask, what is
            found.
        mask : bytes, optional
            A picture of the photo's size; its white part is filled, too, as by `inpaint`, and as what is painted in a
            plan.

        Raises
        ------
        InputError
            When photo or mask cannot be read, they differ in size, or a box lies outside the photo.
        """
        photo, content = self._open(asked)
        hole = None if mask is None else self._hole(mask, asked.name, photo)
        if digits is None and mask is None:
            where = self._found(asked, photo)
        else:
            where = self._worker.fit(asked.name, photo, _planned(digits or (), photo))
        self.tell(Stage.WORKING)
        return photo, self._worker.clean(photo, content, replace(where, hole=hole))

    def read(self, asked: AskedPhoto) -> tuple[Photo, list[Number]]:
        """Return a photo, and its numbers as `read` reads them."""
        photo, _ = self._open(asked)
        return photo, read_numbers(photo, self._reader)

    def explain(self, asked: AskedPhoto, digits: Sequence[PlannedDigit]) -> "list[Explanation]":
        """Return how each number of some digits is found and removed, with the feature maps; see `explain_removal`."""
        from svhn.torch_inpaint.removal import explain_removal

        photo, _ = self._open(asked)
        where = self._worker.fit(asked.name, photo, _planned(digits, photo))
        if not where.digits:
            raise InputError(f"{asked.name}: no boxes are accepted here, so there is nothing to explain; accept one")
        return explain_removal(self._worker.networks.remover(True), photo.rgb, where.digits)

    @functools.cached_property
    def _reader(self) -> Finder:
        if self.job.finder is not None:
            return self._worker.networks.finder
        self.tell(Stage.LOADING)
        reader = Finder(DEFAULT_FINDER, finder_config(self.job))
        self.tell(Stage.WORKING)
        return reader

    def _found(self, asked: AskedPhoto, photo: Photo) -> PhotoDigits:
        if asked.path is not None:
            return self._worker.find(Task(str(asked.path), "", place=asked.name), photo)
        finder = self._worker.networks.finder
        found = finder.find_with_doubt(photo.rgb)
        digits = find_through_alpha(photo, wanted(found, self.job.with_letters), finder)
        return self._worker.fit(asked.name, photo, PhotoDigits(digits, True, BY_FINDER, unsure=found.unsure))

    def _hole(self, mask: bytes, name: str, photo: Photo) -> np.ndarray:
        hole = decode_mask(mask, "mask", self.job.photo.max_pixels)
        check_hole("mask", hole, name, photo.rgb)
        return hole

    def _open(self, asked: AskedPhoto) -> tuple[Photo, bytes]:
        most = self.job.photo.max_pixels
        content = read_bytes(str(asked.path), byte_limit(most)) if asked.content is None else asked.content
        self.tell(Stage.WORKING)
        return decode_photo(content, asked.name, most), content


def warning_text(asked: AskedPhoto, finished: CleanPhoto) -> str | None:
    """Return what can be read in a finished photo still, or perhaps, and what to do; None where nothing can."""
    if not finished.is_legible:
        return describe_doubt(asked.name, finished.unsure, "do not publish it") if finished.unsure else None
    assert finished.look is not None
    return describe_legible(asked.name, finished.legible, finished.look, finished.where, "do not publish it")


def _planned(digits: Sequence[PlannedDigit], photo: Photo) -> PhotoDigits:
    """Return what a plan with these digits says of a photo: the same as if it had been written and read."""
    entry = replace(_entry([digit for digit in digits if digit.accepted]), rejected=_rejected(digits))
    fitted = entry.fit(photo.rgb.shape[1], photo.rgb.shape[0])
    return PhotoDigits(fitted.digits, entry.found, IN_PLAN, rejected=fitted.rejected)


def _rejected(digits: Sequence[PlannedDigit]) -> BoxEntry | None:
    struck_out = [digit for digit in digits if not digit.accepted]
    return _entry(struck_out) if struck_out else None


def _entry(digits: Sequence[PlannedDigit]) -> BoxEntry:
    entry = BoxEntry.of_digits([DigitBox(Box(*digit.box), digit.label) for digit in digits])
    return replace(entry, found=any(digit.source == FOUND for digit in digits))
