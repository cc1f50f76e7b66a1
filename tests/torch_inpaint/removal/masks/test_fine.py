"""Masks that are no wider than they must be."""

import numpy as np

from svhn.boxes import Box
from svhn.torch_inpaint.removal.masks import fine_mask, widen

BOX = Box(40, 20, 72, 100)


def scene(shadow_at: int = 62):
    """A dark bar on a plain wall, and a faint shadow beside it: photo, wall, bar, shadow."""
    wall = np.full((120, 120, 3), 150, np.float32)
    bar, shadow = np.zeros((120, 120), bool), np.zeros((120, 120), bool)
    bar[20:100, 50:62] = True
    shadow[24:104, shadow_at : shadow_at + 6] = True
    photo = wall.copy()
    photo[bar], photo[shadow] = 30, 125
    return photo.astype(np.uint8), wall, bar, shadow


def mask_of(photo, wall, wide, bar):
    return fine_mask(photo, wall, wide, bar, [BOX])[0]


def test_stroke_and_shadow_are_covered_and_the_rest_is_kept():
    photo, wall, bar, shadow = scene()
    wide = widen(bar | shadow, 14)
    mask = mask_of(photo, wall, wide, bar)
    assert mask[bar].all() and mask[shadow].all() and not (mask & ~wide).any()
    assert mask.sum() < 0.6 * wide.sum()
    assert not (mask & ~widen(bar | shadow, 5)).any()


def test_texture_beside_the_mask_is_no_digit():
    photo, wall, bar, shadow = scene()
    noise = np.random.default_rng(0).normal(0, 12, photo.shape)
    noisy = np.clip(photo + noise, 0, 255).astype(np.uint8)
    wide = widen(bar | shadow, 14)
    mask = mask_of(noisy, wall, wide, bar)
    assert mask[bar].all() and mask.sum() < 0.7 * wide.sum()


def test_strokes_that_look_like_the_wall_stay_masked():
    _, wall, bar, _ = scene()
    assert mask_of(wall.astype(np.uint8), wall, widen(bar, 14), bar)[bar].all()


def test_a_frame_that_goes_on_outside_is_given_back():
    photo, wall, bar, _ = scene()
    frame = np.zeros_like(bar)
    frame[:, 70:76] = True
    photo[frame] = 30
    wide = widen(bar, 18)
    assert (frame & wide).any()
    mask = mask_of(photo, wall, wide, bar)
    assert mask[bar].all() and not (mask & frame).any()


def test_edges_of_strokes_are_found_where_they_are_likely_only_nearby():
    photo, wall, bar, _ = scene()
    mask = mask_of(photo, wall, widen(bar, 14), widen(bar, 8))
    assert mask[bar].all() and not (mask & ~widen(bar, 12)).any()
