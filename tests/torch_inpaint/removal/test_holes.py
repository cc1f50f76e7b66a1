"""Masks that the caller brings."""

import numpy as np
import pytest

from svhn.metrics import psnr
from svhn.torch_inpaint import inpaint
from svhn.torch_inpaint.removal.config import FillConfig, RemovalConfig


def test_inpaint_fills_the_callers_mask(rendered):
    sample = rendered[1]
    image = inpaint(sample.photo, sample.mask, device="cpu")
    np.testing.assert_array_equal(image[~sample.mask], sample.photo[~sample.mask])
    assert psnr(image, sample.clean, sample.mask) > psnr(sample.photo, sample.clean, sample.mask) + 5


def test_inpaint_of_an_empty_mask_is_the_photo(rendered):
    photo = rendered[0].photo
    np.testing.assert_array_equal(inpaint(photo, np.zeros(photo.shape[:2], bool), device="cpu"), photo)


def test_inpaint_of_a_large_hole_has_no_seam():
    """A ramp with a hole of 200 pixels: enlarged from the working scale, it must still meet its surroundings."""
    ramp = np.broadcast_to(np.linspace(20, 230, 400)[None, :, None], (300, 400, 3)).astype(np.uint8)
    mask = np.zeros((300, 400), bool)
    mask[50:250, 120:320] = True
    image = inpaint(ramp, mask, RemovalConfig(fill=FillConfig(grain=0)), device="cpu").astype(int)
    assert np.abs(image - ramp)[mask].mean() < 6
    assert np.abs(image[:, 120] - image[:, 119])[50:250].mean() < 4


def test_inpaint_of_a_long_thin_scratch_is_not_done_at_a_coarse_scale():
    y, x = np.mgrid[:500, :700]
    stripes = (128 + 100 * np.sin(x / 4.0))[..., None].repeat(3, axis=2).astype(np.uint8)
    mask = np.abs(y - 0.6 * x) < 4
    image = inpaint(stripes, mask, RemovalConfig(fill=FillConfig(grain=0)), device="cpu").astype(int)
    assert np.abs(image - stripes)[mask].mean() < 12


@pytest.mark.parametrize("mask", [np.zeros((4, 4), bool), np.zeros((60, 80), np.float32), np.ones((60, 80), bool)])
def test_inpaint_refuses_wrong_masks(mask):
    with pytest.raises(ValueError, match="mask"):
        inpaint(np.zeros((60, 80, 3), np.uint8), mask)
