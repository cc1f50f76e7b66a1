"""The rounds of a number: how its mask grows until nothing can be read."""

import numpy as np
import pytest

from svhn.boxes import Box
from svhn.torch_inpaint import DigitRemover
from svhn.torch_inpaint.removal import KeyPixels, RemovalConfig
from svhn.torch_inpaint.removal.masks import paint_boxes, widen, window_of
from svhn.torch_inpaint.removal.rounds import next_keys

SHAPE = (60, 80)
BOXES = [Box(10, 10, 30, 50), Box(40, 10, 70, 50)]


def thin_keys() -> KeyPixels:
    mask = np.zeros(SHAPE, bool)
    mask[28:32, 18:22] = True
    return KeyPixels(mask, ~mask)


def test_a_round_widens_the_mask_and_takes_it_from_the_key_pixels():
    keys = thin_keys()
    wider = next_keys(keys, BOXES, margin=0.1, last=False)
    np.testing.assert_array_equal(wider.mask, widen(keys.mask, 3))  # 0.08 x 40
    np.testing.assert_array_equal(wider.key_pixels, ~wider.mask)
    np.testing.assert_array_equal(keys.mask, thin_keys().mask)


def test_the_last_round_takes_the_whole_boxes_with_their_margins():
    keys = thin_keys()
    last = next_keys(keys, BOXES, margin=0.1, last=True)
    np.testing.assert_array_equal(last.mask, paint_boxes([box.grow(4) for box in BOXES], SHAPE))
    np.testing.assert_array_equal(last.key_pixels, ~last.mask)


@pytest.mark.parametrize("rounds", [0, 1, 2])
def test_only_the_last_round_of_a_removal_takes_the_whole_boxes(remover, rendered, rounds):
    sample, config = rendered[2], RemovalConfig(rounds=rounds)

    def stubborn(image, boxes):
        return np.array([digit.label for digit in sample.digits]), np.ones(len(boxes))

    result = DigitRemover(remover.classifier, config, [stubborn]).remove(sample.photo, sample.digits)
    assert [number.rounds for number in result.numbers] == [rounds]
    margin = config.key_pixels.box_margin
    whole = paint_boxes([window_of(digit.box, margin, result.mask.shape) for digit in sample.digits], result.mask.shape)
    assert result.mask[whole].all() == (rounds > 0)
