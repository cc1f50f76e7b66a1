"""Fills pasted back into their photo."""

import numpy as np

from svhn.boxes import Box
from svhn.torch_inpaint.removal.composite import paste_fill


def test_composite_replaces_the_mask_and_nothing_else():
    photo = np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8)
    image, box = photo.copy(), Box(5, 5, 15, 15)
    mask = np.zeros((10, 10), bool)
    mask[2:8, 2:8] = True
    painted = np.full((10, 10, 3), 300.0, np.float32)
    paste_fill(image, box, photo[box.slices], painted, mask, ~mask, grain=0)
    assert (image[7:13, 7:13] == 255).all()
    image[7:13, 7:13] = photo[7:13, 7:13]
    np.testing.assert_array_equal(image, photo)
