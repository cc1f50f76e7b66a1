"""The digits of one photo as crops."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from svhn.boxes import Box, DigitBox, clip_digits
from svhn.crops import crop_digit, crop_tight, square_up
from svhn.data.formats import PhotoName, find_annotations, naming, open_annotations
from svhn.data.sources import SQUARE, TIGHT
from svhn.errors import InputError
from svhn.photos import Photo, read_photo

_CUTS: dict[str, Callable[[np.ndarray, Box], np.ndarray]] = {SQUARE: crop_digit, TIGHT: crop_tight}


def cut_digits(
    photo: str | Path, boxes: str | Path | None = None, crops: str = SQUARE
) -> tuple[np.ndarray, list[Box] | None]:
    """Return the crops of a photo's digits, or the whole picture as one where nothing is known about it.

    Parameters
    ----------
    photo : str or Path
    boxes : str or Path, optional
        As in `open_annotations`; by default the one that lies beside the photo, if any.
    crops : str
        One of `svhn.data.CROPS`. A whole picture that is cut as a square is made one, see `svhn.crops.square_up`.

    Returns
    -------
    crops : ndarray (N, 32, 32, 3) or (N, 40, 40, 3) uint8, RGB
    boxes : list of Box or None
        Where they were cut, None for the whole picture.

    Raises
    ------
    InputError
        When a file is unreadable, or the photo has no entry in `boxes` or no digits.
    """
    photo = Path(photo)
    picture = read_photo(photo)
    digits = _listed_digits(photo, picture, boxes)
    cut = _CUTS[crops]
    if digits is None:
        whole = square_up(picture.rgb) if crops == SQUARE else picture.rgb
        height, width = whole.shape[:2]
        return cut(whole, Box(0, 0, width, height))[None], None
    places = [digit.box for digit in digits]
    return np.stack([cut(picture.rgb, box) for box in places]), places


def _listed_digits(photo: Path, picture: Photo, boxes: str | Path | None) -> list[DigitBox] | None:
    """Return the digits that are listed inside a photo, or None where none are and none were asked for."""
    height, width = picture.rgb.shape[:2]
    if (file := boxes or find_annotations(photo.parent)) is None:
        return None
    annotations = open_annotations(file)
    with naming(str(photo), str(file)):
        entry = annotations.find(PhotoName(str(photo)))
        listed = None if entry is None else entry.fit(width, height, picture.orientation).digits
    if listed is None and boxes:
        raise InputError(f"{boxes}: has no entry for {photo.name}; add its boxes or leave --boxes out")
    if listed is None:
        return None
    digits = clip_digits(listed, width, height)
    if not digits:
        raise InputError(f"{file}: has no digits inside {photo.name}, so there is nothing to look at")
    return digits
