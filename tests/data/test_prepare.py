"""From the official files to prepared data: split, gray, statistics, provenance."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from svhn.boxes import Box, DigitBox
from svhn.data.extra.config import ExtraDigits
from svhn.data.formats.cropped import write_cropped
from svhn.data.formats.digit_struct import write_digit_struct
from svhn.data.official import read_split
from svhn.data.prepare import prepare_data
from svhn.data.prepared import PreparedData, read_prepared
from svhn.data.sources import VALIDATION_FRACTION
from svhn.errors import InputError
from svhn.photos.photo import write_rgb


def share_of_classes(labels: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return np.bincount(labels[chosen], minlength=10) / np.bincount(labels, minlength=10)


def remove_photos(folder):
    for split in ("train", "test"):
        (folder / split / "digitStruct.mat").unlink()


def remove_crops(folder):
    for split in ("train", "test"):
        (folder / f"{split}_32x32.mat").unlink()


def test_crops_alone_are_split_by_blocks_of_neighbours(tiny_svhn):
    remove_photos(tiny_svhn.folder)
    photos = read_split(tiny_svhn.folder, "train").photos
    assert (np.diff(photos) >= 0).all()
    assert np.bincount(photos)[:-1].min() >= 10
    assert "blocks" in prepare_data(tiny_svhn.folder).provenance["split_rule"]


@pytest.fixture(scope="module")
def otherwise(written_tiny_svhn) -> PreparedData:
    """Prepared with another seed and another share of validation digits than `prepared`."""
    return prepare_data(written_tiny_svhn.folder, seed=9, fraction=0.2)


def test_prepare_splits_train_and_leaves_test_alone(prepared, written_tiny_svhn):
    labels = written_tiny_svhn.labels["train"]
    train, validation, test = prepared["train"], prepared["validation"], prepared["test"]
    assert len(train) + len(validation) == len(labels)
    assert len(validation) == pytest.approx(VALIDATION_FRACTION * len(labels), abs=5)
    assert not set(train.photos) & set(validation.photos)
    np.testing.assert_array_equal(test.rgb, written_tiny_svhn.crops["test"])


def test_pixels_stay_with_their_labels(otherwise, written_tiny_svhn):
    crops, labels = written_tiny_svhn.crops["train"], written_tiny_svhn.labels["train"]
    known = {crop.tobytes(): label for crop, label in zip(crops, labels, strict=True)}
    for split in (otherwise["train"], otherwise["validation"]):
        assert [known[crop.tobytes()] for crop in split.rgb] == split.labels.tolist()


def test_gray_by_the_weights_of_bt601(prepared):
    split = prepared["validation"]
    exact = split.rgb.astype(float) @ [0.299, 0.587, 0.114]
    assert split.gray.dtype == np.uint8
    assert np.abs(split.gray - exact).max() <= 0.5 + 1e-3


def test_statistics_are_those_of_the_training_part(prepared):
    data, train = prepared, prepared["train"]
    assert data.statistics.gray_mean == pytest.approx(train.gray.astype(float).mean())
    assert data.statistics.gray_std == pytest.approx(train.gray.astype(float).std())
    assert data.statistics.rgb_mean == pytest.approx(train.rgb.astype(float).mean(axis=(0, 1, 2)).tolist())
    assert data.statistics.rgb_std == pytest.approx(train.rgb.astype(float).std(axis=(0, 1, 2)).tolist())
    whole = np.concatenate([train.gray, data["validation"].gray]).astype(float)
    assert data.statistics.gray_mean != pytest.approx(whole.mean(), rel=1e-9)


def test_provenance_says_where_everything_came_from(otherwise, written_tiny_svhn):
    provenance = otherwise.provenance
    assert provenance["seed"] == 9
    assert provenance["validation_fraction"] == 0.2
    assert provenance["split_rule"] == "by photo"
    assert "non-commercial" in provenance["licence"]
    for name in ("train_32x32.mat", "train/digitStruct.mat", "test_32x32.mat", "test/digitStruct.mat"):
        expected = hashlib.sha256((written_tiny_svhn.folder / name).read_bytes()).hexdigest()
        assert provenance[f"sha256 {name}"] == expected


def test_test_data_alone_has_no_statistics(tiny_svhn):
    data = prepare_data(tiny_svhn.folder, splits=("test",))
    assert list(data.splits) == ["test"]
    assert data.statistics is None
    with pytest.raises(InputError, match=r"no train split, only test.*--split"):
        data["train"]


def test_a_missing_test_split_is_left_out(tiny_svhn):
    (tiny_svhn.folder / "test_32x32.mat").unlink()
    (tiny_svhn.folder / "test" / "digitStruct.mat").unlink()
    assert set(prepare_data(tiny_svhn.folder).splits) == {"train", "validation"}


def test_a_folder_without_data_is_named_with_a_cure(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match=rf"{folder}: no SVHN data.*fetch"):
            prepare_data(folder)


def test_crops_and_photos_that_do_not_belong_together(tiny_svhn):
    shifted = np.roll(tiny_svhn.labels["train"], 1)
    write_cropped(tiny_svhn.folder / "train_32x32.mat", tiny_svhn.crops["train"], shifted)
    with pytest.raises(InputError, match=r"train_32x32\.mat and .*digitStruct\.mat do not belong together.*fetch"):
        prepare_data(tiny_svhn.folder)


@pytest.mark.parametrize(("content", "message"), [(None, "no such photo"), (b"", "empty"), (b"text", "not a picture")])
def test_missing_empty_and_corrupt_photos_are_named(tiny_svhn, content, message):
    remove_crops(tiny_svhn.folder)
    photo = tiny_svhn.folder / "train" / "5.png"
    photo.unlink()
    if content is not None:
        photo.write_bytes(content)
    with pytest.raises(InputError, match=rf"train/5\.png.*{message}.*(again|check)"):
        prepare_data(tiny_svhn.folder)


def test_boxes_outside_the_photo_are_named_with_a_cure(tmp_path):
    (tmp_path / "train").mkdir()
    write_rgb(tmp_path / "train" / "1.png", np.zeros((20, 30, 3), np.uint8))
    digits = [DigitBox(Box(2, 2, 9, 18), 1), DigitBox(Box(30, 2, 39, 18), 7)]
    write_digit_struct(tmp_path / "train" / "digitStruct.mat", {"1.png": digits})
    with pytest.raises(InputError, match=r"digitStruct\.mat.*\[30, 2, 39, 18\] lies outside 1\.png \(30 x 20.*correct"):
        prepare_data(tmp_path)


@pytest.mark.slow
def test_every_step_is_reported(tiny_svhn, prepared):
    told = []
    extra = ExtraDigits(synthetic=20, workers=1)
    prepare_data(tiny_svhn.folder, extra=extra, report=lambda done, total, what: told.append((what, done, total)))
    training = len(set(prepared["train"].photos))
    steps = [("train photos", 150), ("photos to start from", training), ("generated digits", 20)]
    assert [step for step in told if step[1] == step[2]] == [(what, total, total) for what, total in steps]
    assert told[:150] == [("train photos", i + 1, 150) for i in range(150)]


def test_h5_is_prepared_without_the_packages_for_caffe(tiny_svhn, tmp_path):
    code = f"""
import sys
sys.modules["lmdb"] = sys.modules["google.protobuf"] = None  # as if they were not installed
from svhn.data import load_data, write_prepared
write_prepared({str(tmp_path / "p.h5")!r}, load_data({str(tiny_svhn.folder)!r}))
from svhn.errors import InputError
try:
    from svhn.data.caffe import write_lmdb
except InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'svhn[caffe]'" in done.stdout
    assert read_prepared(tmp_path / "p.h5").splits.keys() == {"train", "validation", "test"}


@pytest.mark.svhn
def test_real_data(svhn_dir, tmp_path):
    """Crops, boxes and the split by photo; the photos themselves, which take a minute, in tests/test_crops.py."""
    (tmp_path / "train").mkdir()
    for name in ("train_32x32.mat", "train/digitStruct.mat"):
        (tmp_path / name).symlink_to(svhn_dir / name)
    data = prepare_data(tmp_path, splits=("train",))
    train, validation = data["train"], data["validation"]
    assert len(train) + len(validation) == 4434
    assert not set(train.photos) & set(validation.photos)
    labels = np.concatenate([train.labels, validation.labels])
    chosen = np.arange(len(labels)) >= len(train)
    np.testing.assert_allclose(share_of_classes(labels, chosen), 0.13, atol=0.005)
    assert 100 < data.statistics.gray_mean < 130
