"""Pieces of real walls: the parts of training photos that hold no digits, for generated digits to stand on."""

from collections.abc import Iterable

import cv2
import numpy as np

from svhn.boxes import Box, DigitBox, heights_of

# All pieces are brought to this many rows and columns.
WALL_SHAPE = (48, 72)
# A piece is at least this large in digit heights, and in pixels.
LEAST_SHARE = 0.4
LEAST_PIXELS = 12


def mine_walls(numbers: Iterable[tuple[np.ndarray, list[DigitBox]]]) -> np.ndarray:
    """Cut the free parts left, right, above and below the digits out of photos.

    Parameters
    ----------
    numbers : iterable of (photo, digits)
        ndarray (H, W, 3) uint8, RGB, and all its digits.

    Returns
    -------
    ndarray (N, 48, 72, 3) uint8, RGB
        Upright pieces are turned by a quarter.
    """
    pieces = [piece for photo, digits in numbers for piece in _pieces(photo, digits)]
    return np.array(pieces, np.uint8).reshape(-1, *WALL_SHAPE, 3)


def _pieces(photo: np.ndarray, digits: list[DigitBox]) -> list[np.ndarray]:
    height, width = photo.shape[:2]
    corners = np.array([digit.box.as_list() for digit in digits])
    unit = float(np.median(heights_of(corners)))
    margin = 2 + 0.12 * unit
    left, top = np.floor(corners[:, :2].min(axis=0) - margin).astype(int).tolist()
    right, bottom = np.ceil(corners[:, 2:].max(axis=0) + margin).astype(int).tolist()
    free = (0, 0, left, height), (right, 0, width, height), (0, 0, width, top), (0, bottom, width, height)
    least = max(LEAST_PIXELS, LEAST_SHARE * unit)
    boxes = [Box(*sides) for sides in free if sides[2] - sides[0] >= least and sides[3] - sides[1] >= least]
    return [_as_piece(photo[box.slices], unit) for box in boxes]


def _as_piece(part: np.ndarray, unit: float) -> np.ndarray:
    """Turn a part of a photo upside right for WALL_SHAPE and keep the middle of what is too long."""
    if part.shape[0] > part.shape[1]:
        part = part.swapaxes(0, 1)
    rows, columns = part.shape[:2]
    long = round(rows * WALL_SHAPE[1] / WALL_SHAPE[0])
    start = max((columns - long) // 2, 0)
    part = np.ascontiguousarray(part[:, start : start + long])
    return cv2.resize(part, WALL_SHAPE[::-1], interpolation=cv2.INTER_AREA)
