"""Format 2: labels, layout, and files that cannot be used."""

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse

from svhn.data.formats.cropped import read_cropped, write_cropped
from svhn.errors import InputError


@pytest.fixture
def official(tmp_path):
    """A file as its authors lay it out: X (32, 32, 3, N) uint8, y (N, 1) double, 10 for the digit 0."""
    images = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3)).astype(np.uint8)
    stored = np.array([10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1], float)[:, None]
    path = tmp_path / "train_32x32.mat"
    scipy.io.savemat(path, {"X": np.moveaxis(images, 0, 3), "y": stored})
    return path, images


def test_label_10_is_the_digit_0(official):
    path, _ = official
    labels = read_cropped(path)[1]
    assert labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert labels.dtype == np.int64


def test_images_come_first_and_rows_before_columns(official):
    path, images = official
    read, _ = read_cropped(path)
    np.testing.assert_array_equal(read, images)
    assert read.dtype == np.uint8
    assert read.flags.c_contiguous


@pytest.mark.parametrize("count", [0, 1, 7])
def test_round_trip(tmp_path, count):
    rng = np.random.default_rng(count)
    images = rng.integers(0, 256, (count, 32, 32, 3)).astype(np.uint8)
    labels = np.arange(count) % 10
    write_cropped(tmp_path / "some_32x32.mat", images, labels)
    read_images, read_labels = read_cropped(tmp_path / "some_32x32.mat")
    np.testing.assert_array_equal(read_images, images)
    np.testing.assert_array_equal(read_labels, labels)
    assert [path.name for path in tmp_path.iterdir()] == ["some_32x32.mat"]


def test_written_files_hold_10_for_the_digit_0(tmp_path):
    write_cropped(tmp_path / "some_32x32.mat", np.zeros((3, 32, 32, 3), np.uint8), np.array([0, 9, 1]))
    stored = scipy.io.loadmat(tmp_path / "some_32x32.mat")
    assert stored["y"].tolist() == [[10], [9], [1]]
    assert stored["X"].shape == (32, 32, 3, 3)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("part", [0.0, 0.001, 0.3, 0.99])
def test_truncated_files_are_named_with_a_cure(tmp_path, official, part, compressed):
    variables = scipy.io.loadmat(official[0])
    path = tmp_path / "cut_32x32.mat"
    scipy.io.savemat(path, {"X": variables["X"], "y": variables["y"]}, do_compression=compressed)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(InputError, match=r"cut_32x32\.mat.*fetch"):
        read_cropped(path)


def test_altered_file_is_named_with_a_cure(tmp_path):
    path = tmp_path / "altered_32x32.mat"
    write_cropped(path, np.zeros((4, 32, 32, 3), np.uint8), np.arange(4))
    content = bytearray(path.read_bytes())
    content[160:190] = bytes(30)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"altered_32x32\.mat.*fetch"):
        read_cropped(path)


def test_missing_file_is_named_with_a_cure(tmp_path):
    with pytest.raises(InputError, match=r"missing_32x32\.mat.*fetch"):
        read_cropped(tmp_path / "missing_32x32.mat")


def test_version_7_3_is_told_from_version_5(tmp_path):
    path = tmp_path / "digitStruct.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["X"] = np.zeros(3)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, HDF5 schema 1.00 .".ljust(124) + b"\x00\x02IM")
    with pytest.raises(InputError, match=r"digitStruct\.mat.*v7\.3.*photo folder"):
        read_cropped(path)


IMAGES, LABELS = np.zeros((32, 32, 3, 2), np.uint8), np.array([[1], [10]])


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"X": IMAGES}, "y not found.*fetch"),
        ({"y": LABELS}, "X not found.*fetch"),
        ({"other": LABELS}, "X and y not found.*fetch"),
        ({"X": IMAGES[:28], "y": LABELS}, r"\(32, 32, 3, N\) uint8.*\(28, 32, 3, 2\)"),
        ({"X": IMAGES.astype(float), "y": LABELS}, r"uint8.*float64"),
        ({"X": IMAGES[..., 0], "y": LABELS}, r"\(32, 32, 3, N\)"),
        ({"X": scipy.sparse.csc_matrix(np.ones((32, 32))), "y": LABELS}, r"\(32, 32, 3, N\) uint8.*\(32, 32\)"),
        ({"X": {"a": 1}, "y": LABELS}, r"\(32, 32, 3, N\) uint8"),
        ({"X": IMAGES, "y": "12"}, "y as numbers"),
        ({"X": IMAGES, "y": {"a": 1}}, "y as numbers"),
        ({"X": IMAGES, "y": scipy.sparse.csc_matrix(LABELS)}, "y as numbers"),
        ({"X": IMAGES, "y": LABELS * np.nan}, r"labels 1\.\.10.*nan"),
        ({"X": IMAGES, "y": LABELS[:1]}, "1 for 2 crops"),
        ({"X": IMAGES, "y": LABELS - 1}, r"labels 1\.\.10.*0\.\.9"),
        ({"X": IMAGES, "y": LABELS + 1}, r"labels 1\.\.10.*2\.\.11"),
    ],
)
def test_other_content_is_refused(tmp_path, variables, message):
    path = tmp_path / "odd_32x32.mat"
    scipy.io.savemat(path, variables)
    with pytest.raises(InputError, match=rf"odd_32x32\.mat.*{message}"):
        read_cropped(path)


@pytest.mark.svhn
def test_real_files(svhn_dir):
    for split, count in {"train": 4434, "test": 3954}.items():
        images, labels = read_cropped(svhn_dir / f"{split}_32x32.mat")
        stored = scipy.io.loadmat(svhn_dir / f"{split}_32x32.mat")["y"].reshape(-1)
        assert images.shape == (count, 32, 32, 3)
        assert np.unique(labels).tolist() == list(range(10))
        assert ((stored == 10) == (labels == 0)).all()
        assert (stored == labels)[labels > 0].all()
