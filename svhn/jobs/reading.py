"""Read the house numbers of many photos: a line of JSON for each, and drawings of what was found."""

import dataclasses
import itertools
import json
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from svhn.boxes import Number
from svhn.cores import available_cores
from svhn.errors import InputError
from svhn.figures import check_pictures, check_text, draw_numbers, write_drawing
from svhn.files import ensure_folder, json_line, printable, replacing
from svhn.finder import DEFAULT_FINDER, Finder, FinderConfig, number_confidence
from svhn.jobs.looking import read_numbers
from svhn.jobs.output import output_path, read_bytes, safe_name, shorten
from svhn.jobs.tasks import ReadDigit, ReadNumber, ReportLine
from svhn.photos import PhotoConfig, byte_limit, decode_photo


@dataclass(frozen=True)
class PhotoReading:
    """What was read in a photo, or why it could not be.

    Attributes
    ----------
    photo : str
        Path or URL.
    numbers : tuple of ReadNumber
    error : str, optional
    """

    photo: str
    numbers: tuple[ReadNumber, ...] = ()
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the line of JSON that `read` writes; `error` stands in it only where there is one."""
        content = dataclasses.asdict(self)
        return {name: value for name, value in content.items() if name != "error" or value is not None}


def read_photos(
    photos: Iterable[str | Path],
    finder: str | Path = DEFAULT_FINDER,
    config: FinderConfig = FinderConfig(),
    output: str | Path | None = None,
    draw: str | Path | None = None,
    show: Callable[[PhotoReading], None] = lambda line: None,
    workers: int | None = None,
) -> list[PhotoReading]:
    """Read the numbers of photos; a photo that cannot be read gets a line with `error` and does not end the work.

    Parameters
    ----------
    photos : iterable of str or Path
        Paths, or URLs of any file system that fsspec knows.
    finder : str or Path
        Network, see `svhn.finder.Finder`.
    config : FinderConfig
    output : str or Path, optional
        A file of JSON lines, written whole when all photos are done; see `PhotoReading`.
    draw : str or Path, optional
        A folder for pictures of the photos with boxes and text, `<stem>.png`. One that takes the place of a picture
        that was not drawn so is refused.
    show : callable
        Called with each line, in the order of the photos.
    workers : int, optional
        Photos that are read at the same time, each by one thread with a finder of its own; one per core by default.

    Returns
    -------
    list of PhotoReading
        In the order of the photos.

    Raises
    ------
    InputError
        When the finder cannot be used, or an output cannot be written, or would overwrite a photo.
    """
    names = [str(photo) for photo in photos]
    if output:
        check_text(output, names)
        _check_no_report(output)
    drawings: Sequence[Path | None] = _drawings(names, str(draw)) if draw else [None] * len(names)
    cv2.setNumThreads(1)
    loaded = [Finder(finder, config)]  # the first worker's: a network that cannot be used is told of before the work
    own = threading.local()

    def start() -> None:
        try:
            own.finder = loaded.pop()
        except IndexError:
            own.finder = Finder(finder, config)

    def read(photo: str, drawing: Path | None) -> PhotoReading:
        return _read(photo, own.finder, drawing)

    lines = []
    with ThreadPoolExecutor(workers or available_cores(), initializer=start) as pool:
        for line in pool.map(read, names, drawings):
            lines.append(line)
            show(line)
    if output:
        _write_lines(output, lines)
    return lines


def describe_number(number: Number) -> ReadNumber:
    """Return a number's text, confidence, box, digits and letters; of given boxes the confidences are None."""
    digits = (ReadDigit(digit.label, _rounded(digit.confidence), digit.box.as_list()) for digit in number.digits)
    sure, box = _rounded(number_confidence(number)), number.box.as_list()
    return ReadNumber(number.text, sure, box, tuple(digits), number.written if number.letters else None)


def _read(photo: str, finder: Finder, drawing: Path | None) -> PhotoReading:
    """Read the numbers of one photo; write a picture of it where one is wanted."""
    try:
        seen = decode_photo(read_bytes(photo, byte_limit(PhotoConfig.max_pixels)), photo)
        numbers = read_numbers(seen, finder)
        if drawing:
            write_drawing(drawing, draw_numbers(seen.rgb, numbers))
        return PhotoReading(photo, tuple(describe_number(number) for number in numbers))
    except InputError as error:
        return PhotoReading(photo, error=str(error))


def _check_no_report(output: str | Path) -> None:
    """Raise InputError where the lines would take the place of a job's report."""
    if not os.path.isfile(output):
        return
    with open(output, "rb") as file:
        first = file.readline()
    try:
        ReportLine.from_dict(json.loads(first))
    except ValueError:
        return
    raise InputError(f"{printable(output)}: would overwrite the report of a job; choose another name")


def _write_lines(output: str | Path, lines: Iterable[PhotoReading]) -> None:
    with replacing(output) as temporary:
        text = "".join(json_line(line.to_dict()) + "\n" for line in lines)
        temporary.write_text(text, encoding="utf-8")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _drawings(photos: Sequence[str], folder: str) -> list[Path]:
    """Return where the drawing of each photo goes; photos of one stem do not overwrite each other, nor any photo."""
    ensure_folder(folder)
    taken: set[str] = set()
    drawings = []
    for photo in photos:
        stem = safe_name(Path(photo).stem)
        names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
        name = next(name for name in names if name.casefold() not in taken)
        taken.add(name.casefold())
        drawings.append(Path(output_path(folder, shorten(name, ".png"))))
    check_pictures(drawings, photos)
    return drawings
