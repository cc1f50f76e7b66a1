"""The methods compared: functions that fill a hole, and functions that remove digits given their boxes."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from benchmarks.removal.holes import otsu_strokes
from svhn.boxes import Box
from svhn.torch_inpaint.removal import (
    FILLS,
    KEY_PIXELS,
    FillConfig,
    KeyPixelConfig,
    KeyPixels,
    RemovalConfig,
    paint_boxes,
    widen,
)

OURS, RIVAL = "ours", "biharmonic"
# Take many seconds for one hole.
SLOW = ("grnn-seed",)
RING, FSR_BORDER, PATCH = 3, 16, 7
# Whole boxes are grown by this many pixels; fills see this many pixels around their mask.
BOX_MARGIN, CONTEXT = 2, 24

# (picture (H, W, 3) uint8, mask (H, W) bool, known (H, W) bool) -> picture (H, W, 3) uint8
Fill = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
# (photo (H, W, 3) uint8, boxes) -> photo without the digits, what was filled (H, W) bool
Remover = Callable[[np.ndarray, Sequence[Box]], tuple[np.ndarray, np.ndarray]]


def fill_methods() -> dict[str, Fill]:
    """Return all fill methods that can be imported here, by name."""
    found = {OURS: _ours(), "ours, no grain": _ours(grain=0.0), "ours, GRNN alone": _ours(method="steered", grain=0.0)}
    found |= {"Telea r3": _opencv(cv2.INPAINT_TELEA), "Navier-Stokes r3": _opencv(cv2.INPAINT_NS)}
    optional = {RIVAL: _biharmonic(), "FSR": _fsr()}
    found |= {name: method for name, method in optional.items() if method is not None}
    # Registered fills beside the shipped one and its first half: the reference's, and a user's own.
    others = [name for name in FILLS if name not in (FillConfig.method, "finished", "steered")]
    return found | {name: _ours(method=name, grain=0.0) for name in others} | {"ring mean": _ring_mean}


def sharp_fills() -> dict[str, Fill]:
    """Return the fills for holes as large as large digits, by name."""
    found = {OURS: _ours_large(), "ours, grain alone": _ours_large(method="finished")}
    found |= {"ours, no grain": _ours_large(method="finished", grain=0.0), "Telea r3": _opencv(cv2.INPAINT_TELEA)}
    optional = {RIVAL: _biharmonic(), "FSR": _fsr(), "PatchMatch": _patchmatch()}
    return found | {name: method for name, method in optional.items() if method is not None}


def removers(names: Sequence[str] | None = None) -> dict[str, Remover]:
    """Return `DigitRemover` and the other fills with their natural masks, by name."""
    found: dict[str, Remover] = {
        OURS if method == KeyPixelConfig.method else f"{OURS}, {method} alone": _remover(method)
        for method in KEY_PIXELS
    }
    for name, fill in fill_methods().items():
        if name == RIVAL:
            found["Otsu strokes, biharmonic"] = _over(fill, stroke_mask)
        if not name.startswith(OURS):
            found[f"whole boxes, {name}"] = _over(fill, box_mask)
    return chosen(found, names)


def _remover(key_pixels: str) -> Remover:
    """Return `DigitRemover` with one of `KEY_PIXELS`."""
    from svhn.torch_inpaint import DigitRemover

    remover = DigitRemover.from_checkpoint(device="cpu", config=RemovalConfig(key_pixels=KeyPixelConfig(key_pixels)))

    def remove(photo, boxes):
        result = remover.remove(photo, boxes)
        return result.image, result.mask

    return remove


def chosen(methods: dict, names: Sequence[str] | None) -> dict:
    """Return the methods whose names hold one of `names`; all without `names`."""
    return {key: value for key, value in methods.items() if not names or any(name in key for name in names)}


def box_mask(photo: np.ndarray, boxes: Sequence[Box]) -> np.ndarray:
    """Return the whole boxes, grown by `BOX_MARGIN`, as a mask (H, W)."""
    height, width = photo.shape[:2]
    return paint_boxes([box.grow(BOX_MARGIN).clip(width, height) for box in boxes], (height, width))


def stroke_mask(photo: np.ndarray, boxes: Sequence[Box]) -> np.ndarray:
    """Return the darker or brighter part of each box, dilated by a pixel, as a mask (H, W)."""
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    mask = np.zeros(gray.shape, bool)
    for box in boxes:
        mask[box.slices] |= otsu_strokes(gray[box.slices])
    return widen(mask, 1)


def fill_near(fill: Fill, photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Fill a mask in a photo, showing the method only what is near the mask."""
    if not mask.any() or mask.all():
        return photo.copy()
    rows, columns = np.nonzero(mask)
    box = Box(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    part = box.grow(CONTEXT).clip(mask.shape[1], mask.shape[0]).slices
    image = photo.copy()
    image[part] = fill(np.ascontiguousarray(photo[part]), mask[part], ~mask[part])
    return image


def _over(fill: Fill, mask_of: Callable) -> Remover:
    def remove(photo, boxes):
        mask = mask_of(photo, boxes)
        return fill_near(fill, photo, mask), mask

    return remove


def _ours(**changes) -> Fill:
    """Return the steps of `svhn.torch_inpaint.inpaint`, which takes every pixel outside the mask for known."""
    import torch

    from svhn.torch_inpaint.removal import fill_regions, paste_fill

    config = replace(FillConfig(), **changes)

    def fill(picture, mask, known):
        painted = fill_regions([(picture, KeyPixels(mask, known))], config, torch.device("cpu"))[0]
        image = picture.copy()
        paste_fill(image, Box(0, 0, mask.shape[1], mask.shape[0]), picture, painted, mask, known, config.grain)
        return image

    return fill


def _ours_large(**changes) -> Fill:
    """Return the shipped fill as it fills digits as tall as the mask; large ones at a smaller scale."""
    import torch

    from svhn.torch_inpaint.removal import fill_regions, load_detail, paste_fill, reduce_mask, sharpen_fill

    config = replace(FillConfig(), **changes)
    detail = load_detail(config, torch.device("cpu"))

    def fill(picture, mask, known):
        rows = np.flatnonzero(mask.any(axis=1))
        height = float(rows[-1] + 1 - rows[0])
        scale = min(1.0, RemovalConfig.work_height / height)
        size = tuple(round(scale * side) for side in mask.shape)
        small = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA) if scale < 1 else picture
        keys = KeyPixels(reduce_mask(mask, size), ~reduce_mask(~known, size))
        painted = fill_regions([(small, keys)], config, torch.device("cpu"))[0]
        image, box, grain = picture.copy(), Box(0, 0, mask.shape[1], mask.shape[0]), config.grain
        sharp = sharpen_fill(picture, box, painted, mask, height, box, known, detail) if detail else None
        if sharp is not None:
            painted, grain = sharp, 0.0
        paste_fill(image, box, picture, painted, mask, known, grain)
        return image

    return fill


def ours_batched(pictures: Sequence[np.ndarray], masks: Sequence[np.ndarray], known: Sequence[np.ndarray]) -> None:
    """Fill many regions in one call, without grain, for timing only."""
    import torch

    from svhn.torch_inpaint.removal import fill_regions

    regions = [(p, KeyPixels(m, k)) for p, m, k in zip(pictures, masks, known, strict=True)]
    fill_regions(regions, FillConfig(), torch.device("cpu"))


def _opencv(flag: int) -> Fill:
    return lambda picture, mask, known: cv2.inpaint(picture, mask.astype(np.uint8), 3, flag)


def _biharmonic() -> Fill | None:
    try:
        from skimage.restoration import inpaint_biharmonic
    except ImportError:
        return None

    def fill(picture, mask, known):
        image = inpaint_biharmonic(picture, mask, channel_axis=-1)
        return np.clip(np.rint(image * 255), 0, 255).astype(np.uint8)

    return fill


def _patchmatch() -> Fill | None:
    """Return the PatchMatch of Barnes and others (2009) that `pypatchmatch` has."""
    try:
        from patchmatch import patch_match
    except (ImportError, OSError):
        return None

    def fill(picture, mask, known):
        patch_match.set_random_seed(0)
        return patch_match.inpaint(picture, mask.astype(np.uint8), patch_size=PATCH)

    return fill


def _fsr() -> Fill | None:
    """Return frequency-selective reconstruction, where OpenCV was built with its contributed modules."""
    if not hasattr(cv2, "xphoto"):
        return None

    def fill(picture, mask, known):
        # Near the edge of a picture it fails badly, and its "best" mode more often than its fast one.
        padded = cv2.copyMakeBorder(picture, *[FSR_BORDER] * 4, cv2.BORDER_REFLECT_101)
        valid = (~np.pad(mask, FSR_BORDER)).astype(np.uint8) * 255
        image = np.zeros_like(padded)
        cv2.xphoto.inpaint(padded, valid, image, cv2.xphoto.INPAINT_FSR_FAST)
        return np.where(mask[..., None], image[FSR_BORDER:-FSR_BORDER, FSR_BORDER:-FSR_BORDER], picture)

    return fill


def _ring_mean(picture: np.ndarray, mask: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Paint every connected part of the mask with the mean of the known pixels around it."""
    image = picture.copy()
    count, parts = cv2.connectedComponents(mask.astype(np.uint8))
    for part in range(1, count):
        hole = parts == part
        ring = widen(hole, RING) & known
        image[hole] = np.rint(picture[ring if ring.any() else ~mask].mean(axis=0))
    return image
