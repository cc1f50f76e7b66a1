"""The same digits from crops, from photos, or from both."""

import numpy as np
import pytest

from svhn.crops import crop_tight
from svhn.data.official import read_split
from svhn.errors import InputError


def remove_photos(folder):
    for split in ("train", "test"):
        (folder / split / "digitStruct.mat").unlink()


def remove_crops(folder):
    for split in ("train", "test"):
        (folder / f"{split}_32x32.mat").unlink()


@pytest.mark.parametrize("without", [None, remove_photos, remove_crops])
def test_the_same_digits_from_crops_photos_or_both(tiny_svhn, without):
    if without:
        without(tiny_svhn.folder)
    for split in ("train", "test"):
        read = read_split(tiny_svhn.folder, split)
        np.testing.assert_array_equal(read.rgb, tiny_svhn.crops[split])
        np.testing.assert_array_equal(read.labels, tiny_svhn.labels[split])
        if without is not remove_photos:
            np.testing.assert_array_equal(read.photos, tiny_svhn.photo_of[split])


def test_one_missing_split_is_named_with_a_cure(tmp_path):
    with pytest.raises(InputError, match=r"no extra split.*extra_32x32\.mat.*fetch --split extra"):
        read_split(tmp_path, "extra")


def test_tight_crops_hold_nothing_of_what_is_around_the_box(tiny_svhn):
    split = read_split(tiny_svhn.folder, "test", crops="tight")
    name, digits = next(item for item in tiny_svhn.digits["test"].items() if len(item[1]) > 1)
    photo = tiny_svhn.photos["test"][name]
    inside = digits[0].box.clip(photo.shape[1], photo.shape[0])
    elsewhere = np.full_like(photo, 255)
    elsewhere[inside.slices] = photo[inside.slices]
    place = int(np.flatnonzero(split.photos == list(tiny_svhn.photos["test"]).index(name))[0])
    assert split.rgb.shape[1:] == (40, 40, 3) and split.gray.shape[1:] == (40, 40) and split.wide is None
    np.testing.assert_array_equal(split.rgb[place], crop_tight(elsewhere, digits[0].box))
    assert split.labels.tolist() == tiny_svhn.labels["test"].tolist()
    (tiny_svhn.folder / "test" / "digitStruct.mat").unlink()
    with pytest.raises(InputError, match="tight crops are cut from the photos"):
        read_split(tiny_svhn.folder, "test", crops="tight")
