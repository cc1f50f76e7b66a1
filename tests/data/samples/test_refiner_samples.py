"""The refiner's samples: crops show what their targets say, and a batch depends on seed and position alone."""

import numpy as np
import pytest

from svhn.data.samples.photos import FinderPhoto
from svhn.data.samples.refiner import JudgedPhoto, RefinerSampleConfig, make_crop, make_crops
from svhn.finder.config import VIEWS
from svhn.finder.halves import Halves
from svhn.finder.refiner import crop_matrix, level_contrast

CLOSE = VIEWS["close"]
PLAIN = RefinerSampleConfig(rotation=0, shear=0, log_stretch=0, digits=1.0)
NO_PROPOSALS = np.zeros((0, 4), np.float32), np.zeros(0, np.float32)


def photo_of(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (120, 160)) -> FinderPhoto:
    """White boxes on black."""
    pixels = np.zeros((*size, 3), np.uint8)
    for left, top, right, bottom in boxes:
        pixels[top:bottom, left:right] = 255
    return FinderPhoto(pixels, np.array(boxes, np.float32).reshape(-1, 4), np.arange(len(boxes)) % 10)


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("height", [8, 30, 90])
def test_a_crop_shows_the_box_at_its_place(height, view):
    """The crop of a box that lies where it should has it in the middle, `size / context` pixels high."""
    photo = photo_of((40, 10, 40 + height // 2, 10 + height))
    crop = Halves(photo.pixels).cut(crop_matrix(photo.boxes[0], view), view.size)[..., 0] > 127
    rows, columns = np.nonzero(crop.any(axis=1))[0], np.nonzero(crop.any(axis=0))[0]
    assert abs(len(rows) - view.size / view.context) <= 2 and abs(len(columns) - view.size / view.context / 2) <= 2
    assert abs(rows.mean() - (view.size - 1) / 2) <= 1 and abs(columns.mean() - (view.size - 1) / 2) <= 1


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_targets_lie_where_the_digit_is_shown(monkeypatch, view):
    monkeypatch.setattr("svhn.data.samples.refiner.recolour", lambda pixels, *_: pixels)
    source, rng = JudgedPhoto(photo_of((60, 40, 80, 72)), *NO_PROPOSALS), np.random.default_rng(0)
    asked = 0
    for _ in range(40):
        crop, presence, label, box = make_crop(source, rng, PLAIN, view)
        if label < 0:
            continue
        asked += presence == 1
        low, high = (box[:2] + 0.5 - box[2:] / 2) * view.size, (box[:2] + 0.5 + box[2:] / 2) * view.size
        rows, columns = np.nonzero(crop[..., 0] > 127)
        expected = np.clip([*low, *high], 0, view.size)
        np.testing.assert_allclose([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], expected, atol=1.2)
    assert asked >= 25


def test_no_digit_where_there_is_none():
    source, rng = JudgedPhoto(photo_of(), *NO_PROPOSALS), np.random.default_rng(1)
    for _ in range(20):
        _, presence, label, _ = make_crop(source, rng, RefinerSampleConfig(), CLOSE)
        assert presence == 0 and label == -1


def test_sure_proposals_of_incomplete_photos_are_not_called_no_digit():
    """The proposal lies on a white box that nobody annotated, on black; boxes at random fall beside it."""
    pixels = photo_of((100, 40, 120, 72)).pixels
    hidden = FinderPhoto(pixels, np.array([[10, 40, 26, 72]], np.float32), np.array([3]))
    proposals, sure = np.array([[100, 40, 120, 72]], np.float32), np.array([0.9], np.float32)
    config = RefinerSampleConfig(digits=0, proposed=1.0, shift=0, scale=0, aspect=0, rotation=0, shear=0)

    def shown(complete: bool) -> int:
        """Count crops with the white box in the middle and black around it."""
        rng, count = np.random.default_rng(2), 0
        for _ in range(30):
            crop = make_crop(JudgedPhoto(hidden, proposals, sure, complete), rng, config, CLOSE)[0].mean(axis=2)
            count += abs(crop[14:26, 16:24].mean() - crop[:3].mean()) > 60 and np.ptp(crop[:3].mean(axis=0)) < 60
        return count

    assert shown(True) >= 20 and shown(False) <= 3


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_batch_is_a_function_of_seed_and_position(view):
    groups = [
        (0.7, [JudgedPhoto(photo_of((60, 40, 80, 72)), *NO_PROPOSALS)]),
        (0.3, [JudgedPhoto(photo_of(), *NO_PROPOSALS)]),
    ]
    batch, config = make_crops(groups, 12, 5, 3, view=view), RefinerSampleConfig()
    for array, same, other in zip(batch, *(make_crops(groups, 12, 5, i, config, view) for i in (3, 4)), strict=True):
        np.testing.assert_array_equal(array, same)
        assert array.shape == other.shape
    assert not np.array_equal(batch[0], make_crops(groups, 12, 5, 4, config, view)[0])
    assert batch[0].shape == (12, view.size, view.size, 3) and {*batch[1]} <= {-1.0, 0.0, 1.0}


def test_standardised_crops_forget_light_and_contrast():
    crops = np.random.default_rng(0).integers(60, 120, (3, 40, 40, 3)).astype(np.uint8)
    brighter = level_contrast((crops * 2).astype(np.uint8))
    assert abs(level_contrast(crops) - brighter).max() < 0.25
    assert abs(level_contrast(np.full((1, 40, 40, 3), 7, np.uint8))).max() == 0
