"""A plan: what a job would remove, in a file that people correct and another job follows.

It is COCO object detection JSON, so that annotation tools open it. An annotation is a digit. What COCO does not know
stands beside it, and files without it are plans, too:

========================  =====================================================================
`annotation.accepted`     false for a place that stays as it is; by default true
`annotation.source`       "found" by the finder, "listed" in a box file, or "drawn" on the page of `review`; "painted"
                          there is no digit: what the run lengths of its `segmentation` hold is filled
`annotation.confidence`   0 to 1, of what was found
`annotation.number`       which of the image's `numbers` it belongs to, counted from 0
`image.numbers`           what was read: text, confidence, box; nobody reads this back
========================  =====================================================================
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from svhn import __version__
from svhn.alphabet import DIGITS
from svhn.boxes import Box
from svhn.data.formats import (
    ACCEPTED,
    CONFIDENCE,
    FOUND,
    LISTED,
    PAINTED,
    PAINTED_CATEGORY,
    SOURCE,
    PaintedArea,
    coco_annotation,
)
from svhn.errors import InputError
from svhn.figures import check_text
from svhn.files import printable, replacing
from svhn.jobs.tasks import ERROR, ReadDigit, ReadNumber, ReportLine, Task

# Categories of a digit whose label is not known, and of painted areas.
_UNKNOWN, _PAINTED = len(DIGITS), len(DIGITS) + 1
_DESCRIPTION = (
    "Digits that svhn would remove. Set accepted to false where one shall stay, add and correct boxes, then: "
    "svhn remove-digits PHOTOS --plan FILE"
)


class PlanFile:
    """Collects the lines of a dry run and writes them as a plan, whole, when the job is at its end.

    A photo that failed is not in it. The method names are those of `svhn.jobs.output.Results`.

    Parameters
    ----------
    path : str
    photos : sequence of str
        What it must not take the place of.

    Raises
    ------
    InputError
        When a file is there: somebody may have corrected it.
    """

    def __init__(self, path: str, photos: Sequence[str]):
        check_text(path, photos)
        if os.path.lexists(path):
            raise InputError(
                f"{printable(path)}: is there already, and may be corrected; move it, or name another file"
            )
        self.name = path
        self._lines: list[ReportLine] = []

    def record(self, line: ReportLine, task: Task) -> ReportLine:
        if line.status != ERROR:
            self._lines.append(line)
        return line

    def note(self, line: ReportLine) -> None:
        pass

    def close(self) -> None:
        with replacing(self.name) as temporary:
            temporary.write_text(plan_text(plan_of([planned(line) for line in self._lines])), encoding="utf-8")


@dataclass(frozen=True)
class PlannedDigit:
    """A place that is removed when it is accepted; `number` is which of the photo's numbers it belongs to, if any."""

    box: Sequence[int]
    label: int | None = None
    confidence: float | None = None
    source: str = FOUND
    accepted: bool = True
    number: int | None = None


@dataclass(frozen=True)
class PlannedPhoto:
    """A photo with its width and height in pixels, what shall become of its places, and what was read there.

    What was `painted` is filled.
    """

    photo: str
    size: tuple[int, int]
    digits: tuple[PlannedDigit, ...] = ()
    numbers: tuple[ReadNumber, ...] = ()
    painted: PaintedArea | None = None


def planned(line: ReportLine) -> PlannedPhoto:
    """Return what a line of a dry run plans for its photo: all is accepted."""
    numbers = tuple(number for number in line.numbers if isinstance(number, ReadNumber))
    digits = tuple(_planned_digit(place, digit) for place, number in enumerate(numbers) for digit in number.digits)
    return PlannedPhoto(line.photo, line.size or (0, 0), digits, numbers)


def plan_of(photos: Sequence[PlannedPhoto]) -> dict[str, Any]:
    """Return the plan of some photos, by name."""
    photos = sorted(photos, key=lambda photo: photo.photo)
    images = [_image(image_id, photo) for image_id, photo in enumerate(photos, start=1)]
    rows = [row for image_id, photo in enumerate(photos, start=1) for row in _annotations(image_id, photo)]
    names = [*DIGITS, "unknown digit", *([PAINTED_CATEGORY] if any(photo.painted for photo in photos) else [])]
    return {
        "info": {"description": _DESCRIPTION, "version": __version__},
        "images": images,
        "annotations": [{"id": position, **row} for position, row in enumerate(rows, start=1)],
        "categories": [{"id": label, "name": name} for label, name in enumerate(names)],
    }


def plan_text(plan: dict[str, Any]) -> str:
    """Return the plan as JSON with a line for each photo and each digit, so that people find their way in it."""
    parts = []
    for name, content in plan.items():
        rows = ",\n  ".join(json.dumps(row) for row in content) if isinstance(content, list) else None
        parts.append(f'"{name}": ' + (json.dumps(content) if rows is None else f"[\n  {rows}\n ]" if rows else "[]"))
    return "{\n " + ",\n ".join(parts) + "\n}\n"


def _planned_digit(place: int, digit: ReadDigit) -> PlannedDigit:
    source = LISTED if digit.confidence is None else FOUND
    return PlannedDigit(digit.box, digit.label, digit.confidence, source, number=place)


def _image(image_id: int, photo: PlannedPhoto) -> dict[str, Any]:
    width, height = photo.size
    numbers = [{"text": number.text, "confidence": number.confidence, "box": number.box} for number in photo.numbers]
    name = photo.photo.replace(os.sep, "/")
    return {"id": image_id, "file_name": name, "width": width, "height": height, "numbers": numbers}


def _annotations(image_id: int, photo: PlannedPhoto) -> Iterator[dict[str, Any]]:
    for digit in photo.digits:
        category = _UNKNOWN if digit.label is None else digit.label
        said = {"number": digit.number, CONFIDENCE: digit.confidence, SOURCE: digit.source, ACCEPTED: digit.accepted}
        yield coco_annotation(image_id, category, Box(*digit.box)) | said
    if photo.painted:
        said = {"category_id": _PAINTED, SOURCE: PAINTED, ACCEPTED: True}
        yield {"image_id": image_id} | said | photo.painted.as_coco()
