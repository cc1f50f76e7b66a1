"""Masks at the photo's resolution."""

import numpy as np

from svhn.torch_inpaint.removal.masks import fine_mask, widen


def scene():
    """A dark bar on a plain wall, and a faint shadow beside it: photo, wall, bar, shadow."""
    wall = np.full((120, 120, 3), 150, np.float32)
    bar, shadow = np.zeros((120, 120), bool), np.zeros((120, 120), bool)
    bar[20:100, 50:62] = True
    shadow[24:104, 62:68] = True
    photo = wall.copy()
    photo[bar], photo[shadow] = 30, 125
    return photo.astype(np.uint8), wall, bar, shadow


def test_stroke_and_shadow_are_covered_and_the_rest_is_kept():
    photo, wall, bar, shadow = scene()
    wide = widen(bar | shadow, 14)
    mask = fine_mask(photo, wall, wide, bar, 80)
    assert mask[bar].all() and mask[shadow].all() and not (mask & ~wide).any()
    assert mask.sum() < 0.6 * wide.sum()
    assert not (mask & ~widen(bar | shadow, 5)).any()


def test_texture_beside_the_mask_is_no_digit():
    photo, wall, bar, shadow = scene()
    noise = np.random.default_rng(0).normal(0, 12, photo.shape)
    noisy = np.clip(photo + noise, 0, 255).astype(np.uint8)
    wide = widen(bar | shadow, 14)
    mask = fine_mask(noisy, wall, wide, bar, 80)
    assert mask[bar].all() and mask.sum() < 0.7 * wide.sum()


def test_strokes_that_look_like_the_wall_stay_masked():
    _, wall, bar, _ = scene()
    mask = fine_mask(wall.astype(np.uint8), wall, widen(bar, 14), bar, 80)
    assert mask[bar].all()
