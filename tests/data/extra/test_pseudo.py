"""Pseudo-labels: digits that a list names, cut out of unlabelled photos."""

import numpy as np
import pytest

from svhn.boxes import Box
from svhn.crops import crop_digit
from svhn.data.extra.pseudo import read_pseudo_labels
from svhn.errors import InputError
from svhn.photos.photo import read_rgb, write_rgb

HEADER = "photo,left,top,width,height,label,confidence\n"


@pytest.fixture
def unlabelled(tmp_path):
    folder = tmp_path / "unlabelled"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("b.png", "a.png"):
        write_rgb(folder / name, rng.integers(0, 256, (40, 60, 3)).astype(np.uint8))
    return folder


def write_csv(folder, text):
    path = folder.parent / "pseudo.csv"
    path.write_text(text)
    return path


def test_pseudo_labels_are_cut_by_the_rule_of_format_2(unlabelled):
    path = write_csv(
        unlabelled, HEADER + "b.png,10,5,12,30,7,0.99\na.png,1.4,2,8.2,20,0,0.95\nb.png,30,5,12,30,4,0.97\n"
    )
    split = read_pseudo_labels(path, unlabelled)
    assert split.labels.tolist() == [7, 0, 4]
    assert split.photos.tolist() == [1, 0, 1]
    rows = [("b.png", (10, 5, 12, 30)), ("a.png", (1.4, 2, 8.2, 20)), ("b.png", (30, 5, 12, 30))]
    for crop, (name, size) in zip(split.rgb, rows, strict=True):
        box = Box.from_size(*size)
        np.testing.assert_array_equal(crop, crop_digit(read_rgb(unlabelled / name), box))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column photo"),
        ("photo,left,top,width,label\na.png,1,1,5,3\n", "has no column height"),
        (HEADER, "lists no digits"),
        (HEADER + "a.png,1,1,5,20,10,1\n", "line 2: .*label 0..9.*a.png, 1, 1, 5, 20, 10.*correct"),
        (HEADER + "a.png,1,1,5,20,3,1\na.png,1,one,5,20,3,1\n", "line 3: "),
        (HEADER + "a.png,1,1,0,20,3,1\n", "line 2: "),
        (HEADER + "a.png,1,1,nan,20,3,1\n", "line 2: "),
        (HEADER + "a.png,1,1,inf,20,3,1\n", "line 2: "),
        (HEADER + "a.png,1,1\n", "line 2: "),
        (HEADER + ",1,1,5,20,3,1\n", "line 2: "),
        (HEADER + "a.png,60,1,5,20,3,1\n", r"lies outside a\.png \(60 x 40"),
        (HEADER + "c.png,1,1,5,20,3,1\n", r"c\.png"),
    ],
)
def test_unusable_pseudo_labels_are_named(unlabelled, text, message):
    path = write_csv(unlabelled, text)
    with pytest.raises(InputError, match=message):
        read_pseudo_labels(path, unlabelled)


def test_a_missing_or_binary_list_is_named(unlabelled):
    with pytest.raises(InputError, match=r"pseudo\.csv: no such file; expected CSV"):
        read_pseudo_labels(unlabelled.parent / "pseudo.csv", unlabelled)
    path = unlabelled.parent / "pseudo.csv"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match=r"pseudo\.csv"):
        read_pseudo_labels(path, unlabelled)
