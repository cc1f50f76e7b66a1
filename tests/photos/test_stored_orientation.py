"""The EXIF orientation that a photo was turned by, which tells what boxes of the stored picture mean."""

import io

import numpy as np
import pytest
from PIL import Image

from svhn.photos import Photo, decode_photo


def photo_of(format: str, orientation: int | None) -> Photo:
    file, exif = io.BytesIO(), Image.Exif()
    if orientation is not None:
        exif[0x112] = orientation
    Image.fromarray(np.zeros((8, 12, 3), np.uint8)).save(file, format, exif=exif)
    return decode_photo(file.getvalue())


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_photo_says_how_it_was_turned(format, orientation):
    photo = photo_of(format, orientation)
    assert photo.orientation == orientation
    assert photo.rgb.shape[:2] == ((12, 8) if orientation in (6, 8) else (8, 12))


@pytest.mark.parametrize("orientation", [None, 0, 9])
def test_without_a_usable_orientation_it_is_upright(orientation):
    assert photo_of("JPEG", orientation).orientation == 1
    assert photo_of("BMP", None).orientation == 1
