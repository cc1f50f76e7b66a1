"""The finder's training samples: boxes stay on their digits, canvases repeat, nothing is mirrored."""

from dataclasses import replace

import numpy as np
import pytest

from svhn.boxes import Box, DigitBox
from svhn.data.prepare import prepare_data
from svhn.data.samples.config import SampleConfig
from svhn.data.samples.finder import make_batch, make_sample
from svhn.data.samples.heat_map import STRIDE, make_targets
from svhn.data.samples.photos import FinderPhoto, beside, read_labelled, split_validation
from svhn.data.samples.scenes import empty_photo, rendered_photo

# One piece, no change of colours, only photos of ours.
PLAIN = SampleConfig(
    rendered=0,
    empty=0,
    plain=0.2,
    scene=0,
    pieces=(1, 0, 0),
    inversion=0,
    recolour=0,
    blur=0,
    noise=0,
    compression=0,
    coarse=0,
    cutout=0,
    close=0,
    rotation=0.05,
    shear=0.05,
)


def marked_photo() -> FinderPhoto:
    """A gray photo whose digit is a box, red on the left and blue on the right."""
    pixels = np.full((80, 120, 3), 90, np.uint8)
    pixels[20:60, 40:52], pixels[20:60, 52:64] = (255, 0, 0), (0, 0, 255)
    return FinderPhoto.of(pixels, [DigitBox(Box(40, 20, 64, 60), 7)])


def coloured(canvas: np.ndarray, channel: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of the red or blue pixels."""
    values = canvas.astype(int)
    return np.nonzero(values[..., channel] - values[..., 2 - channel] > 60)


def test_boxes_move_with_the_pixels_and_nothing_is_mirrored():
    checked = 0
    for seed in range(60):
        canvas, targets = make_sample([marked_photo()], np.random.default_rng(seed), PLAIN)
        rows, columns = np.nonzero(targets.heat == 1)
        if len(rows) != 1 or np.ptp(canvas[[0, 0, -1, -1], [0, -1, 0, -1]].astype(int), axis=-1).max() > 30:
            continue  # the digit reaches over the edge, or the photo lies on a coloured ground
        x, y, width, height = targets.box[rows[0], columns[0]]
        x, y = x + (columns[0] + 0.5) * STRIDE, y + (rows[0] + 0.5) * STRIDE
        (red_y, red_x), (blue_y, blue_x) = coloured(canvas, 0), coloured(canvas, 2)
        assert red_x.mean() < x < blue_x.mean()
        seen = red_x.min(), min(red_y.min(), blue_y.min()), blue_x.max() + 1, max(red_y.max(), blue_y.max()) + 1
        wanted = Box.from_size(x - width / 2, y - height / 2, width, height)
        assert wanted.iou(Box(*map(int, seen))) > 0.6, seed
        assert targets.label[rows[0], columns[0]] == 7
        checked += 1
    assert checked > 30


def test_the_cells_of_each_digit_weigh_one():
    boxes = np.array([[4, 4, 24, 44], [26, 4, 46, 44], [80, 80, 86, 90.0]])
    targets = make_targets(boxes, np.array([1, 2, 3]), np.ones(3), (128, 128))
    for label in (1, 2, 3):
        assert targets.weight[targets.label == label].sum() == pytest.approx(1, abs=1e-5)
    assert (targets.heat == 1).sum() == 3 and targets.heat.min() == 0


def test_strokes_of_far_too_large_digits_are_background():
    config = replace(PLAIN, close=1.0)
    heats = [make_sample([marked_photo()], np.random.default_rng(seed), config)[1].heat for seed in range(30)]
    assert all((heat < 1).all() for heat in heats)
    assert sum((heat == 0).all() for heat in heats) > 15


def test_every_peak_lies_at_a_centre():
    rng = np.random.default_rng(5)
    for _ in range(20):
        left, top = rng.uniform(0, 80, 2)
        width, height = rng.uniform(9, 40, 2)
        targets = make_targets(
            np.array([[left, top, left + width, top + height]]), np.array([4]), np.ones(1), (128, 128)
        )
        ((row,), (column,)) = np.nonzero(targets.heat == 1)
        assert abs(targets.box[row, column, :2]).max() <= STRIDE / 2
        assert targets.box[row, column, 2:] == pytest.approx([width, height], rel=1e-5)


def test_batches_repeat_by_seed_and_position():
    photos = [marked_photo(), rendered_photo(np.random.default_rng(0))]
    one, same, other = (make_batch(photos, 3, 0, position) for position in (4, 4, 5))
    for first, second in zip(one, same, strict=True):
        np.testing.assert_array_equal(first, second)
    assert (one[0] != other[0]).any()
    assert one[0].shape == (3, 128, 128, 3) and one[0].dtype == np.uint8
    assert one[1].shape == (3, 32, 32) and one[4].shape == (3, 32, 32, 4)


def test_four_pieces_hold_four_photos():
    config = replace(PLAIN, pieces=(0, 0, 1), digit_height=(12.0, 24.0))
    counts = [
        (make_sample([marked_photo()], np.random.default_rng(seed), config)[1].heat == 1).sum() for seed in range(20)
    ]
    assert max(counts) == 4 and np.mean(counts) > 3


def test_a_photo_without_digits_asks_for_none():
    rng = np.random.default_rng(2)
    photo = empty_photo(rng)
    assert photo.pixels.shape == (160, 160, 3) and not len(photo.labels)
    heat = make_sample([photo], rng, PLAIN)[1].heat
    assert (heat == 0).all()


def test_validation_photos_are_those_of_prepare(tiny_svhn):
    photos = read_labelled(tiny_svhn.folder, "train")
    training, validation = split_validation(photos, seed=3)
    prepared = prepare_data(tiny_svhn.folder, seed=3, splits=("train",))
    names = list(photos)
    assert validation == [names[i] for i in np.unique(prepared["validation"].photos)]
    assert not set(training) & set(validation) and len(training) + len(validation) == len(names)


def test_strips_beside_a_number_hold_no_part_of_it():
    rng = np.random.default_rng(0)
    strips = [beside(marked_photo(), rng) for _ in range(20)]
    assert {strip.pixels.shape[:2] for strip in strips} == {(80, 36), (80, 52), (16, 120)}
    assert all((strip.pixels == 90).all() and not len(strip.boxes) for strip in strips)
    filled = FinderPhoto.of(np.zeros((40, 30, 3), np.uint8), [DigitBox(Box(4, 2, 26, 38), 1)])
    assert beside(filled, rng) is None


def test_a_scene_around_the_photo_leaves_the_digit_alone():
    inside = [
        make_sample([marked_photo()], np.random.default_rng(i), replace(PLAIN, plain=0, scene=1)) for i in range(20)
    ]
    plain = [make_sample([marked_photo()], np.random.default_rng(i), replace(PLAIN, plain=0)) for i in range(20)]
    assert sum(((a[0] != b[0]).any() and (a[1].heat == 1).sum() == 1) for a, b in zip(inside, plain, strict=True)) > 5
