"""Areas that somebody painted in a picture, as COCO writes them: run lengths, or polygons."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from svhn.data.formats.foreign import number, shortened

# The category of painted areas, and what their annotations have as `source`.
PAINTED_CATEGORY, PAINTED = "painted area", "painted"
# More pixels than the largest photo that is read by default.
_MOST_PIXELS = 1 << 28


@dataclass(frozen=True)
class PaintedArea:
    """A part of a picture, painted pixel by pixel.

    Attributes
    ----------
    size : (width, height)
        Of the picture, in pixels.
    runs : tuple of int
        How many pixels are not painted, then how many are, in turns, column after column from the left: COCO's
        uncompressed run lengths.
    """

    size: tuple[int, int]
    runs: tuple[int, ...]

    @classmethod
    def of(cls, mask: np.ndarray) -> "PaintedArea":
        """Make the area of a mask (H, W) bool, True = painted."""
        pixels = mask.ravel(order="F")
        ends = np.flatnonzero(np.diff(pixels)) + 1
        runs = np.diff([0, *ends.tolist(), pixels.size]).tolist()
        return cls((mask.shape[1], mask.shape[0]), (0, *runs) if pixels.size and pixels[0] else tuple(runs))

    def mask(self) -> np.ndarray:
        """Return what is painted, (H, W) bool."""
        painted = np.repeat(np.arange(len(self.runs)) % 2 == 1, self.runs)
        return painted.reshape(self.size, order="C").T

    def as_coco(self) -> dict[str, Any]:
        """Return the fields of a COCO annotation that say where it is; at least one pixel must be painted."""
        mask = self.mask()
        columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
        corner, far = (columns[0], rows[0]), (columns[-1] + 1, rows[-1] + 1)
        bbox = [int(value) for value in (*corner, far[0] - corner[0], far[1] - corner[1])]
        runs = {"size": [self.size[1], self.size[0]], "counts": list(self.runs)}
        return {"bbox": bbox, "area": int(mask.sum()), "iscrowd": 1, "segmentation": runs}


def read_area(row: dict, size: tuple[float, float] | None) -> PaintedArea:
    """Return the area of a COCO annotation of a picture of (width, height); ValueError where it has none."""
    import cv2  # listing photos, which reads box files' formats, does without

    segmentation = row.get("segmentation")
    if isinstance(segmentation, dict):
        return _of_runs(segmentation)
    if size is None:
        raise ValueError("segmentation: expected run lengths, or width and height of the image")
    width, height = round(size[0]), round(size[1])
    _check_size(width, height)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [_points(polygon) for polygon in segmentation or [_corners(row.get("bbox"))]], 1)
    return PaintedArea.of(mask > 0)


def fitted_mask(area: PaintedArea, photo: tuple[int, int], orientation: int = 1) -> np.ndarray:
    """Return an area as a mask (H, W) bool of an upright photo of the same shape.

    What is painted in a part of a pixel is painted in the whole of it.

    Parameters
    ----------
    area : PaintedArea
    photo : (width, height)
    orientation : int
        The EXIF orientation, 5 to 8, by which the area is turned; 1 when it is upright.
    """
    import cv2

    mask = area.mask()
    if orientation != 1:
        mask = {5: mask.T, 6: np.rot90(mask, -1), 7: np.rot90(mask, 2).T, 8: np.rot90(mask)}[orientation]
    if mask.shape[::-1] == photo:
        return mask
    return cv2.resize(mask.astype(np.float32), photo, interpolation=cv2.INTER_AREA) > 0


def _of_runs(segmentation: dict) -> PaintedArea:
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if not (isinstance(size, list) and len(size) == 2 and all(_is_count(value) for value in size)):
        raise ValueError(f"segmentation.size: expected [height, width], received {shortened(size)}")
    if not (isinstance(counts, list) and all(_is_count(value) for value in counts)):
        raise ValueError(
            f"segmentation.counts: expected a list of run lengths, not compressed, received {shortened(counts)}"
        )
    height, width = size
    _check_size(width, height)
    if sum(counts) != height * width:
        raise ValueError(f"segmentation.counts: these make {sum(counts)} pixels, expected {height} x {width}")
    return PaintedArea((width, height), tuple(counts))


def _check_size(width: int, height: int) -> None:
    if not 0 < width * height <= _MOST_PIXELS:
        raise ValueError(f"segmentation: expected 1 to {_MOST_PIXELS:,} pixels, received {width} x {height}")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_PIXELS


def _points(polygon: Any) -> np.ndarray:
    """Return the corners (N, 2) int32 of a polygon [x, y, x, y, ...]."""
    if not (isinstance(polygon, list) and len(polygon) >= 6 and len(polygon) % 2 == 0):
        raise ValueError(f"segmentation: expected polygons [x, y, x, y, ...], received {shortened(polygon)}")
    values = [number(value, "segmentation") for value in polygon]
    return np.rint(np.clip(values, -(1 << 20), 1 << 20)).astype(np.int32).reshape(-1, 2)


def _corners(bbox: Any) -> Sequence[float]:
    """Return the polygon of a box [left, top, width, height] whose last row and column belong to it."""
    if not (isinstance(bbox, list) and len(bbox) == 4):
        raise ValueError(f"expected a segmentation or a bbox of 4 numbers, received {shortened(bbox)}")
    left, top, width, height = (number(value, "bbox") for value in bbox)
    right, bottom = left + width - 1, top + height - 1
    return [left, top, right, top, right, bottom, left, bottom]
