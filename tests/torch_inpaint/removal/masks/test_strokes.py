"""Key pixels from how likely pixels are to show strokes."""

import cv2
import numpy as np

from svhn.boxes import Box
from svhn.torch_inpaint.removal.config import KeyPixelConfig
from svhn.torch_inpaint.removal.masks.key_pixels import widen
from svhn.torch_inpaint.removal.masks.strokes import key_pixels_by_strokes


def likely_strokes(certain=0.9, doubtful=0.55):
    """Probabilities of the strokes of a drawn 7 and 1, with a soft edge of two pixels, their boxes, the strokes."""
    strokes = np.zeros((60, 70), np.uint8)
    cv2.polylines(strokes, [np.array([[14, 16], [30, 16], [20, 44]])], False, 255, 4)
    cv2.line(strokes, (46, 16), (46, 44), 255, 4)
    boxes, strokes = [Box(12, 14, 33, 47), Box(43, 14, 49, 47)], strokes > 0
    probability = np.where(widen(strokes, 2), doubtful, 0.1)
    return np.where(strokes, certain, probability).astype(np.float32), boxes, strokes


def test_likely_strokes_are_masked_with_a_rim_and_the_rest_is_background():
    probability, boxes, strokes = likely_strokes(doubtful=0.1)
    keys = key_pixels_by_strokes(probability, boxes)
    assert np.array_equal(keys.mask, widen(strokes, 1))
    assert np.array_equal(keys.key_pixels, ~strokes)  # the rim is painted, and learned from


def test_doubtful_pixels_are_masked_and_no_more_likely_ones_are_learned_from():
    probability, boxes, strokes = likely_strokes()
    config = KeyPixelConfig(stroke=0.5, background=0.52)
    keys = key_pixels_by_strokes(probability, boxes, config)
    assert (keys.mask & widen(strokes, 2)).sum() == widen(strokes, 2).sum()
    assert np.array_equal(keys.key_pixels, ~widen(strokes, 2))


def test_likely_strokes_far_from_the_boxes_are_neither_masked_nor_learned_from():
    probability, boxes, _ = likely_strokes()
    probability[50:55, 60:66] = 1  # another number's
    keys = key_pixels_by_strokes(probability, boxes)
    assert not keys.mask[50:55, 60:66].any() and not keys.key_pixels[50:55, 60:66].any()


def test_a_digit_that_sticks_out_of_its_box_is_masked_whole():
    probability, boxes, strokes = likely_strokes(doubtful=0.1)
    shifted = [box.shift(-4, 3) for box in boxes]
    keys = key_pixels_by_strokes(probability, shifted)
    assert (keys.mask & strokes).sum() == strokes.sum()
    narrow = key_pixels_by_strokes(probability, shifted, KeyPixelConfig(stroke_margin=0.0))
    assert (narrow.mask & strokes).sum() < strokes.sum()


def test_small_islands_in_strokes_are_no_background_and_large_ones_are():
    probability, boxes, _ = likely_strokes(doubtful=0.1)
    probability[boxes[0].slices] = 1
    probability[20:23, 20:23] = probability[30:40, 15:25] = 0
    keys = key_pixels_by_strokes(probability, boxes)
    assert keys.mask[20:23, 20:23].all() and not keys.key_pixels[20:23, 20:23].any()
    assert keys.key_pixels[30:40, 15:25].all() and not keys.mask[32:38, 17:23].any()


def test_a_box_in_which_nothing_is_likely_is_masked_whole():
    probability, boxes, _ = likely_strokes()
    probability[boxes[1].slices] = 0
    keys = key_pixels_by_strokes(probability, boxes)
    assert keys.mask[boxes[1].slices].all() and not keys.mask[boxes[0].slices].all()


def test_there_is_always_something_to_learn_from():
    _, boxes, _ = likely_strokes()
    keys = key_pixels_by_strokes(np.ones((60, 70), np.float32), boxes)
    assert keys.key_pixels.any() and not (keys.mask & keys.key_pixels).any()
