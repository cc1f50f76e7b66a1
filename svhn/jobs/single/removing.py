"""The digits out of one photo, in one line of Python."""

import contextlib
import functools
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import cv2
import numpy as np
from PIL import Image

from svhn.boxes import Box, DigitBox, as_digits
from svhn.jobs.config import JobConfig
from svhn.jobs.digit_sources import PhotoDigits
from svhn.jobs.looking import describe_doubt, describe_legible
from svhn.jobs.single.forms import as_content
from svhn.jobs.tasks import GIVEN, Task
from svhn.jobs.worker import PhotoWorker
from svhn.photos import decode_photo

_NAME = "photo"  # what messages call a photo that has no name
Boxes = Sequence[Box | DigitBox | Sequence[float]] | np.ndarray


class StillLegible(UserWarning):
    """A number may still be read in the result."""


class PerhapsLeft(StillLegible):
    """Nothing can surely be read in the result, but perhaps there is a digit."""


@overload
def remove(photo: str | Path, boxes: Boxes | None = ..., config: JobConfig = ...) -> Image.Image: ...
@overload
def remove(photo: bytes, boxes: Boxes | None = ..., config: JobConfig = ...) -> bytes: ...
@overload
def remove(photo: Image.Image, boxes: Boxes | None = ..., config: JobConfig = ...) -> Image.Image: ...
@overload
def remove(photo: np.ndarray, boxes: Boxes | None = ..., config: JobConfig = ...) -> np.ndarray: ...
def remove(photo: Any, boxes: Boxes | None = None, config: JobConfig = JobConfig()) -> Any:
    """Remove the house numbers from one photo, and look whether they are gone.

    It does what `svhn remove-digits --strict` does, but for the folder: without boxes the finder looks for digits; the
    whole finished picture is looked at by all networks, and what only that look finds is removed, too.

    Parameters
    ----------
    photo : str, Path, bytes, PIL.Image.Image, or ndarray (H, W), (H, W, 3) or (H, W, 4) uint8
        It is not changed. Colours are RGB.
    boxes : sequence of Box, DigitBox or [left, top, right, bottom], or ndarray (N, 4), optional
        One for each digit, in pixels of the upright photo. Only these are removed, and what is still seen of them.
    config : JobConfig
        Settings such as `min_confidence`, `text_reader`, `removal`, `scope` and `device`; not where files are.

    Returns
    -------
    PIL.Image.Image, bytes or ndarray
        The same as `photo`, upright; of a path an image. Bytes are a file in the photo's format.

    Warns
    -----
    StillLegible
        When a number can be read in the result all the same. It is returned; `warnings.simplefilter("error",
        StillLegible)` makes it an error.
    PerhapsLeft
        When perhaps a digit is left, or one is there that was not found surely; also a `StillLegible`.

    Raises
    ------
    InputError
        When the photo cannot be read, a box lies outside it, or the networks cannot be used.
    """
    content, restore = as_content(photo)
    name = str(photo) if isinstance(photo, str | Path) else _NAME
    with _one_thread():
        worker = _worker(replace(config, strict=True, dry_run=False))
        picture = decode_photo(content, name, config.photo.max_pixels)
        if boxes is None:
            where = worker.find(Task(name, ""), picture)
        else:
            where = worker.fit(name, picture, PhotoDigits(as_digits(boxes), found=False, boxes=GIVEN))
        finished = worker.clean(picture, content, where)
    if finished.is_legible:
        assert finished.look is not None
        text = describe_legible(name, finished.legible, finished.look, finished.where, "do not publish it")
        warnings.warn(text, StillLegible, stacklevel=2)
    elif finished.unsure:
        warnings.warn(describe_doubt(name, finished.unsure, "look before you publish it"), PerhapsLeft, stacklevel=2)
    return restore(finished.content)


@functools.lru_cache(maxsize=1)
def _worker(job: JobConfig) -> PhotoWorker:
    """Return the worker of these settings; the networks are loaded once."""
    return PhotoWorker(job)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let OpenCV and PyTorch use one thread, on which results depend bit by bit, and give them back what they had."""
    import torch

    opencv, pytorch = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(opencv)
        torch.set_num_threads(pytorch)
