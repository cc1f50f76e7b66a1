"""Fills pasted back into their photo."""

import cv2
import numpy as np

from svhn.boxes import Box
from svhn.data.render import render_photo
from svhn.torch_inpaint.removal.composite import enlarge_fill, lost_detail, paste_fill, sharpen_fill, traces_around
from svhn.torch_inpaint.removal.jpeg import find_traces


def test_composite_replaces_the_mask_and_nothing_else():
    photo = np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8)
    image, box = photo.copy(), Box(5, 5, 15, 15)
    mask = np.zeros((10, 10), bool)
    mask[2:8, 2:8] = True
    painted = np.full((10, 10, 3), 300.0, np.float32)
    paste_fill(image, box, photo[box.slices], painted, mask, ~mask, grain=0)
    assert (image[7:13, 7:13] == 255).all()
    image[7:13, 7:13] = photo[7:13, 7:13]
    np.testing.assert_array_equal(image, photo)


def test_what_an_enlarged_fill_misses_at_the_seam_is_carried_into_the_mask():
    """The fill at a quarter of the size is 10 grey levels too dark: not at the seam, but far inside."""
    original, mask = np.full((80, 80, 3), 100, np.uint8), np.zeros((80, 80), bool)
    mask[10:70, 10:70] = True
    filled = np.full((20, 20, 3), 90, np.float32)
    large = enlarge_fill(filled, original, mask)
    assert (large[40, 10] > 97).all()
    np.testing.assert_allclose(large[40, 40], 90, atol=0.1)
    assert (np.diff(large[40, 10:40, 0]) <= 1e-3).all()


def test_a_fill_at_the_photos_scale_stays_as_it_is():
    filled = np.random.default_rng(0).random((20, 20, 3)).astype(np.float32)
    assert enlarge_fill(filled, np.zeros((20, 20, 3), np.uint8), np.ones((20, 20), bool)) is filled


def test_traces_of_jpeg_are_looked_for_around_the_region_and_not_under_the_mask():
    photo = np.ascontiguousarray(render_photo(0).clean[:104, :136])
    photo = cv2.imdecode(cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 85])[1], cv2.IMREAD_COLOR)
    box = Box(19, 11, 115, 91)
    expected = find_traces(photo, np.ones(photo.shape[:2], bool)).shifted(box.top, box.left)
    mask = np.ones((box.height, box.width), bool)
    assert traces_around(photo, box, mask) == expected  # by what lies around
    # What is under the mask shows traces of another grid.
    other = cv2.imdecode(cv2.imencode(".jpg", photo[3:, 5:], [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_COLOR)
    photo[box.slices] = np.pad(other, ((3, 0), (5, 0), (0, 0)))[box.slices]
    assert traces_around(photo, box, mask) == expected


def test_what_is_filled_in_a_gray_picture_is_gray():
    photo = np.repeat(np.random.default_rng(0).integers(90, 160, (40, 40, 1), np.uint8), 3, axis=2)
    image, box, mask = photo.copy(), Box(0, 0, 40, 40), np.zeros((40, 40), bool)
    mask[10:30, 10:30] = True
    painted = photo.astype(np.float32)
    painted[mask] += (9, 0, -6)
    paste_fill(image, box, photo, painted, mask, ~mask, grain=0.5)
    assert (image == image[..., :1]).all() and (image != photo).any()


def test_surroundings_of_any_size_are_repainted_at_a_bounded_scale(monkeypatch):
    monkeypatch.setattr("svhn.torch_inpaint.removal.composite.MOST_PIXELS", 900)
    photo, around = np.random.default_rng(0).integers(90, 110, (80, 90, 3), np.uint8), Box(10, 10, 70, 70)
    box, mask, sizes = Box(20, 20, 50, 60), np.zeros((40, 30), bool), []
    mask[10:30, 10:20] = True

    def detail(picture, hole, known, soft):
        sizes.append(picture.shape[:2])
        assert not (hole & known).any()
        return np.where(hole[..., None], 120, picture).astype(np.float32)

    known = np.ones((60, 60), bool)
    known[10:50, 10:40] = ~mask
    sharp = sharpen_fill(photo, box, np.full((20, 15, 3), 90, np.float32), mask, 80.0, around, known, detail)
    assert sizes == [(30, 30)] and sharp.shape == (40, 30, 3)
    assert np.abs(sharp[mask] - 120).max() < 20 and sharp[20, 15, 0] > 115


def test_only_sharp_photos_lose_detail_at_working_scale():
    """An enlarged photo loses little when it is reduced, noise a lot; what the mask hides does not count."""
    rng, mask = np.random.default_rng(0), np.zeros((80, 80), bool)
    mask[20:40, 20:40] = True
    sharp = rng.integers(80, 180, (80, 80, 3), np.uint8)
    soft = cv2.resize(np.ascontiguousarray(sharp[::4, ::4]), (80, 80), interpolation=cv2.INTER_CUBIC)
    assert lost_detail(soft, (40, 40), mask) < 2
    assert 10 < lost_detail(sharp, (40, 40), mask) < sharp.mean(axis=2).std()
    hidden = soft.copy()
    hidden[25:35, 25:35] = sharp[25:35, 25:35]  # inside the mask, away from its rim
    assert lost_detail(hidden, (40, 40), mask) == lost_detail(soft, (40, 40), mask)
    assert lost_detail(sharp, (40, 40), np.ones_like(mask)) == 0
