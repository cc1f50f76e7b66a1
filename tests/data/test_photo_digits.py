import numpy as np
import pytest
from PIL import Image

from svhn.boxes import Box, DigitBox
from svhn.data.formats.coco import write_coco
from svhn.data.photo_digits import cut_digits
from svhn.errors import InputError


def test_digits_are_cut_by_their_boxes_or_the_picture_is_one(tmp_path):
    rgb = np.random.default_rng(1).integers(0, 256, (32, 64, 3), np.uint8)
    Image.fromarray(rgb).save(tmp_path / "house.png")
    Image.fromarray(rgb[:, :32]).save(tmp_path / "crop.png")
    alone, nowhere = cut_digits(tmp_path / "crop.png")
    np.testing.assert_array_equal(alone, rgb[None, :, :32])
    assert nowhere is None
    digits = [DigitBox(Box(0, 0, 20, 32), 1), DigitBox(Box(32, 0, 64, 32), 2)]
    write_coco(tmp_path / "boxes.json", {"house.png": (64, 32, digits), "empty.png": (64, 32, [])})
    cut, boxes = cut_digits(tmp_path / "house.png")
    assert cut.shape == (2, 32, 32, 3) and boxes == [digit.box for digit in digits]
    assert cut_digits(tmp_path / "house.png", crops="tight")[0].shape == (2, 40, 40, 3)
    np.testing.assert_array_equal(cut[1], rgb[:, 32:])
    with pytest.raises(InputError, match="no entry"):
        cut_digits(tmp_path / "crop.png", tmp_path / "boxes.json")
    Image.fromarray(rgb).save(tmp_path / "empty.png")
    with pytest.raises(InputError, match="no digits"):
        cut_digits(tmp_path / "empty.png")


def test_a_narrow_picture_is_made_a_square_by_its_border(tmp_path):
    picture = np.zeros((32, 12, 3), np.uint8)
    picture[:, :2], picture[:, -2:] = 200, 90
    Image.fromarray(picture).save(tmp_path / "one.png")
    (crop,), _ = cut_digits(tmp_path / "one.png")
    assert (crop[:, :12] == 200).all() and (crop[:, -12:] == 90).all() and (crop[:, 12:20] == 0).all()
