"""Pictures and masks as people hold them."""

import numpy as np
import pytest
from PIL import Image

from svhn.errors import InputError
from svhn.photos import as_mask, as_rgb

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
MASK = RGB[..., 0] > 127


def test_a_photo_in_any_form():
    assert as_rgb(RGB) is RGB
    assert np.array_equal(as_rgb(Image.fromarray(RGB)), RGB)
    assert np.array_equal(as_rgb(np.dstack([RGB, RGB[..., 0]])), RGB)
    gray = as_rgb(RGB[..., 1])
    assert gray.shape == RGB.shape and all(np.array_equal(gray[..., channel], RGB[..., 1]) for channel in range(3))


def test_a_pil_image_is_turned_upright():
    image = Image.fromarray(RGB)
    image.getexif()[0x0112] = 6
    assert np.array_equal(as_rgb(image), np.rot90(RGB, -1))


@pytest.mark.parametrize("photo", [None, RGB.astype(float), RGB[..., :2], RGB[0, 0], [[1]]])
def test_what_is_no_photo_is_refused(photo):
    with pytest.raises(InputError, match="expected a photo as uint8"):
        as_rgb(photo)


def test_a_mask_in_any_form():
    assert as_mask(MASK, RGB.shape) is MASK
    for mask in (
        MASK.astype(np.uint8),
        MASK * np.uint8(255),
        Image.fromarray(MASK),
        Image.fromarray(MASK * np.uint8(255)),
    ):
        assert np.array_equal(as_mask(mask, RGB.shape), MASK)
    assert not as_mask(np.zeros((5, 7), np.uint8), RGB.shape).any()


@pytest.mark.parametrize("mask", [MASK[1:], MASK.astype(float), MASK[..., None]])
def test_what_is_no_mask_is_refused(mask):
    with pytest.raises(InputError, match="expected a bool mask"):
        as_mask(mask, RGB.shape)
