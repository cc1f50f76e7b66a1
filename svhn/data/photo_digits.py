"""The digits of one photo as crops."""

from pathlib import Path

import numpy as np

from svhn.boxes import Box, clip_digits
from svhn.crops import crop_digit
from svhn.data.formats import find_annotations, open_annotations
from svhn.errors import InputError
from svhn.photos import read_rgb


def cut_digits(photo: str | Path, boxes: str | Path | None = None) -> np.ndarray:
    """Return the crops of a photo's digits, or the whole picture as one where nothing is known about it.

    Parameters
    ----------
    photo : str or Path
    boxes : str or Path, optional
        `digitStruct.mat` or COCO `.json`; by default the one that lies beside the photo, if any.

    Returns
    -------
    ndarray (N, 32, 32, 3) uint8, RGB

    Raises
    ------
    InputError
        When a file is unreadable, or the photo has no entry in `boxes` or no digits.
    """
    photo = Path(photo)
    rgb = read_rgb(photo)
    height, width = rgb.shape[:2]
    file = boxes or find_annotations(photo.parent)
    listed = open_annotations(file) if file else {}
    if boxes and photo.name not in listed:
        raise InputError(f"{boxes}: has no entry for {photo.name}; add its boxes or leave --boxes out")
    if photo.name not in listed:
        return crop_digit(rgb, Box(0, 0, width, height))[None]
    digits = clip_digits(listed[photo.name], width, height)
    if not digits:
        raise InputError(f"{file}: has no digits inside {photo.name}, so there is nothing to explain")
    return np.stack([crop_digit(rgb, digit.box) for digit in digits])
