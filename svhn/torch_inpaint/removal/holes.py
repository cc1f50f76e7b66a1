"""Fill a mask that the caller brings, without any digits."""

from typing import Any

import cv2
import numpy as np

from svhn.boxes import Box
from svhn.photos import as_mask, as_rgb
from svhn.torch_inpaint.device import choose_device
from svhn.torch_inpaint.removal.composite import paste_fill, sharpen_fill
from svhn.torch_inpaint.removal.config import RemovalConfig
from svhn.torch_inpaint.removal.fills import thickness
from svhn.torch_inpaint.removal.masks import KeyPixels, widen
from svhn.torch_inpaint.removal.methods import DetailFunction, load_detail
from svhn.torch_inpaint.removal.regions import Region, cut_region, fill_regions, reduce_mask

# Parts of a mask that are closer than twice this, in pixels, are filled together.
NEAR = 8
# Detail is taken from up to this far around a region, in thicknesses of its hole.
SURROUNDINGS = 4


def inpaint(photo: Any, mask: Any, config: RemovalConfig = RemovalConfig(), device: str = "auto") -> np.ndarray:
    """Fill a mask that the caller brings.

    Parameters
    ----------
    photo : ndarray (H, W), (H, W, 3) or (H, W, 4) uint8, or PIL.Image.Image
        RGB, not modified; see `svhn.photos.as_rgb`.
    mask : ndarray (H, W) bool or uint8, or PIL.Image.Image
        True, or white = to be filled; at least one pixel must stay. See `svhn.photos.as_mask`.
    config : RemovalConfig
    device : str
        See `choose_device`.

    Returns
    -------
    ndarray (H, W, 3) uint8, RGB
        Equal to `photo` where `mask` is False, bit for bit.
    """
    photo = as_rgb(photo)
    mask = _check_mask(as_mask(mask, photo.shape))
    regions = [cut_region(0, photo, [box], thick, config.work_thickness / thick) for box, thick in _holes(mask)]
    parts = [reduce_mask(mask[region.box.slices], region.pixels.shape[:2]) for region in regions]
    pairs = [(region.pixels, KeyPixels(part, ~part)) for region, part in zip(regions, parts, strict=True)]
    image, chosen = photo.copy(), choose_device(device)
    detail = load_detail(config.fill, chosen)
    for region, painted in zip(regions, fill_regions(pairs, config.fill, chosen), strict=True):
        original, part = photo[region.box.slices], mask[region.box.slices]
        sharp = _sharpened(photo, mask, region, painted, detail) if detail else None
        picture, grain = (painted, config.fill.grain) if sharp is None else (sharp, 0.0)
        paste_fill(image, region.box, original, picture, part, ~part, grain)
    return image


def _sharpened(
    photo: np.ndarray, mask: np.ndarray, region: Region, painted: np.ndarray, detail: DetailFunction
) -> np.ndarray | None:
    """Return the fill of a region at the photo's resolution; None when it has it or too little is known."""
    box, part = region.box, mask[region.box.slices]
    if painted.shape[:2] == part.shape:
        return None
    around = box.grow(round(SURROUNDINGS * thickness(part))).inside(photo.shape[1], photo.shape[0])
    height = float(np.ptp(np.flatnonzero(part.any(axis=1))) + 1)
    return sharpen_fill(photo, box, painted, part, height, around, ~mask[around.slices], detail)


def _check_mask(mask: np.ndarray) -> np.ndarray:
    if mask.all():
        raise ValueError("expected at least one pixel outside the mask, received a mask that covers the whole photo")
    return mask


def _holes(mask: np.ndarray) -> list[tuple[Box, float]]:
    """Return the boxes and thicknesses (pixels) of the parts of a mask; parts close to each other share a box."""
    distance = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    count, labels = cv2.connectedComponents(widen(mask, NEAR).astype(np.uint8))
    holes = []
    for label in range(1, count):
        part = mask & (labels == label)
        rows, columns = np.nonzero(part)
        box = Box(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
        holes.append((box, 2 * float(distance[part].max())))
    return holes
