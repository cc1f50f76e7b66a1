"""Contact sheets: one row per picture, one column per method. They show SVHN's pixels: never commit them."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

TILE, GAP, HEAD, MOST_ROWS = 128, 4, 18, 25
WHITE = 255


def write_sheets(folder: Path, name: str, rows: Sequence[dict[str, np.ndarray]], tile: int = TILE) -> None:
    """Write rows of named pictures (H, W, 3) uint8 as `name`-1.png, `name`-2.png, ... of up to 25 rows.

    Shown are the columns that all rows have; pictures are brought to `tile` pixels.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in rows[0] if all(name in row for row in rows)] if rows else []
    for number, start in enumerate(range(0, len(rows), MOST_ROWS), start=1):
        part = [_row([row[name] for name in names], tile) for row in rows[start : start + MOST_ROWS]]
        sheet = np.concatenate([_heading(names, tile), *part])
        Image.fromarray(sheet).save(folder / f"{name}-{number}.png")


def holed(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the picture with the mask painted magenta."""
    image = picture.copy()
    image[mask] = (255, 0, 255)
    return image


def _row(pictures: Sequence[np.ndarray], side: int) -> np.ndarray:
    strip = np.concatenate([_tile(picture, side) for picture in pictures], axis=1)
    used = np.flatnonzero((strip != WHITE).any(axis=(1, 2)))
    return strip[: (used[-1] if len(used) else 0) + 1 + GAP]


def _tile(picture: np.ndarray, side: int) -> np.ndarray:
    scale = side / max(picture.shape[:2])
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    tile = np.full((side + GAP, side + GAP, 3), WHITE, np.uint8)
    tile[: small.shape[0], : small.shape[1]] = small
    return tile


def _heading(names: Sequence[str], side: int) -> np.ndarray:
    strip = np.full((HEAD, len(names) * (side + GAP), 3), WHITE, np.uint8)
    for column, name in enumerate(names):
        place = (column * (side + GAP) + 2, HEAD - 6)
        cv2.putText(strip, name[:24], place, cv2.FONT_HERSHEY_SIMPLEX, 0.3, (0, 0, 0), 1, cv2.LINE_AA)
    return strip
