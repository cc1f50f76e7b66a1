"""Pictures and masks in the forms in which people hold them, as the arrays that everything here works on."""

from typing import Any

import numpy as np
from PIL import Image, ImageOps

from svhn.errors import InputError
from svhn.photos.photo import MASK_HALF


def as_rgb(photo: Any) -> np.ndarray:
    """Return a photo as (H, W, 3) uint8, RGB; an array of that form is returned as it is, not copied.

    Parameters
    ----------
    photo : ndarray (H, W), (H, W, 3) or (H, W, 4) uint8, or PIL.Image.Image
        Gray is repeated, alpha is left out. A PIL image is turned upright by its EXIF orientation.

    Raises
    ------
    InputError
        When it is nothing of these.
    """
    if isinstance(photo, Image.Image):
        return np.array(ImageOps.exif_transpose(photo).convert("RGB"))
    if not isinstance(photo, np.ndarray) or photo.dtype != np.uint8 or not _is_picture(photo):
        received = f"{getattr(photo, 'dtype', type(photo).__name__)} {getattr(photo, 'shape', '')}"
        raise InputError(f"expected a photo as uint8 (H, W, 3) RGB, or a PIL image, received {received}")
    if photo.ndim == 2:
        return np.repeat(photo[..., None], 3, axis=2)
    return photo if photo.shape[2] == 3 else np.ascontiguousarray(photo[..., :3])


def as_mask(mask: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return a mask as (H, W) bool, True = chosen; an array of bool is returned as it is, not copied.

    Parameters
    ----------
    mask : ndarray (H, W) bool or uint8, or PIL.Image.Image
        Of uint8 and PIL images the brighter half is True; of an array of 0 and 1 the ones are.
    shape : (H, W, ...)
        Of its photo.

    Raises
    ------
    InputError
        When it is nothing of these, or has another size than the photo.
    """
    if isinstance(mask, Image.Image):
        mask = np.array(mask.convert("L"))
    chosen = np.asarray(mask)
    if chosen.dtype == np.uint8:
        chosen = chosen > (MASK_HALF if chosen.size and chosen.max() > 1 else 0)
    if chosen.dtype != bool or chosen.shape != tuple(shape[:2]):
        raise InputError(f"expected a bool mask of shape {tuple(shape[:2])}, received {chosen.dtype} {chosen.shape}")
    return chosen


def _is_picture(array: np.ndarray) -> bool:
    return array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
