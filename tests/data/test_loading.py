"""Which data is taken, and what comes of it; rendered data."""

import numpy as np
import pytest

from svhn.data import loading
from svhn.data.extra import digits as extra_digits
from svhn.data.loading import load_data, load_mix, load_split, resolve_source, store_data
from svhn.data.prepared import Statistics
from svhn.errors import InputError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rendered():
    """Few rendered digits, and what was told while they were made."""
    told = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "SYNTHETIC_COUNTS", {"train": 50, "validation": 30, "test": 30})
        patch.setattr(extra_digits, "LOT", 40)
        data = load_data("synthetic", report=lambda *step: told.append(step))
    return data, told


def test_rendered_splits_share_nothing_and_only_training_looks_beyond_the_crops(rendered):
    data, told = rendered
    assert told == [(done, 110, "generated digits") for done in (40, 50, 80, 110)]
    assert [len(part) for part in data.splits.values()] == [50, 30, 30]
    assert [part.wide is not None for part in data.splits.values()] == [True, False, False]
    assert data.statistics == Statistics.of(data["train"])
    pictures = [crop.tobytes() for part in data.splits.values() for crop in part.rgb]
    assert len(set(pictures)) == len(pictures)


def test_one_rendered_split_is_made_without_the_others(rendered, monkeypatch):
    monkeypatch.setattr(loading, "SYNTHETIC_COUNTS", {"train": None, "test": 30})  # whoever renders train, too, fails
    whole, alone = rendered[0]["test"], load_split("synthetic", "test")
    np.testing.assert_array_equal(alone.rgb, whole.rgb)
    np.testing.assert_array_equal(alone.labels, whole.labels)
    with pytest.raises(InputError, match="no pseudo split, only train, test"):
        load_split("synthetic", "pseudo")


def test_a_mix_gets_the_splits_that_it_names(tiny_svhn, tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "GENERATED", {"synthetic": 12, "copy_paste": 7})
    listed = tmp_path / "labels.csv"
    listed.write_text("photo,left,top,width,height,label\n1.png,3,3,9,20,8\n")
    (tiny_svhn.folder / "train").rename(tiny_svhn.folder / "unlabelled")
    mix = {"train": 0.5, "synthetic": 0.3, "pseudo": 0.2}
    data = load_mix(str(tiny_svhn.folder), mix, listed, 0, ("train",))
    assert list(data.splits) == ["train", "validation", "synthetic", "pseudo"]
    assert (len(data["synthetic"]), data["pseudo"].labels.tolist()) == (12, [8])
    alone = load_mix(str(tiny_svhn.folder), {"train": 1.0}, listed, 0, ("train",))
    assert list(alone.splits) == ["train", "validation"]


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


# Where it goes


def test_prepared_data_is_stored_and_read_again(prepared, tmp_path):
    for store, path in {"h5": tmp_path / "data.h5", "lmdb": tmp_path / "lmdb"}.items():
        store_data(path, prepared, store, seed=1)
        read = load_data(str(path))
        assert {name: len(split) for name, split in read.splits.items()} == {
            name: len(split) for name, split in prepared.splits.items()
        }
    with pytest.raises(InputError, match="one of h5, lmdb, received 'csv'"):
        store_data(tmp_path / "data.csv", prepared, "csv")


def test_prepared_data_are_taken_as_they_were_split_and_cut(tiny_svhn, tmp_path):
    tight = load_data(str(tiny_svhn.folder), validation=0.3, crops="tight")
    share = len(tight["validation"]) / (len(tight["validation"]) + len(tight["train"]))
    assert share == pytest.approx(0.3, abs=0.03) and tight.statistics.gray_mean_image.shape == (40, 40)
    store_data(tmp_path / "tight.h5", tight)
    assert load_data(str(tmp_path / "tight.h5"), validation=0.3, crops="tight")["test"].rgb.shape[1:] == (40, 40, 3)
    with pytest.raises(InputError, match="holds tight crops, expected square"):
        load_data(str(tmp_path / "tight.h5"))
    with pytest.raises(InputError, match=r"share of 0\.3, expected 0\.2"):
        load_data(str(tmp_path / "tight.h5"), validation=0.2, crops="tight")
    with pytest.raises(InputError, match="square crops"):
        store_data(tmp_path / "lmdb", tight, "lmdb")
    with pytest.raises(InputError, match="cut from photos"):
        load_data("synthetic", crops="tight")


def test_a_share_of_rendered_digits_is_held_back(monkeypatch):
    monkeypatch.setattr(loading, "SYNTHETIC_COUNTS", {"train": 40, "validation": 10, "test": 10})
    monkeypatch.setattr(extra_digits, "available_cores", lambda: 1)  # no processes for so few
    sizes = {name: len(split) for name, split in load_data("synthetic", validation=0.4).splits.items()}
    assert sizes == {"train": 30, "validation": 20, "test": 10}
