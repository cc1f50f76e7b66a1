"""Further training digits: from the training part alone, whatever the number of workers, kept apart in the file."""

import numpy as np
import pytest

from svhn.crops import crop_digit
from svhn.data.extra import digits as extra_digits
from svhn.data.extra.config import ExtraDigits
from svhn.data.extra.digits import make_extra_digits, read_pseudo_labels, render_splits
from svhn.data.formats.digit_struct import write_digit_struct
from svhn.data.prepare import load_data, prepare
from svhn.data.prepared import read_prepared, write_prepared
from svhn.data.render.synthetic import SyntheticSettings, render_photo
from svhn.errors import InputError
from svhn.photos.photo import read_rgb, write_rgb

HEADER = "photo,left,top,width,height,label,confidence\n"


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    """A folder with 100 rendered training photos, and their digits by name."""
    folder = tmp_path_factory.mktemp("houses")
    (folder / "train").mkdir()
    settings = SyntheticSettings(digit_height=(24, 40), degradation=0.1, plates=("enamel",), surfaces=("plaster",))
    digits = {}
    for seed in range(100):
        rendered = render_photo(seed, settings)
        write_rgb(folder / "train" / f"{seed + 1}.png", rendered.photo)
        digits[f"{seed + 1}.png"] = rendered.digits
    write_digit_struct(folder / "train" / "digitStruct.mat", digits)
    return folder


def test_the_number_of_workers_does_not_matter(houses, monkeypatch):
    monkeypatch.setattr(extra_digits, "LOT", 30)
    photos = np.arange(100)
    one, two = (make_extra_digits(houses, photos, 3, ExtraDigits(70, 70, workers=workers)) for workers in (1, 2))
    assert one.keys() == two.keys() == {"synthetic", "copy_paste"}
    for name in one:
        assert len(one[name]) == 70
        np.testing.assert_array_equal(one[name].rgb, two[name].rgb)
        np.testing.assert_array_equal(one[name].labels, two[name].labels)


def test_the_number_of_workers_does_not_matter_to_rendered_splits():
    one, two = (render_splits({"train": 510, "test": 10}, 0, workers) for workers in (1, 2))
    for name in one:
        np.testing.assert_array_equal(one[name].rgb, two[name].rgb)
        np.testing.assert_array_equal(one[name].labels, two[name].labels)


def test_the_other_splits_stay_as_they_are(houses, tmp_path):
    plain = prepare(houses)
    data = load_data(str(houses), synthetic=40, copy_paste=30)
    assert list(data.splits) == ["train", "validation", "synthetic", "copy_paste"]
    assert data.statistics == plain.statistics
    for name in plain.splits:
        np.testing.assert_array_equal(data[name].rgb, plain[name].rgb)
    write_prepared(tmp_path / "p.h5", data)
    read = read_prepared(tmp_path / "p.h5")
    np.testing.assert_array_equal(read["copy_paste"].rgb, data["copy_paste"].rgb)
    np.testing.assert_array_equal(read["synthetic"].gray, data["synthetic"].gray)
    assert "copy_paste        30      30" in read.summary()


def test_only_photos_of_the_training_part_are_read(houses, monkeypatch):
    read = []
    monkeypatch.setattr(extra_digits, "read_rgb", lambda path: read.append(path.name) or read_rgb(path))
    data = prepare(houses, extra=ExtraDigits(synthetic=5, copy_paste=5))
    names = sorted({f"{i + 1}.png" for i in range(100)})  # digitStruct.mat lists them by number
    kept_back = {f"{photo + 1}.png" for photo in data["validation"].photos}
    assert kept_back and not kept_back & set(read)
    assert set(read) == {f"{photo + 1}.png" for photo in data["train"].photos} <= set(names)


def test_the_seed_decides(houses):
    photos = np.arange(100)
    first, other = (make_extra_digits(houses, photos, seed, ExtraDigits(20)) for seed in (0, 1))
    assert (first["synthetic"].rgb != other["synthetic"].rgb).any()


def test_copy_paste_needs_photos(tiny_svhn):
    for split in ("train", "test"):
        (tiny_svhn.folder / split / "digitStruct.mat").unlink()
    assert len(prepare(tiny_svhn.folder, extra=ExtraDigits(synthetic=7))["synthetic"]) == 7
    with pytest.raises(InputError, match=r"digitStruct\.mat.*copy-paste needs the training photos.*fetch"):
        prepare(tiny_svhn.folder, extra=ExtraDigits(copy_paste=7))


@pytest.mark.parametrize("source", ["synthetic", "some.h5"])
def test_other_sources_make_no_further_digits(source):
    with pytest.raises(InputError, match=r"cli\.py prepare --synthetic"):
        load_data(source, synthetic=10)


def test_further_digits_need_the_train_split(tiny_svhn):
    with pytest.raises(InputError, match="need the train split"):
        prepare(tiny_svhn.folder, splits=("test",), extra=ExtraDigits(synthetic=5))


# Pseudo-labels


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
        box = extra_digits.Box.from_size(*size)
        np.testing.assert_array_equal(crop, crop_digit(read_rgb(unlabelled / name), box))


def test_pseudo_labels_are_a_split(houses, tmp_path):
    (houses / "unlabelled").mkdir(exist_ok=True)
    write_rgb(houses / "unlabelled" / "x.png", np.zeros((30, 30, 3), np.uint8))
    path = tmp_path / "pseudo.csv"
    path.write_text("photo,left,top,width,height,label\nx.png,3,3,10,20,8\n")
    data = load_data(str(houses), pseudo=path)
    assert data["pseudo"].labels.tolist() == [8]
    assert len(data.provenance["sha256 pseudo.csv"]) == 64


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
