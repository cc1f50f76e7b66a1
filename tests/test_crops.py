"""The crop rule: against Pillow by hand, and against the data set's own crops."""

import cv2
import numpy as np
import pytest
from PIL import Image

from svhn.boxes import Box
from svhn.crops import LUMINANCE, crop_digit, crop_square, crop_wide, middle_of, to_gray
from svhn.data.formats.cropped import read_cropped
from svhn.data.formats.digit_struct import DigitStruct
from svhn.photos.photo import read_rgb

# Photos of the test split with boxes over an edge: 174, 344, 439, 521, 644.
REAL_PHOTOS = 650


@pytest.fixture(scope="module")
def photo():
    rng = np.random.default_rng(3)
    coarse = Image.fromarray(rng.integers(0, 256, (10, 14, 3)).astype(np.uint8))
    return np.asarray(coarse.resize((84, 60), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def real_digits(svhn_dir):
    """(crop of the data set, photo, box, label) of the digits of the first test photos, in the photos' order."""
    crops, labels = read_cropped(svhn_dir / "test_32x32.mat")
    with DigitStruct(svhn_dir / "test" / "digitStruct.mat") as annotations:
        names = [f"{i + 1}.png" for i in range(REAL_PHOTOS)]
        photos = ((read_rgb(svhn_dir / "test" / name), annotations.listed(name)) for name in names)
        listed = [(photo, digit) for photo, digits in photos for digit in digits]
    rows = zip(crops, labels, listed, strict=False)
    return [(crop, label, photo, digit) for crop, label, (photo, digit) in rows]


def reference_crop(photo: np.ndarray, left: int, top: int, width: int, height: int, size: int) -> np.ndarray:
    """The rule as written down, on a Pillow picture."""
    side = max(width, height)
    x, y = left - int(np.floor((side - width) / 2)), top - int(np.floor((side - height) / 2))
    corners = max(x, 0), max(y, 0), min(x + side, photo.shape[1]), min(y + side, photo.shape[0])
    return np.asarray(Image.fromarray(photo).crop(corners).resize((size, size), Image.Resampling.BICUBIC))


@pytest.mark.parametrize(
    ("box", "square"),
    [
        (Box(10, 20, 20, 50), Box(0, 20, 30, 50)),
        (Box(10, 20, 21, 50), Box(1, 20, 31, 50)),  # 19 pixels to share: 9 go to the left
        (Box(10, 20, 50, 33), Box(10, 7, 50, 47)),
        (Box(2, 0, 12, 30), Box(-8, 0, 22, 30)),
        (Box(5, 5, 9, 9), Box(5, 5, 9, 9)),
    ],
)
def test_square_about_a_box(box, square):
    assert crop_square(box) == square


@pytest.mark.parametrize("size", [32, 40])
def test_crop_follows_the_rule(photo, size):
    rng = np.random.default_rng(0)
    for _ in range(50):
        left, top, width, height = rng.integers([-6, -6, 8, 8], [76, 52, 40, 40]).tolist()
        crop = crop_digit(photo, Box.from_size(left, top, width, height), size)
        assert crop.shape == (size, size, 3)
        assert crop.dtype == np.uint8
        np.testing.assert_array_equal(crop, reference_crop(photo, left, top, width, height, size))


def test_crop_over_the_edge_is_not_padded():
    photo = np.full((20, 30, 3), (200, 150, 100), np.uint8)
    assert (crop_digit(photo, Box(-4, -3, 6, 18)) == (200, 150, 100)).all()


def test_crop_leaves_the_photo_alone(photo):
    before = photo.copy()
    crop_digit(photo, Box(3, 3, 20, 40))
    np.testing.assert_array_equal(photo, before)


@pytest.mark.parametrize("crop", [crop_digit, crop_wide])
def test_crop_outside_the_photo_is_refused(photo, crop):
    with pytest.raises(ValueError, match=r"84 x 60.*Box"):
        crop(photo, Box(100, 5, 110, 15))


@pytest.mark.parametrize("box", [Box(30, 20, 44, 48), Box(40, 12, 60, 28), Box(-4, 5, 10, 40), Box(60, 30, 90, 70)])
def test_the_middle_of_a_wide_crop_is_the_crop(photo, box):
    smooth = cv2.GaussianBlur(photo, (0, 0), 3)
    wide = crop_wide(smooth, box)
    assert wide.shape == (48, 48, 3) and wide.dtype == np.uint8
    assert np.abs(middle_of(wide[None])[0].astype(int) - crop_digit(smooth, box)).mean() < 1


def test_a_wide_crop_shows_what_is_around_at_the_same_scale():
    """A picture of its own coordinates: 32 pixels of the crop are 16 of the photo."""
    y, x = np.mgrid[:60, :80].astype(np.uint8)
    wide = crop_wide(np.stack([x, y, x], axis=2), Box(30, 22, 38, 38)).astype(float)
    expected = (np.arange(48) - 8 + 0.5) / 2 - 0.5
    assert np.abs(wide[24, :, 0] - (expected + 26)).max() <= 1  # the square is 26 to 42
    assert np.abs(wide[:, 24, 1] - (expected + 22)).max() <= 1


def test_beyond_the_photo_a_wide_crop_repeats_its_border():
    photo = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    wide = crop_wide(photo, Box(0, 0, 16, 16))
    assert (wide[:, :6] == wide[:, :1]).all() and (wide[:6] == wide[:1]).all()
    assert len(np.unique(wide[24, 8:40, 0])) > 8


def test_gray_by_the_weights_of_bt601():
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [10, 200, 30]], np.uint8)
    assert to_gray(colours).tolist() == [76, 150, 29, 255, 124]
    assert LUMINANCE.sum() == pytest.approx(1.0)


def test_gray_of_gray_is_the_same():
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_gray(np.repeat(levels[:, None], 3, axis=1)), levels)


def test_gray_of_a_batch_equals_its_items(photo):
    batch = np.stack([photo, photo[::-1]])
    assert to_gray(batch).shape == batch.shape[:3]
    np.testing.assert_array_equal(to_gray(batch)[1], to_gray(batch[1]))


@pytest.mark.svhn
def test_photo_then_box_order_is_the_order_of_the_crops(real_digits):
    assert all(digit.label == label for _, label, _, digit in real_digits)
    errors = [difference(crop_digit(photo, digit.box), crop) for crop, _, photo, digit in real_digits]
    assert max(errors) < 1.0  # another digit differs by tens


@pytest.mark.svhn
def test_crops_equal_those_of_the_data_set(real_digits):
    errors = [difference(crop_digit(photo, digit.box), crop) for crop, _, photo, digit in real_digits]
    assert len(errors) > 1000
    assert np.mean(errors) < 0.3


@pytest.mark.svhn
def test_squares_lie_where_the_data_set_put_them(real_digits):
    """Where the square has 32 pixels nothing is resized: one pixel aside would show."""
    same_size = [row for row in real_digits if max(row[3].box.width, row[3].box.height) == 32]
    inside = [row for row in same_size if crop_square(row[3].box).clip(*row[2].shape[1::-1]) == crop_square(row[3].box)]
    errors = [difference(photo[crop_square(digit.box).slices], crop) for crop, _, photo, digit in inside]
    assert len(errors) > 5
    assert max(errors) < 0.05


@pytest.mark.svhn
def test_boxes_over_the_edge_follow_the_same_rule(real_digits):
    over = [row for row in real_digits if row[3].box.clip(*row[2].shape[1::-1]) != row[3].box]
    assert len(over) >= 5
    assert max(difference(crop_digit(photo, digit.box), crop) for crop, _, photo, digit in over) < 0.5


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())
