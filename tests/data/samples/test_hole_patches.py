"""Holes to learn filling from: beside the digits, inside the photo, and the same for the same seed."""

import numpy as np
import pytest

from svhn.data.samples.holes import EDGE, GAP, LEAST_HOLE, LEAST_KNOWN, SIDE, HoleConfig, make_patch
from svhn.data.samples.photos import FinderPhoto
from svhn.errors import InputError

DIGIT = np.array([[30, 20, 50, 60]], np.float32)


@pytest.fixture(scope="module")
def photo() -> FinderPhoto:
    """Noise with one digit, which is white; nothing else is."""
    pixels = np.random.default_rng(0).integers(0, 200, (90, 160, 3), np.uint8)
    pixels[20:60, 30:50] = 255
    return FinderPhoto(pixels, DIGIT, np.array([3]))


@pytest.mark.parametrize("seed", range(12))
def test_a_hole_keeps_away_from_digits_and_edges(photo, seed):
    patch = make_patch([photo], np.random.default_rng(seed), HoleConfig(reduced=0))
    height, width = patch.mask.shape
    assert patch.pixels.shape == (height, width, 3) and max(height, width) <= SIDE
    assert patch.mask.sum() >= LEAST_HOLE and patch.known.sum() >= LEAST_KNOWN
    assert not (patch.mask & patch.known).any()
    digit = (patch.pixels == 255).all(axis=2)
    assert not (digit & (patch.mask | patch.known)).any()
    near = np.argwhere(digit)
    if len(near):
        distance = np.abs(near[:, None] - np.argwhere(patch.known)[None]).max(axis=2)
        assert distance.min() > GAP


def test_what_is_cut_is_what_the_photo_shows(photo):
    patch = make_patch([photo], np.random.default_rng(1), HoleConfig(reduced=0))
    height, width = patch.mask.shape
    windows = np.lib.stride_tricks.sliding_window_view(photo.pixels[..., 0], (height, width))
    assert (windows == patch.pixels[..., 0]).all(axis=(2, 3)).sum() == 1


def test_holes_are_boxes_or_strokes_and_fit_small_photos():
    small = FinderPhoto(np.zeros((30, 30, 3), np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
    for boxes in (0.0, 1.0):
        patch = make_patch([small], np.random.default_rng(5), HoleConfig(boxes=boxes))
        rows, columns = np.nonzero(patch.mask)
        inside = patch.mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert inside.all() == (boxes == 1.0)
        assert not patch.mask[:EDGE].any() and not patch.mask[:, -EDGE:].any()


def test_the_seed_decides(photo):
    first, same, other = (make_patch([photo], np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert np.array_equal(first.pixels, same.pixels) and np.array_equal(first.mask, same.mask)
    assert first.mask.shape != other.mask.shape or not np.array_equal(first.mask, other.mask)


def test_photos_without_room_are_an_error(photo):
    crowded = FinderPhoto(photo.pixels, np.array([[2, 2, 158, 88]], np.float32), np.array([8]))
    with pytest.raises(InputError, match="no room"):
        make_patch([crowded], np.random.default_rng(0))
