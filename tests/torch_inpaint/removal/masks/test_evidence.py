"""Key pixels from the evidence for ink."""

import cv2
import numpy as np
import pytest

from svhn.boxes import Box
from svhn.torch_inpaint.removal.config import KeyPixelConfig
from svhn.torch_inpaint.removal.masks.evidence import (
    RIM,
    RIM_DECAY,
    find_evidence,
    ink_evidence,
    key_pixels_by_evidence,
)
from svhn.torch_inpaint.removal.masks.key_pixels import searched, widen

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
    whole = widen(searched(boxes, strokes.shape, KeyPixelConfig().box_margin), 3)
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
    allowed = widen(searched(boxes, region.shape, KeyPixelConfig().box_margin), 3)
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


def test_a_noisy_background_is_no_halo():
    """Grains beside the strokes that are no odder than the background's own noise stay key pixels."""
    _, boxes, strokes = scene((90, 90, 90), (150, 150, 150))
    rng = np.random.default_rng(1)
    ground = 150 + 20 * rng.standard_normal((60, 70, 1)) + np.zeros(3)
    region = np.clip(np.where(strokes[..., None], 20, ground), 0, 255).astype(np.uint8)
    config = KeyPixelConfig(halo_contrast=0.05, reach=0.0)
    keys = key_pixels_by_evidence(region, boxes, strokes.astype(np.float32), config)
    beside = searched(boxes, strokes.shape, config.box_margin) & ~widen(strokes, 3)
    assert keys.mask[beside].mean() < 0.15


def test_what_is_near_a_box_speaks_for_background_more_than_what_is_far():
    """Pixels of the strokes' kind count against ink the less, the farther outside the box they lie."""
    box, height = Box(30, 30, 50, 70), 40
    features = RNG.normal(0, 0.1, (100, 80, 2)).astype(np.float32)
    features[30:70, 38:42] += 5.0
    evidence = {}
    for name, distance in (("near", 2), ("far", round(RIM * height) - 2)):
        with_others = features.copy()
        with_others[30:70, 50 + distance : 52 + distance] += 5.0
        evidence[name] = ink_evidence(with_others, [box])[35:65, 39:41].mean()
    weight = np.exp(-(round(RIM * height) - 4) / (RIM_DECAY * height))
    assert weight < 0.25
    assert evidence["far"] > evidence["near"] + 0.1
