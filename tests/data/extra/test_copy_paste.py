"""Copy and paste: numbers come apart where two colours explain them, and go together again with true labels."""

import numpy as np
import pytest

from svhn.boxes import Box, DigitBox
from svhn.crops import middle_of
from svhn.data.extra.copy_paste import harvest, swap_digits
from svhn.data.extra.cutouts import looks_like, take_apart
from svhn.data.render.distance_fields import FIELD_FRAME, FIELD_HEIGHT, distance_field
from svhn.data.render.strips import draw_strip
from svhn.data.render.synthetic import SyntheticSettings, render_photo
from svhn.data.render.walls import WALL_SHAPE, mine_walls
from svhn.errors import InputError

PLAIN = SyntheticSettings(digit_height=(26, 60), degradation=0.2, surfaces=("plaster",), plates=("none", "enamel"))


@pytest.fixture(scope="module")
def numbers():
    rendered = [render_photo(seed, PLAIN) for seed in range(120)]
    return [(one.photo, one.digits) for one in rendered]


@pytest.fixture(scope="module")
def found(numbers):
    return harvest(numbers)


def test_clean_numbers_come_apart(numbers, found):
    assert len(found.scenes) > 0.25 * len(numbers)
    assert all(len(cutouts) > 2 for cutouts in found.cutouts)


def test_cutouts_are_tight_soft_masks(found):
    for cutouts in found.cutouts:
        for cutout in cutouts:
            assert cutout.alpha.dtype == np.float32
            assert cutout.alpha.min() >= 0 and cutout.alpha.max() <= 1
            solid = cutout.alpha > 0.4
            sides = solid[:3].any(), solid[-3:].any(), solid[:, :3].any(), solid[:, -3:].any()
            assert all(sides)


def test_the_mask_covers_the_strokes_and_the_wall_is_clean():
    rendered = render_photo(3, SyntheticSettings(digit_height=(40, 40), degradation=0.0, plates=("enamel",)))
    scene, cutouts = take_apart(rendered.photo, rendered.digits)
    assert len(cutouts) == len(rendered.digits)
    hull = np.array([digit.box.as_list() for digit in rendered.digits])
    left, top = hull[:, :2].min(axis=0) - round(0.6 * np.median(hull[:, 3] - hull[:, 1]))
    left, top = max(left, 0), max(top, 0)
    height, width = scene.wall.shape[:2]
    clean = rendered.clean[top : top + height, left : left + width].astype(int)
    drawn = rendered.photo[top : top + height, left : left + width].astype(int)
    assert np.abs(scene.wall - clean).mean() < 0.2 * np.abs(drawn - clean).mean() + 1


def test_a_picture_without_two_colours_is_refused():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (60, 60, 3)).astype(np.uint8)
    assert take_apart(noise, [DigitBox(Box(15, 10, 35, 50), 3)]) == (None, [])
    flat = np.full((60, 60, 3), 128, np.uint8)
    assert take_apart(flat, [DigitBox(Box(15, 10, 35, 50), 3)]) == (None, [])


@pytest.mark.parametrize("box", [Box(0, 0, 4, 6), Box(55, 0, 70, 20), Box(-30, -20, -4, 10), Box(10, 10, 11, 50)])
def test_odd_boxes_do_no_harm(box):
    strip, _ = draw_strip(np.random.default_rng(0), [4])
    scene, cutouts = take_apart(strip, [DigitBox(box, 4)])
    assert scene is None or len(cutouts) <= 1


def test_crops_are_repeatable_and_of_all_classes(found):
    crops, labels = swap_digits(203, 5, found)
    assert crops.shape == (203, 48, 48, 3) and crops.dtype == np.uint8
    assert labels.dtype == np.int64 and np.bincount(labels, minlength=10).min() >= 5
    again, _ = swap_digits(203, 5, found)
    other, _ = swap_digits(203, 6, found)
    np.testing.assert_array_equal(crops, again)
    assert (crops != other).any()


def test_swapped_digits_read_as_their_new_label(found):
    crops, labels = swap_digits(400, 1, found)
    rendered, known = swap_digits(2000, 2, found)
    assert (nearest(middle_of(rendered), known, middle_of(crops)) == labels).mean() > 0.45  # chance is .1


def nearest(crops, labels, wanted):
    """Label of the class whose mean of centred, polarity-free pictures is most alike."""

    def features(images):
        gray = images.astype(np.float32).mean(axis=3)
        gray = gray - gray.mean(axis=(1, 2), keepdims=True)
        middle = gray[:, 8:24, 12:20].mean(axis=(1, 2)) - gray[:, :, [0, 1, 30, 31]].mean(axis=(1, 2))
        gray = gray * np.where(middle < 0, -1, 1)[:, None, None]
        return (gray / (gray.std(axis=(1, 2), keepdims=True) + 1)).reshape(len(images), -1)

    means = np.stack([features(crops[labels == digit]).mean(axis=0) for digit in range(10)])
    return (features(wanted) @ means.T).argmax(axis=1)


@pytest.mark.parametrize("label", range(10))
def test_drawn_digits_look_like_themselves(label):
    frame = round(FIELD_FRAME * FIELD_HEIGHT)
    solid = np.clip(0.5 + 20 * distance_field("DejaVuSerif-Bold", label)[frame:-frame, frame:-frame], 0, 1)
    assert looks_like(solid, label)
    assert not looks_like(np.random.default_rng(label).random((40, 24)), label)


def test_nothing_to_harvest_is_said():
    with pytest.raises(InputError, match=r"copy-paste.*all ten"):
        harvest([(np.zeros((40, 40, 3), np.uint8), [DigitBox(Box(10, 5, 25, 35), 1)])])


def test_walls_hold_no_digits():
    photo = np.full((100, 300, 3), 50, np.uint8)
    photo[30:70, 100:180] = 255
    walls = mine_walls([(photo, [DigitBox(Box(100, 30, 140, 70), 1), DigitBox(Box(140, 30, 180, 70), 2)])])
    assert walls.shape == (4, *WALL_SHAPE, 3) and walls.dtype == np.uint8
    assert walls.max() == 50


def test_a_photo_full_of_digits_has_no_walls():
    photo = np.zeros((20, 30, 3), np.uint8)
    assert mine_walls([(photo, [DigitBox(Box(2, 1, 28, 19), 1)])]).shape == (0, *WALL_SHAPE, 3)
