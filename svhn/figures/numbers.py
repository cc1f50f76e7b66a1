"""Photos with the numbers that were found drawn over them."""

from collections.abc import Iterable

import cv2
import numpy as np

from svhn.boxes import Number
from svhn.finder import number_confidence

# Colour of the frames, RGB, and of the line around text that keeps it legible on any ground.
FRAME, TEXT, HALO = (255, 40, 40), (255, 255, 255), (0, 0, 0)
# Pixels: smaller photos are enlarged to about this side; lines are one pixel wide for each so many pixels of it.
LEAST_SIDE, SIDE_PER_LINE = 480, 400
# OpenCV's scale of the letters: so much for each pixel of the lines' width, and so much besides.
TEXT_SCALE, TEXT_SCALE_BASE = 0.5, 0.2


def draw_numbers(rgb: np.ndarray, numbers: Iterable[Number]) -> np.ndarray:
    """Draw boxes and text over a copy of a photo (H, W, 3) uint8 RGB; small photos are enlarged for it."""
    factor = max(1, round(LEAST_SIDE / max(rgb.shape[:2])))
    picture = cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
    thick = max(1, max(picture.shape[:2]) // SIDE_PER_LINE)
    for number in numbers:
        for digit in number.digits:
            box = digit.box
            first = factor * box.left, factor * box.top
            last = factor * box.right - 1, factor * box.bottom - 1
            cv2.rectangle(picture, first, last, FRAME, thick)
        sure = number_confidence(number)
        text = number.written if sure is None else f"{number.written}  {sure:.2f}"
        _write_text(picture, text, number, factor, thick)
    return picture


def _write_text(picture: np.ndarray, text: str, number: Number, factor: int, thick: int) -> None:
    """Write above the number, or below it where there is no room."""
    size = TEXT_SCALE * thick + TEXT_SCALE_BASE
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
    left = int(np.clip(factor * number.box.left, 0, max(picture.shape[1] - width, 0)))
    bottom = factor * number.box.top - below
    if bottom < height:
        bottom = min(factor * number.box.bottom + height + below, picture.shape[0] - below)
    for colour, weight in ((HALO, 3 * thick), (TEXT, thick)):
        cv2.putText(picture, text, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, size, colour, weight, cv2.LINE_AA)
