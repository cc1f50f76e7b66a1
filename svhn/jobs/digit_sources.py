"""The one place that says where the digits of a photo are."""

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from svhn.boxes import DigitBox, clip_digits, overlaps
from svhn.data.formats import (
    Annotations,
    BoxEntry,
    PhotoName,
    box_file_names,
    find_annotations,
    naming,
    open_annotations,
)
from svhn.errors import InputError
from svhn.files import printable
from svhn.finder import Finder, FinderConfig, Findings
from svhn.jobs.config import JobConfig
from svhn.jobs.output import FETCH_SECONDS, fetched_file, file_system, is_remote, join, within
from svhn.jobs.tasks import BESIDE, FOUND, GIVEN, IN_PLAN, Task
from svhn.photos import Photo

# SVHN's largest digitStruct.mat, for 202,353 photos, has a tenth of it.
MOST_BOX_BYTES = 1 << 30
# A found digit that shares more of its area with a listed one (intersection over union) is that digit. SVHN's boxes
# share .5 and more with the finder's; a box around a quarter of a digit shares less.
SAME_DIGIT_IOU = 0.4


@dataclass(frozen=True)
class PhotoDigits:
    """Where the digits of a photo are.

    Attributes
    ----------
    digits : sequence of DigitBox
    found : bool
        True when the finder was asked, False when somebody listed all of them.
    boxes : str
        Where they come from: `IN_PLAN`, `GIVEN`, `BESIDE` or `FOUND`, or two of them with "+" between.
    fitted : str or None
        What was done to listed boxes so that they are in the pixels of this photo.
    rejected : tuple of DigitBox
        Places that somebody looked at, and that stay as they are.
    unsure : sequence of DigitBox
        Where the finder, if it was asked, sees perhaps a digit; nothing is removed there.
    hole : ndarray (H, W) bool, optional
        True = somebody painted here: it is filled, whatever is there; at least one pixel is False.
    """

    digits: Sequence[DigitBox]
    found: bool
    boxes: str
    fitted: str | None = None
    rejected: tuple[DigitBox, ...] = ()
    unsure: Sequence[DigitBox] = ()
    hole: np.ndarray | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to remove."""
        return not self.digits and (self.hole is None or not self.hole.any())

    @property
    def may_grow(self) -> bool:
        """Whether further digits that are found may be removed, too: not those of a plan, which says all."""
        return self.found and self.boxes != IN_PLAN


class DigitSource(Protocol):
    """Says where the digits of a photo are; every worker has one of its own."""

    def version(self, task: Task) -> str:
        """Return what the answer depends on besides the photo's content; when it changes, the photo is done again."""

    def __call__(self, task: Task, photo: Photo) -> PhotoDigits:
        """Return the digits of a task's photo; InputError when it is not certain where they are."""


def load_finder(job: JobConfig) -> Finder:
    """Load the finder that a job asks for; InputError when it cannot be used, or the job has none."""
    if job.finder is None:
        raise InputError("this job has no finder; name one with --finder")
    return Finder(job.finder, finder_config(job))


def finder_config(job: JobConfig) -> FinderConfig:
    """Return how a job's finder searches a photo."""
    return FinderConfig(job.min_confidence, text_reader=job.text_reader)


def digit_source(job: JobConfig, finder: Callable[[], Finder] | None = None) -> DigitSource:
    """Return the source of digits that a job asks for.

    Parameters
    ----------
    job : JobConfig
    finder : callable, optional
        Returns the job's finder, which is asked for with the first photo that it has to search; by default it is
        loaded then.

    Raises
    ------
    InputError
        When it cannot be used, for example an unreadable --boxes.
    """
    if job.also_find and job.finder is None:
        raise InputError("also_find needs a finder; name one with --finder, or leave --also-find out")
    finder = finder or functools.cache(lambda: load_finder(job))
    if job.plan is not None:
        return DigitsOfPhotos(ListedDigits(job.plan, only_given=True, place=IN_PLAN), None, None, job)
    listed = ListedDigits(job.boxes, only_given=job.boxes_only)
    return DigitsOfPhotos(
        listed, None if job.boxes_only or job.finder is None else finder, finder if job.also_find else None, job
    )


def clip_to_photo(photo: str, digits: Sequence[DigitBox], rgb: np.ndarray) -> list[DigitBox]:
    """Clip digits to their photo; raise InputError where one lies wholly outside it."""
    height, width = rgb.shape[:2]
    inside = clip_digits(digits, width, height)
    if len(inside) < len(digits):
        raise InputError(
            f"{printable(photo)}: {len(digits) - len(inside)} of {len(digits)} boxes lie outside this photo of "
            f"{width} x {height} pixels; check that the boxes belong to this size of the photo"
        )
    return inside


@dataclass(frozen=True)
class Listing:
    """What a box file says of a photo: its name for messages, where it was (`GIVEN`, ...), and the entry."""

    file: str
    place: str
    entry: BoxEntry


class ListedDigits:
    """Digits from the given box file, and from the one beside the photo.

    Parameters
    ----------
    boxes : str or None
        See `JobConfig.boxes`.
    only_given : bool
        Where boxes are given, those beside a photo do not count.
    place : str
        What the given file is: `GIVEN` or `IN_PLAN`.
    """

    def __init__(self, boxes: str | None, only_given: bool = False, place: str = GIVEN):
        self.place = place
        self.given = (boxes, _open(boxes)) if boxes else None
        self.only_given = only_given and self.given is not None
        self.folders: dict[str, tuple[str, Annotations] | InputError | None] = {}
        self.last: tuple[Task, Listing | None] | None = None  # a digitStruct.mat is slow to look into

    def find(self, task: Task) -> Listing | None:
        """Return what is listed of a task's photo, None where it is not.

        Raises
        ------
        InputError
            When a box file beside it, or what one says of it, cannot be used. The message names the photo.
        """
        if self.last is None or self.last[0] != task:
            self.last = (task, self._find(task))
        return self.last[1]

    def fit(self, task: Task, listing: Listing, photo: Photo) -> PhotoDigits:
        """Return what is listed of a photo in its own pixels; InputError where it is not certain where that is."""
        height, width = photo.rgb.shape[:2]
        with naming(task.photo, listing.file):
            fitted = listing.entry.fit(width, height, photo.orientation)
        if fitted.hole is not None and fitted.hole.all():
            raise InputError(
                f"{printable(task.photo)}: {printable(listing.file)}: painted everywhere, expected some of the photo "
                "unpainted, which is kept and learned from"
            )
        found = listing.place == IN_PLAN and listing.entry.found
        return PhotoDigits(fitted.digits, found, listing.place, fitted.change, fitted.rejected, hole=fitted.hole)

    def missing(self, photo: str) -> InputError:
        """Return the error of a photo that is not listed and must be."""
        if self.given:
            file = printable(self.given[0])
            option = "--plan" if self.place == IN_PLAN else "--boxes"
            return InputError(f"{printable(photo)}: {file} has no entry for it; add its boxes or give another {option}")
        names = " or ".join(box_file_names())
        return InputError(
            f"{printable(photo)}: no boxes; give them with --boxes, put {names} with an entry for it beside it, or let "
            "the finder look for digits (without --no-finder and --boxes-only)"
        )

    def _find(self, task: Task) -> Listing | None:
        folder, name = os.path.split(task.photo)
        if self.given:
            photo = PhotoName(task.photo, task.place, task.alone)
            if (listing := _look_up(photo, self.place, *self.given)) or self.only_given:
                return listing
        beside = self._beside(folder)
        return _look_up(PhotoName(task.photo, name, task.alone), BESIDE, *beside) if beside else None

    def _beside(self, folder: str) -> tuple[str, Annotations] | None:
        if folder not in self.folders:
            try:
                file = _find(folder)
                self.folders[folder] = (file, _open(file)) if file else None
            except InputError as error:
                self.folders[folder] = error
        found = self.folders[folder]
        if isinstance(found, InputError):
            raise found
        return found


class DigitsOfPhotos:
    """Digits as they are listed, else as the finder finds them.

    Parameters
    ----------
    listed : ListedDigits
    finder : callable or None
        Returns the finder that searches photos that are not listed, the same one each time; None where they are errors.
    adding : callable or None
        Returns the finder that adds digits to the listed ones; None where these are all.
    job : JobConfig
        It says how the finder searches; its networks' hashes stand in the job's settings.
    """

    def __init__(
        self,
        listed: ListedDigits,
        finder: Callable[[], Finder] | None,
        adding: Callable[[], Finder] | None,
        job: JobConfig,
    ):
        self.listed, self.finder, self.adding, self.config = listed, finder, adding, finder_config(job)
        self.with_letters = job.with_letters

    def version(self, task: Task) -> str:
        listing = self.listed.find(task)
        if listing is not None:
            planned = " in a plan" if listing.place == IN_PLAN else ""
            return listing.entry.version + planned + (f" and found {self.config}" if self.adding else "")
        if self.finder is None:
            raise self.listed.missing(task.photo)
        return f"found {self.config}"

    def __call__(self, task: Task, photo: Photo) -> PhotoDigits:
        listing = self.listed.find(task)
        if listing is None:
            if self.finder is None:
                raise self.listed.missing(task.photo)
            found = self.finder().find_with_doubt(photo.rgb)
            return PhotoDigits(wanted(found, self.with_letters), found=True, boxes=FOUND, unsure=found.unsure)
        digits = self.listed.fit(task, listing, photo)
        if self.adding is None:
            return digits
        found = self.adding().find_with_doubt(photo.rgb)
        return replace(with_others(digits, wanted(found, self.with_letters)), unsure=found.unsure)


def wanted(found: Findings, with_letters: bool) -> list[DigitBox]:
    """Return what a job removes of what was found, see `JobConfig.with_letters`."""
    return [*found.digits, *(found.letters if with_letters else ())]


def _look_up(photo: PhotoName, place: str, file: str, annotations: Annotations) -> Listing | None:
    """Return what an opened box file says of a photo, None where it says nothing."""
    with naming(photo.path, file):
        entry = annotations.find(photo)
    return None if entry is None else Listing(file, place, entry)


def with_others(listed: PhotoDigits, found: Sequence[DigitBox]) -> PhotoDigits:
    """Add found digits to listed ones, but for those that are the same digit, see `SAME_DIGIT_IOU`."""
    boxes = np.array([digit.box.as_list() for digit in listed.digits], float).reshape(-1, 4)
    others = [digit for digit in found if not _is_among(digit, boxes)]
    places = f"{listed.boxes}+{FOUND}" if others else listed.boxes
    return replace(listed, digits=[*listed.digits, *others], found=True, boxes=places)


def _is_among(digit: DigitBox, boxes: np.ndarray) -> bool:
    shared, _ = overlaps(np.array(digit.box.as_list(), float), boxes)
    return bool((shared > SAME_DIGIT_IOU).any())


def _find(folder: str) -> str | None:
    """Return the box file of a folder or URL, or None."""
    if not is_remote(folder):
        file = find_annotations(folder)
        return str(file) if file else None
    fs, path = file_system(folder)

    def look() -> str | None:
        names = (name for name in box_file_names() if fs.isfile(f"{path.rstrip('/')}/{name}"))
        return next((join(folder, name) for name in names), None)

    return within(FETCH_SECONDS, folder, look)


def _open(file: str) -> Annotations:
    """Open a box file; a remote one is kept in a file until it is open, since it is read bit by bit."""
    if not is_remote(file):
        return open_annotations(file)
    with fetched_file(file, MOST_BOX_BYTES) as copy:
        return open_annotations(copy)  # an open file outlives its name
