import cv2
import numpy as np
import pytest

from svhn.boxes import Box
from svhn.torch_inpaint.removal.config import KeyPixelConfig
from svhn.torch_inpaint.removal.key_pixels import (
    find_evidence,
    ink_evidence,
    key_pixels_by_evidence,
    key_pixels_by_strokes,
    paint_boxes,
    widen,
    window_of,
)

RNG = np.random.default_rng(0)


def scene(ink, ground, noise=4.0):
    """A drawn 7 and 1 in one colour on another: region, boxes, true strokes."""
    strokes = np.zeros((60, 70), np.uint8)
    cv2.polylines(strokes, [np.array([[14, 16], [30, 16], [20, 44]])], False, 255, 4)
    cv2.line(strokes, (46, 16), (46, 44), 255, 4)
    region = np.where(strokes[..., None] > 0, ink, ground) + RNG.normal(0, noise, (60, 70, 3))
    region = cv2.GaussianBlur(region, (0, 0), 0.8)
    boxes = [Box(12, 14, 33, 47), Box(43, 14, 49, 47)]
    return np.clip(region, 0, 255).astype(np.uint8), boxes, strokes > 0


def keys_of(region, boxes, config=KeyPixelConfig()):
    gray = region.mean(axis=2).astype(np.float32)
    evidence = find_evidence(region, boxes, gray, np.abs(cv2.Laplacian(gray, cv2.CV_32F)), config)
    return key_pixels_by_evidence(region, boxes, evidence, config)


@pytest.mark.parametrize(
    "ink, ground",
    [((20, 20, 20), (220, 210, 200)), ((240, 240, 230), (30, 40, 90)), ((150, 40, 40), (120, 140, 60))],
)
def test_strokes_are_masked_in_either_polarity(ink, ground):
    region, boxes, strokes = scene(ink, ground)
    keys = keys_of(region, boxes)
    assert (keys.mask & strokes).sum() >= 0.99 * strokes.sum()
    whole = widen(paint_boxes([window_of(box, KeyPixelConfig()) for box in boxes], strokes.shape), 3)
    assert keys.mask.sum() < 0.85 * whole.sum()


def test_mask_and_key_pixels_share_nothing_and_keys_are_background():
    region, boxes, strokes = scene((240, 240, 230), (30, 40, 90))
    keys = keys_of(region, boxes)
    assert not (keys.mask & keys.key_pixels).any()
    assert not (keys.key_pixels & strokes).any()
    assert keys.key_pixels.mean() > 0.5


def test_the_mask_stays_near_the_boxes():
    region, boxes, _ = scene((20, 20, 20), (220, 210, 200))
    region[5:8, 60:66] = 0  # ink-coloured, but no digit
    allowed = widen(paint_boxes([window_of(box, KeyPixelConfig()) for box in boxes], region.shape[:2]), 3)
    assert not (keys_of(region, boxes).mask & ~allowed).any()


def test_a_soft_shadow_belongs_to_the_digit():
    region, boxes, strokes = scene((20, 20, 20), (220, 210, 200), noise=1.0)
    shadow = np.roll(strokes, (2, 2), axis=(0, 1)) & ~strokes
    region[shadow] = (region[shadow] * 0.6).astype(np.uint8)
    assert (keys_of(region, boxes).mask & shadow).sum() >= 0.98 * shadow.sum()


def test_a_flat_region_masks_the_whole_box_rather_than_nothing():
    region = np.full((60, 70, 3), 128, np.uint8)
    boxes = [Box(12, 14, 33, 47)]
    keys = keys_of(region, boxes)
    assert keys.mask[boxes[0].slices].all()
    assert keys.key_pixels.any()


def test_boxes_that_fill_the_region_are_masked():
    region = RNG.integers(0, 255, (9, 7, 3), np.uint8)
    keys = keys_of(region, [Box(0, 0, 7, 9)])
    assert keys.mask.all()


def test_ink_is_what_the_rim_lacks():
    features = np.zeros((40, 40, 2), np.float32)
    features[10:30, 18:22] = 5.0
    features += RNG.normal(0, 0.3, features.shape).astype(np.float32)
    evidence = ink_evidence(features, [Box(10, 8, 30, 32)])
    assert evidence[12:28, 19:21].min() > 0.9
    background = evidence[8:32, 10:30].copy()
    background[:, 6:14] = 0
    assert np.mean(background > 0.667) < 0.05
    assert not evidence[:, :3].any()


def likely_strokes(certain=0.9, doubtful=0.55):
    """Probabilities of the strokes of `scene`, with a soft edge of two pixels, and its boxes."""
    _, boxes, strokes = scene((20, 20, 20), (220, 210, 200))
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


def test_rendered_photos_lose_nearly_all_their_ink(remover, rendered):
    shares = []
    for sample in rendered:
        mask = remover.remove(sample.photo, sample.digits).mask
        ink = np.abs(sample.photo.astype(int) - sample.clean).max(axis=2) > 25
        if ink.any():
            shares.append((mask & ink).sum() / ink.sum())
    assert np.mean(shares) > 0.985
    assert np.mean(np.array(shares) < 0.95) < 0.07
