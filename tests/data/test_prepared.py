"""Prepared data as one HDF5 file: what is written is read back, damage is named."""

import dataclasses

import h5py
import numpy as np
import pytest

from svhn.crops import middle_of
from svhn.data.loading import load_data
from svhn.data.prepare import prepare_data
from svhn.data.prepared import PreparedData, Split, Statistics, read_prepared, write_prepared
from svhn.errors import InputError


def assert_same(a: PreparedData, b: PreparedData):
    assert a.splits.keys() == b.splits.keys()
    for name in a.splits:
        for field in dataclasses.fields(Split):
            left, right = getattr(a[name], field.name), getattr(b[name], field.name)
            np.testing.assert_array_equal(left, right)
            assert left is right is None or left.dtype == right.dtype
    assert a.statistics == b.statistics


@pytest.mark.slow
@pytest.mark.parametrize("splits", [("train", "test"), ("test",)])
def test_hdf5_round_trip(tmp_path, written_tiny_svhn, splits):
    data = prepare_data(written_tiny_svhn.folder, splits=splits)
    write_prepared(tmp_path / "prepared.h5", data)
    read = read_prepared(tmp_path / "prepared.h5")
    assert_same(data, read)
    assert read.provenance == data.provenance
    assert_same(load_data(str(tmp_path / "prepared.h5")), load_data(str(written_tiny_svhn.folder), splits=splits))


def test_hdf5_carries_its_provenance_as_attributes(tmp_path, prepared):
    write_prepared(tmp_path / "prepared.h5", prepared)
    with h5py.File(tmp_path / "prepared.h5") as file:
        assert "non-commercial" in file.attrs["licence"]
        assert file.attrs["gray_mean"] == pytest.approx(prepared.statistics.gray_mean)
        assert set(file) == {"train", "validation", "test"}


def test_wide_crops_are_of_training_photos_and_survive_the_file(prepared, tmp_path):
    assert prepared["test"].wide is None
    train = prepared["train"]
    assert train.wide.shape == (len(train), 48, 48, 3)
    assert np.abs(middle_of(train.wide).astype(int) - train.rgb).mean() < 4
    assert np.array_equal(train.take(np.array([3, 1])).wide, train.wide[[3, 1]])
    write_prepared(tmp_path / "data.h5", prepared)
    again = read_prepared(tmp_path / "data.h5")
    assert np.array_equal(again["train"].wide, train.wide) and again["test"].wide is None


def test_crops_without_their_photos_have_nothing_around_them(tiny_svhn):
    next((tiny_svhn.folder / "train").glob("*.png")).unlink()
    assert prepare_data(tiny_svhn.folder)["train"].wide is None


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
