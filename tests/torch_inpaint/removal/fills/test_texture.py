"""Texture that is expected in a hole, and brought into it; colours that may be copied into it."""

import cv2
import numpy as np

from svhn.torch_inpaint.removal.fills.palette import of_its_colours
from svhn.torch_inpaint.removal.fills.texture import expected_texture, with_texture


def rough(shape=(96, 96), strength=20.0):
    picture = np.random.default_rng(0).normal(128, strength, shape)
    return np.repeat(picture[..., None], 3, axis=2).astype(np.float32)


def hole_of(shape=(96, 96)):
    hole = np.zeros(shape, bool)
    hole[36:60, 36:60] = True
    return hole


def detail(picture, where):
    return (picture - cv2.GaussianBlur(picture, (0, 0), 1.0))[where].std()


def test_a_hole_is_expected_to_be_as_rough_as_around_it():
    picture, hole = rough(), hole_of()
    filled = np.where(hole[..., None], 128, picture).astype(np.float32)
    expected = expected_texture(filled, hole, ~hole, 24)
    true = expected_texture(picture, np.zeros_like(hole), ~hole, 24)
    np.testing.assert_allclose(expected[hole].mean(axis=0), true[hole].mean(axis=0), rtol=0.1)


def test_what_is_not_known_tells_nothing_about_texture():
    picture, hole = rough(strength=4.0), hole_of()
    picture[:, :30] = rough(strength=60.0)[:, :30]
    known = ~hole
    known[:, :36] = False
    assert expected_texture(picture, hole, known, 24)[hole].max() < 10


def test_a_smooth_fill_gets_texture_and_a_rough_one_stays():
    picture, hole = rough(), hole_of()
    expected = expected_texture(picture, hole, ~hole, 24)
    smooth = np.where(hole[..., None], 128 + 0.6 * (picture - 128), picture).astype(np.float32)
    stronger = with_texture(smooth, hole, expected)
    assert 0.85 < detail(stronger, hole) / detail(picture, hole) < 1.15 and detail(smooth, hole) < 0.7 * detail(
        picture, hole
    )
    np.testing.assert_array_equal(stronger[~hole], smooth[~hole])
    np.testing.assert_allclose(with_texture(picture, hole, 0 * expected), picture, atol=1e-3)


def test_colours_stay_what_they_are():
    picture, hole = rough() * np.float32([1, 0.6, 0.3]), hole_of()
    stronger = with_texture(picture, hole, 2 * expected_texture(picture, hole, ~hole, 24))
    added = (stronger - picture)[hole]
    np.testing.assert_allclose(added[:, 0], added[:, 2], atol=1e-3)
    assert np.abs(added).max() > 1


def test_only_colours_behind_the_hole_are_copied():
    """A blue plate with a white frame on a beige wall: the plate alone reaches the hole."""
    picture = np.full((120, 120, 3), (210, 195, 170), np.float32)
    picture[20:100, 20:100] = 240
    picture[26:94, 26:94] = (30, 40, 130)
    mask = np.zeros((120, 120), bool)
    mask[45:75, 45:75] = True
    usable = of_its_colours(picture, mask, ~mask, 20)
    assert usable[32:40, 32:90].all() and not usable[:24].any() and not (usable & mask).any()
