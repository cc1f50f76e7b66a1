"""Patches of the surroundings: what a hole is repainted with."""

import cv2
import numpy as np
import pytest
import torch

from svhn.torch_inpaint.removal.fills import patch_field, patches
from svhn.torch_inpaint.removal.fills.patches import add_patches, thickness
from svhn.torch_inpaint.removal.masks import widen

CPU = torch.device("cpu")


def hole_of(shape=(72, 72), rows=slice(26, 46), columns=slice(30, 42)):
    mask = np.zeros(shape, bool)
    mask[rows, columns] = True
    return mask


def stripes(shape=(72, 72)):
    """Bars of eight pixels that run down, and noise that tells one place from another."""
    bars = np.where(np.arange(shape[1]) // 8 % 2, 60.0, 190.0)
    picture = np.repeat(np.tile(bars, (shape[0], 1))[..., None], 3, axis=2)
    return (picture + np.random.default_rng(0).normal(0, 3, picture.shape)).astype(np.float32)


def holed(picture, mask):
    """A coarse answer that knows the mean only."""
    coarse = picture.copy()
    coarse[mask] = picture[~mask].mean(axis=0)
    return coarse


def test_stripes_go_straight_on_through_a_hole():
    """The coarse answer is as soft as an enlarged one: its bars have no edges."""
    picture, mask = stripes(), hole_of()
    coarse = np.where(mask[..., None], cv2.GaussianBlur(picture, (0, 0), 4), picture)
    filled = add_patches(coarse, mask, ~mask, CPU)
    np.testing.assert_array_equal(filled[~mask], picture[~mask])
    assert np.abs(filled - picture)[mask].mean() < 0.5 * np.abs(coarse - picture)[mask].mean()
    across = np.abs(np.diff(filled[36, 30:42, 0])).max()
    assert across > 0.6 * np.abs(np.diff(picture[36, 30:42, 0])).max()


def test_one_colour_stays_one_colour():
    picture, mask = np.full((60, 60, 3), 140, np.float32), hole_of((60, 60))
    np.testing.assert_allclose(add_patches(picture, mask, ~mask, CPU), 140, atol=1e-3)


def test_texture_is_as_strong_as_around():
    picture = np.random.default_rng(1).normal(128, 25, (72, 72, 3)).astype(np.float32)
    mask = hole_of()
    filled = add_patches(holed(picture, mask), mask, ~mask, CPU)
    assert 0.6 < filled[mask].std() / picture[~mask].std() < 1.2


def test_nothing_is_copied_from_what_is_not_known():
    """A red field beside the hole, as like the coarse answer as can be, but closed."""
    picture, mask = np.full((72, 72, 3), 100, np.float32), hole_of()
    picture += np.random.default_rng(2).normal(0, 4, picture.shape).astype(np.float32)
    picture[:, :24] = (250, 20, 20)
    known = ~mask
    known[:, :26] = False
    coarse = picture.copy()
    coarse[mask] = (250, 20, 20)
    filled = add_patches(coarse, mask, known, CPU)
    field = _fields(coarse, mask, known)[-1]
    taken = field.source[field.lattice.targets]
    assert field.lattice.sources[taken].all()
    _, columns = field.lattice.place(taken)
    assert columns.min() >= 26 + patch_field.RADIUS
    assert filled[mask].mean(axis=0)[0] < 200  # half of the low frequencies are the coarse answer's


def _fields(coarse, mask, known):
    """Return the fields of all scales."""
    fields = []
    with pytest.MonkeyPatch.context() as patch:
        original = patches._settle

        def settle(field, *others):
            fields.append(field)
            original(field, *others)

        patch.setattr(patches, "_settle", settle)
        add_patches(coarse, mask, known, CPU)
    return fields


def test_a_large_hole_is_filled_from_coarse_to_fine():
    mask = hole_of((160, 160), slice(40, 120), slice(50, 110))
    picture = stripes((160, 160))
    fields = _fields(holed(picture, mask), mask, ~mask)
    widths = [field.lattice.width - 2 * patch_field.RADIUS for field in fields]
    assert widths == sorted(widths) and len(widths) > 1 and widths[-1] == 160


def test_the_same_seed_gives_the_same_pixels():
    picture, mask = stripes(), hole_of()
    coarse = holed(picture, mask)
    first, again = (add_patches(coarse, mask, ~mask, CPU, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_memory_is_bounded_by_the_chunks(monkeypatch):
    """Costs and votes are the same, whatever the size of the chunks."""
    picture, mask = stripes(), hole_of()
    coarse = holed(picture, mask)
    expected = add_patches(coarse, mask, ~mask, CPU)
    seen = []
    original = patch_field.PatchField._patches

    def record(field, middles):
        seen.append(len(middles))
        return original(field, middles)

    monkeypatch.setattr(patch_field, "CHUNK", 64)
    monkeypatch.setattr(patch_field.PatchField, "_patches", record)
    np.testing.assert_allclose(add_patches(coarse, mask, ~mask, CPU), expected, atol=0.5)
    assert min(seen) <= 64


def test_no_seam_is_left_where_patches_meet_the_known_pixels(monkeypatch):
    """What the votes miss beside the hole is carried on into it."""
    mask = hole_of((96, 96), slice(30, 60), slice(30, 60))
    picture = cv2.GaussianBlur(np.random.default_rng(3).normal(128, 60, (96, 96, 3)), (0, 0), 2).astype(np.float32)
    coarse = np.where(mask[..., None], cv2.GaussianBlur(picture, (0, 0), 8), picture)
    ring = widen(mask, 1) & ~mask

    def seam():
        filled = add_patches(coarse, mask, ~mask, CPU)
        return np.abs(np.diff(filled, axis=1))[:, :, 0][mask[:, 1:] & ring[:, :-1]].mean()

    carried = seam()
    monkeypatch.setattr(patch_field, "NOTHING_MISSING", 1e9)
    assert carried < 0.9 * seam()


def test_deep_inside_a_wide_hole_votes_still_count():
    """Trust falls by a factor a pixel: nothing there may fade to black."""
    mask = hole_of((288, 288), slice(64, 224), slice(64, 224))
    picture = np.full((288, 288, 3), 140, np.float32)
    picture += np.random.default_rng(4).normal(0, 12, (288, 288, 1)).astype(np.float32)
    filled = add_patches(holed(picture, mask), mask, ~mask, CPU)
    assert filled[mask].min() > 70 and abs(filled[mask].mean() - 140) < 3


def test_a_plate_that_its_number_fills_keeps_the_coarse_fill():
    """What it could copy is its frame and the wall."""
    picture = np.full((120, 120, 3), (210, 195, 170), np.float32)
    picture[30:90, 30:90] = 240
    picture[34:86, 34:86] = (30, 40, 130)
    mask = hole_of((120, 120), slice(38, 82), slice(38, 82))
    assert add_patches(picture, mask, ~mask, CPU) is None


def test_too_little_is_known():
    picture, mask = stripes((40, 40)), hole_of((40, 40), slice(4, 36), slice(4, 36))
    assert add_patches(picture, mask, ~mask, CPU) is None


@pytest.mark.parametrize("width", [8, 20])
def test_thickness_of_a_strip(width):
    mask = np.zeros((200, 60), bool)
    mask[:, 20 : 20 + width] = True
    assert thickness(mask) == pytest.approx(width, abs=2.5)
