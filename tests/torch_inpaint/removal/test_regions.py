"""Regions: cut out of a photo, and masks brought back to its scale."""

import numpy as np

from svhn.boxes import Box
from svhn.torch_inpaint.removal.regions import cut_region, enlarge_mask


def test_regions_hold_their_boxes_at_working_scale():
    photo = np.zeros((400, 600, 3), np.uint8)
    region = cut_region(0, photo, [Box(100, 50, 200, 250), Box(210, 50, 300, 250)], margin=100, scale=0.25)
    assert region.box == Box(0, 0, 400, 350)
    assert region.pixels.shape[:2] == (88, 100)
    assert all(abs(box.height - 50) <= 2 for box in region.boxes)


def test_enlarged_masks_cover_what_they_covered():
    mask = np.zeros((10, 10), bool)
    mask[4, 4] = True
    large = enlarge_mask(mask, (40, 40))
    assert large[16:20, 16:20].all() and large.sum() < 400
