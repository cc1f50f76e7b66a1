"""Shadows that stand apart from their digits."""

import cv2
import numpy as np

from svhn.torch_inpaint.removal.masks.shadows import cast_shadow


def wall_with_digits(shadow: tuple[int, int] | None, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A rough wall with two digits, and a soft shadow so far right and down: photo, ink, shadow."""
    noise = np.random.default_rng(seed).normal(0, 1, (150, 200)).astype(np.float32)
    wall = 150 + 60 * cv2.GaussianBlur(noise, (0, 0), 2)
    ink = np.zeros(wall.shape, np.uint8)
    for text, left in (("3", 50), ("5", 110)):
        cv2.putText(ink, text, (left, 100), cv2.FONT_HERSHEY_SIMPLEX, 2.4, 1, 8)
    moved = np.zeros_like(ink)
    if shadow is not None:
        moved = cv2.warpAffine(ink, np.float32([[1, 0, shadow[0]], [0, 1, shadow[1]]]), ink.shape[::-1])
        wall -= 30 * cv2.GaussianBlur(moved.astype(np.float32), (0, 0), 1.5)
    wall[ink > 0] = 230
    return np.repeat(np.clip(wall, 0, 255).astype(np.uint8)[..., None], 3, axis=2), ink > 0, moved > 0


def test_a_shadow_at_one_distance_is_covered():
    photo, ink, shadow = wall_with_digits((9, 7))
    found = cast_shadow(photo, ink, 52)
    assert (found & shadow & ~ink).sum() > 0.95 * (shadow & ~ink).sum()
    assert found.sum() < 4 * shadow.sum()


def test_a_wall_without_shadow_has_none():
    for seed in range(6):
        photo, ink, _ = wall_with_digits(None, seed)
        assert not cast_shadow(photo, ink, 52).any()


def test_what_is_dark_beside_one_digit_only_is_no_shadow():
    photo, ink, _ = wall_with_digits(None)
    photo[60:100, 150:170] = 20
    assert not cast_shadow(photo, ink, 52).any()
