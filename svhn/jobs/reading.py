"""Read the house numbers of many photos: a line of JSON for each, and drawings of what was found."""

import json
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from svhn.boxes import Number
from svhn.errors import InputError
from svhn.files import ensure_folder, replacing
from svhn.finder import Finder, number_confidence
from svhn.photos import read_rgb, write_rgb

# Colour of the frames, RGB, and of the line around text that keeps it legible on any ground.
FRAME, TEXT, HALO = (255, 40, 40), (255, 255, 255), (0, 0, 0)


def read_photos(
    photos: Iterable[str | Path],
    finder: Callable[[], Finder],
    output: str | Path | None = None,
    draw: str | Path | None = None,
    show: Callable[[dict[str, Any]], None] = lambda line: None,
    workers: int = 1,
) -> int:
    """Read the numbers of photos; a photo that cannot be read gets a line with `error` and does not end the work.

    Parameters
    ----------
    photos : iterable of paths
    finder : callable
        Makes a finder; each worker has one of its own.
    output : str or Path, optional
        A file of JSON lines, written whole when all photos are done; see `describe_photo`.
    draw : str or Path, optional
        A folder for pictures of the photos with boxes and text, `<stem>.png`.
    show : callable
        Called with each line, in the order of the photos.
    workers : int
        Photos that are read at the same time, each by one thread.

    Returns
    -------
    int
        Number of photos that could not be read.
    """
    photos = list(photos)
    drawings = _drawings(photos, ensure_folder(draw)) if draw else [None] * len(photos)
    cv2.setNumThreads(1)
    own = threading.local()

    def read(photo: str | Path, drawing: Path | None) -> dict[str, Any]:
        try:
            rgb = read_rgb(photo)
            numbers = own.finder.find_numbers(rgb)
            if drawing:
                write_rgb(drawing, draw_numbers(rgb, numbers))
            return describe_photo(photo, numbers)
        except InputError as error:
            return {"photo": str(photo), "numbers": [], "error": str(error)}

    lines = []
    with ThreadPoolExecutor(workers, initializer=lambda: setattr(own, "finder", finder())) as pool:
        for line in pool.map(read, photos, drawings):
            lines.append(line)
            show(line)
    if output:
        with replacing(output) as temporary:
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            temporary.write_text(text, encoding="utf-8")
    return sum("error" in line for line in lines)


def describe_photo(photo: str | Path, numbers: list[Number]) -> dict[str, Any]:
    """Return what `read` writes of a photo: `photo` and `numbers` with text, confidence, box and digits.

    Boxes are [left, top, right, bottom] in pixels of the upright photo, right and bottom exclusive.
    """
    return {"photo": str(photo), "numbers": [describe_number(number) for number in numbers]}


def describe_number(number: Number) -> dict[str, Any]:
    """Return a number's text, confidence, box and digits; of given boxes the confidences are None."""
    digits = [
        {"label": digit.label, "confidence": _rounded(digit.confidence), "box": digit.box.as_list()}
        for digit in number.digits
    ]
    confidence = _rounded(number_confidence(number))
    return {"text": number.text, "confidence": confidence, "box": number.box.as_list(), "digits": digits}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def draw_numbers(rgb: np.ndarray, numbers: list[Number]) -> np.ndarray:
    """Draw boxes and text over a copy of a photo (H, W, 3) uint8; small photos are enlarged for it."""
    factor = max(1, round(480 / max(rgb.shape[:2])))
    picture = cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
    thick = max(1, max(picture.shape[:2]) // 400)
    for number in numbers:
        for digit in number.digits:
            box = digit.box
            corners = (factor * box.left, factor * box.top), (factor * box.right - 1, factor * box.bottom - 1)
            cv2.rectangle(picture, *corners, FRAME, thick)
        _write_text(picture, f"{number.text}  {number_confidence(number):.2f}", number, factor, thick)
    return picture


def _write_text(picture: np.ndarray, text: str, number: Number, factor: int, thick: int) -> None:
    """Write above the number, or below it where there is no room."""
    size = 0.5 * thick + 0.2
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
    left = int(np.clip(factor * number.box.left, 0, max(picture.shape[1] - width, 0)))
    bottom = factor * number.box.top - below
    if bottom < height:
        bottom = min(factor * number.box.bottom + height + below, picture.shape[0] - below)
    for colour, weight in ((HALO, 3 * thick), (TEXT, thick)):
        cv2.putText(picture, text, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, size, colour, weight, cv2.LINE_AA)


def _drawings(photos: Iterable[str | Path], folder: Path) -> list[Path]:
    """Return where the drawing of each photo goes; photos of one stem do not overwrite each other."""
    names: dict[str, None] = {}
    for photo in photos:
        stem = name = Path(photo).stem
        number = 2
        while name in names:
            name, number = f"{stem}-{number}", number + 1
        names[name] = None
    return [folder / f"{name}.png" for name in names]
