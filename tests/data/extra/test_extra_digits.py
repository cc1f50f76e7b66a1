"""Further training digits: from the training part alone, whatever the number of workers, kept apart in the file."""

import numpy as np
import pytest

from svhn.data.extra import digits as extra_digits
from svhn.data.extra.config import ExtraDigits
from svhn.data.extra.digits import make_extra_digits, render_splits
from svhn.data.formats.digit_struct import write_digit_struct
from svhn.data.loading import load_data
from svhn.data.prepare import prepare_data
from svhn.data.prepared import read_prepared, write_prepared
from svhn.data.render.synthetic import SyntheticSettings, render_photo
from svhn.errors import InputError
from svhn.photos.photo import read_rgb, write_rgb

pytestmark = pytest.mark.slow


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
    monkeypatch.setattr(extra_digits, "LOT", 15)
    photos = np.arange(100)
    one, two = (make_extra_digits(houses, photos, 3, ExtraDigits(35, 35, workers=workers)) for workers in (1, 2))
    assert one.keys() == two.keys() == {"synthetic", "copy_paste"}
    for name in one:
        assert len(one[name]) == 35
        np.testing.assert_array_equal(one[name].rgb, two[name].rgb)
        np.testing.assert_array_equal(one[name].labels, two[name].labels)


def test_the_number_of_workers_does_not_matter_to_rendered_splits(monkeypatch):
    monkeypatch.setattr(extra_digits, "LOT", 30)
    one, two = (render_splits({"train": 40, "test": 10}, 0, workers) for workers in (1, 2))
    for name in one:
        np.testing.assert_array_equal(one[name].rgb, two[name].rgb)
        np.testing.assert_array_equal(one[name].labels, two[name].labels)


def test_the_other_splits_stay_as_they_are(houses, tmp_path):
    plain = prepare_data(houses)
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
    data = prepare_data(houses, extra=ExtraDigits(synthetic=5, copy_paste=5))
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
    assert len(prepare_data(tiny_svhn.folder, extra=ExtraDigits(synthetic=7))["synthetic"]) == 7
    with pytest.raises(InputError, match=r"digitStruct\.mat.*copy-paste needs the training photos.*fetch"):
        prepare_data(tiny_svhn.folder, extra=ExtraDigits(copy_paste=7))


@pytest.mark.parametrize("source", ["synthetic", "some.h5"])
def test_other_sources_make_no_further_digits(source):
    with pytest.raises(InputError, match=r"cli\.py prepare --synthetic"):
        load_data(source, synthetic=10)


def test_further_digits_need_the_train_split(tiny_svhn):
    with pytest.raises(InputError, match="need the train split"):
        prepare_data(tiny_svhn.folder, splits=("test",), extra=ExtraDigits(synthetic=5))


def test_pseudo_labels_are_a_split(houses, tmp_path):
    (houses / "unlabelled").mkdir(exist_ok=True)
    write_rgb(houses / "unlabelled" / "x.png", np.zeros((30, 30, 3), np.uint8))
    path = tmp_path / "pseudo.csv"
    path.write_text("photo,left,top,width,height,label\nx.png,3,3,10,20,8\n")
    data = load_data(str(houses), pseudo=path)
    assert data["pseudo"].labels.tolist() == [8]
    assert len(data.provenance["sha256 pseudo.csv"]) == 64
