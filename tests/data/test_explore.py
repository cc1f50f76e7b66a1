"""What the data hold, as pictures and tables."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from svhn.commands import cli
from svhn.data import loading
from svhn.data.explore import explore_data, facts_of, format_facts, sample_photos
from svhn.data.extra import digits as extra_digits
from svhn.data.loading import generate_data
from svhn.data.prepared import write_prepared


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch):
    """A fifth of the pixels; what is drawn does not depend on them."""
    monkeypatch.setattr("svhn.figures.data_set.DPI", 60)


def test_the_command_writes_pictures_and_says_what_was_split_how(tiny_svhn, tmp_path):
    command = [
        "explore",
        "--data",
        str(tiny_svhn.folder),
        "--output",
        str(tmp_path / "explored"),
        "--validation",
        "0.2",
    ]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 0, result.output
    names = {path.name for path in (tmp_path / "explored").iterdir()}
    assert names == {"photos.png", "samples.png", "classes.png", "gray.png", "explore.json"}
    for name in names - {"explore.json"}:
        with Image.open(tmp_path / "explored" / name) as picture:
            assert picture.width == 720
    facts = json.loads((tmp_path / "explored" / "explore.json").read_text())
    assert abs(facts["split"]["validation_share"] - 0.2) < 0.02 and facts["split"]["photos_on_both_sides"] == 0
    assert "split stratified and by photo: 0 photos are on both sides" in result.output


def test_the_tables_are_those_of_the_data(prepared):
    facts, train = facts_of(prepared), prepared["train"]
    assert facts["splits"]["train"]["classes"] == np.bincount(train.labels, minlength=10).tolist()
    assert facts["splits"]["train"]["arrays"]["rgb"] == {"dtype": "uint8", "shape": [len(train), 32, 32, 3]}
    text = format_facts(facts)
    before = next(line for line in text.splitlines() if line.startswith("before the split")).split()
    labels = np.concatenate([train.labels, prepared["validation"].labels])
    assert [int(word) for word in before[3:]] == [len(labels), *np.bincount(labels, minlength=10)]
    assert f"{prepared.statistics.gray_mean:.2f}" in text and "wide" in text


def test_generated_photos_are_on_one_side(monkeypatch):
    monkeypatch.setattr("svhn.data.loading.SYNTHETIC_COUNTS", {"train": 12, "validation": 10, "test": 10})
    data = generate_data(splits=("train", "validation"))
    assert facts_of(data)["split"]["photos_on_both_sides"] == 0 and len(np.unique(data["train"].photos)) == 12


def test_a_prepared_file_is_explored_without_photos(prepared, tmp_path):
    write_prepared(tmp_path / "data.h5", prepared)
    explore_data(prepared, str(tmp_path / "data.h5"), tmp_path / "out")
    assert not (tmp_path / "out" / "photos.png").exists() and (tmp_path / "out" / "gray.png").exists()


def test_photos_come_with_their_digits(tiny_svhn):
    photos = sample_photos(str(tiny_svhn.folder), seed=1)
    known = {photo.tobytes(): tiny_svhn.digits["train"][name] for name, photo in tiny_svhn.photos["train"].items()}
    assert len(photos) == 12 and all(known[photo.tobytes()] == digits for photo, digits in photos)
    rendered = sample_photos("synthetic")
    assert len(rendered) == 12 and all(digits for _, digits in rendered)


def test_rendered_digits_are_prepared_and_explored_too(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "SYNTHETIC_COUNTS", {"train": 40, "validation": 10, "test": 10})
    monkeypatch.setattr(extra_digits, "available_cores", lambda: 1)  # no processes for so few
    store = str(tmp_path / "data.h5")
    for command in (["prepare", "--data", "synthetic", "--output", store], ["explore", "--data", store]):
        result = CliRunner().invoke(cli, [*command, *(["--output", str(tmp_path)] if command[0] == "explore" else [])])
        assert result.exit_code == 0, result.output
    assert "test/gray            uint8  (10, 32, 32)" in result.output and (tmp_path / "classes.png").is_file()
