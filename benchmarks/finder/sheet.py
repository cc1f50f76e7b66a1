"""A picture of failures: each photo with what was found, its true number beside it."""

from pathlib import Path

import cv2
import numpy as np

from svhn.boxes import Number
from svhn.data.samples import FinderPhoto
from svhn.figures import draw_numbers
from svhn.photos import write_rgb

CELL = (480, 300)
COLUMNS = 2


def write_failures(path: Path, failures: list[tuple[str, FinderPhoto, list[Number]]]) -> None:
    """Write a sheet of (name, photo, numbers found)."""
    cells = [_cell(*failure) for failure in failures]
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % COLUMNS) if cells else []
    rows = [np.concatenate(cells[i : i + COLUMNS], axis=1) for i in range(0, len(cells), COLUMNS)]
    if rows:
        write_rgb(path, np.concatenate(rows))


def _cell(name: str, photo: FinderPhoto, numbers: list[Number]) -> np.ndarray:
    picture = draw_numbers(photo.pixels, numbers)
    scale = min(CELL[0] / picture.shape[1], (CELL[1] - 30) / picture.shape[0])
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cell = np.full((CELL[1], CELL[0], 3), 255, np.uint8)
    cell[30 : 30 + picture.shape[0], : picture.shape[1]] = picture
    read = ", ".join(number.text for number in numbers) or "nothing"
    title = f"{name}: {Number(tuple(photo.digits)).text}, read {read}"
    return cv2.putText(cell, title, (4, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
