"""The one place that says where the digits of a photo are."""

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from svhn.boxes import DigitBox, clip_digits
from svhn.data.formats import box_file_names, find_annotations, open_annotations
from svhn.errors import InputError
from svhn.files import printable
from svhn.finder import Finder, FinderConfig
from svhn.jobs.config import JobConfig
from svhn.jobs.output import FETCH_SECONDS, fetched_file, file_system, is_remote, join, within

# SVHN's largest digitStruct.mat, for 202,353 photos, has a tenth of it.
MOST_BOX_BYTES = 1 << 30


@dataclass(frozen=True)
class PhotoDigits:
    """Where the digits of a photo are.

    Attributes
    ----------
    digits : sequence of DigitBox
    found : bool
        True when the finder found them, False when somebody listed them.
    """

    digits: Sequence[DigitBox]
    found: bool


class DigitSource(Protocol):
    """Says where the digits of a photo are; every worker has one of its own."""

    def version(self, photo: str) -> str:
        """Return what the answer depends on besides the photo's content; when it changes, the photo is done again."""

    def __call__(self, photo: str, rgb: np.ndarray) -> PhotoDigits:
        """Return the digits of a photo, given as its path or URL and as (H, W, 3) uint8 RGB, upright."""


def load_finder(job: JobConfig) -> Finder:
    """Load the finder that a job asks for; InputError when it cannot be used, or the job has none."""
    if job.finder is None:
        raise InputError("this job has no finder; name one with --finder")
    return Finder(job.finder, finder_config(job))


def finder_config(job: JobConfig) -> FinderConfig:
    """Return how a job's finder searches a photo."""
    return FinderConfig(min_confidence=job.min_confidence)


def digit_source(job: JobConfig, finder: Callable[[], Finder] | None = None) -> DigitSource:
    """Return the source of digits that a job asks for.

    Parameters
    ----------
    job : JobConfig
    finder : callable, optional
        Returns the job's finder, which is asked for with the first photo that nobody lists; by default it is loaded
        then.

    Raises
    ------
    InputError
        When it cannot be used, for example an unreadable --boxes.
    """
    listed = ListedDigits(job.boxes)
    if job.boxes or job.finder is None:
        return listed
    return FoundDigits(listed, finder or functools.cache(lambda: load_finder(job)), finder_config(job))


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


class ListedDigits:
    """Digits from the given box file, or from the one beside the photo.

    Both methods raise InputError when there is no such file, or no entry for the photo in it.
    """

    def __init__(self, boxes: str | None):
        self.given = (boxes, _open(boxes)) if boxes else None
        self.folders: dict[str, tuple[str, Mapping] | InputError | None] = {}
        self.last: tuple[str, list[DigitBox]] | None = None  # a digitStruct.mat is slow to look into

    def version(self, photo: str) -> str:
        self.last = (photo, self._listed(photo))
        return repr([(digit.box.as_list(), digit.label) for digit in self.last[1]])

    def __call__(self, photo: str, rgb: np.ndarray) -> PhotoDigits:
        digits = self.last[1] if self.last and self.last[0] == photo else self._listed(photo)
        return PhotoDigits(digits, found=False)

    def has_file(self, photo: str) -> bool:
        """Tell whether there is a box file for the photo, good or bad."""
        return self.given is not None or self._beside(os.path.dirname(photo)) is not None

    def _listed(self, photo: str) -> list[DigitBox]:
        folder, name = os.path.split(photo)
        source = self.given or self._beside(folder)
        if source is None:
            names = " or ".join(box_file_names())
            raise InputError(
                f"{printable(photo)}: no boxes; give them with --boxes, put {names} beside it, or let the finder look "
                "for digits (without --no-finder)"
            )
        file, annotations = source
        try:
            return annotations[name]
        except KeyError as error:
            raise InputError(
                f"{printable(photo)}: {printable(file)} has no entry for {printable(name)}; add its boxes or give "
                "another --boxes"
            ) from error

    def _beside(self, folder: str) -> tuple[str, Mapping] | None:
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


class FoundDigits:
    """Digits from the box file beside the photo; where there is none, those that the finder finds.

    Parameters
    ----------
    listed : ListedDigits
    finder : callable
        Returns the finder, the same one each time.
    config : FinderConfig
        How that finder searches; its networks' hashes stand in the job's settings.
    """

    def __init__(self, listed: ListedDigits, finder: Callable[[], Finder], config: FinderConfig):
        self.listed, self.finder, self.config = listed, finder, config

    def version(self, photo: str) -> str:
        return self.listed.version(photo) if self.listed.has_file(photo) else f"found {self.config}"

    def __call__(self, photo: str, rgb: np.ndarray) -> PhotoDigits:
        if self.listed.has_file(photo):
            return self.listed(photo, rgb)
        return PhotoDigits(self.finder().find(rgb), found=True)


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


def _open(file: str) -> Mapping[str, list[DigitBox]]:
    """Open a box file; a remote one is kept in a file until it is open, since it is read bit by bit."""
    if not is_remote(file):
        return open_annotations(file)
    with fetched_file(file, MOST_BOX_BYTES) as copy:
        return open_annotations(copy)  # an open file outlives its name
