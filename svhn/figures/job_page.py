"""One self-contained page about a finished job: totals, failures, and photos before and after."""

import base64
import shlex
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from svhn.boxes import Box, union
from svhn.figures.page import render_page
from svhn.files import printable, replacing
from svhn.photos import encode_rgb

# Largest width and height of a picture on the page in pixels, and how much a small one is enlarged at most.
SIZE, MOST_ENLARGED = (360, 270), 4.0
# Pixels that are shown around the digits at least; as many as they are high by default.
LEAST_MARGIN = 8
MOST_FAILURES, MOST_REASONS = 500, 50


@dataclass(frozen=True)
class Failure:
    """A photo that failed, and why, without the photo's name in it: equal reasons are counted together."""

    photo: str
    reason: str


@dataclass(frozen=True)
class ShownNumber:
    """A number that was removed, how sure it was that there is one (0 to 1), and whether it can be read still."""

    text: str
    sure: float | None
    legible: bool


@dataclass(frozen=True)
class ShownPhoto:
    """A photo to show.

    Attributes
    ----------
    name : str
    before, after : ndarray (H, W, 3) uint8, RGB, optional
        `after` is left out for a photo that did not change, both where there is a `problem`.
    boxes : sequence of Box
        The digits; what lies around them is shown, without any the whole photo.
    seen : sequence of Box
        What can be read still, or perhaps.
    numbers : sequence of ShownNumber
    problem : str, optional
        Why there is no picture.
    reason : str, optional
        Why it failed.
    state : str, optional
        What else there is to say of it.
    """

    name: str
    before: np.ndarray | None = None
    after: np.ndarray | None = None
    boxes: Sequence[Box] = ()
    numbers: Sequence[ShownNumber] = ()
    seen: Sequence[Box] = ()
    problem: str | None = None
    reason: str | None = None
    state: str | None = None


@dataclass(frozen=True)
class JobPage:
    """What a page about a job shows.

    Attributes
    ----------
    folder : str
        Where the results are.
    totals : dict of str to int
    ended : str
        When the last photo was finished, UTC.
    seconds : float, optional
        Median of a photo.
    failures : sequence of Failure
    changed, untouched, failed, doubtful : iterable of ShownPhoto
        Those to show of the photos that were changed, of those in which nothing was found, of those that failed, and of
        those in which perhaps there is a digit; taken one by one.
    changed_count, untouched_count, doubtful_count : int
        How many there are in all.
    left_out : str
        What in the given folders is no photo, in one line; empty where there is nothing to say.
    """

    folder: str
    totals: dict[str, int]
    ended: str
    seconds: float | None
    failures: Sequence[Failure]
    changed: Iterable[ShownPhoto]
    changed_count: int
    untouched: Iterable[ShownPhoto]
    untouched_count: int
    left_out: str = ""
    failed: Iterable[ShownPhoto] = ()
    doubtful: Iterable[ShownPhoto] = ()
    doubtful_count: int = 0


def write_job_page(path: str | Path, page: JobPage) -> None:
    """Write the page as one HTML file that loads nothing from anywhere, whole or not at all."""
    folder = printable(page.folder)
    reasons = Counter(printable(failure.reason) for failure in page.failures).most_common(MOST_REASONS)
    failures = page.failures[:MOST_FAILURES]
    text = render_page(
        "job.html.j2",
        title=f"House numbers removed: {folder}",
        folder=folder,
        output=shlex.quote(folder),
        page=page,
        reasons=reasons,
        failures=[(printable(failure.photo), printable(failure.reason)) for failure in failures],
        changed=[_card(photo) for photo in page.changed],
        untouched=[_card(photo) for photo in page.untouched],
        failed=[_card(photo) for photo in page.failed],
        doubtful=[_card(photo) for photo in page.doubtful],
    )
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _card(photo: ShownPhoto) -> dict[str, object]:
    """Return what the template shows of a photo: its pictures are data URLs."""
    pictures = {"before": photo.before, "after": photo.after}
    part = None if photo.before is None else _part([*photo.boxes, *photo.seen], photo.before.shape)
    return {
        "name": printable(photo.name),
        "argument": shlex.quote(printable(photo.name)),
        "numbers": photo.numbers,
        "problem": None if photo.problem is None else printable(photo.problem),
        "state": photo.state,
        "reason": None if photo.reason is None else printable(photo.reason),
        "marks": [] if part is None else [*_marks(photo.boxes, part, "digit"), *_marks(photo.seen, part, "seen")],
        **{
            name: None if picture is None or part is None else _data_url(picture, part)
            for name, picture in pictures.items()
        },
    }


def _part(boxes: Sequence[Box], shape: tuple[int, ...]) -> Box:
    """Return the surroundings of some boxes in a photo of (height, width, ...), or the whole of it."""
    whole = Box(0, 0, shape[1], shape[0])
    if not boxes:
        return whole
    height = statistics.median(box.height for box in boxes)
    return union(boxes).grow(max(LEAST_MARGIN, round(height))).intersection(whole) or whole


def _marks(boxes: Sequence[Box], part: Box, kind: str) -> Iterator[tuple[str, str]]:
    """Yield the kind of each box and where it lies in a part of its photo, as CSS in percent."""
    for box in boxes:
        places = (box.left - part.left, box.top - part.top, box.width, box.height)
        sides = (part.width, part.height, part.width, part.height)
        shares = [100 * place / side for place, side in zip(places, sides, strict=True)]
        yield kind, "left:{:.2f}%;top:{:.2f}%;width:{:.2f}%;height:{:.2f}%".format(*shares)


def _data_url(picture: np.ndarray, part: Box) -> str:
    content = encode_rgb(_thumbnail(picture[part.slices]), "JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"


def _thumbnail(photo: np.ndarray) -> np.ndarray:
    """Return a part of a photo, (H, W, 3) uint8 RGB, at the size of the page."""
    scale = min(SIZE[0] / photo.shape[1], SIZE[1] / photo.shape[0], MOST_ENLARGED)
    size = max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale))
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
