"""From the official files to prepared data: split, gray, statistics, one HDF5 file."""

import dataclasses
import hashlib

import h5py
import numpy as np
import pytest

from svhn.boxes import Box, DigitBox
from svhn.crops import middle_of
from svhn.data import prepare as preparation
from svhn.data.formats.cropped import write_cropped
from svhn.data.formats.digit_struct import write_digit_struct
from svhn.data.prepare import (
    VALIDATION_FRACTION,
    choose_validation,
    load_data,
    load_split,
    prepare,
    read_split,
    resolve_source,
)
from svhn.data.prepared import PreparedData, Split, Statistics, read_prepared, write_prepared
from svhn.errors import InputError
from svhn.photos.photo import write_rgb


@pytest.fixture
def houses():
    """Labels and photo numbers of 3,000 photos of one to five digits, with SVHN's uneven classes."""
    rng = np.random.default_rng(11)
    photos = np.repeat(np.arange(3000), rng.integers(1, 6, 3000))
    share = np.array([4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659])
    return rng.choice(10, len(photos), p=share / share.sum()), photos


def share_of_classes(labels: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return np.bincount(labels[chosen], minlength=10) / np.bincount(labels, minlength=10)


def remove_photos(folder):
    for split in ("train", "test"):
        (folder / split / "digitStruct.mat").unlink()


def remove_crops(folder):
    for split in ("train", "test"):
        (folder / f"{split}_32x32.mat").unlink()


def assert_same(a: PreparedData, b: PreparedData):
    assert a.splits.keys() == b.splits.keys()
    for name in a.splits:
        for field in dataclasses.fields(Split):
            left, right = getattr(a[name], field.name), getattr(b[name], field.name)
            np.testing.assert_array_equal(left, right)
            assert left is right is None or left.dtype == right.dtype
    assert a.statistics == b.statistics


# The split


@pytest.mark.parametrize("fraction", [0.13, 0.3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_class_gives_its_share(houses, seed, fraction):
    labels, photos = houses
    chosen = choose_validation(labels, photos, fraction, seed)
    counts = np.bincount(labels, minlength=10)
    assert np.abs(np.bincount(labels[chosen], minlength=10) - fraction * counts).max() <= 2


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_large_blocks_give_nearly_their_share(houses, seed):
    labels, _ = houses
    chosen = choose_validation(labels, np.arange(len(labels)) // 25, 0.13, seed)
    assert chosen.mean() == pytest.approx(0.13, abs=0.002)
    np.testing.assert_allclose(share_of_classes(labels, chosen), 0.13, atol=0.025)


def test_no_photo_is_on_both_sides(houses):
    labels, photos = houses
    chosen = choose_validation(labels, photos, 0.13, 0)
    assert not set(photos[chosen]) & set(photos[~chosen])


def test_the_split_depends_on_the_seed_only(houses):
    labels, photos = houses
    first, again, other = (choose_validation(labels, photos, 0.13, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5])
def test_impossible_fractions_are_refused(fraction):
    with pytest.raises(InputError, match="between 0 and 1"):
        choose_validation(np.zeros(3, int), np.arange(3), fraction, 0)


# From crops, from photos, from both


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


def test_crops_alone_are_split_by_blocks_of_neighbours(tiny_svhn):
    remove_photos(tiny_svhn.folder)
    photos = read_split(tiny_svhn.folder, "train").photos
    assert (np.diff(photos) >= 0).all()
    assert np.bincount(photos)[:-1].min() >= 10
    assert "blocks" in prepare(tiny_svhn.folder).provenance["split_rule"]


def test_prepare_splits_train_and_leaves_test_alone(tiny_svhn):
    data = prepare(tiny_svhn.folder)
    train, validation, test = data["train"], data["validation"], data["test"]
    assert len(train) + len(validation) == len(tiny_svhn.labels["train"])
    assert len(validation) == pytest.approx(VALIDATION_FRACTION * len(tiny_svhn.labels["train"]), abs=5)
    assert not set(train.photos) & set(validation.photos)
    np.testing.assert_array_equal(test.rgb, tiny_svhn.crops["test"])


def test_pixels_stay_with_their_labels(tiny_svhn):
    data = prepare(tiny_svhn.folder, seed=4)
    known = {
        crop.tobytes(): label for crop, label in zip(tiny_svhn.crops["train"], tiny_svhn.labels["train"], strict=True)
    }
    for split in (data["train"], data["validation"]):
        assert [known[crop.tobytes()] for crop in split.rgb] == split.labels.tolist()


def test_gray_by_the_weights_of_bt601(tiny_svhn):
    split = prepare(tiny_svhn.folder)["validation"]
    exact = split.rgb.astype(float) @ [0.299, 0.587, 0.114]
    assert split.gray.dtype == np.uint8
    assert np.abs(split.gray - exact).max() <= 0.5 + 1e-3


def test_statistics_are_those_of_the_training_part(tiny_svhn):
    data = prepare(tiny_svhn.folder)
    train = data["train"]
    assert data.statistics.gray_mean == pytest.approx(train.gray.astype(float).mean())
    assert data.statistics.gray_std == pytest.approx(train.gray.astype(float).std())
    assert data.statistics.rgb_mean == pytest.approx(train.rgb.astype(float).mean(axis=(0, 1, 2)).tolist())
    assert data.statistics.rgb_std == pytest.approx(train.rgb.astype(float).std(axis=(0, 1, 2)).tolist())
    whole = np.concatenate([train.gray, data["validation"].gray]).astype(float)
    assert data.statistics.gray_mean != pytest.approx(whole.mean(), rel=1e-9)


def test_provenance_says_where_everything_came_from(tiny_svhn):
    provenance = prepare(tiny_svhn.folder, seed=9, fraction=0.2).provenance
    assert provenance["seed"] == 9
    assert provenance["validation_fraction"] == 0.2
    assert provenance["split_rule"] == "by photo"
    assert "non-commercial" in provenance["licence"]
    for name in ("train_32x32.mat", "train/digitStruct.mat", "test_32x32.mat", "test/digitStruct.mat"):
        expected = hashlib.sha256((tiny_svhn.folder / name).read_bytes()).hexdigest()
        assert provenance[f"sha256 {name}"] == expected


def test_test_data_alone_has_no_statistics(tiny_svhn):
    data = prepare(tiny_svhn.folder, splits=("test",))
    assert list(data.splits) == ["test"]
    assert data.statistics is None
    with pytest.raises(InputError, match=r"no train split, only test.*--split"):
        data["train"]


def test_a_missing_test_split_is_left_out(tiny_svhn):
    (tiny_svhn.folder / "test_32x32.mat").unlink()
    (tiny_svhn.folder / "test" / "digitStruct.mat").unlink()
    assert set(prepare(tiny_svhn.folder).splits) == {"train", "validation"}


# Input that cannot be used


def test_a_folder_without_data_is_named_with_a_cure(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match=rf"{folder}: no SVHN data.*fetch"):
            prepare(folder)


def test_one_missing_split_is_named_with_a_cure(tmp_path):
    with pytest.raises(InputError, match=r"no extra split.*extra_32x32\.mat.*fetch --split extra"):
        read_split(tmp_path, "extra")


def test_crops_and_photos_that_do_not_belong_together(tiny_svhn):
    shifted = np.roll(tiny_svhn.labels["train"], 1)
    write_cropped(tiny_svhn.folder / "train_32x32.mat", tiny_svhn.crops["train"], shifted)
    with pytest.raises(InputError, match=r"train_32x32\.mat and .*digitStruct\.mat do not belong together.*fetch"):
        prepare(tiny_svhn.folder)


@pytest.mark.parametrize(("content", "message"), [(None, "no such photo"), (b"", "empty"), (b"text", "not a picture")])
def test_missing_empty_and_corrupt_photos_are_named(tiny_svhn, content, message):
    remove_crops(tiny_svhn.folder)
    photo = tiny_svhn.folder / "train" / "5.png"
    photo.unlink()
    if content is not None:
        photo.write_bytes(content)
    with pytest.raises(InputError, match=rf"train/5\.png.*{message}.*(again|check)"):
        prepare(tiny_svhn.folder)


def test_boxes_outside_the_photo_are_named_with_a_cure(tmp_path):
    (tmp_path / "train").mkdir()
    write_rgb(tmp_path / "train" / "1.png", np.zeros((20, 30, 3), np.uint8))
    digits = [DigitBox(Box(2, 2, 9, 18), 1), DigitBox(Box(30, 2, 39, 18), 7)]
    write_digit_struct(tmp_path / "train" / "digitStruct.mat", {"1.png": digits})
    with pytest.raises(InputError, match=r"digitStruct\.mat.*\[30, 2, 39, 18\] lies outside 1\.png \(30 x 20.*correct"):
        prepare(tmp_path)


# The HDF5 file


@pytest.mark.parametrize("splits", [("train", "test"), ("test",)])
def test_hdf5_round_trip(tmp_path, tiny_svhn, splits):
    data = prepare(tiny_svhn.folder, splits=splits)
    write_prepared(tmp_path / "prepared.h5", data)
    read = read_prepared(tmp_path / "prepared.h5")
    assert_same(data, read)
    assert read.provenance == data.provenance
    assert_same(load_data(str(tmp_path / "prepared.h5")), load_data(str(tiny_svhn.folder), splits=splits))


def test_hdf5_carries_its_provenance_as_attributes(tmp_path, tiny_svhn):
    data = prepare(tiny_svhn.folder)
    write_prepared(tmp_path / "prepared.h5", data)
    with h5py.File(tmp_path / "prepared.h5") as file:
        assert "non-commercial" in file.attrs["licence"]
        assert file.attrs["gray_mean"] == pytest.approx(data.statistics.gray_mean)
        assert set(file) == {"train", "validation", "test"}


def test_wide_crops_are_of_training_photos_and_survive_the_file(tiny_svhn, tmp_path):
    data = prepare(tiny_svhn.folder)
    assert data["test"].wide is None
    train = data["train"]
    assert train.wide.shape == (len(train), 48, 48, 3)
    assert np.abs(middle_of(train.wide).astype(int) - train.rgb).mean() < 4
    assert np.array_equal(train.take(np.array([3, 1])).wide, train.wide[[3, 1]])
    write_prepared(tmp_path / "data.h5", data)
    again = read_prepared(tmp_path / "data.h5")
    assert np.array_equal(again["train"].wide, train.wide) and again["test"].wide is None


def test_crops_without_their_photos_have_nothing_around_them(tiny_svhn):
    next((tiny_svhn.folder / "train").glob("*.png")).unlink()
    assert prepare(tiny_svhn.folder)["train"].wide is None


@pytest.fixture
def prepared_file(tmp_path):
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (20, 32, 32, 3)).astype(np.uint8)
    split = Split(rgb, rgb[..., 0], np.arange(20) % 10, np.arange(20))
    path = tmp_path / "prepared.h5"
    write_prepared(path, PreparedData({"train": split}, Statistics.of(split), {"source": "test"}))
    return path


@pytest.mark.parametrize("part", [0.0, 0.2, 0.9])
def test_a_truncated_file_is_named_with_a_cure(prepared_file, part):
    content = prepared_file.read_bytes()
    prepared_file.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(InputError, match=r"prepared\.h5.*prepare"):
        read_prepared(prepared_file)


def test_overwritten_pixels_never_raise_anything_but_input_errors(prepared_file):
    content = prepared_file.read_bytes()
    refused = 0
    for start in range(0, len(content), 997):
        prepared_file.write_bytes(content[:start] + b"\xff" * 60 + content[start + 60 :])
        try:
            read_prepared(prepared_file)
        except InputError as error:
            refused += 1
            assert "prepared.h5" in str(error)
    assert refused > 2


@pytest.mark.parametrize("damage", ["photos", "rgb", "version", "newer", "older", "dataset"])
def test_another_layout_is_named_with_a_cure(prepared_file, damage):
    with h5py.File(prepared_file, "r+") as file:
        if damage == "version":
            del file.attrs["format_version"]
        elif damage == "newer":
            file.attrs["format_version"] = 99
        elif damage == "older":
            file.attrs["format_version"] = 1
        elif damage == "dataset":
            file["validation"] = np.zeros(3)
        else:
            del file["train"][damage]
    with pytest.raises(InputError, match=r"prepared\.h5.*(python cli\.py prepare|update it)"):
        read_prepared(prepared_file)


def test_a_missing_file_is_named_with_a_cure(tmp_path):
    with pytest.raises(InputError, match=r"missing\.h5: no such file; .*prepare"):
        load_data(str(tmp_path / "missing.h5"))


def test_a_failed_write_leaves_the_old_file(prepared_file):
    before = prepared_file.read_bytes()
    broken = PreparedData({}, None, {"source": object()})
    with pytest.raises(TypeError):
        write_prepared(prepared_file, broken)
    assert prepared_file.read_bytes() == before
    assert [path.name for path in prepared_file.parent.iterdir()] == ["prepared.h5"]


# Rendered data


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(preparation, "SYNTHETIC_COUNTS", {"train": 520, "validation": 30, "test": 30})


def test_rendered_splits_share_nothing_and_only_training_looks_beyond_the_crops(few):
    data = load_data("synthetic", seed=3)
    assert [len(part) for part in data.splits.values()] == [520, 30, 30]
    assert [part.wide is not None for part in data.splits.values()] == [True, False, False]
    assert data.statistics == Statistics.of(data["train"])
    pictures = [crop.tobytes() for part in data.splits.values() for crop in part.rgb]
    assert len(set(pictures)) == len(pictures)


def test_one_rendered_split_is_made_without_the_others(few, monkeypatch):
    whole, alone = load_data("synthetic")["test"], load_split("synthetic", "test")
    np.testing.assert_array_equal(alone.rgb, whole.rgb)
    np.testing.assert_array_equal(alone.labels, whole.labels)
    with pytest.raises(InputError, match="no pseudo split"):
        load_split("synthetic", "pseudo")
    monkeypatch.setitem(preparation.SYNTHETIC_COUNTS, "train", None)  # whoever renders it, too, fails
    assert len(load_split("synthetic", "test")) == 30


# Which data


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working folder without $SVHN_DATA."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SVHN_DATA", raising=False)
    return tmp_path


def test_the_order_of_sources(place, monkeypatch):
    source, message = resolve_source(None)
    assert source == "synthetic"
    assert "not SVHN" in message
    assert "cli.py fetch" in message
    (place / "data" / "svhn").mkdir(parents=True)
    assert resolve_source(None)[0] == "data/svhn"
    monkeypatch.setenv("SVHN_DATA", "/from/environment")
    source, message = resolve_source(None)
    assert source == "/from/environment"
    assert "$SVHN_DATA" in message
    source, message = resolve_source("/from/option")
    assert source == "/from/option"
    assert "--data" in message


def test_the_generator_can_be_asked_for(place, monkeypatch):
    monkeypatch.setenv("SVHN_DATA", "/from/environment")
    source, message = resolve_source("synthetic")
    assert source == "synthetic"
    assert "generated" in message


def test_the_message_is_one_line(place):
    for option in (None, "synthetic", "/some/folder"):
        assert "\n" not in resolve_source(option)[1]


def test_an_empty_variable_counts_as_unset(place, monkeypatch):
    monkeypatch.setenv("SVHN_DATA", "")
    assert resolve_source(None)[0] == "synthetic"


@pytest.mark.svhn
def test_real_data(svhn_dir):
    data = prepare(svhn_dir, splits=("train",))
    train, validation = data["train"], data["validation"]
    assert len(train) + len(validation) == 4434
    assert not set(train.photos) & set(validation.photos)
    labels = np.concatenate([train.labels, validation.labels])
    chosen = np.arange(len(labels)) >= len(train)
    np.testing.assert_allclose(share_of_classes(labels, chosen), 0.13, atol=0.005)
    assert 100 < data.statistics.gray_mean < 130
